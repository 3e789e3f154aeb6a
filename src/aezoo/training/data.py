"""The images of a run: training, test, and a validation part held out of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from aezoo.datasets.image_array import ImageArray, data_hash
from aezoo.datasets.pipeline import known_of, open_dataset, prepare
from aezoo.errors import DataError, WeightsError, warn
from aezoo.files import write_whole
from aezoo.plain import ImageSpec
from aezoo.recipe import Recipe
from aezoo.requests import Origin
from aezoo.seeds import seed_of
from aezoo.training.order import VALIDATION

Report = Callable[[str, int, int], None]
"""Called with what is done, how many of it are, and of how many."""
SKIPPED = "skipped.txt"
"""In a run's folder: the files among its images that could not be read, one a line, with the reason."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The images of a run. The test split is measured, never chosen by."""

    train: ImageArray
    test: ImageArray
    validation: ImageArray | None = None

    def named(self) -> dict[str, ImageArray]:
        """The splits that there are, by name."""
        held_out = {} if self.validation is None else {"validation": self.validation}
        return {"train": self.train, **held_out, "test": self.test}

    def skipped(self) -> list[str]:
        """What could not be read of them, ``path: reason`` each, sorted."""
        return sorted({line for images in self.named().values() for line in images.skipped})


def load_splits(
    recipe: Recipe,
    image: ImageSpec,
    *,
    root: str | PathLike[str] | None = None,
    origin: Origin = "caller",
    report: Report | None = None,
) -> Splits:
    """Decode the images of a recipe and hold its share of the training images out.

    Args:
        recipe: names the dataset, the way to binarise, the share that is held out and which fold of it.
        image: what the model takes.
        root: where the data lies.
        origin: whether the caller named the dataset, or the file that the recipe is from.
        report: called as images are read.

    Raises:
        DataError: missing or unusable images, or too few to hold any out; or a file asks for what only a caller may.
    """
    arrays = {}
    of_split = {name: open_dataset(recipe.dataset, name, root=root, origin=origin) for name in ("train", "test")}
    for split, dataset in of_split.items():
        arrays[split] = prepare(
            dataset,
            image,
            split=split,
            binarize=recipe.binarize,
            title=recipe.dataset,
            progress=(lambda done, total, split=split: report(f"reading {split}", done, total)) if report else None,
        )
        groups = known_of("groups", dataset, arrays[split].index.numpy(), recipe.dataset)
        arrays[split].groups = None if groups is None else torch.from_numpy(groups)
    train, test = arrays["train"], arrays["test"]
    if not recipe.validation:
        return Splits(train, test)
    if train.groups is None and hasattr(of_split["train"], "groups"):
        warn(f"{recipe.dataset} does not say which images belong together: what is held out may be known from training")
    held = _hold_out(len(train), train.groups, recipe)
    return Splits(train.subset(torch.nonzero(~held)[:, 0]), test, train.subset(torch.nonzero(held)[:, 0]))


def load_recorded(
    run: Path,
    recipe: Recipe,
    image: ImageSpec,
    recorded: dict[str, str],
    *,
    root: str | PathLike[str] | None,
    origin: Origin,
    report: Report | None = None,
) -> Splits:
    """The images that a run was trained and tested on, as long as they are still the same.

    Args:
        run: whose images they are.
        recipe, image, root, origin: as in `load_splits`.
        recorded: the hash of each split.
        report: called as images are read.

    Raises:
        WeightsError: the images of a split are others.
    """
    splits = load_splits(recipe, image, root=root, origin=origin, report=report)
    for name, images in splits.named().items():
        if data_hash(images) != recorded.get(name):
            raise WeightsError(f"the {name} images of {recipe.dataset} are not those that {run} was trained on")
    return splits


def write_skipped(folder: Path, splits: Splits) -> None:
    """List what could not be read in a run's folder; nothing where all was."""
    if lines := splits.skipped():
        with write_whole(folder / SKIPPED) as draft:
            draft.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")


def _hold_out(n: int, groups: torch.Tensor | None, recipe: Recipe) -> torch.Tensor:
    """Which of n images are held out, bool (n,): whole groups, in random order, the recipe's fold of the shares.

    The order is always the same, so that runs of several seeds are validated on the same images.
    """
    owner = torch.arange(n) if groups is None else torch.unique(groups, return_inverse=True)[1]
    sizes = torch.bincount(owner)
    generator = torch.Generator().manual_seed(seed_of(0, VALIDATION))
    drawn = torch.randperm(len(sizes), generator=generator)
    share, reached = max(1.0, recipe.validation * n), sizes[drawn].cumsum(0)
    chosen = drawn[(reached > recipe.fold * share) & (reached <= (recipe.fold + 1) * share)]
    held = torch.isin(owner, chosen)
    if not held.any() or held.all():
        raise DataError(
            f"{recipe.dataset}: {n} training images are too few to hold a share of {recipe.validation:g} out"
        )
    return held
