"""The engine: one loop on Accelerate, the same from a laptop to a cluster, that continues exactly where it stopped.

A step is a function of the state and of its own number: its images, noise and rate are computed from the recipe's seed
and the step. So a checkpoint holds the parameters, the optimisers and the history, and no position and no random state.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from aezoo.autoencoder import Autoencoder
from aezoo.errors import AezooWarning, TrainingError
from aezoo.losses.context import Context
from aezoo.specs import Recipe
from aezoo.training import checkpoint, devices, health, optimizers
from aezoo.training.curves import measure_splits
from aezoo.training.data import Splits
from aezoo.training.log import Entry, Log
from aezoo.training.objective import Objective
from aezoo.training.order import DRAW, FLIP, NORM, Order, seed_of, step_seed

LOG_EVERY = 50
"""Steps between two lines of the log."""
GRACE = 100
"""Steps before which, as before half of a run, nothing is expected to look right."""
NORM_BATCHES = 50
"""The most batches from which the normalisation statistics of averaged weights are taken."""


class Watcher:
    """What is told of a run as it goes on, in the main process only. The command line draws from it."""

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        """After every step; ``values`` are the last logged loss and terms."""

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        """After every measurement on the splits; the model is in ``eval()``."""


@dataclass(slots=True)
class Progress:
    """Where a run stands, beside its tensors."""

    done: int = 0
    history: list[Entry] = field(default_factory=list)
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0  # measurements since the best one


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

    Returns:
        The model with the weights to keep, on the CPU in ``eval()``, and where the run stands.

    Raises:
        TrainingError: the loss is not finite, Ctrl-C was pressed, or the settings do not work on this machine.
    """
    # Set up: processes, the objective, the optimisers.
    devices.keep_memory()
    objective = Objective(model, recipe.loss or model.spec.loss, recipe.kl_warmup)
    accelerator = devices.start_accelerator(recipe, device, folder, trackers, bool(objective.opponents))
    rank, world = accelerator.process_index, accelerator.num_processes
    here = accelerator.device
    autocast, layout = devices.autocast_type(recipe, model, here), devices.memory_format(model, here)
    model.bottleneck.shard = (rank, world)
    model.checks_range = False  # the pipeline's images lie in [0, 1]; reading them back would make a GPU wait
    if world > 1 and here.type == "cuda":  # raises on the CPU, where each process keeps its own batch statistics
        nn.SyncBatchNorm.convert_sync_batchnorm(objective)
    _lay_out(objective.to(here), layout).train()
    optims = optimizers.make_optimizers(objective, recipe, here)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema)) if recipe.ema else None
    if recipe.compile:
        objective.compile()
    trained = accelerator.prepare_model(objective)
    measured_model = cast(Autoencoder, average.module) if average else model

    # Take up an earlier run where it stopped.
    progress, best = Progress(), None
    parts: dict[str, Any] = {"objective": objective, **optims} | ({"average": average} if average else {})
    if found := checkpoint.load_newest(folder / "training"):
        progress, best = Progress(**json.loads(found["progress"])), found["best"]
        for name, part in parts.items():
            part.load_state_dict(found["parts"][name])
    accelerator.init_trackers("aezoo")
    log = Log(folder / "metrics.jsonl", accelerator, progress.history)
    watcher = watcher if watcher and accelerator.is_main_process else Watcher()

    # Train.
    order = Order(len(splits.train), recipe.batch_size, recipe.seed)
    measure_every = recipe.evaluate_every or max(1, recipe.steps // 20)
    names = ["loss", *objective.terms]
    sums, summed, began = torch.zeros(len(names), device=here), 0, time.perf_counter()
    values: dict[str, float] = {}
    warned: set[str] = set()
    with _interruptible() as interrupted:
        while True:
            done = progress.done
            context = Context(
                model=model,
                step=done,
                steps=recipe.steps,
                dataset_size=len(splits.train),
                training=True,
                gather=devices.gather if world > 1 else lambda tensor: tensor,
            )
            finished = done == recipe.steps
            # A signal reaches the processes at different steps: they agree on one.
            stopping = interrupted.is_set()
            if world > 1:
                asked = torch.tensor([float(stopping)], device=here)
                stopping = done % LOG_EVERY == 0 and devices.mean(accelerator, asked)[0] > 0
            measuring = done % measure_every == 0 or finished
            saving = done and (done % checkpoint_every == 0 or finished or stopping)
            if summed and (done % LOG_EVERY == 0 or measuring or saving):  # what is saved is known to be finite
                numbers = devices.mean(accelerator, sums / summed)
                values = dict(zip(names, numbers, strict=True))
                if not all(map(math.isfinite, numbers)):
                    raise _not_finite(values, done, folder)
                speed = round(summed * recipe.batch_size / (time.perf_counter() - began), 1)
                log.write(
                    {
                        "step": done,
                        "split": "batch",
                        **values,
                        "lr": optimizers.rate(recipe, done - 1),
                        "images_per_second": speed,
                    }
                )
                sums, summed, began = torch.zeros_like(sums), 0, time.perf_counter()
            if measuring and not any(entry["step"] == done and entry["split"] == "test" for entry in log.history):
                if average:
                    _renormalise(measured_model, splits, order, recipe, here, rank, world)
                if world > 1:  # batch statistics are each process's own on the CPU
                    devices.share_buffers(measured_model)
                entries = measure_splits(measured_model, objective, splits, context, rank, world)
                for entry in entries:
                    log.write(entry)
                if done >= max(GRACE, recipe.steps // 2):
                    _warn(measured_model, splits, log.history, warned)
                held_out = [entry["loss"] for entry in entries if entry["split"] == "validation"]
                if held_out and held_out[0] < progress.best_loss:
                    progress.best_loss, progress.best_step, progress.stale = held_out[0], done, 0
                    best = copy.deepcopy(measured_model.state_dict())
                elif held_out:
                    progress.stale += 1
                watcher.measured(measured_model, splits, entries)
                objective.train()
                began = time.perf_counter()
            finished = finished or bool(recipe.patience and progress.stale >= recipe.patience)
            if (saving or finished) and accelerator.is_main_process:
                _save(folder / "training", progress, parts, best)
            if finished:
                break
            if stopping:
                raise TrainingError(
                    f"stopped at step {done} of {recipe.steps}; go on with: aezoo train --resume {folder}"
                )

            devices.seed(here, step_seed(recipe.seed, done))
            images = _batch(splits, order, recipe, done, rank, world)
            images = images.to(here, memory_format=layout, non_blocking=True)
            sums += _update(accelerator, trained, optims, images, context, recipe, autocast)
            summed += 1
            if average:
                average.update_parameters(model)
            progress.done += 1
            watcher.step(progress.done, recipe.steps, values)

    # The wrapper goes before the process group: the last to hold the group would wait for a thread that waits for it.
    del trained
    accelerator.free_memory()
    accelerator.end_training()

    # The weights to keep.
    if recipe.keep == "best" and best is not None:
        measured_model.load_state_dict(best)
    _lay_out(measured_model.to("cpu"), torch.contiguous_format).eval()
    measured_model.bottleneck.shard = (0, 1)
    measured_model.checks_range = True
    return measured_model, progress


def _lay_out(module: nn.Module, order: torch.memory_format) -> nn.Module:
    return module.to(memory_format=order)  # pyright: ignore[reportCallIssue] - torch's stubs lack this overload


def _batch(splits: Splits, order: Order, recipe: Recipe, step: int, rank: int, world: int) -> Tensor:
    """This process's images of a step. Flips are drawn for the whole batch: they are those of one process alone."""
    own = _generator(recipe.seed, DRAW, step, rank) if recipe.binarize == "dynamic" else None
    images = splits.train.batch(order.batch(step, rank, world), own)
    if recipe.mirror:
        whole = _generator(recipe.seed, FLIP, step)
        flips = torch.rand(recipe.batch_size, generator=whole).chunk(world)[rank] < 0.5
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
    return images


def _renormalise(
    average: Autoencoder, splits: Splits, order: Order, recipe: Recipe, here: torch.device, rank: int, world: int
) -> None:
    """Give averaged weights batch normalisation statistics of their own, over the first batches of the run.

    Those of the weights in training do not fit: an average of noisy weights is smaller than each of them. (Measured on
    `cis680-vae512` with a decay of 0.999, step 3000: test mse 0.061 with the statistics of the weights in training.)
    """
    devices.seed(here, seed_of(recipe.seed, NORM))
    few = range(min(NORM_BATCHES, math.ceil(len(splits.train) / recipe.batch_size)))
    update_bn((_batch(splits, order, recipe, step, rank, world) for step in few), average, here)


def _generator(*words: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*words))


def _update(
    accelerator: Accelerator,
    trained: nn.Module,
    optims: dict[str, torch.optim.Optimizer],
    images: Tensor,
    context: Context,
    recipe: Recipe,
    autocast: torch.dtype | None,
) -> Tensor:
    """One step of every optimiser; the loss and its terms, averaged over the parts of the batch."""
    numbers: list[Tensor] = []
    main, rate = optims[optimizers.MAIN], optimizers.rate(recipe, context.step)
    chunks = images.chunk(recipe.accumulate)
    for number, chunk in enumerate(chunks, start=1):
        # Gradients travel between processes only with the last part.
        waiting = contextlib.nullcontext() if number == len(chunks) else accelerator.no_sync(trained)
        with waiting:
            with _precision(images.device, autocast):
                loss, terms = trained(chunk, context)
            accelerator.backward(loss / len(chunks) if len(chunks) > 1 else loss)
        numbers.append(torch.stack([loss.detach(), *terms.values()]))
    if recipe.clip_norm:
        optimizers.clip(trained, recipe.clip_norm)
    optimizers.step(main, rate)
    for name in optims.keys() - {optimizers.MAIN}:
        optimizers.forget(optims[name])  # of what the model's loss sent through the opponent
    if len(optims) > 1:
        with _precision(images.device, autocast):
            loss, _ = trained(images, context, opponents=True)
        accelerator.backward(loss)
        for name in optims.keys() - {optimizers.MAIN}:
            optimizers.step(optims[name], rate)
    return torch.stack(numbers).mean(0) if len(numbers) > 1 else numbers[0]


def _precision(device: torch.device, autocast: torch.dtype | None) -> contextlib.AbstractContextManager[Any]:
    return torch.autocast(device.type, autocast) if autocast else contextlib.nullcontext()


def _save(folder: Path, progress: Progress, parts: dict[str, Any], best: dict[str, Tensor] | None) -> None:
    state = {
        "progress": json.dumps(asdict(progress)),
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "best": best,
    }
    try:
        checkpoint.save(folder, progress.done, state)
    except OSError as error:
        reason = f"{error.strerror or error}"
        message = f"step {progress.done} could not be saved ({reason}); the checkpoint before it stays"
        warnings.warn(message, AezooWarning, stacklevel=3)


def _warn(model: Autoencoder, splits: Splits, history: list[Entry], warned: set[str]) -> None:
    """Say once what looks wrong."""
    model.eval()
    few = splits.train.batch(range(min(16, len(splits.train)))).to(model.latent_mean.device)
    found = health.diagnose(model, few, history[-1].get("kl")) | health.turned(history)
    for kind in found.keys() - warned:
        warned.add(kind)
        warnings.warn(f"step {history[-1]['step']}: {found[kind]}", AezooWarning, stacklevel=3)


def _not_finite(values: dict[str, float], done: int, folder: Path) -> TrainingError:
    bad = ", ".join(f"{name}={value:.3g}" for name, value in values.items())
    saved = checkpoint.find(folder / "training")
    kept = f"checkpoint {saved[0].name} is from before" if saved else "no checkpoint was written yet"
    return TrainingError(f"the loss is not finite by step {done} ({bad}): try a smaller --lr or --clip-norm 1; {kept}")


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that a step is finished and saved first; a second one ends at once."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():  # only there may signals be handled
        yield asked
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
