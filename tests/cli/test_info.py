import importlib.metadata
import json

import pytest


@pytest.fixture
def described(aezoo):
    def ask(*arguments):
        result = aezoo("info", *arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return ask


def test_cis680_ae_by_hand(described):
    model = described("cis680-ae")
    assert model["name"] == "cis680-ae"
    assert model["parameters"] == 68_469
    assert model["image"] == {"size": [64, 64], "channels": 1}
    assert model["latent_shape"] == [64, 2, 2]
    assert model["loss"] == "l2"
    assert model["tags"] == ["cufs", "cufs-v2", "toyfaces"]
    assert model["weights"] == {"cufs": "aezoo", "cufs-v2": "aezoo", "toyfaces": "aezoo"}
    assert model["distribution"] == "aezoo"
    first, last = model["layers"][0], model["layers"][-1]
    assert {key: first[key] for key in ("part", "type", "kernel", "stride", "out_channels", "out_shape")} == {
        "part": "encoder",
        "type": "Conv2d",
        "kernel": [3, 3],
        "stride": [2, 2],
        "out_channels": 4,
        "out_shape": [4, 32, 32],
    }
    assert first["macs"] == 32 * 32 * 4 * 9
    assert (last["part"], last["type"], last["out_shape"]) == ("decoder", "ConvTranspose2d", [1, 64, 64])
    assert last["macs"] == 32 * 32 * 4 * 16


def test_rows_of_the_report_s_tables(described):
    layers = [layer for layer in described("cis680-vae16")["layers"] if layer["kernel"]]
    rows = [(layer["part"], layer["kernel"][0], layer["stride"][0], layer["out_channels"]) for layer in layers]
    assert rows == [
        *(("encoder", 3, 2, channels) for channels in (4, 8, 16, 32, 64)),
        *(("decoder", 4, 2, channels) for channels in (16, 8, 4, 2, 1, 1)),
    ]


def test_parts_swapped(described):
    model = described("cis680-vae16", "--image-size", "48x65", "--channels", "3", "--bottleneck", "gaussian(dim=7)")
    assert model["image"] == {"size": [48, 65], "channels": 3}
    assert model["latent_shape"] == [7]
    assert model["bottleneck"] == "gaussian(dim=7, spatial=False, sampling=True)"
    assert (model["prior"], model["likelihood"]) == ("standard", "bernoulli")
    without = described("cis680-vae16", "--norm", "none")
    assert "BatchNorm2d" not in {layer["type"] for layer in without["layers"]}


def test_composed_with_the_residual_plugin(described):
    try:
        importlib.metadata.version("aezoo-residual")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("aezoo-residual is not installed")
    model = described("cis680-vae512", "--encoder", "residual", "--image-size", "128")
    assert model["image"]["size"] == [128, 128]
    assert model["encoder"].startswith("aezoo-residual/residual(")
    assert {layer["part"] for layer in model["layers"]} == {"encoder", "bottleneck", "decoder"}


def test_a_model_folder(described, aezoo, folder):
    model = described(folder)
    assert model["name"] == "tiny"
    assert model["distribution"] is None
    assert model["folder"] == str(folder)
    assert described(f"local-dir:{folder}") == model


def test_table(aezoo):
    result = aezoo("info", "cis680-ae")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Conv2d", "3x3", "2x2", "4", "4x32x32", "36", "36,864"] in lines
    assert ["encoder", "24,764", "331,776"] in lines
    assert ["total", "68,469", "921,600"] in lines
    assert "latent        64x2x2: 1 number for 16 values of the image\n" in result.stdout


def test_prior_and_likelihood_are_shown_where_there_are_any(aezoo, described):
    assert "prior         standard" in aezoo("info", "cis680-vae16").stdout
    without = ("cis680-vae16", "--likelihood", "none", "--prior", "none")
    facts = aezoo("info", *without).stdout.splitlines()
    assert not [line for line in facts if line.startswith(("prior", "likelihood"))]
    assert (described(*without)["prior"], described(*without)["likelihood"]) == ("none", "none")


def test_which_sizes_a_model_takes(aezoo, described):
    assert "size          any multiples of 32\n" in aezoo("info", "cis680-ae").stdout
    assert described("cis680-ae")["size"] == {"policy": "multiple", "of": 32}
    assert "size          fixed\n" in aezoo("info", "cis680-vae16").stdout
    assert described("cis680-vae16")["size"] == {"policy": "fixed"}


def test_every_part_of_a_model_can_be_swapped():
    from aezoo.cli.info import command
    from aezoo.plain import PARTS
    from aezoo.specs import ModelSpec

    assert set(PARTS) <= {parameter.name for parameter in command.params}
    assert set(PARTS) <= set(ModelSpec.__dataclass_fields__)


def test_which_tags_have_weights_and_where(aezoo, described):
    tags = [line for line in aezoo("info", "cis680-vae512").stdout.splitlines() if line.startswith("tag ")]
    assert [line.rpartition("; ")[2] for line in tags] == ["weights in aezoo-weights-cis680"] * 2
    assert described("cis680-vae512", "--image-size", "128")["weights"] == {}, "they fit the model as it is registered"


def test_a_model_with_options(aezoo, described):
    pytest.importorskip("aezoo_diffusers")
    given = "diffusers-kl(block_out_channels=(8, 8), norm_num_groups=4, latent_channels=2)"
    assert described(given)["latent_shape"][0] == 2
    assert "latent_channels" in aezoo("list", "models", "diffusers-kl", "--json").stdout


def test_weights(aezoo):
    said = dict(line.split(maxsplit=1) for line in aezoo("info", "weights:cis680-ae.cufs").stdout.splitlines()[3:])
    assert (said["model"], said["tag"], said["licence"]) == ("aezoo/cis680-ae", "cufs", "research use")
    assert said["metrics"].startswith("bce ")


def test_other_kinds(aezoo):
    result = aezoo("info", "gaussian")
    assert result.stdout.startswith("gaussian  bottleneck of aezoo ")
    assert "dim       int >= 1  16" in result.stdout


def test_a_name_of_several_kinds(aezoo, described):
    assert [entry["kind"] for entry in described("kl")] == ["loss", "metric"]
    assert [entry["kind"] for entry in described("metric:kl")] == ["metric"]
    assert [entry["kind"] for entry in described("losses:kl")] == ["loss"]
    assert described("model:cis680-ae")["parameters"] == 68_469


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cis680-vae61",), "no model 'cis680-vae61': did you mean cis680-vae16"),
        (("gausian",), "no bottleneck 'gausian': did you mean gaussian"),
        (("cis680-vae16.cuf",), "no tag 'cuf'"),
        (("bce", "--encoder", "mlp"), "--encoder: bce is a loss"),
        (("cis680-ae", "--image-size", "4x"), "'4x' is no size"),
        (("cis680-ae", "--encoder", "cnov"), "no encoder 'cnov': did you mean conv"),
        (("./nowhere",), "is no model folder"),
        (("encoder:nothing",), "no encoder 'nothing'"),
    ],
)
def test_errors(aezoo, arguments, said):
    result = aezoo("info", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_a_part_of_a_missing_plugin_names_it(aezoo, monkeypatch):
    from aezoo.plugins import forget

    monkeypatch.setenv("AEZOO_PLUGINS", "")
    forget()
    assert "pip install aezoo-residual" in aezoo("info", "residual").stderr
    forget()


def test_a_member_that_its_family_lacks(aezoo, site):
    site.install("family", 'EncoderSpec(name="old:*", summary="Old ones", implementation="m:E", members="members:all")')
    (site.path / "members.py").write_text("def all(): return ['a1', 'a2', 'b1']")
    assert aezoo("info", "old:a1").exit_code == 0
    assert "no encoder 'old:a3': did you mean old:a" in aezoo("info", "old:a3").stderr


def test_the_whole_recipe_of_a_tag_is_shown(aezoo):
    import dataclasses

    from aezoo.recipe import Recipe

    shown = aezoo("info", "cis680-vae512.celeba").stdout.partition("recipe  of cis680-vae512.celeba\n")[2]
    said = {name: value.strip() for name, value in (line.split("  ", 1) for line in shown.splitlines() if line)}
    assert (said["evaluate_every"], said["loss"]) == ("1000", "bce + kl")
    assert all(field.name in shown for field in dataclasses.fields(Recipe))


def test_the_terms_of_a_loss_are_shown(aezoo, described):
    found = described("cis680-vae16", "--loss", "nll + 4*kl(free_bits=0.1) + 0.5*gan(width=8)")["terms"]
    assert [(each["weight"], each["unit"], each["over"], each["adversary"]) for each in found] == [
        (1, "nats", "each image", False),
        (4, "nats", "the batch", False),
        (0.5, "score", "each image", True),
    ]
    assert "free_bits=0.1" in found[1]["term"]
    lines = aezoo("info", "cis680-vae16", "--loss", "nll + 4*kl").stdout
    assert "16: 1 number for 256 values of the image" in lines
    assert "nll + 4*kl: each term a sum over an image's 4,096 values, or its latent" in lines


def test_a_loss_of_the_model_s_own_that_its_parts_do_not_fit_is_said(aezoo, described):
    swapped = ("cis680-vae16", "--likelihood", "gaussian")
    assert described(*swapped)["terms"].startswith("loss 'bce + kl': bce needs logits")
    assert "bce needs logits" in aezoo("info", *swapped).stdout


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("l2 + kl", "kl needs kl, but cis680-ae provides logits and nll; kl comes with bottleneck gaussian or"),
        ("iwae + kl", "iwae needs posterior and prior"),
        ("nosuch", "no loss 'nosuch'"),
        ("l2 + gan(layers=6)", "gan(layers=6) needs 192 pixels a side; the images are 64x64x1"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(aezoo, loss, said):
    result = aezoo("info", "cis680-ae", "--loss", loss)
    assert result.exit_code == 2
    assert said in result.stderr
