import dataclasses

import numpy as np
import pytest
import torch

from aezoo.datasets.toyfaces import ToyFaces
from aezoo.errors import AezooWarning, DataError, OptionError
from aezoo.plain import ImageSpec
from aezoo.recipe import Recipe
from aezoo.training import data
from aezoo.training.data import load_splits

IMAGE = ImageSpec((28, 28))
RECIPE = Recipe(dataset="toyfaces(count=50, size=28)")


def test_without_a_share_there_is_no_validation():
    splits = load_splits(RECIPE, IMAGE)
    assert list(splits.named()) == ["train", "test"]
    assert len(splits.train) == len(splits.test) == 50


def test_folds_are_disjoint_and_cover_all():
    recipes = [dataclasses.replace(RECIPE, validation=0.2, fold=fold) for fold in range(5)]
    held = [load_splits(recipe, IMAGE).validation.index for recipe in recipes]
    assert [len(index) for index in held] == [10] * 5
    assert torch.cat(held).unique().tolist() == list(range(50))
    groups = torch.arange(50) // 4  # of four, the last of two
    folds = torch.stack([data._hold_out(50, groups, recipe) for recipe in recipes])
    assert folds.sum(0).eq(1).all()
    assert all(fold[4 * group] == fold[index] for fold in folds for index, group in enumerate(groups))
    with pytest.raises(OptionError, match=r"fold=5: of validation=0\.2 there is no such fold"):
        dataclasses.replace(RECIPE, validation=0.2, fold=5)


def test_validation_is_held_out_of_training():
    splits = load_splits(dataclasses.replace(RECIPE, validation=0.2), IMAGE)
    assert {name: len(images) for name, images in splits.named().items()} == {"train": 40, "validation": 10, "test": 50}
    together = torch.cat([splits.train.pixels, splits.validation.pixels]).flatten(1).unique(dim=0)
    assert together.equal(load_splits(RECIPE, IMAGE).train.pixels.flatten(1).unique(dim=0))


def test_every_seed_holds_the_same_images_out():
    one, other = (load_splits(dataclasses.replace(RECIPE, validation=0.2, seed=seed), IMAGE) for seed in (0, 1))
    assert one.validation.pixels.equal(other.validation.pixels)
    assert not one.validation.pixels.equal(one.train.pixels[: len(one.validation)])


def test_no_group_is_torn_apart():
    groups = torch.arange(50) // 5
    held = data._hold_out(50, groups, dataclasses.replace(RECIPE, validation=0.3))
    assert held.sum() == 15
    assert set(groups[held].tolist()).isdisjoint(groups[~held].tolist())


def test_an_unreadable_image_leaves_the_groups_as_they_are(monkeypatch):
    monkeypatch.setattr(ToyFaces, "images", None)  # one at a time
    monkeypatch.setattr(ToyFaces, "groups", lambda self, indices: indices // 5, raising=False)
    monkeypatch.setattr(ToyFaces, "__getitem__", face)
    with pytest.warns(AezooWarning, match="skipped image 7"):
        splits = load_splits(dataclasses.replace(RECIPE, validation=0.3), IMAGE)
    held, kept = splits.validation.index, splits.train.index
    assert sorted([*held.tolist(), *kept.tolist()]) == [index for index in range(50) if index != 7]
    assert not set((held // 5).tolist()) & set((kept // 5).tolist())


def face(self, index):
    if self.split == "train" and index == 7:
        raise DataError("no face")
    return torch.full((1, 28, 28), index, dtype=torch.uint8)


def test_groups_of_other_images_are_refused(monkeypatch):
    monkeypatch.setattr(ToyFaces, "groups", lambda self, indices: [1, 2], raising=False)
    with pytest.raises(DataError, match=r"groups of 50 images are whole numbers \(n,\)"):
        load_splits(dataclasses.replace(RECIPE, validation=0.3), IMAGE)


def test_a_recipe_from_a_file_opens_no_path(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 28, 28), np.uint8))
    recipe = dataclasses.replace(RECIPE, dataset=str(tmp_path / "x.npy"))
    assert len(load_splits(recipe, IMAGE).train) > 0
    with pytest.raises(DataError, match="say --data PATH to confirm"):
        load_splits(recipe, IMAGE, origin="file")


def test_too_few_images_are_refused():
    with pytest.raises(DataError, match="too few to hold a share"):
        load_splits(dataclasses.replace(RECIPE, dataset="toyfaces(count=1, size=28)", validation=0.5), IMAGE)
