"""How much wider the benchmark's intervals are where a person counts once: CelebA has several photos of some.

    AEZOO_DATA=... python benchmarks/persons.py

For each task whose dataset knows which images are of one thing, rows are resampled by these in the place of images. It
prints how much wider the interval of the skill is, the least, the median and the most of all rows, and the rows whose
rank within their track would be another.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

from aezoo.benchmark.results import Result, read_results
from aezoo.benchmark.table import COVERS, MEAN_IMAGE, RESAMPLES, rows
from aezoo.benchmark.tasks import Task
from aezoo.datasets.pipeline import known_of, open_dataset

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Print what each task of groups gives."""
    for task, results in read_results(RESULTS).items():
        images = task.load()
        groups = known_of("groups", open_dataset(task.dataset, "test"), images.index.numpy(), task.dataset)
        if groups is not None:
            say(task, [each for each in results if not each.error], np.unique(groups, return_inverse=True)[1])


def say(task: Task, results: list[Result], owner: np.ndarray) -> None:
    """Print what the groups of the images, (n,), give."""
    single, grouped = (weights(places, task.seed) for places in (np.arange(len(owner)), owner))
    base = next(np.array(each.mse) for each in results if each.name == MEAN_IMAGE)
    wider, moved = [], []
    for _, track in groupby(rows(task, results), key=lambda row: row.track):
        errors = {row.result.name: np.array(row.result.mse) for row in track}
        wider += [
            width(skills(mse, base, grouped)) / width(skills(mse, base, single)) - 1
            for name, mse in errors.items()
            if name != MEAN_IMAGE
        ]
        ranked = [places(list(errors.values()), drawn) for drawn in (single, grouped)]
        moved += [name for name, one, other in zip(errors, *ranked, strict=True) if one != other]
    least, middle, most = (f"{np.quantile(wider, share):.0%}" for share in (0, 0.5, 1))
    print(f"{task.id}: {len(owner)} images of {owner.max() + 1}: {least} to {most} wider, {middle} in the middle")
    print(f"{task.id}: another rank: {', '.join(moved) or 'none'}")


def weights(owner: np.ndarray, seed: int) -> np.ndarray:
    """How often each image is in each resample of its owners, (k, n)."""
    drawn = np.random.default_rng(seed).multinomial(
        owner.max() + 1, np.full(owner.max() + 1, 1 / (owner.max() + 1)), RESAMPLES
    )
    return drawn[:, owner]


def skills(mse: np.ndarray, base: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Of each resample."""
    return 1 - (drawn @ mse) / (drawn @ base)


def ends(drawn: np.ndarray) -> tuple[float, float]:
    """Of the interval."""
    low, high = np.quantile(drawn, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return float(low), float(high)


def width(drawn: np.ndarray) -> float:
    """Of the interval."""
    low, high = ends(drawn)
    return high - low


def places(errors: list[np.ndarray], drawn: np.ndarray) -> list[int]:
    """Of each row the first that it shares its rank with, as the table has it."""
    found: list[int] = []
    for place, mse in enumerate(errors):
        first = found[-1] if found else 0
        low, high = ends((drawn @ (mse - errors[first])) / drawn.sum(1))
        found.append(first if low <= 0 <= high else place)
    return found


if __name__ == "__main__":
    main()
