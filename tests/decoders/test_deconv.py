import pytest
import torch

from aezoo.decoders.deconv import DeconvDecoder
from aezoo.decoders.mlp import MLPDecoder
from aezoo.decoders.start import crop
from aezoo.errors import AezooWarning, CompositionError, OptionError
from aezoo.plain import ImageSpec

LAYERS = ("4x4x6 s2", "3x3x5", "4x4xc s2")


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 7), (8, 3), (13, 16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_vector_becomes_an_image_of_any_size(size, channels):
    decoder = DeconvDecoder((7,), ImageSpec(size, channels), layers=LAYERS)
    assert decoder(torch.zeros(2, 7)).shape == (2, channels, *size)


def test_from_one_pixel_a_vector_needs_no_linear_layer():
    decoder = DeconvDecoder((7,), ImageSpec((4, 4)), layers=LAYERS)
    assert isinstance(decoder.start.linear, torch.nn.Identity)
    assert isinstance(DeconvDecoder((7,), ImageSpec((5, 4)), layers=LAYERS).start.linear, torch.nn.Linear)


def test_a_map_is_taken_as_it_is():
    decoder = DeconvDecoder((7, 2, 3), ImageSpec((8, 9)), layers=LAYERS)
    assert decoder(torch.zeros(2, 7, 2, 3)).shape == (2, 1, 8, 9)


@pytest.mark.parametrize("shape", [(7, 3, 3), (7, 4)])
def test_a_latent_that_does_not_fit_names_both_sides(shape):
    with pytest.raises(CompositionError, match=r"\(7, .*decoder deconv"):
        DeconvDecoder(shape, ImageSpec((8, 8)), layers=LAYERS)


@pytest.mark.parametrize("layers", [("4x4x1 s2",), ("4x4xc s2", "4x4x8 s2")])
def test_the_last_layer_makes_the_image(layers):
    with pytest.raises(OptionError, match="its width is 'c'"):
        DeconvDecoder((7,), ImageSpec((8, 8)), layers=layers)


def test_no_normalisation_or_activation_after_the_last_layer():
    torch.manual_seed(0)
    decoder = DeconvDecoder((7,), ImageSpec((8, 8)), layers=LAYERS).eval()
    assert len(decoder.layers[-1]) == 1
    assert decoder.layers[-1][0].bias is not None
    assert decoder.layers[0][0].bias is None
    assert decoder(torch.randn(2, 7)).min() < 0
    plain = DeconvDecoder((7,), ImageSpec((8, 8)), layers=LAYERS, norm="none")
    assert not [module for module in plain.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_the_centre_is_kept():
    x = torch.arange(25.0).reshape(1, 1, 5, 5)
    assert torch.equal(crop(x, (3, 3)), x[:, :, 1:4, 1:4])
    assert torch.equal(crop(x, (4, 5)), x[:, :, :4])
    assert torch.equal(crop(x, (5, 5)), x)


@pytest.mark.parametrize("latent_shape", [(7,), (2, 3, 3)])
def test_fully_connected(latent_shape):
    decoder = MLPDecoder(latent_shape, ImageSpec((5, 4), 3), hidden=(6,))
    assert decoder(torch.zeros(2, *latent_shape)).shape == (2, 3, 5, 4)


def test_a_decoder_that_cannot_draw_colour_warns_where_it_is_built_to_be_used(recwarn):
    layers = ("4x4x6 s2", "4x4x2 s2", "3x3xc")
    with torch.device("meta"):
        DeconvDecoder((7,), ImageSpec((8, 8), 3), layers=layers)
    DeconvDecoder((7,), ImageSpec((8, 8), 2), layers=layers)
    assert not recwarn.list
    with pytest.warns(AezooWarning, match="narrows to 2 of the 3 channels that it makes before its last layer"):
        DeconvDecoder((7,), ImageSpec((8, 8), 3), layers=layers)
