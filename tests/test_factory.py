import dataclasses
from pathlib import Path

import pytest
import torch

import aezoo
from aezoo.bottlenecks.base import Bottleneck
from aezoo.composition import describe, resolve
from aezoo.embedded import all_weights_of
from aezoo.errors import AezooError, CompositionError, OptionError, PluginError, UnknownNameError, WeightsError
from aezoo.factory import build, create
from aezoo.plain import PARTS, Component, ImageSpec
from aezoo.plugins import list_names
from aezoo.specs import ModelSpec
from aezoo.testing import isolated_registry
from aezoo.weights.folder import save_model

VAE16 = "cis680-vae16"


@pytest.mark.parametrize("name", ["~\0", "./a\0b", "/\0", "local-dir:\0", Path("a\0b")])
def test_what_can_be_no_path_is_refused(name):
    with pytest.raises(OptionError, match="is no path"):
        create(name)


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    """A folder ``runs/x`` under the working directory that holds the tiny model."""
    monkeypatch.chdir(tmp_path)
    model = build(describe(tiny)).eval()
    save_model(tmp_path / "runs" / "x", model, torch.rand(2, 1, 8, 8))
    return model


def options(spec, kind):
    return dict(getattr(spec, kind).options)


@pytest.mark.parametrize("name", [VAE16, f"aezoo/{VAE16}", f"{VAE16}.cufs", f"aezoo/{VAE16}.cufs", f"{VAE16}."])
def test_a_registered_name_and_its_tag(name):
    source = resolve(name)
    assert (source.spec.name, source.tag, source.folder) == (VAE16, "cufs", None)
    assert source.entry.qualified_name == f"aezoo/{VAE16}"


@pytest.mark.parametrize(
    "name", ["runs/x", "./runs/x", "runs/x/", "local-dir:runs/x", "local-dir:./runs/x", "runs/../runs/x"]
)
def test_a_model_folder(run, name):
    source = resolve(name)
    assert (source.spec.name, source.entry) == ("tiny", None)
    assert source.spec == run.spec
    again = create(name, pretrained=True)
    for key, tensor in run.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor), key


def test_a_home_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/runs/x").spec == resolve("local-dir:~/runs/x").spec == run.spec


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("cis680-vae61", UnknownNameError, "no model 'cis680-vae61': did you mean cis680-vae16, "),
        ("cis680-vae61.cufs", UnknownNameError, "no model 'cis680-vae61': did you mean cis680-vae16, "),
        ("cis680-vae16.celeba", OptionError, "has no tag 'celeba'; it has: "),
        ("runs/y", WeightsError, "runs/y is no model folder: it has no config.json"),
        ("runs", WeightsError, "runs is no model folder: it has no config.json"),
        ("runs/x/config.json", WeightsError, "is a file: a model is named by its folder, runs/x"),
        ("aezoo-x/y", UnknownNameError, "the package aezoo-x is not installed"),
        ("./runs/y", WeightsError, "runs/y is no model folder: it has no config.json"),
        ("local-dir:runs/y", WeightsError, "runs/y is no model folder"),
        ("local-dir:", WeightsError, "is no model folder"),
        ("~nobody-of-that-name/x", WeightsError, "is no model folder"),
        ("hf-hub:someone/ae", WeightsError, "hf-hub:someone/ae"),
        ("", UnknownNameError, "no model ''"),
        ("x" * 5000, UnknownNameError, "no model"),
        ("./" + "x" * 5000, WeightsError, "is no model folder"),
        ("runs/\0", OptionError, "is no path"),
        ("./\0", OptionError, "is no path"),
        ("cis680-*", UnknownNameError, "no model"),
        (Path("runs/y"), WeightsError, "runs/y is no model folder"),
        (None, OptionError, "None is no model"),
        (7, OptionError, "7 is no model"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_names_that_lead_nowhere(run, name, error, message):
    with pytest.raises(error) as raised:
        create(name)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_a_registered_name_wins_over_a_folder(run, tmp_path):
    (tmp_path / "runs" / "x").rename(tmp_path / VAE16)
    assert resolve(VAE16).folder is None
    assert resolve(f"./{VAE16}").spec.name == "tiny"


@pytest.mark.parametrize(
    ("kind", "request_", "message"),
    [
        ("encoder", "convv", "no encoder 'convv': did you mean conv, "),
        ("encoder", "resnet18", "no encoder 'resnet18': did you mean timm:resnet18, torchvision:resnet18 or "),
        ("bottleneck", "gausian", "no bottleneck 'gausian': did you mean gaussian, "),
        ("decoder", "decnov", "no decoder 'decnov': did you mean deconv"),
        ("encoder", "timm:resnet18x", "no encoder 'timm:resnet18x': did you mean timm:resnet18"),
        ("encoder", "torchvision:resnet19", "no encoder 'torchvision:resnet19': did you mean torchvision:resnet"),
        ("encoder", "deconv", "no encoder 'deconv'"),
        ("bottleneck", "gaussian(din=3)", "bottleneck gaussian has no option 'din' (near: dim, sampling or spatial)"),
        ("bottleneck", "gaussian(dim=0)", "bottleneck gaussian: dim=0 is not a whole number >= 1"),
        ("bottleneck", "gaussian(dim=2.0)", "dim=2.0 is not a whole number"),
        ("bottleneck", "gaussian(dim=True)", "dim=True is not a whole number"),
        ("bottleneck", f"gaussian(dim={10**30})", "bottleneck gaussian cannot be built for (64, 2, 2)"),
        ("bottleneck", f"gaussian(dim={10**400})", "bottleneck gaussian cannot be built"),
        ("bottleneck", "identity(dim=2)", "it has none"),
        ("encoder", "conv(norm='layer')", "norm='layer' is not one of 'batch', 'none'"),
        ("encoder", "conv(layers='3x3x4')", "is not a tuple of texts"),
        ("encoder", "conv(layers=('3x3',))", "layer '3x3' is not of the form"),
        ("encoder", "conv(layers=())", "empty"),
        ("decoder", "deconv(layers=('4x4x1 s2',))", "its width is 'c'"),
        ("decoder", "deconv(layers=('1x1xc s2',))", "leaves gaps"),
        ("encoder", "conv(member='x')", "has no option 'member'"),
        ("encoder", "conv(image=1)", "has no option 'image'"),
        ("encoder", ("conv", {"norm": ["batch"]}), "is not one of"),
        ("encoder", 3, "3 is no component"),
        ("encoder", "", "a name is expected"),
    ],
    ids=str,
)
def test_parts_that_cannot_be(kind, request_, message):
    with pytest.raises(AezooError) as raised:
        create(VAE16, **{kind: request_})
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_what_create_takes_and_describe_does_not_is_not_offered():
    with pytest.raises(OptionError, match="no argument 'pretrained': did you mean") as caught:
        aezoo.describe("cis680-ae", pretrained=True)
    assert "pretrained" not in str(caught.value).partition("did you mean")[2]


def test_a_swapped_backbone_has_weights_of_its_own():
    with pytest.raises(WeightsError, match=r"leave pretrained out; encoder='timm:resnet18\(pretrained=True\)' has"):
        aezoo.create("vae128-tiny", encoder="timm:resnet18", pretrained=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 4}, "a model has no argument 'latent_dim': here it is bottleneck='gaussian(dim=16)'"),
        ({"in_chans": 3}, "no argument 'in_chans': here it is channels"),
        ({"img_size": 32}, "no argument 'img_size': here it is image_size"),
        ({"chanels": 3}, "no argument 'chanels': did you mean channels, "),
        ({"dtype": "bfloat16"}, "dtype='bfloat16': a model computes in torch.float32, bfloat16, "),
        ({"dtype": torch.int8}, "dtype=torch.int8: a model computes in "),
        ({"device": "gpu"}, "device='gpu' cannot be used here: "),
        ({"device": "cuda:999"}, "device='cuda:999' cannot be used here: "),
        ({"device": []}, r"device=[] cannot be used here: "),
    ],
    ids=str,
)
def test_arguments_that_are_none(arguments, message):
    with pytest.raises(OptionError) as raised:
        create(VAE16, **arguments)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_tag_is_part_of_a_name():
    with pytest.raises(OptionError, match=r"pretrained='toyfaces' is not True or False: NAME\.TAG says"):
        create("cis680-vae16", pretrained="toyfaces")


@pytest.mark.parametrize("pretrained", [False, True])
def test_made_where_and_as_it_is_asked_for(run, pretrained):
    for name in ("runs/x", Path("runs/x")):
        model = create(name, pretrained=pretrained, device="meta", dtype=torch.bfloat16)
        assert (model.device.type, model.dtype, model.training) == ("meta", torch.bfloat16, False)


def test_described_parts_are_qualified_and_complete():
    spec = describe(VAE16)
    names = ["aezoo/conv", "aezoo/gaussian", "aezoo/standard", "aezoo/deconv", "aezoo/bernoulli"]
    assert [getattr(spec, kind).name for kind in PARTS] == names
    assert set(options(spec, "encoder")) == {"layers", "norm", "init"}
    assert spec.provides == ("gaussian", "kl", "logits", "nll", "posterior", "prior")
    assert describe(spec) == spec


@pytest.mark.parametrize(
    "request_", ["conv(norm='none')", ("conv", {"norm": "none"}), Component.of("aezoo/conv", norm="none")], ids=str
)
def test_the_same_part_keeps_the_options_that_are_not_said(request_):
    own = options(describe(VAE16), "encoder")
    assert options(describe(VAE16, encoder=request_), "encoder") == {**own, "norm": "none"}


def test_another_part_starts_from_its_own_defaults():
    assert options(describe(VAE16, encoder="mlp"), "encoder") == {"hidden": (400,), "activation": "relu"}
    gaussian = {"dim": 16, "spatial": False, "sampling": True}
    assert options(describe("cis680-ae", bottleneck="gaussian"), "bottleneck") == gaussian


def test_another_bottleneck_brings_its_own_prior():
    vae = describe(VAE16)
    assert (vae.prior.name, describe("cis680-ae").prior.name) == ("aezoo/standard", "aezoo/none")
    assert describe(vae, bottleneck="identity").prior.name == "aezoo/none"
    assert describe(describe("cis680-ae"), bottleneck="gaussian").prior.name == "aezoo/standard"
    bare = describe(vae, prior="none")
    assert "kl" not in bare.provides
    assert describe(bare, bottleneck="gaussian(dim=3)").prior.name == "aezoo/none"


def test_without_sampling_there_is_no_posterior():
    quiet = describe(VAE16, bottleneck="gaussian(sampling=False)")
    assert quiet.provides == ("gaussian", "kl", "logits", "nll", "prior")
    for prior in ("mixture", "vamp", "flow"):
        with pytest.raises(CompositionError, match=r"needs posterior: .* with bottleneck gaussian\(sampling=True\) or"):
            describe(quiet, prior=prior)


@pytest.mark.parametrize("prior", ["standard", "mixture", "flow"])
def test_a_density_of_the_space_around_is_none_on_the_sphere(prior):
    told = f"prior {prior} has no density on the latents of bottleneck hyperspherical, .*: with it goes prior none or"
    with pytest.raises(CompositionError, match=told):
        describe(VAE16, bottleneck="hyperspherical", prior=prior)
    assert describe(VAE16, bottleneck="hyperspherical", prior="vamp").prior.name == "aezoo/vamp"


def test_a_part_that_needs_what_no_other_provides():
    with pytest.raises(CompositionError, match=r"needs posterior: the parts .*; posterior comes with bottleneck gau"):
        describe("cis680-ae", prior="standard")


def test_norm_goes_to_every_part_that_has_it():
    model = create(VAE16, norm="none")
    assert not [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert options(describe(VAE16, norm="none", encoder="mlp"), "decoder")["norm"] == "none"
    with pytest.raises(OptionError, match="norm='none': no part of cis680-vae16 with these parts has the option"):
        describe(VAE16, norm="none", encoder="mlp", decoder="mlp")
    with pytest.raises(OptionError, match="norm='instance' is not one of 'batch', 'none'"):
        describe(VAE16, norm="instance")


@pytest.mark.parametrize("size", [1, 28, (64, 48), (7, 65)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "parts", [{}, {"encoder": "mlp", "decoder": "mlp(hidden=(8,))"}, {"bottleneck": "gaussian(dim=3)"}]
)
def test_any_size_and_number_of_channels(size, channels, parts):
    model = create(VAE16, image_size=size, channels=channels, **parts)
    images = torch.rand(2, *model.image.shape)
    assert model(images).reconstruction.shape == images.shape
    assert not model.training


def test_a_plain_autoencoder_of_another_size():
    model = create("cis680-ae", image_size=(65, 96))
    assert model.latent_shape == (64, 3, 3)
    assert model(torch.rand(1, 1, 65, 96)).reconstruction.shape == (1, 1, 65, 96)


@pytest.mark.parametrize(
    ("parts", "sides"),
    [
        ({"decoder": "deconv(layers=('4x4xc s2',))"}, ["(64, 2, 2)", "deconv starts from (c, 32, 32)", "gaussian"]),
        ({"encoder": "mlp"}, []),
    ],
)
def test_shapes_that_do_not_fit_name_both_sides(parts, sides):
    if not sides:
        assert create("cis680-ae", **parts).latent_shape == (400,)
        return
    with pytest.raises(CompositionError) as raised:
        create("cis680-ae", **parts)
    assert all(side in str(raised.value) for side in sides)


@pytest.mark.parametrize(
    "wrong",
    [*({"image_size": size} for size in (0, (8,), True, 8.5, "8")), *({"channels": each} for each in (0, "3", 1.5))],
)
def test_images_that_cannot_be(wrong):
    with pytest.raises(OptionError, match="image"):
        create(VAE16, **wrong)


def test_the_same_seed_gives_the_same_model():
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(create("cis680-ae").state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 128}, "is pretrained with image 8x8x1 (not 128x128x1)"),
        ({"channels": 3}, "image 8x8x1 (not 8x8x3)"),
        ({"encoder": "mlp"}, "pretrained with encoder conv (not mlp)"),
        (
            {"bottleneck": "gaussian(dim=5)"},
            "pretrained with bottleneck gaussian(dim=4) (not gaussian(dim=5))",
        ),
        ({"norm": "none"}, "norm='batch'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", ["./runs/x", "tiny"])
def test_pretrained_with_something_else_names_the_mismatch(run, tiny, model, changes, message):
    with pytest.raises(WeightsError) as raised:
        create(tiny if model == "tiny" else model, pretrained=True, **changes)
    assert message in str(raised.value)


def test_pretrained_at_another_size_says_which_it_takes():
    with pytest.raises(WeightsError, match=r"image 64x64x3 \(not 128x128x3\): leave image_size out: it takes any"):
        create("kl-f8-tiny.toyfaces", pretrained=True, image_size=128)
    with pytest.raises(WeightsError, match="leave pretrained out"):
        create("kl-f8-tiny.toyfaces", pretrained=True, image_size=128, channels=1)


def test_pinned_weights_are_those_or_none(run):
    own = create("runs/x", pretrained=True).source.sha256
    assert create("runs/x", pretrained=True, sha256=own).source.sha256 == own
    assert aezoo.Autoencoder.from_pretrained("runs/x", sha256=own).source.sha256 == own
    with pytest.raises(WeightsError, match=f"has the sha256 {own}, not {'0' * 64}"):
        create("runs/x", pretrained=True, sha256="0" * 64)
    for given in ({"sha256": own[:12], "pretrained": True}, {"sha256": own}):
        with pytest.raises(OptionError, match="give all 64 digits of that of the weights, with pretrained=True"):
            create("runs/x", **given)


def test_pretrained_with_what_it_has_is_no_mismatch(run):
    same = {"image_size": (8, 8), "channels": 1, "norm": "batch", "bottleneck": "gaussian(dim=4)"}
    assert create("./runs/x", pretrained=True, **same).spec == run.spec


def test_a_folder_without_pretrained_is_only_its_architecture(run):
    torch.manual_seed(9)
    other = create("./runs/x", bottleneck="gaussian(dim=2)")
    assert other.latent_shape == (2,)
    assert not torch.equal(other.encoder.layers.conv1[0].weight, run.encoder.layers.conv1[0].weight)


BUILDER = """
import torch
from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.likelihoods.bernoulli import Bernoulli
def whole(spec, *, twice=False):
    bottleneck = IdentityBottleneck(spec.image.shape)
    model = Autoencoder(spec, torch.nn.Identity(), bottleneck, torch.nn.Identity(), likelihood=Bernoulli(spec.image))
    model.twice = twice
    return model
"""
WHOLE = (
    'ModelSpec(name="{}", summary="", image=aezoo.ImageSpec((8, 8)), implementation="{}:whole", provides=("logits",), '
    'options=(aezoo.Option(name="twice", type="bool", default=False),))'
)


def test_a_model_that_is_built_whole(site, tmp_path):
    site.install("whole-one", WHOLE.format("whole", "whole_builder"))
    (site.path / "whole_builder.py").write_text(BUILDER)
    model = create("whole", image_size=(4, 6))
    assert model(torch.rand(2, 1, 4, 6)).reconstruction.shape == (2, 1, 4, 6)
    with pytest.raises(CompositionError, match="whole is built whole: it has no parts to swap"):
        create("whole", encoder="conv")
    save_model(tmp_path / "run", model, torch.rand(2, 1, 4, 6))
    assert create(f"local-dir:{tmp_path / 'run'}", pretrained=True).spec == model.spec


def test_a_member_of_a_family_of_whole_models(site, tmp_path):
    family = WHOLE.format("fam", "fam_builder").replace('name="fam"', 'name="fam:*", members="fam_builder:members"')
    site.install("whole-family", family)
    builder = BUILDER.replace("twice=False", "member, twice=False").replace(
        "model.twice = twice", "model.member = member"
    )
    (site.path / "fam_builder.py").write_text(f"{builder}\ndef members():\n    return ['a', 'b.c']\n")
    model = create("fam:b.c(twice=True)")
    assert model.member == "b.c"
    save_model(tmp_path / "run", model, torch.rand(2, 1, 8, 8))
    assert create(f"local-dir:{tmp_path / 'run'}", pretrained=True).member == "b.c"
    with pytest.raises(UnknownNameError, match="no model 'fam:d': did you mean fam:a"):
        create("fam:d")


def test_the_options_of_a_model_that_is_built_whole_arrive_and_are_kept(site, tmp_path):
    site.install("whole-one", WHOLE.format("whole", "whole_builder"))
    (site.path / "whole_builder.py").write_text(BUILDER)
    model = create("whole(twice=True)")
    assert model.twice
    assert not create("whole").twice
    save_model(tmp_path / "run", model, torch.rand(2, 1, 8, 8))
    assert create(f"local-dir:{tmp_path / 'run'}", pretrained=True).twice
    with pytest.raises(OptionError, match="model whole has no option 'thrice'"):
        create("whole(thrice=True)")


@pytest.mark.parametrize("name", ["whole", VAE16])
def test_a_builder_whose_name_is_not_its_own(site, name):
    """Another plugin's model, or the built-in one, has the name: the qualified one still builds this."""
    site.install("left", WHOLE.format(name, "left_builder"))
    site.install("right", WHOLE.format(name, "right_builder"))
    for side in ("left", "right"):
        (site.path / f"{side}_builder.py").write_text(BUILDER)
        assert create(f"{side}/{name}").latent_shape == (1, 8, 8)


def test_a_builder_is_imported_only_when_a_package_registers_it(tiny):
    spec = dataclasses.replace(tiny, name=VAE16, implementation="antigravity:whole")
    with pytest.raises(UnknownNameError, match="no installed package registers a model 'cis680-vae16' built by 'anti"):
        create(spec)


BROKEN = """
import torch
class Raises(torch.nn.Module):
    def __init__(self, image, **options):
        raise ValueError("first line\\nsecond line")
class Vector(torch.nn.Module):
    def __init__(self, image, **options):
        super().__init__()
    def forward(self, images):
        return images.sum()
class Text(Vector):
    def forward(self, images):
        return "features"
class Refuses(Vector):
    def forward(self, images):
        raise RuntimeError(f"cannot take {tuple(images.shape)}")
class Normalised(Vector):
    def forward(self, images):
        return torch.nn.BatchNorm2d(2).eval()(images)
class Draws(Vector):
    def forward(self, images):
        raise RuntimeError(f"drawn: {torch.zeros(3, device='cpu').normal_().all()}")
class Small(torch.nn.Module):
    def __init__(self, latent_shape, image):
        super().__init__()
    def forward(self, z):
        return z[:, :4].reshape(-1, 1, 2, 2)
"""


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        ("Raises", CompositionError, "encoder broken cannot be built for 64x64x1: first line"),
        ("Vector", CompositionError, "encoder broken gives Tensor, not a tensor"),
        ("Text", CompositionError, "encoder broken gives str, not a tensor"),
        ("Refuses", CompositionError, r"encoder broken cannot take \(1, 64, 64\): cannot take"),
        ("Normalised", CompositionError, r"encoder broken cannot take \(1, 64, 64\)"),
        ("Draws", CompositionError, "drawn: True"),
        ("Nothing", PluginError, "encoder broken of my-plugin 1.0 cannot be loaded from 'broken_encoder:Nothing'"),
    ],
)
def test_a_strangers_part_that_fails_is_named(site, part, error, message):
    site.install("my-plugin", f'EncoderSpec(name="broken", summary="", implementation="broken_encoder:{part}")')
    (site.path / "broken_encoder.py").write_text(BROKEN)
    with pytest.raises(error, match=message) as raised:
        create(VAE16, encoder="broken")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("super().__init__()", "does not set latent_shape"),
        ("self.layer = torch.nn.ReLU()", "cannot be built: cannot assign"),
    ],
)
def test_a_strangers_bottleneck_that_lacks_something_is_named(site, code, message):
    site.install("my-plugin", 'BottleneckSpec(name="broken", summary="", implementation="broken_bottleneck:Broken")')
    head = "import torch\nfrom aezoo.bottlenecks.base import Bottleneck\nclass Broken(Bottleneck):\n"
    (site.path / "broken_bottleneck.py").write_text(f"{head}    def __init__(self): {code}\n")
    with pytest.raises(CompositionError, match=f"bottleneck broken .*{message}"):
        create(VAE16, bottleneck="broken")


@pytest.mark.parametrize("kind", ["bottleneck", "prior", "likelihood"])
def test_a_strangers_part_of_another_class_says_which_is_due(site, kind):
    spec = f'{kind.title()}Spec(name="broken", summary="", implementation="torch.nn:Identity")'
    site.install("my-plugin", spec)
    with pytest.raises(CompositionError, match=f"{kind} broken is of the class Identity: .*base.{kind.title()}$"):
        create(VAE16, **{kind: "broken"})


def test_a_decoder_that_makes_another_size_is_named(site):
    site.install("my-plugin", 'DecoderSpec(name="broken", summary="", implementation="broken_decoder:Small")')
    (site.path / "broken_decoder.py").write_text(BROKEN)
    with pytest.raises(CompositionError, match=r"decoder .*broken makes \(1, 2, 2\) of z \(16,\), not \(1, 64, 64\)"):
        create(VAE16, decoder="broken")


def test_a_model_with_a_part_that_takes_labels_needs_them(site):
    code = 'EncoderSpec(name="of-class", summary="", implementation="labels:Encoder", needs=("labels",))'
    site.install("my-plugin", code)
    assert (describe(VAE16).needs, describe(VAE16, encoder="of-class").needs) == ((), ("labels",))
    with pytest.raises(CompositionError, match="encoder of-class needs them: with it goes prior flow or mixture or no"):
        describe(VAE16, encoder="of-class", prior="vamp")


def test_a_model_is_created_without_torchs_compiler(python):
    code = "import sys, aezoo; aezoo.create('cis680-vae16'); print('torch._dynamo' in sys.modules)"
    assert python("-c", code).stdout == "False\n"


@pytest.mark.parametrize("name", list_names("model", "cis680-*"))
def test_the_reports_models_are_created(name):
    model = aezoo.create(name)
    assert isinstance(model.spec, ModelSpec)
    assert model(torch.rand(1, 1, 64, 64)).reconstruction.shape == (1, 1, 64, 64)


def test_a_bracket_that_is_not_closed_is_no_name():
    with pytest.raises(OptionError, match="a bracket or quote is not closed"):
        resolve(f"{VAE16}(")


class Hiding(Bottleneck):
    """A bottleneck whose module is called like what its class defines."""

    spatial = True

    def __init__(self, feature_shape):
        super().__init__()
        self.latent_shape = feature_shape
        self.embed = torch.nn.Embedding(2, 2)


def plain_module(spec):
    """A model that is none."""
    return torch.nn.Identity()


def test_a_module_that_hides_a_method_is_refused():
    with isolated_registry("aezoo"):
        aezoo.register("bottleneck", "hiding")(Hiding)
        with pytest.raises(CompositionError, match="hiding calls a module 'embed', as its class calls something else"):
            build(describe(VAE16, bottleneck="hiding", prior="none"))


def test_a_model_that_is_built_whole_is_an_autoencoder():
    spec = ModelSpec(name="plain", summary="", implementation=f"{__name__}:plain_module", image=ImageSpec((8, 8)))
    with (
        isolated_registry("aezoo", spec),
        pytest.raises(CompositionError, match="is of the class Identity: derive that from"),
    ):
        create("plain")


def test_other_weights_of_one_tag_in_two_packages_are_an_error(monkeypatch):
    source = resolve("cis680-vae16.toyfaces")
    [own] = all_weights_of(source.entry, "toyfaces")
    other = dataclasses.replace(
        own, distribution="aezoo-acme", spec=dataclasses.replace(own.spec, sha256="0" * 64, path="acme:weights/x")
    )
    monkeypatch.setattr("aezoo.composition.all_weights_of", lambda *_: [own, other])
    with pytest.raises(WeightsError, match="other weights in each of aezoo and aezoo-acme: uninstall all but one"):
        create("cis680-vae16.toyfaces", pretrained=True)
