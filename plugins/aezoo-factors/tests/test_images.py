"""Images as a network takes them."""

import pytest
import torch

from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec
from aezoo_factors.images import fitted


def test_grey_is_luminance_and_colour_three_equal_channels():
    pure = torch.eye(3)[:, :, None, None].expand(-1, -1, 4, 4)
    grey = fitted(pure, ImageSpec((4, 4), 1))
    torch.testing.assert_close(grey[:, 0, 0, 0], torch.tensor([0.299, 0.587, 0.114]))
    assert torch.equal(fitted(grey, ImageSpec((4, 4), 3)), grey.expand(-1, 3, -1, -1))
    with pytest.raises(CompositionError, match="2 channels cannot become 1"):
        fitted(torch.rand(1, 2, 4, 4), ImageSpec((4, 4), 1))


def test_a_smaller_image_is_an_average_and_the_same_size_stays():
    images = torch.rand(2, 1, 8, 8)
    assert fitted(images, ImageSpec((8, 8), 1)) is images
    assert fitted(images.mean().expand(1, 1, 8, 8), ImageSpec((2, 2), 1)).std() < 1e-6
    assert fitted(images, ImageSpec((4, 6), 1)).shape == (2, 1, 4, 6)
