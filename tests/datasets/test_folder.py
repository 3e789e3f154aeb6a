import io
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets import folder
from aezoo.datasets.folder import open_folder
from aezoo.datasets.splits import held_out
from aezoo.errors import AezooWarning, DataError, OptionError


def test_a_folder_is_read_with_its_subfolders(tmp_path, save, noise):
    for name in ("a.png", "b/c.webp", "b/d/e.TIFF", ".hidden/f.png", "b/.g.png"):
        save(tmp_path / name, noise(5, 4))
    (tmp_path / "notes.txt").write_text("no image")
    names = sorted([*open_folder("train", tmp_path).names, *open_folder("test", tmp_path).names])
    assert names == ["a.png", "b/c.webp", "b/d/e.TIFF"]


def test_own_subfolders_are_the_splits(tmp_path, save, noise):
    for name in ("train/a.png", "train/b.png", "val/c.png"):
        save(tmp_path / name, noise(5, 4))
    assert list(open_folder("train", tmp_path).names) == ["a.png", "b.png"]
    assert list(open_folder("val", tmp_path).names) == ["c.png"]
    with pytest.raises(OptionError, match=r"no split 'test'; it has train and val; ln -s val .*test makes val one"):
        open_folder("test", tmp_path)


def test_subfolders_are_the_classes(tmp_path, save, noise):
    for number in range(30):
        save(tmp_path / ("dogs", "cats", "cats/old")[number % 3] / f"{number}.png", noise(5, 4))
    for split in ("train", "test"):
        images = open_folder(split, tmp_path)
        labels = images.labels(np.arange(len(images)))
        assert [images.classes[label] for label in labels] == [name.split("/")[0] for name in images.names]
    assert images.classes == ["cats", "dogs"]


def test_a_class_has_one_number_in_every_split(tmp_path, save, noise):
    for name in ("train/a/1.png", "train/b/1.png", "train/c/1.png", "test/c/1.png"):
        save(tmp_path / name, noise(5, 4))
    (tmp_path / "val").mkdir()
    before = open_folder("test", tmp_path)
    assert before.labels(np.arange(1)).tolist() == [2]
    save(tmp_path / "train/aa/1.png", noise(5, 4))
    after = open_folder("test", tmp_path)
    assert after.labels(np.arange(1)).tolist() == [3]
    assert after.fingerprint != before.fingerprint


@pytest.mark.parametrize("names", [("a/1.png", "b/2.png", "3.png"), ("a/1.png", "a/2.png"), ("1.png", "2.png")])
def test_other_folders_have_no_classes(tmp_path, save, noise, names):
    for name in names:
        save(tmp_path / name, noise(5, 4))
    assert open_folder("train", tmp_path).labels(np.arange(1)) is None


def test_an_image_keeps_its_side_when_others_are_added():
    names = [f"{number}.png" for number in range(1000)]
    few = {names[index] for index in held_out("x", names[:500], "test")}
    many = {names[index] for index in held_out("x", names, "test")}
    assert few == many & set(names[:500])
    assert 70 <= len(many) <= 130
    assert few != {names[index] for index in held_out("x", names[:500], "test", seed=1)}


def test_few_test_images_are_warned_of():
    with pytest.warns(AezooWarning, match=r"^x: its test split, drawn by name, has \d of 40 images"):
        held_out("x", [f"{number}.png" for number in range(40)], "test")


@pytest.mark.parametrize("count", range(1, 30))
def test_no_split_is_empty_from_two_images_on(count):
    train, test = (held_out("x", [f"{i}" for i in range(count)], split) for split in ("train", "test"))
    assert sorted(train + test) == list(range(count))
    assert train
    assert bool(test) == (count > 1)


@pytest.mark.parametrize(
    "shape", [(20, 6, 5), (20, 6, 5, 1), (20, 1, 6, 5), (20, 6, 5, 3), (20, 3, 6, 5), (20, 6, 5, 4)]
)
@pytest.mark.parametrize("kind", ["uint8", "bool", "float32"])
def test_arrays_of_every_form(tmp_path, noise, shape, kind):
    pixels = noise(*shape)
    values = {"uint8": pixels, "bool": pixels > 127, "float32": pixels.astype(np.float32) / 255}[kind]
    np.save(tmp_path / "x.npy", values)
    train, test = open_folder("train", tmp_path / "x.npy"), open_folder("test", tmp_path / "x.npy")
    assert len(train) + len(test) == 20
    assert train[0].shape == (3 if set(shape[1:]) & {3, 4} else 1, 6, 5)
    if kind != "bool" and shape == (20, 6, 5):
        row = held_out("x", [str(i) for i in range(20)], "train")[0]
        assert torch.equal(train[0][0], torch.from_numpy(pixels[row]))


def test_an_npz_says_which_array_by_key_or_by_form(tmp_path, noise):
    np.savez(tmp_path / "key.npz", imgs=noise(9, 6, 5), x_test=noise(9, 6, 5), meta=np.array([{}], dtype=object))
    np.savez(tmp_path / "form.npz", pictures=noise(9, 6, 5), labels=np.arange(9))
    np.savez(tmp_path / "both.npz", a=noise(9, 6, 5), b=noise(9, 6, 5))
    for name in ("key.npz", "form.npz"):
        assert len(open_folder("train", tmp_path / name)) + len(open_folder("test", tmp_path / name)) == 9
    with pytest.raises(DataError, match="holds a, b: name the array of images one of images, imgs, x"):
        open_folder("train", tmp_path / "both.npz")


@pytest.mark.parametrize("key", ["labels", "y"])
def test_an_npz_holds_labels_and_factors(tmp_path, noise, key):
    pixels, factors = noise(20, 6, 5), np.random.default_rng(0).random((20, 3), np.float32)
    np.savez(tmp_path / "x.npz", images=pixels, factors=factors, **{key: np.arange(20, dtype=np.uint8)})
    test = open_folder("test", tmp_path / "x.npz")
    rows = test.labels(np.arange(len(test)))
    assert len(rows) > 1
    assert np.array_equal(test.pixels[:, 0], pixels[rows])
    assert np.array_equal(test.factors(np.arange(len(test))), factors[rows])


@pytest.mark.parametrize("labels", [np.arange(19), np.zeros(20), np.array([{}] * 20), np.array(["cat"] * 20)])
def test_other_labels_are_left_out_with_a_warning(tmp_path, noise, labels):
    np.savez(tmp_path / "x.npz", images=noise(20, 6, 5), labels=labels)
    with pytest.warns(
        AezooWarning, match="x.npz: 'labels' is left out: (labels of 20 images are whole numbers|Object)"
    ):
        train = open_folder("train", tmp_path / "x.npz")
    assert train.labels(np.arange(1)) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([{}, {}, {}], dtype=object), "it holds Python objects"),
        (np.zeros((4, 6, 5), np.int64), "values of type int64; give uint8, bool, or floats"),
        (np.full((4, 6, 5), 2.0), "floats from 2 to 2"),
        (np.full((4, 6, 5), np.nan), "floats from nan"),
        (np.zeros((4, 6), np.uint8), r"images of shape \(6,\)"),
        (np.zeros((4, 6, 5, 7), np.uint8), r"images of shape \(6, 5, 7\)"),
    ],
)
def test_other_arrays_are_refused_in_one_line(tmp_path, values, message):
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    with pytest.raises(DataError, match=message) as error:
        open_folder("train", tmp_path / "x.npy")
    assert "\n" not in str(error.value)


def test_a_damaged_npz_is_one_line(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match=r"cannot read .*x.npz") as error:
        open_folder("train", tmp_path / "x.npz")
    assert "\n" not in str(error.value)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match=r"no image in .* or its subfolders"):
        open_folder("train", tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        open_folder("train", tmp_path / "nowhere")
    with pytest.raises(DataError, match="which one"):
        open_folder("train")


def test_the_fingerprint_follows_split_seed_and_files(tmp_path, save, noise):
    for number in range(30):
        save(tmp_path / f"{number}.png", noise(5, 4))
    prints = [
        open_folder(*a, seed=s).fingerprint
        for *a, s in (("train", tmp_path, 0), ("test", tmp_path, 0), ("train", tmp_path, 1))
    ]
    assert open_folder("test", tmp_path).names != open_folder("test", tmp_path, seed=1).names
    (tmp_path / open_folder("train", tmp_path).names[0]).write_bytes(b"other")
    assert len({*prints, open_folder("train", tmp_path).fingerprint}) == 4


def test_two_places_have_two_fingerprints_though_their_files_are_alike(tmp_path):
    for place, value in (("a", 10), ("b", 200)):
        (tmp_path / place).mkdir()
        for number in range(3):
            Image.new("L", (4, 4), value).save(tmp_path / place / f"{number}.bmp")
        np.save(tmp_path / place / "images.npy", np.full((3, 4, 4), value, np.uint8))
        for path in (tmp_path / place).iterdir():
            os.utime(path, (0, 0))  # as archives that are made to be the same each time
    for name in ("", "images.npy"):
        assert len({open_folder("all", tmp_path / place / name).fingerprint for place in "ab"}) == 2
    assert open_folder("all", tmp_path / "a").fingerprint == open_folder("all", tmp_path / "b" / ".." / "a").fingerprint


def test_links_to_folders_are_followed_once(tmp_path, save, noise):
    for name in ("a/dogs/1.png", "b/cats/2.png"):
        save(tmp_path / name, noise(5, 4))
    (tmp_path / "b/dogs").symlink_to(tmp_path / "a/dogs")
    (tmp_path / "b/cats/again").symlink_to(tmp_path / "b")
    images = open_folder("all", tmp_path / "b")
    assert images.names == ["cats/2.png", "dogs/1.png"]
    assert images.classes == ["cats", "dogs"]


def test_all_is_the_folder_as_it_is(tmp_path, save, noise):
    for name in ("train/a.png", "val/b.png", "c.png"):
        save(tmp_path / name, noise(5, 4))
    assert list(open_folder("all", tmp_path).names) == ["c.png", "train/a.png", "val/b.png"]
    np.save(tmp_path / "x.npy", noise(20, 6, 5))
    assert len(open_folder("all", tmp_path / "x.npy")) == 20


def test_files_that_are_no_images_are_counted_once_each(tmp_path, save, noise):
    for number in range(40):
        save(tmp_path / f"{number}.png", noise(5, 4))
        (tmp_path / f"{number}.csv").write_text("no image")
    train, test = (open_folder(split, tmp_path).skipped for split in ("train", "test"))
    assert not set(train) & set(test)
    assert {**train, **test} == open_folder("all", tmp_path).skipped
    assert sorted({**train, **test}) == sorted(map(str, tmp_path.glob("*.csv")))


def test_files_of_phones_say_how_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "reads_heif", lambda: False)
    for name in ("IMG_1.HEIC", "b.heic", "clip.mov", "noending"):
        (tmp_path / name).write_text("a picture, they say")
    with pytest.raises(DataError) as error:
        open_folder("train", tmp_path)
    assert "2 .heic ('pip install pillow-heif' reads them), 1 .mov, 1 without an ending" in str(error.value)


def test_a_member_of_an_archive_is_read_and_never_extracted(tmp_path, noise):
    data = io.BytesIO()
    np.save(data, noise(3, 8, 8))
    with zipfile.ZipFile(tmp_path / "in.npz", "w") as archive:
        archive.writestr("../../climbs.npy", data.getvalue())
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("images", b"no array")
    assert len(open_folder("all", tmp_path / "in.npz")) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bytes.npz", "in.npz"]
    assert not (tmp_path.parents[1] / "climbs.npy").exists()
    with pytest.raises(DataError, match=r"bytes\.npz: images of shape"):
        open_folder("all", tmp_path / "bytes.npz")
