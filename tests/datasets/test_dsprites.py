import os

import numpy as np
import pytest

from aezoo.datasets.dsprites import GRID, PUBLISHED, SIZES, STRIDES, DSprites
from aezoo.datasets.pipeline import load_images
from aezoo.errors import DataError
from aezoo.plain import ImageSpec

WHOLE = int(np.prod(SIZES))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small file of the published form: 2 shapes, 1 scale, 8 orientations, 4x4 places; an image's first pixels say
    where it stands."""
    sizes = (2, 1, 8, 4, 4)
    monkeypatch.setattr("aezoo.datasets.dsprites.SIZES", sizes)
    n = int(np.prod(sizes))
    images = np.zeros((n, 64, 64), np.uint8)
    images[:, 0, :8] = np.unpackbits(np.arange(n, dtype=np.uint8)[:, None], axis=1)
    values = np.stack(np.unravel_index(np.arange(n), sizes), axis=1).astype(float)
    (tmp_path / "dsprites").mkdir()
    colour = np.ones((n, 1))
    pickled = np.array({"author": "someone"}, dtype=object)
    path = tmp_path / "dsprites" / PUBLISHED
    np.savez_compressed(path, imgs=images, latents_values=np.hstack([colour, values]), metadata=pickled)
    return tmp_path


def places(data):
    return np.packbits(data.pixels[:, 0, 0, :8] // 255, axis=1)[:, 0].tolist()


def test_the_grid_of_the_published_file_keeps_every_fourth_orientation_and_second_place(published):
    data = [DSprites(split, published) for split in ("train", "test")]
    kept = np.arange(256).reshape(2, 1, 8, 4, 4)[:, :, ::4, ::2, ::2].ravel()
    assert sorted(places(data[0]) + places(data[1])) == kept.tolist()
    assert {*np.unique(data[0].factors(np.arange(len(data[0])))[:, 2])} == {0.0, 4.0}


def test_the_test_images_of_the_grid_are_test_images_of_all(published):
    assert {*places(DSprites("test", published))} <= {*places(DSprites("test", published, part="full"))}


def test_the_factors_are_those_of_the_image(published):
    data = DSprites("train", published, part="full")
    known = np.stack(np.unravel_index(places(data), (2, 1, 8, 4, 4)), axis=1)
    assert data.factors(np.arange(len(data))).tolist() == known.tolist()


def test_without_files_it_says_which_and_where_from(tmp_path):
    with pytest.raises(DataError, match=f"no {tmp_path}/dsprites/{PUBLISHED}\n.*google-deepmind"):
        DSprites("train", tmp_path)


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / GRID).write_bytes(b"PK")
    with pytest.raises(DataError, match=r"dsprites_grid\.npz is damaged"):
        DSprites("train", tmp_path)


@pytest.mark.data
@pytest.mark.skipif("AEZOO_DATA" not in os.environ, reason="AEZOO_DATA does not say where the images are")
def test_of_the_real_grid_a_tenth_is_held_out():
    test = load_images("dsprites", "test", ImageSpec((64, 64), 1))
    assert test.is_binary
    assert len(test) == pytest.approx(WHOLE / np.prod(STRIDES) / 10, rel=0.05)
    assert test.factor_names == DSprites.factor_names
