from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
import torch

import aezoo
from aezoo._torchvision import torchvision
from aezoo.datasets import cache, pipeline
from aezoo.datasets.pictures import fit
from aezoo.datasets.pipeline import confirms, dataset_spec, load_images, open_dataset, prepare
from aezoo.datasets.sources import ImageRows
from aezoo.errors import AezooWarning, DataError, OptionError, UnknownNameError
from aezoo.plain import Component, ImageSpec, Option
from aezoo.specs import DatasetSpec
from aezoo.testing import isolated_registry

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
        ("torchvision:Mnist", UnknownNameError, "did you mean torchvision:MNIST"),
    ],
)
def test_a_wrong_request_is_told_what_is_right(request_, error, message):
    with pytest.raises(error, match=message) as caught:
        open_dataset(request_, "train", root=".")
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize("way", ["{0}", "./photos", "photos", "photos/", "photos/../photos", "~/photos", "x.npz"])
def test_a_file_names_no_path(photos, monkeypatch, way):
    np.save(photos.parent / "x.npz", np.zeros(0))
    monkeypatch.chdir(photos.parent)
    monkeypatch.setenv("HOME", str(photos.parent))
    for request in (way.format(photos), Component.of(way.format(photos), seed=1)):
        with pytest.raises(DataError, match=r"asks for the images of .*\n.*say --data PATH to confirm"):
            open_dataset(request, "train", origin="file")
        with pytest.raises(DataError, match="--data PATH"):
            dataset_spec(request, origin="file")


@pytest.mark.parametrize("request_", ["folder", "aezoo/folder", "folder(seed=1)", ("folder", {"seed": 1})])
def test_a_file_does_not_ask_for_the_folder_that_is_the_root(photos, request_):
    assert len(open_dataset(request_, "train", root=photos))
    with pytest.raises(DataError, match="--data PATH"):
        open_dataset(request_, "train", root=photos, origin="file")


def test_a_file_asks_for_registered_data_under_the_callers_root(cufs):
    assert len(open_dataset("cufs", "train", root=cufs, origin="file")) == 2
    assert dataset_spec("cufs", origin="file").name == "cufs"
    assert len(load_images("toyfaces(count=3)", "test", GREY, origin="file")) == 3
    with pytest.raises(DataError, match=r"did you mean .*cufs"):
        open_dataset("cuffs", "train", root=cufs, origin="file")


def test_a_file_downloads_nothing(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(torchvision.datasets, "MNIST", lambda root, train, download: asked.append(download) or [])
    for origin in ("caller", "file"):
        open_dataset("torchvision:MNIST(download=True)", "train", root=tmp_path, origin=origin)
    assert asked == [True, False]


def test_the_spec_of_a_path_is_that_of_folders():
    assert dataset_spec("./long/gone").name == "folder"


def terms_of(member, options):
    return {"licence": f"that of {member}, {options['seed']}"}


def test_the_terms_of_a_family_may_be_those_of_the_member():
    family = DatasetSpec(
        name="many:*",
        summary="",
        implementation=f"{__name__}:terms_of",
        members=f"{__name__}:Every",
        terms=f"{__name__}:terms_of",
        options=(Option(name="seed", type="int", default=3),),
        homepage="of all",
    )
    with isolated_registry("aezoo", family):
        spec = dataset_spec("many:a/b")
    assert (spec.licence, spec.homepage) == ("that of a/b, 3", "of all")


class Every(Collection):
    """A list without end."""

    def __contains__(self, name):
        return True

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def test_a_folder_is_the_same_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "others", "cufs"):
        (tmp_path / name).mkdir()
    for said in ("photos", "./photos", "./photos/", "others/../photos", str(tmp_path / "photos")):
        assert confirms(said, "./photos"), said
    assert not any(confirms(said, "./photos") for said in ("others", "./gone", "cufs", "no such name"))
    assert not confirms("./cufs", "cufs")  # which is the registered one


def test_images_are_fitted_and_named(photos):
    done = []
    images = load_images(str(photos), "train", GREY, progress=lambda *count: done.append(count))
    dataset = open_dataset(str(photos), "train")
    assert images.names == tuple(dataset.names)
    assert torch.equal(images.pixels[2], fit(dataset[2], GREY))
    assert done[-1] == (len(images), len(images))


def test_an_unreadable_image_is_skipped_with_one_warning(photos):
    first, second, *_ = open_dataset(str(photos), "train").names
    for name in (first, second):
        (photos / name).write_text("no image")
    with pytest.warns(AezooWarning, match=f"skipped image {first} and 1 more of .*: cannot read .*no image") as caught:
        images = load_images(str(photos), "train", GREY)
    assert [each.filename for each in caught] == [__file__]
    assert images.skipped == tuple(f"{photos / name}: it is no image" for name in (first, second))
    assert not {first, second} & set(images.names)
    assert len(images) == len(images.names)


def test_files_that_are_no_images_are_named_by_kind_also_from_the_cache(photos, monkeypatch):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    for name in ("a.mov", "b.mov", "c.csv"):
        (photos / name).write_text("no image")
    for _ in range(2):
        with pytest.warns(AezooWarning, match="not read, of .* files: 2 .mov, 1 .csv$"):
            images = load_images(str(photos), "all", GREY)
        assert images.skipped[0] == f"{photos / 'a.mov'}: no image that Pillow reads (.mov)"


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
    with pytest.warns(AezooWarning, match="GB are not free"), pytest.raises(DataError, match="do not fit in memory"):
        prepare(rows, ImageSpec.of(4096, 3))


def test_images_too_many_for_memory_are_the_same_from_disk(monkeypatch):
    rows = ImageRows(np.arange(300 * 64, dtype=np.uint8).reshape(300, 1, 8, 8), "rows")
    inside = prepare(rows, GREY)
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    decoded, cached = prepare(rows, GREY), prepare(rows, GREY)
    assert decoded.pixels.equal(inside.pixels)
    assert cached.pixels.equal(inside.pixels)


class Greys:
    """A stranger's dataset: twenty greys, some of which cannot be read."""

    fingerprint = "greys 1"
    classes, factor_names = ("dark", "bright"), ("level",)
    broken = ()

    def __len__(self):
        return 20

    def __getitem__(self, index):
        if index in self.broken:
            raise DataError(f"no grey {index}")
        return torch.full((1, 8, 8), 10 * index, dtype=torch.uint8)

    def labels(self, indices):
        return [int(index >= 10) for index in indices]

    def factors(self, indices):
        return torch.tensor(indices)[:, None] / 20


def test_labels_and_factors_are_collected():
    images = prepare(Greys(), GREY)
    assert images.labels.tolist() == [0] * 10 + [1] * 10
    assert torch.equal(images.factors, torch.arange(20)[:, None] / 20)
    assert (images.classes, images.factor_names) == (("dark", "bright"), ("level",))


def test_what_is_known_of_a_skipped_image_is_dropped(monkeypatch):
    monkeypatch.setattr(Greys, "broken", (0, 3, 19))
    with pytest.warns(AezooWarning, match="skipped image 0 and 2 more of 20"):
        images = prepare(Greys(), GREY)
    places = images.pixels[:, 0, 0, 0].long() // 10
    assert len(images) == 17
    assert torch.equal(images.index, places)
    assert torch.equal(images.labels, (places >= 10).long())
    assert torch.equal(images.factors[:, 0], places / 20)
    assert images.batch([0, 2]).index.tolist() == [1, 4]


def test_cached_labels_are_those_of_the_dataset(monkeypatch):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    fresh = prepare(Greys(), GREY)
    for asked in ("__getitem__", "labels", "factors"):
        monkeypatch.setattr(Greys, asked, lambda *_: pytest.fail("asked twice"))
    again = prepare(Greys(), GREY)
    assert torch.equal(fresh.labels, again.labels)
    assert torch.equal(fresh.factors, again.factors)
    assert again.classes == fresh.classes


@pytest.mark.parametrize("damage", [b"", b"text"])
def test_damaged_labels_are_asked_for_anew(monkeypatch, damage):
    monkeypatch.setattr(pipeline, "WORTH_CACHING", 0.0)
    fresh = prepare(Greys(), GREY)
    (entry,) = (cache.cache_dir() / "datasets").glob("*-labels.npy")
    whole = entry.read_bytes()
    entry.write_bytes(damage)
    with pytest.warns(AezooWarning, match="decoded anew"):
        assert torch.equal(prepare(Greys(), GREY).labels, fresh.labels)
    assert entry.read_bytes() == whole


@pytest.mark.parametrize(
    ("what", "answer", "message"),
    [
        ("labels", np.zeros(20), "the dataset: labels of 20 images are whole numbers .*, not float64 .20,."),
        ("labels", np.zeros(3, int), "not int64 .3,."),
        ("labels", ["cat"] * 20, "not <U3"),
        ("factors", np.zeros(20), "factors of 20 images are numbers .n, f., not"),
    ],
)
def test_labels_of_another_form_are_refused_in_one_line(monkeypatch, what, answer, message):
    monkeypatch.setattr(Greys, what, lambda *_: answer)
    with pytest.raises(DataError, match=message) as error:
        prepare(Greys(), GREY)
    assert "\n" not in str(error.value)


def test_labels_that_are_no_method_are_refused(monkeypatch):
    monkeypatch.setattr(Greys, "labels", np.zeros(20, int))
    with pytest.raises(DataError, match="its labels are a ndarray, not a method that takes indices"):
        prepare(Greys(), GREY)


@pytest.mark.parametrize(
    ("item", "named"),
    [(torch.rand(1, 8, 8), r"torch.float32 \(1, 8, 8\)"), ((torch.zeros(1, 8, 8), 0), "tuple"), (None, "NoneType")],
    ids=["floats", "pair", "nothing"],
)
def test_only_bytes_are_taken_for_pixels(monkeypatch, item, named):
    monkeypatch.setattr(Greys, "__getitem__", lambda self, index: item)
    with pytest.raises(DataError, match=rf"a picture is a tensor, uint8 \(c, h, w\), not {named}"):
        prepare(Greys(), GREY)


@pytest.mark.parametrize("fingerprint", [None, "", 7])
def test_without_a_fingerprint_images_would_be_taken_for_others(monkeypatch, fingerprint):
    monkeypatch.setattr(Greys, "fingerprint", fingerprint)
    with pytest.raises(DataError, match=f"its fingerprint is a text that changes .*, not {fingerprint!r}"):
        prepare(Greys(), GREY)


def test_binarize_reaches_the_images():
    images = load_images("toyfaces(style='shaded', count=4)", "train", GREY, binarize="static")
    assert images.pixels.unique().tolist() == [0, 255]


def test_splits_are_drawn_black_and_white_independently():
    class Grey:
        """The same image everywhere: what differs is the draw."""

        fingerprint = "grey"
        __len__ = lambda self: 4  # noqa: E731
        __getitem__ = lambda self, index: torch.full((1, 28, 28), 128, dtype=torch.uint8)  # noqa: E731

    train, test = (prepare(Grey(), GREY, split=split, binarize="static").pixels for split in ("train", "test"))
    assert 0.4 < (train == test).float().mean() < 0.6
    assert torch.equal(test, prepare(Grey(), GREY, split="test", binarize="static").pixels)


def test_a_dataset_is_that_of_a_model(photos, monkeypatch):
    spec = aezoo.describe("cis680-vae16", image_size=28)
    for model in (spec, ImageSpec((28, 28))):
        data = aezoo.dataset("toyfaces(count=4)", "test", model=model, binarize="threshold")
        assert torch.equal(
            data.pixels, load_images("toyfaces(count=4)", "test", spec.image, binarize="threshold").pixels
        )
    monkeypatch.chdir(photos.parent)
    of_path = aezoo.dataset(Path(photos.name), model=spec)
    assert of_path[0].shape == (1, 28, 28)
    with pytest.raises(OptionError, match="model='cis680-vae16': give a model, its spec"):
        aezoo.dataset("toyfaces", model="cis680-vae16")
