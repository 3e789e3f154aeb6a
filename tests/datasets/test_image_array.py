import hashlib

import pytest
import torch
from torch.utils.data import DataLoader

from aezoo.datasets.image_array import ImageArray, data_hash
from aezoo.errors import DataError, OptionError


@pytest.fixture
def pixels(noise):
    return torch.from_numpy(noise(40, 1, 16, 16))


def test_a_batch_is_the_pixels_in_zero_to_one(pixels):
    images = ImageArray(pixels)
    batch = images.batch(torch.tensor([3, 3, 0])).images
    assert batch.dtype == torch.float32
    assert batch.is_contiguous()
    assert torch.equal(batch, pixels[[3, 3, 0]] / 255)
    assert torch.equal(ImageArray(pixels * 0 + 255).batch([0]).images, torch.ones(1, 1, 16, 16))
    assert not images.is_binary
    assert len(images) == 40


def test_threshold_is_white_from_one_half_on():
    images = ImageArray(torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16), "threshold")
    assert images.batch([0]).images.flatten().tolist() == [float(value / 255 >= 0.5) for value in range(256)]
    assert images.is_binary


def test_static_draws_have_the_intensity_as_mean():
    levels = torch.tensor([0, 1, 64, 200, 254, 255], dtype=torch.uint8).repeat(5000, 1)[:, None, None]
    drawn = ImageArray(levels, "static").batch(range(5000)).images.mean(0).flatten()
    assert torch.allclose(drawn, levels[0].flatten() / 255, atol=0.03)
    assert drawn[[0, 5]].tolist() == [0, 1]


def test_a_static_draw_knows_neither_batch_nor_subset(pixels):
    images = ImageArray(pixels, "static")
    assert images.batch([7, 8]).images.unique().tolist() == [0, 1]
    assert torch.equal(images.batch([7, 8]).images, images.batch([8, 3, 7]).images[[2, 0]])
    assert torch.equal(images.batch([7]).images, images.subset([9, 7]).batch([1]).images)
    assert not torch.equal(images.pixels, ImageArray(pixels, "static", seed=1).pixels)


def test_dynamic_draws_anew_in_training_and_as_static_in_evaluation(pixels):
    images, generator = ImageArray(pixels, "dynamic"), torch.Generator().manual_seed(0)
    first, second = images.batch([0, 5], generator).images, images.batch([0, 5], generator).images
    assert first.unique().tolist() == [0, 1]
    assert not torch.equal(first, second)
    assert torch.equal(first, images.batch([0, 5], torch.Generator().manual_seed(0)).images)
    static = ImageArray(pixels, "static").batch([0, 5]).images
    assert torch.equal(images.batch([0, 5]).images, static)
    assert torch.equal(images.subset([5, 0]).batch([1, 0]).images, static)


def test_a_batch_has_what_is_known_of_its_images(pixels):
    images = ImageArray(pixels, labels=torch.arange(40) % 3, factors=torch.rand(40, 2), classes=("a", "b", "c"))
    batch = images.batch([5, 39])
    assert batch.labels.tolist() == [2, 0]
    assert torch.equal(batch.factors, images.factors[[5, 39]])
    assert batch.index.tolist() == [5, 39]
    bare = ImageArray(pixels).batch([5, 39])
    assert (bare.labels, bare.factors) == (None, None)


def test_a_subset_keeps_labels_factors_and_places(pixels):
    images = ImageArray(pixels, labels=torch.arange(80).reshape(40, 2), factors=torch.rand(40, 2))
    batch = images.subset([9, 7, 8]).subset([2, 0]).batch([1, 0])
    assert batch.index.tolist() == [9, 8]
    assert torch.equal(batch.labels, images.labels[[9, 8]])
    assert torch.equal(batch.factors, images.factors[[9, 8]])


@pytest.mark.parametrize("wrong", [[True, False], torch.arange(40) == 3, [0.9, 2.0], [40], [-1]])
def test_what_is_no_place_is_refused(pixels, wrong):
    for take in (ImageArray(pixels).batch, ImageArray(pixels).subset):
        with pytest.raises(OptionError, match="give whole numbers from 0 to 39"):
            take(wrong)


def test_the_places_of_images_seed_their_draws(pixels):
    some = ImageArray(pixels[[4, 6]], "static", index=torch.tensor([4, 6]))
    assert torch.equal(some.pixels, ImageArray(pixels, "static").pixels[[4, 6]])
    assert some.batch([1]).index.tolist() == [6]


def test_what_is_known_of_too_few_images_is_refused(pixels):
    with pytest.raises(DataError, match="39 labels for 40 images"):
        ImageArray(pixels, labels=torch.arange(39))
    with pytest.raises(DataError, match="39 groups for 40 images"):
        ImageArray(pixels, groups=torch.arange(39))


def test_a_subset_has_its_names_and_fingerprint(pixels):
    images = ImageArray(pixels, names=[f"{number}.png" for number in range(40)], fingerprint="x")
    part = images.subset([4, 2])
    assert part.names == ("4.png", "2.png")
    assert torch.equal(part.pixels, pixels[[4, 2]])
    prints = {images.fingerprint, part.fingerprint, images.subset([2, 4]).fingerprint}
    assert len({*prints, ImageArray(pixels, "static", fingerprint="x").fingerprint}) == 4


def test_a_subset_shares_the_pixels(pixels):
    whole = ImageArray(pixels)
    part = whole.subset([3, 1, 2]).subset([2, 0])
    assert len(part) == 2
    assert part.pixels.equal(pixels[[2, 3]])
    assert part.batch([1]).images.equal(whole.batch([3]).images)
    assert torch.cat([*part.parts()]).equal(part.pixels)
    pixels[2] = 0
    assert not part.pixels[0].any()


def test_the_data_hash_is_that_of_the_bytes(pixels):
    images = ImageArray(pixels, labels=torch.arange(40), factors=torch.rand(40, 2))
    assert data_hash(images) == hashlib.sha256(pixels.numpy().tobytes()).hexdigest()


def test_another_binarisation_is_refused(pixels):
    with pytest.raises(OptionError, match="binarize='yes' is none of '', 'threshold', 'static', 'dynamic'"):
        ImageArray(pixels, "yes")


def test_items_are_images_and_their_labels(pixels):
    images = ImageArray(pixels)
    assert torch.equal(torch.stack([*images]), images.batch(range(40)).images)
    image, label = ImageArray(pixels, labels=torch.arange(40))[-2]
    assert torch.equal(image, pixels[38] / 255)
    assert (image.dtype, label.item()) == (torch.float32, 38)
    for wrong, error in ((40, IndexError), (-41, IndexError), ("a", TypeError), (slice(3), TypeError)):
        with pytest.raises(error):
            images[wrong]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_takes_them(pixels, workers):
    loader = DataLoader(ImageArray(pixels, labels=torch.arange(40)), batch_size=16, num_workers=workers)
    images, labels = map(torch.cat, zip(*loader, strict=True))
    assert torch.equal(images, pixels / 255)
    assert torch.equal(labels, torch.arange(40))


def test_items_that_are_drawn_follow_torch_s_seed(pixels):
    images = ImageArray(pixels, "dynamic")
    draws = [(torch.manual_seed(seed), torch.stack([*images]))[1] for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert set(draws[0].unique().tolist()) == {0, 1}


@pytest.mark.parametrize("given", [torch.rand(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8), [1]])
def test_what_are_no_pixels(given):
    with pytest.raises(DataError, match=r"not uint8 \(n, c, h, w\): of images in \[0, 1\] give"):
        ImageArray(given)
