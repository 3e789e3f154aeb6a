"""Weights inside installed packages."""

import json
import shutil

import pytest
import torch

import aezoo
from aezoo.composition import describe, resolve
from aezoo.embedded import folder_of, read_weights, weights_of
from aezoo.errors import AezooWarning, UnknownNameError, WeightsError
from aezoo.factory import build, create
from aezoo.files import write_json
from aezoo.plain import to_json
from aezoo.plugins import forget, registry
from aezoo.specs import WeightsSpec
from aezoo.weights.folder import CONFIG, STATE, read_state, save_model, sha256, write_state

PLUGIN = """
import aezoo
@aezoo.hookimpl
def aezoo_specs():
    tag = aezoo.Tag(name="{tag}", recipe=aezoo.Recipe())
    yield aezoo.ModelSpec(
        name="tiny", summary="", image=aezoo.ImageSpec((8, 8)), tags=(tag,), default_tag="{tag}",
        encoder=aezoo.Component.of("conv", layers=("3x3x4 s2", "3x3x8 s2")),
        bottleneck=aezoo.Component.of("gaussian", dim={dim}),
        decoder=aezoo.Component.of("deconv", layers=("4x4x4 s2", "4x4xc s2")),
    )
    yield from aezoo.read_weights("brings_weights")
"""
IMAGES = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def put(directory, model, spec):
    """A model folder with its record, as ``aezoo package`` leaves them."""
    save_model(directory / spec.name, model, IMAGES)
    record = {**to_json(spec), "sha256": sha256(directory / spec.name / STATE)}
    write_json(directory / f"{spec.name}.json", record)


@pytest.fixture
def tiny_weights(site, tiny):
    """The folder ``weights`` of an installed package, which holds those of its model ``tiny``, and the model."""
    site.install("brings", code=PLUGIN.format(tag="v1", dim=4))
    directory = site.path / "brings_weights" / "weights"
    directory.mkdir(parents=True)
    (directory.parent / "__init__.py").touch()
    torch.manual_seed(0)
    model = build(describe(tiny)).eval()
    put(directory, model, WeightsSpec(name="tiny.v1", summary="", model="brings/tiny", tag="v1"))
    forget()
    return directory, model


def test_a_name_gives_the_weights(tiny_weights):
    _, model = tiny_weights
    for name in ("tiny", "tiny.v1", "brings/tiny", "brings/tiny.v1"):
        again = create(name, pretrained=True)
        assert torch.equal(again(IMAGES).reconstruction, model(IMAGES).reconstruction)
        assert not again.training
    assert not torch.equal(create("tiny")(IMAGES).reconstruction, model(IMAGES).reconstruction)


def test_a_record_says_where_they_are(tiny_weights):
    directory, _ = tiny_weights
    [spec] = read_weights("brings_weights")
    assert spec.path == "brings_weights:weights/tiny.v1"
    assert folder_of(spec) == directory / "tiny.v1"
    assert weights_of(resolve("tiny").entry, "v1").spec == spec
    assert weights_of(resolve("tiny").entry, "v2") is None


def test_a_package_without_weights_has_none(site):
    (site.path / "bare.py").touch()
    assert read_weights("json") == []
    with pytest.raises(WeightsError, match="'nobody_has_this' is no installed package"):
        read_weights("nobody_has_this")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Expecting value"),
        ("{}", "missing"),
        ("[" * 100_000, "recursion"),
        ('{"name": "tiny.v1"', "delimiter"),
        ('{"name": "tiny.v2", "summary": "", "model": "brings/tiny", "tag": "v1"}', "called 'name.tag'"),
        ('{"name": "tiny.v1", "summary": "", "model": "tiny", "tag": "v1"}', "model is 'distribution/name'"),
        ('{"name": "tiny.v1", "summary": "", "model": "brings/tiny", "tag": "v1", "exec": "x"}', "unknown keys"),
    ],
)
def test_a_damaged_record_fails_its_plugin_and_is_named(tiny_weights, site, text, cause):
    directory, _ = tiny_weights
    (directory / "tiny.v1.json").write_text(text)
    with pytest.warns(AezooWarning, match=rf"^plugin brings 1\.0 is not loaded: .*tiny.v1.json is damaged.*{cause}"):
        assert site.record("brings").status == "failed"
    with pytest.raises(UnknownNameError):
        create("tiny", pretrained=True)
    assert create("cis680-ae").latent_shape == (64, 2, 2)


def test_the_built_in_weights_load_no_plugin(site):
    site.install("curious", code="from pathlib import Path\nPath(__file__).with_suffix('.mark').touch()\n1 / 0")
    assert create("cis680-ae.toyfaces", pretrained=True).latent_std.any()
    assert not list(site.path.glob("*.mark"))


def test_built_in_weights_come_first(site, tiny_weights):
    """A plugin that declares weights of the same tag is asked last."""
    directory, _ = tiny_weights
    spec = WeightsSpec(name="cis680-ae.toyfaces", summary="", model="aezoo/cis680-ae", tag="toyfaces")
    write_json(directory / "cis680-ae.toyfaces.json", to_json(spec))
    forget()
    assert len(registry().entries("weights", "cis680-ae.toyfaces")) == 2
    assert weights_of(resolve("cis680-ae").entry, "toyfaces").distribution == "aezoo"


def test_two_plugins_with_a_model_of_one_name(site, tiny_weights):
    site.install("other", code=PLUGIN.format(tag="v1", dim=4).replace("yield from", "#"))
    forget()
    assert create("brings/tiny", pretrained=True).spec.name == "tiny"
    with pytest.raises(WeightsError, match=r"tiny\.v1 has no weights here"):
        create("other/tiny", pretrained=True)


# What is wrong, and is said.


def refused(match, name="tiny", **changes):
    with pytest.raises(WeightsError, match=match) as raised:
        create(name, pretrained=True, **changes)
    assert len(str(raised.value).splitlines()) <= 2


def rewrite(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_every_flipped_bit_is_found(tiny_weights):
    path = tiny_weights[0] / "tiny.v1" / STATE
    data = path.read_bytes()
    for position in range(0, len(data), 211):
        path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        refused("tiny.v1/model.safetensors (is damaged|does not fit)")


@pytest.mark.parametrize("part", [0, 0.1, 0.999])
def test_truncated(tiny_weights, part):
    path = tiny_weights[0] / "tiny.v1" / STATE
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    refused("tiny.v1/model.safetensors is damaged")


@pytest.mark.parametrize("name", [CONFIG, STATE])
def test_a_missing_file(tiny_weights, name):
    (tiny_weights[0] / "tiny.v1" / name).unlink()
    refused(f"tiny.v1.*(has no {name}|{name} is missing)")


def test_a_missing_folder(tiny_weights):
    shutil.rmtree(tiny_weights[0] / "tiny.v1")
    refused("tiny.v1 is no model folder")


def test_wrong_shapes(tiny_weights):
    path = tiny_weights[0] / "tiny.v1" / STATE
    write_state(path, {**read_state(path), "latent_std": torch.ones(5)})
    refused(r"model.safetensors does not fit tiny: latent_std is \(4,\) in the model, \(5,\) in the file")


def test_other_weights_of_the_same_shapes(tiny_weights, tiny):
    """They fit, and their folder is whole: the record alone tells that they are not these."""
    directory, _ = tiny_weights
    save_model(directory / "tiny.v1", build(describe(tiny)), IMAGES)
    refused(r"model.safetensors is damaged: its sha256 is not the one in the record tiny\.v1")


def test_another_models_weights(tiny_weights, tiny):
    directory, _ = tiny_weights
    write_state(directory / "tiny.v1" / STATE, build(describe(tiny, norm="none")).state_dict())
    refused(r"model.safetensors does not fit tiny: \S+ is .* in the model, .* in the file")


def test_another_models_folder_under_this_name(tiny_weights):
    directory, _ = tiny_weights
    save_model(directory / "tiny.v1", create("cis680-vae16", image_size=8), IMAGES)
    refused("tiny.v1 holds weights of cis680-vae16, not of tiny.v1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["model"]["bottleneck"]["options"].update(dim=5),
            r"gaussian\(dim=5.*not gaussian\(dim=4",
        ),
        (lambda data: data["model"]["image"].update(size=[16, 16]), "image 16x16x1 .not 8x8x1."),
        (lambda data: data.update(sha256="0" * 64), "its sha256 is not the one in config.json"),
        (lambda data: data.update(model={}), "config.json is damaged"),
    ],
)
def test_a_tampered_config(tiny_weights, change, message):
    rewrite(tiny_weights[0] / "tiny.v1" / CONFIG, change)
    refused(message)


def test_a_model_that_has_changed_since(tiny_weights, site):
    (site.path / "brings.py").write_text(PLUGIN.format(tag="v1", dim=6))
    refused(r"tiny.v1 is made with bottleneck gaussian\(dim=4.*: it is not what brings/tiny is now")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 16}, "is pretrained with image 8x8x1"),
        ({"encoder": "mlp"}, "is pretrained with encoder"),
        ({"bottleneck": "gaussian(dim=5)"}, "is pretrained with bottleneck"),
    ],
)
def test_other_parts_or_sizes(tiny_weights, changes, message):
    refused(message, **changes)


def test_no_weights(site, monkeypatch):
    site.install("bare", 'ModelSpec(name="bare", summary="", image=aezoo.ImageSpec((8, 8)))')
    refused("^bare has no weights here: train it with 'aezoo train bare', or leave pretrained out$", "bare")
    monkeypatch.setenv("AEZOO_PLUGINS", "")
    forget()
    refused(
        "cis680-vae512.celeba has no weights here(?s:.)*pip install aezoo-weights-cis680 \\(from a clone: ",
        "cis680-vae512",
    )


@pytest.mark.parametrize("path", ["", "nobody_has_this:weights/x", ":x"])
def test_a_path_that_leads_nowhere(path):
    spec = WeightsSpec(name="a.b", summary="", model="c/a", tag="b", path=path)
    with pytest.raises(WeightsError, match=r"weights a\.b: their path .* names no installed package"):
        folder_of(spec)


def test_it_is_public():
    assert aezoo.read_weights is read_weights
