import hashlib
import json
import shutil
import textwrap
from pathlib import Path

import pytest
import torch

import aezoo
from aezoo.autoencoder import Autoencoder, WeightsSource
from aezoo.composition import describe
from aezoo.errors import AezooError, OptionError, UnknownNameError, WeightsError
from aezoo.factory import build, create, load
from aezoo.plain import to_json
from aezoo.testing import isolated_registry
from aezoo.training.package import halve
from aezoo.weights.folder import (
    CARD,
    CONFIG,
    FORMAT_VERSION,
    GOLDEN,
    METRICS,
    STATE,
    golden,
    load_state,
    read_config,
    read_metadata,
    read_metrics,
    read_state,
    save_model,
    sha256,
    write_config,
    write_state,
)
from aezoo.weights.golden import golden_images


def trained(spec):
    """A model whose every tensor is its own, batch statistics included."""
    torch.manual_seed(0)
    model = build(describe(spec)).train()
    model(torch.rand(8, *model.image.shape))
    model.latent_mean.normal_()
    model.latent_std.uniform_()
    return model.eval()


@pytest.fixture
def model(tiny):
    return trained(tiny)


@pytest.fixture
def folder(tmp_path, model):
    save_model(tmp_path / "run", model, torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)), seed=3)
    return tmp_path / "run"


def test_to_the_bit_and_back(folder, model):
    again = load(folder)
    assert again.spec == model.spec
    assert not again.training
    assert list(again.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
        assert again.state_dict()[name].dtype == tensor.dtype
    assert all(parameter.requires_grad for parameter in again.parameters())
    assert {path.name for path in folder.iterdir()} == {CONFIG, STATE, GOLDEN}


def test_golden_tensors_prove_it(folder):
    stored = read_state(folder / GOLDEN)
    again = golden(load(folder), stored["images"])
    assert set(stored) == {"images", "z", "reconstruction"}
    assert all(torch.equal(stored[name], again[name]) for name in stored)


def test_golden_leaves_the_model_as_it_was(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train().encoder.eval()
    golden(model, torch.rand(2, 1, 8, 8))
    assert (model.training, model.encoder.training, model.decoder.training) == (True, False, True)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_golden_of_a_conditional_model_is_of_the_first_class(model):
    class Brighter(torch.nn.Module):
        def forward(self, z, labels):
            return plain(z) + labels[:, None, None, None]

    plain, images = model.decoder, torch.rand(2, *model.image.shape)
    expected = golden(model, images)
    model.decoder, model.conditional = Brighter(), frozenset({"decoder"})
    assert torch.equal(golden(model, images)["reconstruction"], expected["reconstruction"])


def test_values_that_are_not_finite_are_kept(tmp_path, model):
    model.encoder.layers.conv1[0].weight.data[0, 0, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    save_model(tmp_path, model, torch.rand(1, 1, 8, 8))
    again = load(tmp_path).encoder.layers.conv1[0].weight
    assert torch.equal(again.view(torch.int32), model.encoder.layers.conv1[0].weight.view(torch.int32))


def test_what_else_the_config_holds(folder, model):
    spec, data = read_config(folder)
    assert spec == model.spec
    assert (data["format_version"], data["seed"], data["model"]) == (FORMAT_VERSION, 3, to_json(model.spec))
    assert data["model"]["encoder"]["name"] == "aezoo/conv"
    assert read_metadata(folder / STATE) == {"model": "tiny"}


def test_equal_models_are_equal_bytes_in_every_process(python, tmp_path):
    code = """
        import sys, torch
        from pathlib import Path
        from aezoo.factory import create
        from aezoo.weights.folder import save_model
        torch.manual_seed(0)
        model = create("cis680-vae16", image_size=8, norm="none")
        save_model(Path(sys.argv[1]), model, torch.rand(1, 1, 8, 8), seed=1, b=2, a=3, run="x")
    """
    hashes = set()
    for seed in ("1", "2"):
        run = python("-c", textwrap.dedent(code), str(tmp_path / seed), PYTHONHASHSEED=seed, OMP_NUM_THREADS="1")
        assert run.returncode == 0, run.stderr
        files = [(tmp_path / seed / name).read_bytes() for name in (CONFIG, STATE, GOLDEN)]
        hashes.add(hashlib.sha256(b"".join(files)).hexdigest())
    assert len(hashes) == 1


def test_metadata_in_any_order_are_the_same_bytes(tmp_path):
    tensors = {"b": torch.ones(3), "a": torch.zeros(2, dtype=torch.int64)}
    write_state(tmp_path / "1", tensors, x=1, y=[2])
    write_state(tmp_path / "2", tensors, y=[2], x=1)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_tensors_that_share_memory_are_stored_apart(tmp_path):
    base = torch.arange(6.0).reshape(2, 3)
    write_state(tmp_path / "x", {"a": base, "tied": base, "row": base[1], "turned": base.T})
    stored = read_state(tmp_path / "x")
    assert torch.equal(stored["a"], stored["tied"])
    assert torch.equal(stored["row"], base[1])
    assert torch.equal(stored["turned"], base.T)


def test_a_half_precision_file_is_computed_in_float32(folder):
    state = read_state(folder / STATE)
    write_state(folder / STATE, {name: x.half() if x.is_floating_point() else x for name, x in state.items()})
    write_config(folder, read_config(folder)[0], sha256=sha256(folder / STATE))
    again = load(folder)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    torch.testing.assert_close(again.state_dict(), state, rtol=1e-2, atol=1e-2)


def test_the_loaded_model_does_not_write_to_its_file(folder):
    before = (folder / STATE).read_bytes()
    again = load(folder)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.add_(1)
    assert (folder / STATE).read_bytes() == before
    shutil.rmtree(folder)
    assert again(torch.rand(1, 1, 8, 8)).reconstruction.isfinite().all()


# Damage.


def refused(folder, match="."):
    with pytest.raises(WeightsError, match=match) as raised:
        create(f"local-dir:{folder}", pretrained=True)
    assert len(str(raised.value).splitlines()) <= 2
    return str(raised.value)


@pytest.mark.parametrize("part", [0, 0.001, 0.3, 0.9, 0.9999])
def test_truncated(folder, part):
    data = (folder / STATE).read_bytes()
    (folder / STATE).write_bytes(data[: int(part * len(data))])
    refused(folder, "model.safetensors is damaged")


def test_a_flipped_bit_in_the_header(folder):
    data = (folder / STATE).read_bytes()
    length = int.from_bytes(data[:8], "little")
    metadata = range(data.index(b"__metadata__"), data.index(b"}", data.index(b"__metadata__")))
    for position in set(range(0, 8 + length, 11)) - set(metadata):
        for bit in (0, 5, 7):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            (folder / STATE).write_bytes(damaged)
            refused(folder)


def test_a_flipped_bit_of_a_weight(folder):
    data = bytearray((folder / STATE).read_bytes())
    data[-1] ^= 1
    (folder / STATE).write_bytes(data)
    refused(folder, r"model.safetensors is damaged: its sha256 is not the one in config.json")


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"PK\x03\x04" + bytes(100), b"\xff" * 64, b"{}" * 99])
def test_what_is_no_safetensors_file(folder, content):
    (folder / STATE).write_bytes(content)
    refused(folder, "model.safetensors is damaged")


def test_a_type_that_torch_does_not_have(folder):
    header = json.dumps({"x": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode().ljust(64)
    (folder / STATE).write_bytes(len(header).to_bytes(8, "little") + header + b"xx")
    refused(folder, "model.safetensors is damaged: 'F4'")


def test_a_pickle_is_never_opened(folder, tmp_path):
    class Touch:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"x": Touch()}, folder / STATE)
    refused(folder, "model.safetensors is damaged")
    (folder / STATE).rename(folder / "pytorch_model.bin")
    refused(folder, "model.safetensors is missing")
    assert not (tmp_path / "ran").exists()


def test_missing(folder):
    (folder / STATE).unlink()
    refused(folder, "model.safetensors is missing: the model folder holds no weights")
    assert create(f"local-dir:{folder}").latent_shape == (4,), "the architecture is there all the same"
    (folder / STATE).mkdir()
    refused(folder, "model.safetensors is damaged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.pop("bottleneck.mean.bias"),
            r"bottleneck.mean.bias is \(4,\) in the model, nothing in the file",
        ),
        (lambda state: state.update(extra=torch.ones(2)), r"extra is nothing in the model, \(2,\) in the file"),
        (
            lambda state: state.update(latent_std=torch.ones(5)),
            r"latent_std is \(4,\) in the model, \(5,\) in the file",
        ),
        (lambda state: state.update(latent_std=torch.ones(1, 4)), r"latent_std is \(4,\) in the model, \(1, 4\) in"),
        (lambda state: state.clear(), "nothing in the file"),
    ],
)
def test_tensors_that_do_not_fit(folder, change, message):
    state = read_state(folder / STATE)
    change(state)
    write_state(folder / STATE, state)
    refused(folder, f"does not fit tiny: .*{message}")


def test_another_models_weights(folder, tiny, tmp_path):
    other = trained(describe(tiny, bottleneck="gaussian(dim=5)"))
    save_model(tmp_path / "other", other, torch.rand(1, 1, 8, 8))
    shutil.copy(tmp_path / "other" / STATE, folder / STATE)
    refused(folder, r"model.safetensors does not fit tiny: \S+ is \(.*\) in the model, \(.*\) in the file")


# Configs from strangers.


def rewrite(folder, change):
    data = json.loads((folder / CONFIG).read_text())
    change(data)
    (folder / CONFIG).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(format_version=FORMAT_VERSION + 1, aezoo="9.1"), "it needs aezoo '9.1' or newer"),
        (lambda data: data.update(format_version=99, aezoo="9.1", model={"new": 1}), "it needs aezoo '9.1' or newer"),
        (lambda data: data.update(format_version="2"), "damaged or not of aezoo"),
        (lambda data: data.update(format_version=None), "damaged or not of aezoo"),
        (lambda data: data.update(format_version=1, model=[]), "damaged or not of aezoo"),
        (lambda data: data.update(training=[]), "damaged or not of aezoo"),
        (lambda data: data.pop("format_version"), "damaged or not of aezoo: 'format_version'"),
        (lambda data: data.pop("model"), "damaged or not of aezoo: 'model'"),
        (lambda data: data.update(model=[]), r"no ModelSpec: \[\]"),
        (lambda data: data["model"].update(colour="red"), r"no ModelSpec: unknown keys \['colour'\]"),
        (lambda data: data["model"].pop("image"), "no ModelSpec: .*image"),
        (lambda data: data["model"].update(name="../../x"), "is no name"),
        (lambda data: data["model"]["image"].update(size=[8, -8]), "image"),
        (lambda data: data["model"]["image"].update(size=8), "8 is no tuple"),
        (lambda data: data["model"].update(tags=[{"name": "a", "recipe": {"lr": 10**400}}]), "is no float"),
        (lambda data: data["model"].update(tags=[{"name": "a", "recipe": {"lr": float("nan")}}]), "lr=nan is not"),
        (lambda data: data["model"].update(encoder="conv"), "no component: 'conv'"),
        (lambda data: data["model"]["encoder"].pop("name"), "no component"),
        (lambda data: data["model"]["encoder"].update(module="os"), "no component"),
        (
            lambda data: data["model"].update(encoder={"name": "nobodys/part", "options": {}}),
            "no encoder 'nobodys/part'",
        ),
        (
            lambda data: data["model"].update(encoder={"name": "timm:nothing", "options": {}}),
            "no encoder 'timm:nothing'",
        ),
    ],
)
def test_a_config_that_cannot_be_read(folder, change, message):
    rewrite(folder, change)
    assert "pip" not in refused(folder, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": float("nan")}, "dim=nan"),
        ({"dim": 1e400}, "dim=inf"),
        ({"dim": "4"}, "dim='4'"),
        ({"dim": None}, "dim=None"),
        ({"dim": {"x": 1}}, "no plain value"),
        ({"dims": 4}, "no option 'dims'"),
        ({"dim": 4, "__class__": 1}, "no option '__class__'"),
    ],
)
def test_options_in_a_config_are_checked(folder, options, message):
    rewrite(folder, lambda data: data["model"]["bottleneck"].update(options=options))
    with pytest.raises((OptionError, WeightsError), match=message):
        create(f"local-dir:{folder}", pretrained=True)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", "{", "\0", '"' + "x" * 10000, "[" * 100_000, '{"a":' * 100_000, "\ud800", "1" * 5000],
)
def test_text_that_is_no_config(folder, text):
    (folder / CONFIG).write_bytes(text.encode(errors="surrogatepass"))
    refused(folder, "config.json is damaged or not of aezoo")


def test_a_deeply_nested_value(folder):
    deep = "[" * 900 + "]" * 900
    text = (folder / CONFIG).read_text().replace('"dim": 4', f'"dim": {deep}')
    (folder / CONFIG).write_text(text)
    with pytest.raises(AezooError):
        create(f"local-dir:{folder}")


def test_no_config(folder, tmp_path):
    (folder / CONFIG).unlink()
    refused(folder, "run is no model folder: it has no config.json")
    refused(tmp_path / "nowhere", "nowhere is no model folder")
    (folder / CONFIG).mkdir()
    refused(folder, "run is no model folder")


def test_a_missing_plugin_is_named_and_only_ours_are_suggested(folder, monkeypatch):
    monkeypatch.setenv("AEZOO_PLUGINS", "")
    aezoo.plugins.forget()
    rewrite(folder, lambda data: data["model"].update(encoder={"name": "aezoo-residual/residual", "options": {}}))
    message = refused(folder, "needs what is not installed: no encoder 'aezoo-residual/residual'")
    assert message.endswith("pip install aezoo-residual (from a clone: pip install ./plugins/aezoo-residual)")
    rewrite(folder, lambda data: data["model"].update(encoder={"name": "evil/rootkit", "options": {}}))
    assert "pip" not in refused(folder, "no encoder 'evil/rootkit'")
    aezoo.plugins.forget()


def test_a_builder_in_a_config_is_not_imported(folder):
    rewrite(folder, lambda data: data["model"].update(name="cis680-ae", implementation="antigravity:fly"))
    with pytest.raises((UnknownNameError, WeightsError), match="no installed package registers"):
        create(f"local-dir:{folder}", pretrained=True)


def test_a_config_cannot_make_a_backbone_download(folder, tiny, monkeypatch):
    spec = describe(tiny, image_size=32, encoder="timm:resnet18(pretrained=True)", decoder="mlp(hidden=(4,))")
    assert dict(spec.encoder.options) == {"pretrained": True}, "a caller may"
    write_config(folder, spec)

    def refuse(*arguments, **options):
        raise AssertionError("it tries to download")

    monkeypatch.setattr("timm.models._builder.load_pretrained", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    model = create(f"local-dir:{folder}")
    assert dict(model.spec.encoder.options) == {"pretrained": False}
    save_model(folder, model, torch.rand(1, 1, 32, 32))
    assert load(folder)(torch.rand(1, 1, 32, 32)).reconstruction.shape == (1, 1, 32, 32)


PLUGIN = """
import aezoo
@aezoo.hookimpl
def aezoo_specs():
    path = aezoo.Option(name="path", type="str", default="", external=True)
    yield aezoo.EncoderSpec(name="reader", summary="", implementation="reader_part:Reader", options=(path,))
"""
READER = """
import torch
SEEN = []
class Reader(torch.nn.Flatten):
    def __init__(self, image, *, path):
        super().__init__()
        SEEN.append(path)
"""


def test_external_options_of_a_plugin_are_forced_off(folder, tiny, site):
    site.install("reader", code=PLUGIN)
    (site.path / "reader_part.py").write_text(READER)
    import reader_part

    spec = describe(tiny, encoder="reader(path='/etc/passwd')", decoder="mlp(hidden=(4,))")
    build(spec)
    assert reader_part.SEEN == ["", "/etc/passwd"], "not for the shapes, only for the model that the caller asked for"
    reader_part.SEEN.clear()
    write_config(folder, spec)
    create(f"local-dir:{folder}")
    assert set(reader_part.SEEN) == {""}


def test_saved_by_hand_and_read_again(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("mine/tiny")
    for name in ("mine/tiny", tmp_path / "mine" / "tiny", "local-dir:mine/tiny"):
        again = Autoencoder.from_pretrained(name)
        assert (again.spec, again.training) == (model.spec, False)
        assert all(torch.equal(again.state_dict()[key], tensor) for key, tensor in model.state_dict().items())
    assert again.source == WeightsSource("tiny", "", sha256(Path("mine/tiny") / STATE), Path("mine/tiny"))
    stored = read_state(Path("mine/tiny") / GOLDEN)
    torch.testing.assert_close(golden(again, stored["images"]), stored)
    assert 'from_pretrained("path/to/tiny")' in (tmp_path / "mine/tiny" / CARD).read_text()


def test_a_model_of_any_precision_and_channels_is_saved(tmp_path, tiny):
    model = build(describe(tiny, channels=4)).to(torch.bfloat16).train()
    model.save_pretrained(tmp_path)
    assert (model.dtype, model.training) == (torch.bfloat16, True)
    again = Autoencoder.from_pretrained(tmp_path, dtype=torch.float64)
    assert (again.image.channels, again.dtype) == (4, torch.float64)
    assert torch.equal(again.decoder.layers.deconv2[0].weight, model.decoder.layers.deconv2[0].weight.double())


def test_saved_again_it_replaces_itself_but_not_a_run(tmp_path, model):
    model.save_pretrained(tmp_path)
    model.latent_mean += 1
    model.save_pretrained(tmp_path)
    assert torch.equal(load(tmp_path).latent_mean, model.latent_mean)
    (tmp_path / METRICS).write_text("{}")
    with pytest.raises(WeightsError, match="holds the weights of a run"):
        model.save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot be written: (Not a directory|File exists)"):
        model.save_pretrained(tmp_path / METRICS / "x")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (CARD, "# My project", "holds another README.md: save to another folder"),
        (CONFIG, '{"architectures": ["T5"]}', "holds another config.json: save to another folder"),
    ],
)
def test_saved_it_replaces_nothing_of_somebody_else(tmp_path, model, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(WeightsError, match=message):
        model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == text


def test_saved_it_replaces_no_run_that_goes_on(tmp_path, model):
    write_config(tmp_path, model.spec, training={"state": "unfinished"})
    with pytest.raises(WeightsError, match="holds the weights of a run: save to another folder"):
        model.save_pretrained(tmp_path)


def test_what_is_saved_says_whose_terms_it_inherits(tmp_path):
    model = create("cis680-vae16.cufs", pretrained=True)
    assert (model.source.name, model.source.tag, model.source.package) == ("cis680-vae16", "cufs", "aezoo.catalog")
    assert model.source.sha256 == sha256(model.source.folder / STATE)
    model.save_pretrained(tmp_path)
    first = f"cis680-vae16.cufs (sha256 {model.source.sha256[:12]}...)"
    card = (tmp_path / CARD).read_text()
    assert f"{first}, whose terms hold" in card
    assert "license: other\nlicense_name: inherited\n" in card
    again = create(f"local-dir:{tmp_path}", pretrained=True)
    again.save_pretrained(tmp_path / "again")
    assert f", which began with {first}, whose terms" in (tmp_path / "again" / CARD).read_text()
    assert create("cis680-vae16").source is None


class Tied(torch.nn.Module):
    """Two layers with one matrix."""

    def __init__(self, image):
        super().__init__()
        self.first, self.second = (torch.nn.Linear(64, 64, bias=False) for _ in range(2))
        self.second.weight = self.first.weight

    def forward(self, images):
        return self.second(self.first(images.flatten(1)))


@pytest.fixture
def own_parts():
    with isolated_registry("aezoo"):
        yield


@pytest.mark.usefixtures("own_parts")
def test_one_parameter_under_two_names_stays_one(tiny, tmp_path):
    aezoo.register("encoder", "tied")(Tied)
    model = build(describe(tiny, encoder="tied"))
    save_model(tmp_path, model, torch.rand(2, 1, 8, 8))
    again = create(tmp_path, pretrained=True)
    assert again.encoder.first.weight is again.encoder.second.weight
    assert torch.equal(again.encoder.first.weight, model.encoder.first.weight)
    assert again.encoder.first.weight.requires_grad
    halved = halve(model)
    assert halved["encoder.first.weight"].dtype == halved["encoder.second.weight"].dtype == torch.float16
    state = model.state_dict() | {"encoder.second.weight": torch.zeros(64, 64)}
    with pytest.raises(WeightsError, match=r"encoder.first.weight and encoder.second.weight are one, and differ"):
        load_state(build(describe(tiny, encoder="tied"), device="meta"), state, "it")


def test_a_metric_of_each_dimension_of_a_wide_latent_is_read_back(folder):
    rows = {f"kl_dims[{number}]": 0.5 for number in range(3000)}
    protocol = {"images": {"test": 1}, "dataset": "cufs", "z": "mean"}
    (folder / METRICS).write_text(json.dumps({"test": rows, "mean-image": {"test": {}}, "protocol": protocol}))
    assert read_metrics(folder)["test"] == rows


@pytest.mark.parametrize("damage", [{"training": {"data": []}}, {"halved": []}, {"training": {"data": {"test": []}}}])
def test_what_a_config_says_of_the_training_is_an_object(folder, damage):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | damage))
    with pytest.raises(WeightsError, match=r"config\.json is damaged or not of aezoo: what it says of the training"):
        read_config(folder)


class Placed(torch.nn.Module):
    """A layer that keeps numbers as a plain attribute."""

    def __init__(self, image):
        super().__init__()
        self.scale = torch.tensor([2.0])
        self.layer = torch.nn.Linear(64, 8)

    def forward(self, images):
        return self.layer((images * self.scale).flatten(1))


@pytest.mark.usefixtures("own_parts")
def test_a_tensor_that_is_no_buffer_is_there_again(tiny, tmp_path):
    aezoo.register("encoder", "placed")(Placed)
    model = create(tiny, encoder="placed")
    model.save_pretrained(tmp_path / "placed")
    images = torch.rand(2, 1, 8, 8)
    again = create(tmp_path / "placed", pretrained=True)
    assert torch.equal(again.encode(images).z, model.encode(images).z)


def test_what_could_not_be_read_back_is_not_written(tmp_path, model):
    model.save_pretrained(tmp_path / "x")
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    model.encoder = torch.nn.Sequential(model.encoder)
    with pytest.raises(WeightsError, match=r"tiny is no more what its spec says: model\.safetensors does not fit"):
        model.save_pretrained(tmp_path / "x")
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


@pytest.mark.parametrize("name", [STATE, GOLDEN, METRICS])
def test_saved_it_replaces_no_weights_of_somebody_else(tmp_path, model, name):
    (tmp_path / name).write_bytes(b"another's")
    with pytest.raises(WeightsError, match=f"holds another {name}: save to another folder"):
        model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_spec_has_no_weights():
    with pytest.raises(WeightsError, match="a spec has no weights: give the name of a model"):
        create(describe("cis680-vae16"), pretrained=True)


def test_a_config_without_the_hash_of_its_weights_is_of_a_run_that_goes_on(folder):
    config = json.loads((folder / CONFIG).read_text())
    del config["sha256"]
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="it has no sha256 of the weights"):
        load(folder)
    under_way = {"state": "unfinished", "done": 1, "step": 1, "recipe": {"steps": 2}}
    (folder / CONFIG).write_text(json.dumps({**config, "training": under_way}))
    assert load(folder).spec.name == "tiny"


def test_known_images_of_a_large_model_are_of_256_pixels():
    large = aezoo.describe("kl-f8-tiny", image_size=(1024, 256))
    assert golden_images(build(large, "meta")).shape == (4, 3, 256, 256)
