"""Tiles give what the whole gives, for every listing of layers and every size; what cannot be exact is refused."""

import random

import pytest
import torch

import aezoo
from aezoo.composition import describe
from aezoo.encoders.conv import ConvEncoder
from aezoo.errors import CompositionError, DataError, OptionError
from aezoo.factory import build
from aezoo.layers import Field, conv_field, deconv_field, read_layers
from aezoo.plain import ImageSpec
from aezoo.tiling import _assembled

SPATIAL = {"bottleneck": "gaussian(dim=4, spatial=True)"}


def listing(draw, up):
    """Lines of random kernels and strides, and their total stride."""
    lines, total, width = [], 1, 3
    for _ in range(draw.randint(1, 5)):
        if lines and draw.random() < 0.3:
            lines.append(f"res 3x3x{width}")
            continue
        stride = draw.choice([s for s in (1, 1, 2, 3) if total * s <= 12])
        kernel = draw.randint(stride if up else 1, 6)
        width, total = draw.randint(2, 5), total * stride
        lines.append(f"{kernel}x{kernel}x{width} s{stride}")
    if up:
        lines.append("2x2xc")
    return tuple(lines), total


def small(seed):
    """A model of random layers in float64, its normalisations as after training; its stride."""
    draw = random.Random(seed)
    while True:
        (down, stride), (up, other) = listing(draw, False), listing(draw, True)
        if stride == other:
            break
    torch.manual_seed(seed)
    image = ImageSpec((4 * stride, 5 * stride), draw.choice([1, 3]))
    parts = {"encoder": ("conv", {"layers": down}), "decoder": ("deconv", {"layers": up})}
    norm = draw.choice(["batch", "none"])
    model = build(describe("cis680-ae", image_size=image.size, channels=image.channels, norm=norm, **parts, **SPATIAL))
    with torch.no_grad():
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)  # residual blocks begin as nothing
        for _ in range(3):
            model.train()(torch.rand(4, *image.shape))
    return model.double().eval(), draw


@pytest.mark.parametrize("seed", range(24))
@torch.no_grad()
def test_it_is_what_the_whole_is(seed):
    model, draw = small(seed)
    size = [model.stride * draw.randint(1, 24) for _ in range(2)]
    images = torch.rand(2, model.image.channels, *size, dtype=torch.float64)
    whole = model.encode(images)
    for tile in {1, draw.randint(1, max(size)), max(size)}:
        latent = model.encode(images, tile=tile)
        torch.testing.assert_close((latent.z, latent.logvar), (whole.z, whole.logvar), rtol=0, atol=1e-6)
        torch.testing.assert_close(model.decode(whole.z, tile=tile), model.decode(whole.z), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
@torch.no_grad()
def test_sizes_that_are_no_multiple(seed):
    draw = random.Random(seed)
    layers, _ = listing(draw, False)
    torch.manual_seed(seed)
    encoder = ConvEncoder(ImageSpec((8, 8)), layers=layers, norm="none").double()
    images = torch.rand(1, 1, draw.randint(1, 70), draw.randint(1, 70), dtype=torch.float64)
    made = _assembled(encoder, images, encoder.field, draw.randint(1, 6))
    torch.testing.assert_close(made, encoder(images), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_the_field_is_what_gradients_reach(seed):
    model, _ = small(seed)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 0.1)  # nothing cancels, no ReLU is off
    encoder, decoder, n = model.encoder.train(False), model.decoder, 41
    for part, field, x in (
        (encoder, encoder.field, torch.ones(1, model.image.channels, 1, n * model.stride)),
        (decoder, decoder.field, torch.ones(1, 4, 1, n)),
    ):
        x = x.double().requires_grad_()
        for module in part.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
        middle = part.layers(x)[0, 0, 0, n // 2 * field.up : (n // 2 + 1) * field.up].sum()
        (gradient,) = torch.autograd.grad(middle, x)
        reached = gradient[0, 0, 0].nonzero()[:, 0] // field.down - n // 2
        assert (reached.min(), reached.max()) == (-field.before, field.after)


def test_fields_by_hand():
    assert conv_field(read_layers(("3x3x4",), 1)) == Field(1, 1)
    assert conv_field(read_layers(("3x3x4 s2", "3x3x4 s2"), 1)) == Field(1, 0, down=4)  # pixels -3 to 3
    assert deconv_field(read_layers(("4x4x4 s2", "4x4xc s2"), 1)) == Field(1, 1, up=4)
    assert deconv_field(read_layers(("2x2xc s2",), 1)) == Field(0, 0, up=2)
    assert conv_field(read_layers(("1x1x4", "res 5x5x4"), 1)) == Field(4, 4)


def test_memory_is_that_of_a_tile():
    model = aezoo.create("cis680-ae", **SPATIAL)
    sizes = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[2:]))
    model.decoder.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[2:]))
    with torch.no_grad():
        model.decode(model.encode(torch.zeros(1, 1, 1024, 2048), tile=200).z, tile=200)
    field, around = model.encoder.field, model.decoder.field
    assert max(sizes[:50]) == (224 + 32 * (field.before + field.after),) * 2  # 200 rounded up to the stride
    assert max(sizes[50:]) == (7 + around.before + around.after,) * 2


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cis680-vae16", {}),
        ("cis680-ae", {"encoder": "mlp", "bottleneck": "gaussian", "decoder": "mlp"}),
        ("cis680-ae", {"encoder": "timm:resnet18", **SPATIAL}),
    ],
)
def test_what_sees_everything_is_refused(name, parts):
    model = aezoo.create(name, **parts)
    with pytest.raises(CompositionError, match=r"cannot work in tiles, encoder .* has no finite receptive field"):
        model.encode(torch.zeros(1, *model.image.shape), tile=32)
    if not model.bottleneck.spatial:
        with pytest.raises(CompositionError, match="cannot work in tiles, decoder"):
            model.decode(torch.zeros(1, *model.latent_shape), tile=32)


def test_what_is_asked_for_wrongly():
    model = aezoo.create("cis680-ae")
    images = torch.zeros(1, 1, 64, 96)
    for tile in (0, -1, 1.5, "big", True):
        with pytest.raises(OptionError, match="no size in pixels"):
            model.encode(images, tile=tile)
    with pytest.raises(DataError, match="multiples of 32"):
        model.encode(images[..., :90], tile=32)
    with pytest.raises(CompositionError, match=r"model.eval\(\)"):
        model.train().encode(images, tile=32)
    cropped = aezoo.create("cis680-ae", image_size=65)
    with pytest.raises(CompositionError, match="decoder aezoo/deconv"):
        cropped.decode(torch.zeros(1, *cropped.latent_shape), tile=32)


def test_gradients_are_those_of_the_whole():
    model = aezoo.create("cis680-ae", **SPATIAL).double()
    images = torch.rand(1, 1, 64, 96, dtype=torch.float64, requires_grad=True)
    whole, tiled = (
        torch.autograd.grad(model.encode(images, tile=tile).z.square().sum(), images)[0] for tile in (None, 32)
    )
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-6)


def test_a_picture_at_its_own_size():
    model = aezoo.create("cis680-ae")
    pixels = torch.randint(0, 256, (70, 101), dtype=torch.uint8).numpy()
    own = model.preprocess(pixels, size="own")
    assert torch.equal(own[0, 0], torch.from_numpy(pixels[3:67, 2:98]) / 255)  # around the centre
    assert model.preprocess(pixels, size=(32, 96)).shape == (1, 1, 32, 96)
    with pytest.raises(DataError, match="31x101 pixels is too small: 32x32"):
        model.preprocess(pixels[:31], size="own")
    with pytest.raises(DataError, match="several sizes"):
        model.preprocess([pixels, pixels.T], size="own")
    with pytest.raises(DataError, match=r"33x32; cis680-ae takes any multiples of 32"):
        model.preprocess(pixels, size=(33, 32))
    with pytest.raises(DataError, match="64x64 alone"):
        aezoo.create("cis680-vae16").preprocess(pixels, size="own")
