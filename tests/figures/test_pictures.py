import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.errors import DataError
from aezoo.figures import Row, reconstructions, save
from aezoo.figures.pictures import _GAP, _LABEL, _MARGIN, _TITLE, progress


def images(n, channels=1, side=8, seed=0):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_is_a_square(tmp_path, channels):
    inputs, outputs = images(2, channels), images(2, channels, seed=1)
    save(reconstructions([Row("train", inputs, outputs)]), tmp_path / "r.png")
    picture = read(tmp_path / "r.png")
    side = 128
    for number in range(2):
        for below, shown in enumerate((inputs, outputs)):
            top = _MARGIN + _TITLE + below * (side + _GAP)
            left = _MARGIN + _LABEL + number * (side + _GAP)
            cell = picture[top : top + side, left : left + side]
            assert (cell.reshape(8, 16, 8, 16, 3) == cell[::16, ::16][:, None, :, None]).all()
            expected = (shown[number] * 255).round().permute(1, 2, 0).expand(8, 8, 3).numpy()
            assert (cell[::16, ::16] == expected).all()


def test_more_wrap(tmp_path):
    sizes = []
    for n in (4, 5, 8, 9):
        save(reconstructions([Row("train", images(n), images(n))], columns=4), tmp_path / "r.png")
        sizes.append(read(tmp_path / "r.png").shape)
    assert len({width for _, width, _ in sizes}) == 1
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3]


def test_large_images_are_not_shrunk(tmp_path):
    save(reconstructions([Row("", images(1, side=300), images(1, side=300))]), tmp_path / "r.png")
    height, width, _ = read(tmp_path / "r.png").shape
    assert height > 600
    assert width > 300


def test_values_outside_are_clamped(tmp_path):
    ones = torch.ones(1, 1, 8, 8)
    for name, inputs in (("a", ones), ("b", 3 * ones)):
        save(reconstructions([Row("x", inputs, 0 * ones - inputs + 1)]), tmp_path / name)
    assert (read(tmp_path / "a") == read(tmp_path / "b")).all()


def test_equal_images_are_equal_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save(reconstructions([Row("train", images(3), images(3)), Row("test", images(3), images(3))]), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [Row("train", images(0), images(0))],
        [Row("train", images(2), images(3))],
        [Row("train", images(2), images(2)), Row("test", images(2, side=9), images(2, side=9))],
        [Row("train", images(2, channels=2), images(2, channels=2))],
    ],
)
def test_what_cannot_be_drawn(tmp_path, rows):
    with pytest.raises(DataError):
        save(reconstructions(rows), tmp_path / "r.png")
    assert not list(tmp_path.iterdir())


def test_long_runs_have_room_for_their_steps(tmp_path):
    save(progress(images(2), [(100_000, images(2)), (250_000, images(2))]), tmp_path / "p.png")
    assert (read(tmp_path / "p.png")[:, :4] == 255).all()
