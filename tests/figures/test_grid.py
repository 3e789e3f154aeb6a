import numpy as np
import pytest
import torch

from aezoo.errors import DataError
from aezoo.figures import grid
from aezoo.figures.grid import _GAP, _MARGIN


def drawn(made):
    made.canvas.draw()
    return np.asarray(made.canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_in_its_place(channels):
    images = torch.rand(5, channels, 4, 8, generator=torch.Generator().manual_seed(0))
    picture = drawn(grid(images, columns=3))
    for index, image in enumerate(images):
        top, left = _MARGIN + index // 3 * (64 + _GAP), _MARGIN + index % 3 * (128 + _GAP)
        cell = picture[top : top + 64, left : left + 128][::16, ::16]
        expected = (255 * image).round().to(torch.uint8).permute(1, 2, 0).expand(4, 8, 3)
        assert np.array_equal(cell, expected)


def test_captions_stand_below_and_nothing_else_does():
    white = torch.ones(4, 1, 8, 8)
    assert (drawn(grid(white)) == 255).all()
    assert (drawn(grid(white, captions=list("abcd"))) < 200).any()
    assert grid(white).bbox.width == grid(white).bbox.height  # as many columns as rows


def test_what_cannot_be_a_grid_is_refused():
    for images, captions in (
        (torch.rand(0, 1, 8, 8), ()),
        (torch.rand(2, 1, 8, 8), ("a",)),
        (torch.rand(2, 2, 8, 8), ()),
    ):
        with pytest.raises(DataError):
            grid(images, captions=captions)
