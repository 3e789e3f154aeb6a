import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets.celeba import CelebA
from aezoo.datasets.pipeline import load_images
from aezoo.errors import DataError, OptionError
from aezoo.specs import ImageSpec


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
    assert CelebA("train", celeba).groups() is None
    persons = "".join(f"00000{index}.jpg {index // 2 + 7}\n" for index in range(4))
    (celeba / "celeba/identity_CelebA.txt").write_text(persons)
    assert CelebA("train", celeba).groups() == [7, 8]


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
    assert not set(train.groups() or []) & set(test.groups() or [])
    images = load_images("celeba", "test", ImageSpec.of(64, 1))
    for index in (0, 500, 1032):
        picture = Image.open(data / "celeba" / test.names[index])
        assert np.array_equal(images.pixels[index, 0], np.array(picture.crop((12, 22, 76, 86)).convert("L")))
