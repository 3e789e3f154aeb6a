import numpy as np
import pytest
import torch

from aezoo.datasets import cache, pipeline
from aezoo.datasets.pipeline import load_images, open_dataset, prepare
from aezoo.datasets.sources import ImageRows
from aezoo.errors import AezooWarning, DataError, OptionError, UnknownNameError
from aezoo.specs import Component, ImageSpec

GREY = ImageSpec.of(8, 1)


@pytest.fixture
def photos(tmp_path, save, noise):
    for number in range(20):
        save(tmp_path / f"photos/{number}.png", noise(10, 12, 3, seed=number))
    return tmp_path / "photos"


def test_names_options_and_paths_are_understood(cufs, photos, monkeypatch):
    assert len(open_dataset("cufs(view='sketches')", "test", root=cufs)) == 1
    assert len(open_dataset("aezoo/cufs", "train", root=cufs)) == 2
    assert len(open_dataset(Component.of("toyfaces", count=3), "test")) == 3
    assert len(open_dataset("folder", "train", root=photos)) == len(open_dataset(str(photos), "train"))
    monkeypatch.chdir(photos.parent)
    for same in ("./photos", "photos", "photos/", Component.of("./photos", seed=0)):
        assert open_dataset(same, "train").fingerprint == open_dataset(str(photos), "train").fingerprint


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ("cuffs", UnknownNameError, "no dataset 'cuffs': did you mean .*cufs.*[?] There is no such path either"),
        ("my/photos", UnknownNameError, "no such path"),
        ("./nowhere", DataError, "no file or folder ./nowhere"),
        ("x.npz", DataError, "no file or folder x.npz"),
        ("toyfaces(stile='x')", OptionError, "no option 'stile'"),
        ("toyfaces(style='x')", OptionError, "one of 'sketch', 'shaded'"),
        ("toyfaces(", OptionError, "does not parse"),
        ("torchvision:Mnist", UnknownNameError, "did you mean MNIST"),
    ],
)
def test_a_wrong_request_is_told_what_is_right(request_, error, message):
    with pytest.raises(error, match=message) as caught:
        open_dataset(request_, "train", root=".")
    assert str(caught.value).count("\n") <= 1


def test_images_are_fitted_and_named(photos):
    done = []
    images = load_images(str(photos), "train", GREY, progress=lambda *count: done.append(count))
    dataset = open_dataset(str(photos), "train")
    assert images.names == tuple(dataset.names)
    assert torch.equal(images.pixels[2], pipeline.fit(dataset[2], GREY))
    assert done[-1] == (len(images), len(images))


def test_an_unreadable_image_is_skipped_with_one_warning(photos):
    first, second, *_ = open_dataset(str(photos), "train").names
    for name in (first, second):
        (photos / name).write_text("no image")
    with pytest.warns(AezooWarning, match=f"skipped image {first} and 1 more of .*: cannot read .*no image") as caught:
        images = load_images(str(photos), "train", GREY)
    assert len(caught) == 1
    assert not {first, second} & set(images.names)
    assert len(images) == len(images.names)


def test_all_unreadable_is_an_error_that_names_the_first(photos):
    for path in photos.iterdir():
        path.write_text("no image")
    with pytest.raises(DataError, match=r"none of its \d+ images can be used; the first: cannot read") as error:
        load_images(str(photos), "train", GREY)
    assert "\n" not in str(error.value)


def test_an_empty_split_is_a_one_line_error(tmp_path, save, noise):
    save(tmp_path / "only.png", noise(8, 8))
    with pytest.raises(DataError, match=r"split 'test': it has no image$"):
        load_images(str(tmp_path), "test", GREY)


def test_what_was_slow_is_cached_and_used_again(photos, monkeypatch):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    images = load_images(str(photos), "train", GREY)
    monkeypatch.setattr(pipeline, "_decode", lambda *_: pytest.fail("decoded twice"))
    again = load_images(str(photos), "train", GREY)
    assert torch.equal(images.pixels, again.pixels)
    assert (images.names, images.fingerprint) == (again.names, again.fingerprint)


def test_another_file_or_size_is_not_taken_from_the_cache(photos, monkeypatch, save, noise):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    images = load_images(str(photos), "train", GREY)
    save(photos / images.names[0], noise(10, 12, 3, seed=99))
    assert not torch.equal(images.pixels[0], load_images(str(photos), "train", GREY).pixels[0])
    assert load_images(str(photos), "train", ImageSpec.of(9, 3)).pixels.shape[1:] == (3, 9, 9)


def test_a_damaged_cache_is_made_anew(photos, monkeypatch):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    images = load_images(str(photos), "train", GREY)
    (entry,) = (cache.cache_dir() / "datasets").iterdir()
    entry.write_bytes(entry.read_bytes()[:-5])
    with pytest.warns(AezooWarning, match="decoded anew"):
        assert torch.equal(images.pixels, load_images(str(photos), "train", GREY).pixels)


def test_rows_of_the_right_size_are_taken_whole(noise):
    rows = ImageRows(noise(300, 1, 8, 8), "rows")
    assert np.array_equal(prepare(rows, GREY).pixels, rows.pixels)
    assert prepare(rows, ImageSpec.of(4, 3)).pixels.shape == (300, 3, 4, 4)


def test_what_does_not_fit_in_memory_is_a_one_line_error():
    rows = ImageRows(np.broadcast_to(np.uint8(0), (2**30, 1, 1, 1)), "rows")
    with pytest.raises(DataError, match="do not fit in memory"):
        prepare(rows, ImageSpec.of(4096, 3))


def test_floats_of_a_plugin_are_not_taken_for_pixels():
    class Floats:
        fingerprint = "floats"
        __len__ = lambda self: 3  # noqa: E731
        __getitem__ = lambda self, index: torch.rand(1, 8, 8)  # noqa: E731

    with pytest.raises(DataError, match=r"uint8 \(c, h, w\), not torch.float32"):
        prepare(Floats(), GREY)


def test_binarize_reaches_the_images():
    images = load_images("toyfaces(style='shaded', count=4)", "train", GREY, binarize="static")
    assert images.pixels.unique().tolist() == [0, 255]
