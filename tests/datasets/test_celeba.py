import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets.celeba import CelebA
from aezoo.datasets.pipeline import load_images
from aezoo.errors import AezooWarning, DataError, OptionError
from aezoo.plain import ImageSpec
from aezoo.recipe import Recipe
from aezoo.training.data import load_splits


def test_the_box_scales_with_the_image(celeba):
    train = CelebA("train", celeba)
    picture = Image.open(celeba / "celeba" / train.names[0])
    box = {178: (25, 45, 153, 173), 89: (12, 22, 76, 86)}[picture.width]
    assert torch.equal(train[0], torch.from_numpy(np.array(picture.crop(box))).permute(2, 0, 1))
    assert CelebA("train", celeba, crop=False)[0].shape == (3, picture.height, picture.width)


def test_the_partition_gives_the_split(celeba):
    assert [name[-5] for name in CelebA("train", celeba).names] == ["0", "2"]  # 000099 is listed and not there
    assert [name[-5] for name in CelebA("test", celeba / "celeba").names] == ["1", "3"]
    with pytest.raises(DataError, match="in the split 'valid'\nadd that split's files") as error:
        CelebA("valid", celeba)
    assert str(error.value).count("\n") == 1
    with pytest.raises(OptionError, match="train and val and test"):
        CelebA("all", celeba)


def test_groups_are_the_persons(celeba):
    assert CelebA("train", celeba).groups(np.arange(2)) is None
    persons = "".join(f"00000{index}.jpg {index // 2 + 7}\n" for index in range(4))
    (celeba / "celeba/identity_CelebA.txt").write_text(persons)
    assert CelebA("train", celeba).groups(np.arange(2)).tolist() == [7, 8]


def test_persons_that_nobody_tells_are_held_out_with_a_warning(celeba, monkeypatch):
    monkeypatch.setenv("AEZOO_DATA", str(celeba))
    with pytest.warns(AezooWarning, match="does not say which images belong together: what is held out may be known"):
        load_splits(Recipe(dataset="celeba(labels='')", validation=0.5), ImageSpec.of(32, 1))


@pytest.fixture
def attributes(celeba):
    """Image i has attribute j where i is a multiple of j + 1."""
    lines = [f"00000{i}.jpg " + "  ".join("1" if i % (j + 1) == 0 else "-1" for j in range(40)) for i in range(4)]
    names = " ".join(f"Attribute_{j}" for j in range(40))
    (celeba / "celeba/list_attr_celeba.txt").write_text("\n".join(["4", names, *lines]) + "\n")
    return celeba


def test_labels_are_the_attributes_where_they_are_there(attributes):
    images = load_images("celeba", "test", ImageSpec.of(16, 1), root=attributes)  # 1 and 3
    assert images.labels.shape == (2, 40)
    assert images.labels[:, :4].tolist() == [[1, 0, 0, 0], [1, 0, 1, 0]]
    assert images.classes[2] == "Attribute_2"
    (attributes / "celeba/list_attr_celeba.txt").unlink()
    assert load_images("celeba", "test", ImageSpec.of(16, 1), root=attributes).labels is None


def test_labels_may_be_the_persons_or_none(attributes):
    with pytest.raises(DataError, match=r"no .*identity_CelebA.txt\n"):
        CelebA("test", attributes, labels="identity")
    persons = "".join(f"00000{index}.jpg {index + 7}\n" for index in range(4))
    (attributes / "celeba/identity_CelebA.txt").write_text(persons)
    test = CelebA("test", attributes, labels="identity")
    assert test.labels(np.arange(2)).tolist() == test.groups(np.arange(2)).tolist() == [8, 10]
    assert test.classes == ()
    assert CelebA("test", attributes, labels="").labels(np.arange(2)) is None


@pytest.mark.parametrize("text", ["000001.jpg 1 -1", "000001.jpg" + " x" * 40])
def test_damaged_attributes_are_named(attributes, text):
    path = attributes / "celeba/list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000001.jpg", f"{text}\n000009.jpg"))
    with pytest.raises(DataError, match=r"list_attr_celeba.txt is damaged: each line is an image and 40 numbers"):
        CelebA("test", attributes).labels(np.arange(2))


def test_lists_that_are_no_text_are_named(celeba):
    path = celeba / "celeba/list_eval_partition.txt"
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(DataError, match=r"list_eval_partition.txt is damaged"):
        CelebA("train", celeba)


def test_the_fingerprint_follows_labels(attributes):
    prints = {CelebA("train", attributes, labels=labels).fingerprint for labels in ("attributes", "")}
    path = attributes / "celeba/list_attr_celeba.txt"
    path.write_text(path.read_text() + "\n")
    assert len(prints | {CelebA("train", attributes).fingerprint}) == 3


def test_the_fingerprint_follows_options_and_files(celeba):
    before = CelebA("train", celeba).fingerprint
    assert before == CelebA("train", celeba).fingerprint
    assert before != CelebA("train", celeba, crop=False).fingerprint
    (celeba / "celeba/img_align_celeba/000000.jpg").write_bytes(b"other")
    assert before != CelebA("train", celeba).fingerprint


def test_a_missing_partition_file_is_named(celeba):
    (celeba / "celeba/list_eval_partition.txt").unlink()
    with pytest.raises(DataError, match=r"no .*list_eval_partition.txt\n"):
        CelebA("train", celeba)


@pytest.mark.data
def test_the_real_images(data):
    train, test = CelebA("train"), CelebA("test")
    assert (len(train), len(test)) == (8967, 1033)
    persons = [set(split.groups(np.arange(len(split))).tolist()) for split in (train, test)]
    assert not persons[0] & persons[1]
    assert test.labels(np.arange(1033)) is None or test.labels(np.arange(1033)).shape == (1033, 40)
    persons = dict(line.split() for line in (data / "celeba/identity_CelebA.txt").read_text().splitlines())
    images = load_images("celeba(labels='identity')", "test", ImageSpec.of(64, 1))
    assert images.labels.tolist() == [int(persons[name.split("/")[1]]) for name in images.names]
    for index in (0, 500, 1032):
        picture = Image.open(data / "celeba" / test.names[index])
        assert np.array_equal(images.pixels[index, 0], np.array(picture.crop((12, 22, 76, 86)).convert("L")))


def test_validation_images_are_those_of_partition_1(celeba):
    (celeba / "celeba/list_eval_partition.txt").write_text("".join(f"00000{n}.jpg {n}\n" for n in range(3)))
    assert [CelebA(split, celeba).names[0][-5] for split in ("train", "val", "valid", "test")] == ["0", "1", "1", "2"]
