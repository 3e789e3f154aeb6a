import dataclasses

import pytest
import torch

from aezoo.errors import DataError
from aezoo.specs import ImageSpec, Recipe
from aezoo.training import data
from aezoo.training.data import load_splits

IMAGE = ImageSpec((28, 28))
RECIPE = Recipe(dataset="toyfaces(count=50, size=28)")


def test_without_a_share_there_is_no_validation():
    splits = load_splits(RECIPE, IMAGE)
    assert list(splits.named()) == ["train", "test"]
    assert len(splits.train) == len(splits.test) == 50


def test_validation_is_held_out_of_training():
    splits = load_splits(dataclasses.replace(RECIPE, validation=0.2), IMAGE)
    assert {name: len(images) for name, images in splits.named().items()} == {"train": 40, "validation": 10, "test": 50}
    together = torch.cat([splits.train.pixels, splits.validation.pixels]).flatten(1).unique(dim=0)
    assert together.equal(load_splits(RECIPE, IMAGE).train.pixels.flatten(1).unique(dim=0))


def test_the_same_seed_holds_the_same_images_out():
    one, other = (load_splits(dataclasses.replace(RECIPE, validation=0.2, seed=seed), IMAGE) for seed in (0, 1))
    again = load_splits(dataclasses.replace(RECIPE, validation=0.2), IMAGE)
    assert one.validation.pixels.equal(again.validation.pixels)
    assert not one.validation.pixels.equal(other.validation.pixels)


def test_no_group_is_torn_apart():
    groups = [index // 5 for index in range(50)]
    held = data._hold_out(50, groups, dataclasses.replace(RECIPE, validation=0.3))
    assert held.sum() == 15
    assert {group for group, out in zip(groups, held, strict=True) if out}.isdisjoint(
        group for group, out in zip(groups, held, strict=True) if not out
    )


def test_too_few_images_are_refused():
    with pytest.raises(DataError, match="too few to hold a share"):
        load_splits(dataclasses.replace(RECIPE, dataset="toyfaces(count=1, size=28)", validation=0.5), IMAGE)
