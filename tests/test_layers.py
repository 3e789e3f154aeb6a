import pytest
import torch

from aezoo.errors import OptionError
from aezoo.layers import Block, Layer, conv, deconv, fully_connected, initialise, norm, read_layers, start_size, strides
from aezoo.plain import ImageSpec


def test_a_listing():
    assert read_layers(("3x3x32 s2", " 4x4xc ", "1x1x8"), 3) == (Layer(3, 32, 2), Layer(4, 3, 1), Layer(1, 8, 1))


def test_a_residual_line():
    layers = read_layers(("3x3xc s2", "res 3x3xc", "res 5x5x3"), 3)
    assert layers[1:] == (Layer(3, 3, residual=True), Layer(5, 3, residual=True))
    assert strides(layers) == 2


@pytest.mark.parametrize("listing", [("res 3x3x8",), ("3x3x4", "res 3x3x8")])
def test_a_residual_line_keeps_the_width(listing):
    with pytest.raises(OptionError, match=r"'res 3x3x8' keeps the width: (nothing|4 channels) come before it, not 8"):
        read_layers(listing, 1)


@pytest.mark.parametrize(
    "line",
    ["", "3x3", "3x4x8", "3x3x0", "0x0x8", "00x00x8", "3x3x00", "3x3x8 s0", "3x3x8 s00", "3x3x8s2", "3x3x8 s-1",
     "cxcx8", "3x3x8 s2 x", "3x3x8.5", "-3x-3x8", "03x3x8", "3x3x8 s", "res 4x4x8", "res 3x3x8 s2", "res3x3x8"],
)  # fmt: skip
def test_what_is_no_layer(line):
    with pytest.raises(OptionError, match="is not of the form"):
        read_layers((line,), 1)


def test_an_empty_listing():
    with pytest.raises(OptionError, match="empty"):
        read_layers((), 1)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 9])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_convolutions_round_up_and_deconvolutions_multiply(kernel, stride, size):
    images = torch.zeros(1, 2, size, size + 3)
    made = conv(2, Layer(kernel, 3, stride))(images).shape
    assert made == (1, 3, -(-size // stride), -(-(size + 3) // stride))
    if 1 < stride <= kernel:
        assert deconv(2, Layer(kernel, 3, stride))(images).shape == (1, 3, size * stride, (size + 3) * stride)


def test_a_deconvolution_that_leaves_gaps():
    with pytest.raises(OptionError, match="2x2 deconvolution of stride 3 leaves gaps"):
        deconv(1, Layer(2, 1, 3))


def test_an_even_kernel_keeps_the_picture_in_place():
    layer = conv(1, Layer(4, 1))
    torch.nn.init.zeros_(layer[1].weight)
    layer[1].weight.data[0, 0, 1, 1] = 1  # of an even kernel, the upper left of the four in the middle
    torch.nn.init.zeros_(layer[1].bias)
    images = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(images), images)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["batch", "none"])
@pytest.mark.parametrize("convolutions", [1, 2])
def test_a_block_starts_as_its_shortcut(convolutions, kind, training):
    block = Block(Layer(3, 4), kind, convolutions=convolutions).train(training)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x.relu())
    assert torch.equal(initialise(block, "dcgan")(x), x.relu())


def test_a_block_adds_its_body():
    block = Block(Layer(5, 4), "none")
    torch.nn.init.normal_(block.body.conv2.weight)
    x = torch.randn(2, 4, 6, 7)
    assert torch.equal(block(x), (x + block.body(x)).relu())


def test_a_plain_block_is_its_body():
    block = Block(Layer(3, 4), "batch", shortcut=False)
    x = torch.randn(2, 4, 5, 5)
    assert block(x).any()
    assert torch.equal(block(x), block.body(x).relu())


def test_where_a_decoder_starts():
    layers = read_layers(("4x4x8 s2", "3x3x8", "4x4xc s2"), 1)
    assert strides(layers) == 4
    assert start_size(layers, ImageSpec((8, 9))) == (2, 3)


def test_norm():
    assert isinstance(norm("batch", 3), torch.nn.BatchNorm2d)
    assert isinstance(norm("none", 3), torch.nn.Identity)


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), ("tanh", torch.tanh)])
def test_every_fully_connected_layer_has_its_activation(activation, function):
    torch.manual_seed(0)
    layers, x = fully_connected((3, 5, 4), activation), torch.randn(2, 3)
    (first, _), (second, _) = layers
    torch.testing.assert_close(layers(x), function(second(function(first(x)))))
