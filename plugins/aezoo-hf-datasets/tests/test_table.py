import io
import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from datasets import Features, Value
from huggingface_hub import constants

from aezoo.cli import commands
from aezoo.datasets.image_array import data_hash
from aezoo.datasets.pipeline import dataset_spec, load_images, open_dataset, prepare
from aezoo.errors import AezooError, DataError, OptionError, WeightsError
from aezoo.plain import ImageSpec
from aezoo.recipe import Recipe
from aezoo.training.data import load_recorded, load_splits

from .conftest import parquet, pictures, png

NAME = "hf:me/faces"
TAKEN = f"{NAME}(streaming=True, take=7)"


def pixels(array):
    return torch.from_numpy(array).movedim(-1, 0)


def same(data, arrays):
    return len(data) == len(arrays) and all(
        torch.equal(data[index], pixels(array)) for index, array in enumerate(arrays)
    )


def test_a_downloaded_split_is_what_was_uploaded(faces):
    train, test = faces
    assert same(open_dataset(f"{NAME}(download=True)", "train"), train)
    assert same(open_dataset(f"{NAME}(download=True)", "test"), test)


def test_labels_follow_their_images_into_batches(faces):
    images = load_images(f"{NAME}(download=True)", "train", ImageSpec((10, 12), 3))
    batch = images.batch([3, 0, 4])
    assert batch.labels.tolist() == [1, 0, 0]
    assert images.classes == ("cat", "dog")
    assert torch.equal((batch.images[1] * 255).to(torch.uint8), pixels(faces[0][0]))


def test_what_was_downloaded_is_read_without_the_network(faces, hub):
    open_dataset(f"{NAME}(download=True)", "train")
    hub.requests.clear()
    assert same(open_dataset(NAME, "train"), faces[0])
    assert same(open_dataset(NAME, "test", origin="file"), faces[1])
    assert hub.requests == []


def test_nothing_is_fetched_unasked(faces, hub):
    with pytest.raises(DataError, match=r"hf:me/faces: not in the cache .*\nsay hf:me/faces\(download=True\)"):
        open_dataset(NAME, "train")
    for request in (f"{NAME}(download=True)", TAKEN):  # which a file may not ask for
        with pytest.raises(DataError, match="not in the cache"):
            open_dataset(request, "train", origin="file")
    assert hub.requests == []


def test_a_stream_is_read_once_in_its_order_and_leaves_no_file(faces, hub, tmp_path):
    image = ImageSpec((10, 12), 3)
    streamed = load_images(TAKEN, "train", image)
    assert len([asked for asked in hub.requests if asked.endswith("train.parquet")]) <= 2  # its end, and its rows
    assert not (tmp_path / "datasets/me___faces").exists()
    downloaded = load_images(f"{NAME}(download=True, take=7)", "train", image)
    assert torch.equal(streamed.pixels, downloaded.pixels)
    assert streamed.labels.tolist() == downloaded.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]


def test_a_stream_gives_any_row_again(faces):
    data = open_dataset(TAKEN, "train")
    assert len(data) == 7
    assert data.labels(np.array([6, 1])).tolist() == [0, 1]
    for index in (6, 0, 3, 3, 2):
        assert torch.equal(data[index], pixels(faces[0][index]))


def test_a_stream_that_is_shorter_than_taken(faces):
    data = open_dataset(f"{NAME}(streaming=True, take=40)", "test")
    assert torch.equal(data[4], pixels(faces[1][4]))
    with pytest.raises(DataError, match="there is no row 5: the split has fewer than take=40"):
        data[5]


def test_a_stream_that_breaks_off_is_no_image_less(faces, monkeypatch):
    def broken():
        yield {"image": {"bytes": png(faces[0][0]), "path": None}, "kind": 0}
        raise ConnectionError("the line is dead")

    data = open_dataset(TAKEN, "train")
    monkeypatch.setattr(data._rows, "_data", broken())
    with pytest.raises(AezooError, match="broke off before row 1 of 7: the line is dead") as raised:
        prepare(data, ImageSpec((8, 8)))
    assert not isinstance(raised.value, DataError)


def test_a_run_goes_on_with_the_same_rows_or_not_at_all(faces, hub, tmp_path):
    recipe, image = Recipe(dataset=f"{NAME}(streaming=True, take=5)"), ImageSpec((8, 8))
    recorded = {name: data_hash(images) for name, images in load_splits(recipe, image).named().items()}
    load_recorded(tmp_path, recipe, image, recorded, root=None, origin="caller")
    with pytest.raises(DataError, match="not in the cache"):
        load_recorded(tmp_path, recipe, image, recorded, root=None, origin="file")
    table = parquet(map(png, pictures(6, seed=3)))
    hub.add("datasets/me/faces", {"data/train.parquet": table, "data/test.parquet": table})
    with pytest.raises(WeightsError, match=r"the train images of hf:me/faces.* are not those"):
        load_recorded(tmp_path, recipe, image, recorded, root=None, origin="caller")


def test_one_split_alone_is_cut_in_two(hub):
    hub.add("datasets/me/faces", {"data/train.parquet": parquet(map(png, pictures(40)))})
    train, test = (open_dataset(f"{NAME}(download=True)", split) for split in ("train", "test"))
    assert len(train) + len(test) == 40
    assert 1 <= len(test) <= 10
    shown = {image.numpy().tobytes() for data in (train, test) for image in (data[i] for i in range(len(data)))}
    assert len(shown) == 40
    with pytest.raises(OptionError, match="has no split 'trian'; it has train"):
        open_dataset(f"{NAME}(train='trian')", "train")
    assert len(open_dataset(f"{NAME}(test='train')", "test")) == len(test)


def test_splits_of_other_names(hub):
    files = {f"data/{split}.parquet": parquet(map(png, pictures(n))) for split, n in (("train", 6), ("validation", 3))}
    hub.add("datasets/me/faces", files)
    with pytest.raises(OptionError, match="has no split 'test'; it has train and validation"):
        open_dataset(f"{NAME}(download=True)", "test")
    assert len(open_dataset(f"{NAME}(download=True, test='validation')", "test")) == 3
    assert len(open_dataset(NAME, "validation")) == 3


def test_revisions(hub):
    first = hub.add("datasets/me/faces", {"README.md": b"1", "data/train.parquet": parquet(map(png, pictures(4)))})
    hub.repositories["datasets/me/faces"].refs["v1"] = first
    later = pictures(6, seed=2)
    hub.add("datasets/me/faces", {"README.md": b"2", "data/train.parquet": parquet(map(png, later))})
    of_v1 = open_dataset(f"{NAME}(revision='v1', download=True)", "train")
    of_main = open_dataset(f"{NAME}(download=True)", "train")
    assert of_v1.fingerprint != of_main.fingerprint
    for revision, data in (("", of_main), ("v1", of_v1), (first, of_v1)):
        assert open_dataset((NAME, {"revision": revision}), "train").fingerprint == data.fingerprint
    with pytest.raises(DataError, match=r"hf:me/faces@v2: not in the cache .* but subset 'default' at "):
        open_dataset(f"{NAME}(revision='v2')", "train")
    with pytest.raises(DataError, match="hf:me/faces has no revision 'v2'"):
        open_dataset(f"{NAME}(revision='v2', download=True)", "train")


def test_subsets(hub):
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/train.parquet\n" for name in ("big", "small"))
    files = {f"{name}/train.parquet": parquet(map(png, pictures(n))) for name, n in (("big", 9), ("small", 3))}
    hub.add("datasets/me/faces", {"README.md": f"---\nconfigs:\n{configs}---\n".encode(), **files})
    with pytest.raises(DataError, match=r"hf:me/faces: .*big.*small"):
        open_dataset(f"{NAME}(download=True)", "train")
    for name in ("big", "small"):
        open_dataset(f"{NAME}(subset='{name}', download=True)", "train")
    with pytest.raises(DataError, match="has several subsets: say which, as in subset='big' or 'small'"):
        open_dataset(NAME, "train")
    data = [open_dataset(f"{NAME}(subset='small')", split) for split in ("train", "test")]
    assert sum(map(len, data)) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"image_column": "photo"},
            r"no column 'photo' of images; it has image .* kind \(ClassLabel\), number \(int32\)",
        ),
        ({"image_column": "kind"}, "no column 'kind' of images"),
        ({"label_column": "name"}, r"no column 'name' of classes or whole numbers; it has image \(Image\), kind"),
        ({"label_column": "image"}, "no column 'image' of classes or whole numbers"),
        ({"streaming": True}, "streaming=True needs take=N, how many images to read, and no download"),
        ({"streaming": True, "take": 3, "download": True}, "streaming=True needs take=N"),
    ],
)
def test_options_that_do_not_fit(faces, options, said):
    with pytest.raises(OptionError, match=said):
        open_dataset((NAME, {"download": "streaming" not in options, **options}), "train")


def test_a_table_without_images(hub):
    table = io.BytesIO()
    datasets.Dataset.from_list([{"text": "a"}, {"text": "b"}]).to_parquet(table)
    hub.add("datasets/me/faces", {"data/train.parquet": table.getvalue()})
    with pytest.raises(OptionError, match=r"hf:me/faces has no column of images; it has text \(string\)"):
        open_dataset(f"{NAME}(download=True)", "train")


def test_two_columns_of_images(hub):
    features = Features(image=datasets.Image(), mask=datasets.Image())
    rows = [{"image": png(picture), "mask": png(255 - picture)} for picture in pictures(3)]
    table = io.BytesIO()
    datasets.Dataset.from_list(rows, features=features).to_parquet(table)
    hub.add("datasets/me/faces", {"data/train.parquet": table.getvalue()})
    with pytest.raises(OptionError, match="several columns of images: say image_column='image' or 'mask'"):
        open_dataset(f"{NAME}(download=True)", "train")
    data = [open_dataset(f"{NAME}(download=True, image_column='mask')", split) for split in ("train", "test")]
    assert data[0].labels(np.array([0])) is None
    assert sum(map(len, data)) == 3


def test_labels_that_are_asked_for_or_not(faces):
    numbers = open_dataset(f"{NAME}(download=True, label_column='number')", "train")
    assert numbers.labels(np.array([0, 5])).tolist() == [0, 35]
    assert numbers.classes == ()
    assert open_dataset(f"{NAME}(label_column='')", "train").labels(np.array([0])) is None


@pytest.mark.parametrize("missing", [None, -1])
def test_a_missing_label_means_that_there_are_none(hub, missing):
    features = Features(image=datasets.Image(), kind=Value("int8"))
    rows = [{"image": png(picture), "kind": missing if index == 2 else 1} for index, picture in enumerate(pictures(3))]
    table = io.BytesIO()
    datasets.Dataset.from_list(rows, features=features).to_parquet(table)
    hub.add("datasets/me/faces", {"data/train.parquet": table.getvalue(), "data/test.parquet": table.getvalue()})
    data = open_dataset(f"{NAME}(download=True, label_column='kind')", "train")
    assert data.labels(np.arange(3)) is None


def test_pictures_that_cannot_be_read_are_skipped(hub):
    good = png(pictures(1)[0])
    table = parquet([good, b"no picture", None, good])
    hub.add("datasets/me/faces", {"data/train.parquet": table, "data/test.parquet": table})
    with pytest.warns(match=r"skipped image 1 and 1 more of 4: cannot read a picture of 10 bytes: it is no image"):
        images = load_images(f"{NAME}(download=True)", "train", ImageSpec((8, 8)))
    assert images.index.tolist() == [0, 3]
    assert images.labels.tolist() == [0, 1]


def test_an_interpreter_is_never_run_on_a_picture(hub):
    table = parquet([b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"] * 2)
    hub.add("datasets/me/faces", {"data/train.parquet": table, "data/test.parquet": table})
    data = open_dataset(f"{NAME}(download=True)", "train")
    with pytest.raises(DataError, match="it is no image"):
        data[0]


@pytest.mark.parametrize("form", ["{}", "file://{}::hf://datasets/me/faces@main/x.png"])
@pytest.mark.parametrize("mode", ["download=True", "streaming=True, take=2"])
def test_a_table_may_not_name_files_outside_of_it(hub, tmp_path, mode, form):
    (tmp_path / "private.png").write_bytes(png(pictures(1)[0]))
    table = io.BytesIO()
    rows = [{"image": {"bytes": None, "path": form.format(tmp_path / "private.png")}}] * 2
    stored = Features(image={"bytes": Value("binary"), "path": Value("string")})
    features = json.dumps({"info": {"features": Features(image=datasets.Image()).to_dict()}})
    made = pa.Table.from_pylist(rows, stored.arrow_schema).replace_schema_metadata({"huggingface": features})
    pq.write_table(made, table)
    hub.add("datasets/me/faces", {"data/train.parquet": table.getvalue(), "data/test.parquet": table.getvalue()})
    data = open_dataset(f"{NAME}({mode})", "train")
    with pytest.raises(DataError, match=r"cannot read .*private\.png.*: it is outside the dataset"):
        data[0]


@pytest.mark.parametrize("mode", ["download=True", "streaming=True, take=4"])
def test_a_folder_of_pictures_on_the_hub(hub, mode):
    arrays = pictures(4)
    names = [f"train/{kind}/{index}.png" for index, kind in enumerate(("cat", "cat", "dog", "dog"))]
    files = {name: png(array) for name, array in zip(names, arrays, strict=True)}
    hub.add("datasets/me/faces", files | {"test/cat/4.png": png(arrays[0]), "test/dog/5.png": png(arrays[1])})
    data = open_dataset(f"{NAME}({mode})", "train")
    assert same(data, arrays)
    assert data.labels(np.arange(4)).tolist() == [0, 0, 1, 1]
    assert data.classes == ("cat", "dog")
    if mode == "download=True":
        assert same(open_dataset(NAME, "train"), arrays)


def test_a_picture_that_the_network_does_not_give_is_none_that_is_skipped(hub, monkeypatch):
    files = {
        f"{split}/cat/{index}.png": png(each) for split in ("train", "test") for index, each in enumerate(pictures(3))
    }
    hub.add("datasets/me/faces", files)
    data = open_dataset(f"{NAME}(streaming=True, take=3)", "train")

    def broken(*_):
        raise ConnectionError("the line is dead")

    monkeypatch.setattr("aezoo_hf_datasets.table.fsspec.open", broken)
    with pytest.raises(AezooError, match=r"cannot reach hf://.*: the line is dead") as raised:
        prepare(data, ImageSpec((8, 8)))
    assert not isinstance(raised.value, DataError)


def test_a_picture_without_end_is_not_read(hub, monkeypatch):
    monkeypatch.setattr("aezoo_hf_datasets.table.LARGEST", 60)
    (picture,) = pictures(1)
    hub.add("datasets/me/faces", {f"{split}/cat/{split}.png": png(picture) for split in ("train", "test")})
    data = open_dataset(f"{NAME}(streaming=True, take=1)", "train")
    with pytest.raises(DataError, match=r"cannot read .*: it has more than 60 bytes"):
        data[0]


def test_a_name_that_the_cache_spells_otherwise(hub):
    table = parquet(map(png, pictures(3)))
    hub.add("datasets/Me/MyFaces-v1.0", {"data/train.parquet": table, "data/test.parquet": table})
    open_dataset("hf:Me/MyFaces-v1.0(download=True)", "train")
    assert same(open_dataset("hf:Me/MyFaces-v1.0", "train"), pictures(3))


def test_a_dataset_that_is_not_there(hub):
    with pytest.raises(DataError, match="hf:me/nothing: the Hub has no such dataset, or not for you") as raised:
        open_dataset("hf:me/nothing(download=True)", "train")
    assert len(str(raised.value).splitlines()) == 2
    with pytest.raises(OptionError, match="write owner/name"):
        open_dataset("hf:nothing", "train")


def test_a_repository_without_data(hub):
    hub.add("datasets/me/faces", {"README.md": b"nothing yet"})
    with pytest.raises(DataError, match=r"hf:me/faces: .*doesn't contain any data files"):
        open_dataset(f"{NAME}(download=True)", "train")


def test_offline_it_says_so_or_reads_what_is_here(faces, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for request in (f"{NAME}(download=True)", TAKEN):
        with pytest.raises(DataError, match=r"the Hub cannot be reached: .*HF_HUB_OFFLINE.*\nand hf:me/faces: not in"):
            open_dataset(request, "train")
    with monkeypatch.context() as online:
        online.setattr(constants, "HF_HUB_OFFLINE", False)
        online.setattr(datasets.config, "HF_HUB_OFFLINE", False)
        open_dataset(f"{NAME}(download=True)", "train")
    assert same(open_dataset(f"{NAME}(download=True)", "train"), faces[0])
    assert same(open_dataset(TAKEN, "train"), faces[0][:7])


def test_a_folder_of_that_name_is_not_meant(faces, hub, tmp_path, monkeypatch):
    (tmp_path / "me/faces").mkdir(parents=True)
    (tmp_path / "me/faces/a.png").write_bytes(png(pictures(1, seed=9)[0]))
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset(f"{NAME}(download=True)", "train")) == 12


def test_terms_are_those_of_the_card(faces):
    assert dataset_spec(NAME).licence == "that of the member"
    open_dataset(f"{NAME}(download=True)", "train")
    spec = dataset_spec(NAME, "file")
    assert (spec.licence, spec.homepage) == ("cc-by-4.0", "https://huggingface.co/datasets/me/faces")
    assert not spec.redistributable


def test_terms_of_a_licence_of_its_own(hub):
    card = "---\nlicense: other\nlicense_name: ours\nlicense_link: LICENSE\n---\n"
    hub.add("datasets/me/faces", {"README.md": card.encode(), "data/train.parquet": parquet(map(png, pictures(2)))})
    open_dataset(TAKEN, "train")
    assert dataset_spec(NAME).licence == "ours, LICENSE"


def test_what_is_here_is_listed(faces):
    open_dataset(f"{NAME}(download=True)", "train")
    result = CliRunner().invoke(commands, ["list", "dataset", "hf:*"])
    assert (result.exit_code, "hf:me/faces" in result.stdout) == (0, True)


def test_a_licence_is_read_no_longer_than_it_is(hub):
    lists = "\n".join(f"x{at}: &x{at} [{', '.join([f'*x{at - 1}'] * 10)}]" for at in range(1, 5))  # 10,000 in all
    card = f"---\nx0: &x0 [mit]\n{lists}\nlicense: [*x4, mit]\nlicense_name: {'n' * 999}\n---\n"
    hub.add("datasets/me/faces", {"README.md": card.encode(), "data/train.parquet": parquet(map(png, pictures(2)))})
    open_dataset(TAKEN, "train")
    assert dataset_spec(NAME).licence == "mit, " + "n" * 200
