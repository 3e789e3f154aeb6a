"""The engine: one loop on Accelerate, the same from a laptop to a cluster, that continues exactly where it stopped.

A step is a function of the state and of its own number: its images, noise and rate are computed from the recipe's seed
and the step. So a checkpoint holds the parameters, the optimisers and the history, and no position and no random state.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aezoo.autoencoder import Autoencoder
from aezoo.errors import StoppedError
from aezoo.noise import passes
from aezoo.recipe import Recipe
from aezoo.training import cpu
from aezoo.training.data import Splits
from aezoo.training.steps import Progress, Training, Watcher


def run(
    model: Autoencoder,
    recipe: Recipe,
    splits: Splits,
    folder: Path,
    *,
    device: str = "auto",
    checkpoint_every: int = 250,
    trackers: tuple[str, ...] = (),
    watcher: Watcher | None = None,
    ready: Callable[[], None] = lambda: None,
    saved: Callable[[Autoencoder, Progress], None] = lambda model, progress: None,
    again: str = "",
    ends: bool = False,
) -> tuple[Autoencoder, Progress]:
    """Train a model, from the newest whole checkpoint in ``folder/training`` where there is one.

    Args:
        model: with its first weights, which a checkpoint replaces.
        recipe: how; its seed makes the run.
        splits: the images.
        folder: of the run: checkpoints go to ``training/``, the log to ``metrics.jsonl``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        checkpoint_every: steps between two checkpoints.
        trackers: of Accelerate: ``"tensorboard"``, ``"trackio"``.
        watcher: is told how it goes.
        ready: called once device, model and loss are there, before anything is written.
        saved: called in the main process after each checkpoint but the last, with what would be kept if the run ended
            there.
        again: what ``aezoo train`` is told to go on with the run.
        ends: whether the run ends where its newest checkpoint stands.

    Returns:
        The model with the weights to keep, on the CPU in ``eval()``, and where the run stands.

    Raises:
        StoppedError: Ctrl-C was pressed, or SIGTERM came.
        TrainingError: the loss is not finite, or the settings do not work on this machine.
    """
    cpu.keep_memory()
    training = Training(model, recipe, splits, folder, device, checkpoint_every, trackers)
    ready()
    training.accelerator.wait_for_everyone()  # the main process may have removed a run that is replaced
    training.take_up()
    if ends:
        training.last = training.progress.done
    training.watcher = watcher if watcher and training.is_main else Watcher()
    with _interruptible() as interrupted, passes(rank=training.rank, world=training.world):
        while True:
            stopping = training.agree(interrupted.is_set())
            if training.is_logging(stopping):
                training.log()
            if training.is_measuring():
                training.measure()
            # Asked to end here, it saves nothing: a run that goes on after all knows nothing of this measurement.
            if training.is_saving(stopping) and not ends:
                training.save()
                if not training.is_over():
                    so_far = training.so_far()  # in every process: on GPUs they take batch statistics together
                    if training.is_main:
                        saved(so_far, training.progress)
            if training.is_over():
                break
            if stopping:
                training.accelerator.wait_for_everyone()  # a launcher may end all of them with the first
                where = f"stopped at step {training.progress.done} of {recipe.steps}"
                raise StoppedError(
                    f"{where}; go on with: aezoo train {again or f'--resume {folder}'}\n"
                    f"{folder} is a model as it stands; --finish instead of --resume ends it there"
                )
            training.update()
    return training.finish(), training.progress


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that a step is finished and saved first; a second one ends at once."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    with handling(signal.SIGINT, ask), handling(signal.SIGTERM, ask):
        yield asked


@contextlib.contextmanager
def handling(number: int, handler: Any) -> Iterator[None]:
    """A signal is handled so within the block, where that can be said: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
