"""How many steps a run has, where its recipe alone does not say; and whether a run that was begun may have others."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from aezoo.autoencoder import Autoencoder
from aezoo.noise import passes
from aezoo.recipe import Recipe
from aezoo.training.data import Splits
from aezoo.training.optimizers import rate
from aezoo.training.steps import Training, Watcher, measure_every

EPOCHS = 50
"""Of images that no recipe was made for, within the bounds below."""
LEAST, MOST = 2000, 20_000
"""Steps, whatever the number of images: a few hundred pictures need as many to be drawn at all, and a very large set is
not seen fifty times in an hour."""
_UNTIMED = 3  # steps: the first ones wait for memory and kernels
_SECONDS = 3.0  # that are timed
_LEAST_TIMED = 3


def of_images(images: int, batch_size: int) -> int:
    """The steps of a run on so many training images that no recipe was made for."""
    return min(max(of_epochs(EPOCHS, images, batch_size), LEAST), MOST)


def of_epochs(epochs: float, images: int, batch_size: int) -> int:
    """The steps in which every training image is seen so often."""
    return max(1, math.ceil(epochs * images / batch_size))


def of_minutes(minutes: float, model: Autoencoder, recipe: Recipe, splits: Splits, device: str) -> tuple[int, int]:
    """The steps that fit in so many minutes, as timed here on throwaway weights, and the steps between measurements.

    Those on the curves are in the minutes, and fewer than the usual twenty where they would take over a fifth of them;
    the final one of every image is not.
    """
    with tempfile.TemporaryDirectory() as folder, passes():
        training = Training(copy.deepcopy(model), recipe, splits, Path(folder), device, recipe.steps + 1, ())
        training.take_up()
        training.watcher = Watcher()
        for _ in range(_UNTIMED):
            training.update()
        training.log()  # waits for the device
        began = time.perf_counter()
        training.measure()
        point = time.perf_counter() - began
        # What begins late takes its time too.
        training.progress.done = max(training.progress.done, training.objective.settled_step)
        training.update()
        training.log()
        began, timed = time.perf_counter(), 0
        while timed < _LEAST_TIMED or time.perf_counter() - began < _SECONDS:
            training.update()
            timed += 1
        training.log()
        each = (time.perf_counter() - began) / timed
        training.finish()
    return _fitting(60 * minutes, each, point, recipe.evaluate_every)


def _fitting(seconds: float, each: float, point: float, every: int) -> tuple[int, int]:
    """How many steps of so many seconds each fit, with points of the curves, one of them before the first step; and the
    recipe's ``evaluate_every``.
    """
    if every:
        return max(1, int((seconds - point) / (each + point / every))), every
    points = min(20, max(1, int(seconds / 5 / point)))
    steps = max(1, int((seconds - (points + 1) * point) / each))
    return steps, 0 if points == 20 else math.ceil(steps / points)


def unlike(recipe: Recipe, steps: int, done: int) -> str:
    """Why a run of so many steps would not have come to where this one stands; empty where it would, to the bit.

    Args:
        recipe: of the run.
        steps: that it shall have instead of the recipe's.
        done: where it stands.
    """
    if steps < done:
        return f"it stands at step {done} already"
    other = changed(recipe, steps)
    for step in range(done):
        if rate(recipe, step) != rate(other, step):
            return f"with {steps} steps its schedule {recipe.schedule!r} has another learning rate from step {step} on"
    if (recipe.keep == "best" or recipe.patience) and done == recipe.steps and done % measure_every(recipe):
        return f"the best was chosen at step {done} too, where a longer run does not measure"
    return ""


def changed(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with other steps, that measures where it did."""
    return recipe if steps == recipe.steps else replace(recipe, steps=steps, evaluate_every=measure_every(recipe))
