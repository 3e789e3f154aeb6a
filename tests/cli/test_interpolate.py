import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.factory import create
from aezoo.figures.grid import _GAP, _MARGIN
from aezoo.latent import interpolate


@pytest.fixture
def pictures(tmp_path):
    for number, name in enumerate("ab"):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path / "a.png", tmp_path / "b.png"


@pytest.mark.parametrize("how", ["linear", "slerp"])
def test_a_strip_begins_and_ends_with_the_images(aezoo, folder, pictures, tmp_path, how):
    out = tmp_path / "out.png"
    result = aezoo("interpolate", folder, *pictures, "--steps", 3, "--how", how, "--out", out)
    assert result.exit_code == 0, result.stderr
    drawn = np.asarray(Image.open(out).convert("L"))
    cells = [drawn[_MARGIN : _MARGIN + 128, left : left + 128][::16, ::16] for left in range(_MARGIN, 650, 128 + _GAP)]
    model = create(f"local-dir:{folder}", pretrained=True)
    images = model.preprocess(list(pictures))
    with torch.no_grad():
        between = model.decode(interpolate(*model.encode(images).z, 3, how))
        expected = [images[0], *between, images[1]]
    assert len(cells) == 5
    for cell, image in zip(cells, expected, strict=True):
        assert abs(cell - (255 * image[0]).numpy()).max() <= 1


def test_between_codes_it_says_that_there_are_none(aezoo, pictures, tmp_path):
    pytest.importorskip("aezoo_vq")
    result = aezoo("interpolate", "vq-f4-tiny.toyfaces", *pictures, "--steps", 2, "--out", tmp_path / "out.png")
    assert "between the codes of vq-f4-tiny.toyfaces lie points that are none" in result.stderr


def test_errors(aezoo, folder, pictures, tmp_path):
    out = tmp_path / "out.png"
    assert "cannot read" in aezoo("interpolate", folder, pictures[0], tmp_path / "no.png", "--out", out).stderr
    assert aezoo("interpolate", folder, *pictures, "--steps", 1, "--out", out).exit_code == 2
    assert not out.exists()
