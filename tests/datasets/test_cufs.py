import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets.cufs import Cufs
from aezoo.datasets.pipeline import load_images
from aezoo.errors import DataError, OptionError
from aezoo.plain import ImageSpec


def test_the_devkit_gives_the_split_and_the_order(cufs):
    train = Cufs("train", cufs)
    assert train.names == ["sketches64/imgs/b.png", "sketches64/imgs/a.png"]
    assert torch.equal(train[0][0], torch.from_numpy(np.array(Image.open(cufs / "cufs/sketches64/imgs/b.png"))))
    assert Cufs("test", cufs / "cufs").names == ["sketches64/imgs/c.png"]


def test_grey_and_rgb_files_come_as_they_are(cufs):
    sketches = Cufs("train", cufs, view="sketches")
    assert [tuple(sketches[index].shape) for index in range(2)] == [(1, 250, 200), (3, 250, 200)]


def test_what_it_lacks_is_named(cufs, no_data):
    with pytest.raises(OptionError, match="cufs has no split 'val'; it has train and test"):
        Cufs("val", cufs)
    with pytest.raises(DataError, match=r"cufs: no .*photos.train\nset AEZOO_DATA or --root .*https://") as error:
        Cufs("train", cufs, view="photos")
    assert str(error.value).count("\n") == 1
    with pytest.raises(DataError, match="AEZOO_DATA is not set"):
        Cufs("train")


def test_a_list_that_is_no_text_is_named(cufs):
    (cufs / "cufs/sketches64/devkit/train.txt").write_bytes("b.png 1".encode("utf-16"))
    with pytest.raises(DataError, match=r"devkit/train.txt is damaged"):
        Cufs("train", cufs)


@pytest.mark.data
def test_the_real_sketches_pixel_for_pixel(data):
    for split, count in (("train", 88), ("test", 100)):
        images = load_images("cufs", split, ImageSpec.of(64, 1))
        lines = (data / f"cufs/sketches64/devkit/{split}.txt").read_text().split("\n")
        files = [data / "cufs/sketches64/imgs" / line.split()[0] for line in lines if line]
        assert len(images) == len(files) == count
        assert images.is_binary
        assert np.array_equal(images.pixels[:, 0], np.stack([np.array(Image.open(file)) for file in files]))


@pytest.mark.data
@pytest.mark.parametrize("view", ["sketches", "photos"])
def test_the_real_full_size_views(data, view):
    assert [len(Cufs(split, view=view)) for split in ("train", "test")] == [88, 100]
    images = load_images(f"cufs(view={view!r})", "train", ImageSpec.of((50, 40), 3))
    assert images.pixels.shape == (88, 3, 50, 40)
