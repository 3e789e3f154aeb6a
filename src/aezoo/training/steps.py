"""A run under way: what it holds, and the steps that the loop of `aezoo.training.engine` takes."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from aezoo.autoencoder import Autoencoder
from aezoo.errors import DivergedError, OptionError, TrainingError, first_line, warn
from aezoo.latent import Batch, Output
from aezoo.losses.context import Context, alone
from aezoo.noise import passes
from aezoo.plain import to_json
from aezoo.recipe import Recipe
from aezoo.seeds import seed_of
from aezoo.training import checkpoint, cpu, devices, health, optimizers
from aezoo.training.curves import Curves
from aezoo.training.data import Splits
from aezoo.training.log import LOG, Entry, Log, is_entry
from aezoo.training.objective import Objective
from aezoo.training.order import DRAW, FLIP, NORM, TERM, Order, step_seed

if TYPE_CHECKING:
    from aezoo.training.job import Job

_AGREE_EVERY = 5
LOG_EVERY = 50
"""Steps between two lines of the log."""
GRACE = 100
"""Steps before which, as before half of a run, nothing is expected to look right."""
NORM_BATCHES, FEW_BATCHES = 50, 10
"""The most batches from which the normalisation statistics of averaged weights are taken; and of a run under way."""


class Watcher:
    """What is told of a run, in the main process only. The command line draws from it."""

    def begins(self, job: Job, folder: Path) -> None:
        """Once it is known that the run can start."""

    def working(self, what: str, done: int, total: int) -> None:
        """While images are decoded or measured."""

    def step(self, done: int, steps: int, values: dict[str, float]) -> None:
        """After every step; ``values`` are the last logged loss and terms."""

    def measured(self, model: Autoencoder, splits: Splits, entries: list[Entry]) -> None:
        """After every measurement on the splits; the model is in ``eval()``."""


@dataclass(slots=True)
class Progress:
    """Where a run stands, beside its tensors."""

    done: int = 0
    history: list[Entry] = field(default_factory=list)
    best_loss: float = math.inf  # on the validation images, or what `best_by` names; negative where that shall be high
    best_step: int = 0
    stale: int = 0  # measurements since the best one

    @classmethod
    def read(cls, text: str) -> Progress:
        """What a checkpoint says.

        Raises:
            ValueError, TypeError: it says something else.
        """
        made = cls(**json.loads(text))
        numbers = {type(number) for number in (made.done, made.best_step, made.stale)}
        if numbers != {int} or type(made.best_loss) is not float or made.done < 0:
            raise ValueError("it says no step")
        if not isinstance(made.history, list) or not all(map(is_entry, made.history)):
            raise ValueError("its history is none")
        return made

    def is_out_of_patience(self, recipe: Recipe) -> bool:
        """Whether the run ends here because nothing gets better."""
        return bool(recipe.patience and self.stale >= recipe.patience)


class Training:
    """A run under way: everything that it holds, and its steps in the order in which the loop takes them."""

    watcher: Watcher

    def __init__(
        self,
        model: Autoencoder,
        recipe: Recipe,
        splits: Splits,
        folder: Path,
        device: str,
        checkpoint_every: int,
        trackers: tuple[str, ...],
    ) -> None:
        self.model, self.recipe, self.splits, self.folder = model, recipe, splits, folder
        self.checkpoint_every = checkpoint_every
        self.measure_every, self.last = measure_every(recipe), recipe.steps
        if recipe.freeze:
            model.freeze(*recipe.freeze)
        if not any(p.requires_grad for p in model.parameters()):
            raise OptionError(f"freeze {', '.join(recipe.freeze)}: {model.spec.name} has nothing else to train")
        # Frozen networks of terms are in no checkpoint: they are drawn alike, whatever made the model.
        torch.manual_seed(seed_of(recipe.seed, TERM))
        self.objective = Objective(model, recipe.loss)
        self.objective.check(splits.train.batch(range(1)))
        starts_late = any(not each.weight_at(0) for each in self.objective.addends.values())
        # Parts whose parameters a loss need not reach: which of them it does, no spec says.
        parts = [part for part in (model.prior, model.likelihood) if part is not None]
        parts += [model.bottleneck] if {"gaussian", "posterior"} & model.provides == {"gaussian"} else []
        parts += [model.bottleneck] if "codes" in model.provides else []
        learned = any(p.requires_grad for part in parts for p in part.parameters())
        some_unused = bool(self.objective.adversaries) or starts_late or learned
        self.accelerator = devices.start_accelerator(recipe, device, folder, trackers, some_unused)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.is_main = self.accelerator.is_main_process
        self.device = self.accelerator.device

        # The modules, on their device.
        self.autocast = devices.autocast_type(recipe, model, self.device)
        self.layout = devices.memory_format(model, self.device)
        if self.world > 1 and self.device.type == "cuda":  # raises on the CPU, where each keeps its own statistics
            nn.SyncBatchNorm.convert_sync_batchnorm(self.objective)
        cpu.lay_out(self.objective.to(self.device), self.layout).train()
        self.optims = optimizers.make_optimizers(self.objective, recipe, self.device)
        self.average = AveragedModel(model) if recipe.ema else None
        if recipe.compile:
            self.objective.compile()
        self.wrapped = self.accelerator.prepare_model(self.objective)
        # What is measured and kept: the average where there is one.
        self.kept = cast(Autoencoder, self.average.module) if self.average else model

        # Where it stands.
        self.progress, self.best = Progress(), None
        self.order = Order(len(splits.train), recipe.batch_size, recipe.seed)
        self.curves = Curves(self.kept, self.objective, splits, recipe)
        self.sign = self.curves.sign(recipe.best_by) if recipe.best_by else 1
        self.names = ["loss", *self.objective.terms, *(f"{name}_adversary" for name in self.objective.adversaries)]
        self._begin_line()
        self.values: dict[str, float] = {}  # the last that were logged
        self.warned: set[str] = set()

    @property
    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds beside where the run stands, by name."""
        return {"objective": self.objective, **self.optims} | ({"average": self.average} if self.average else {})

    def take_up(self) -> None:
        """Take up an earlier run where it stopped."""
        if found := checkpoint.load_newest(self.folder / checkpoint.TRAINING):
            try:
                self.progress, self.best = Progress.read(found["progress"]), found["best"]
                if self.progress.done > self.recipe.steps:
                    raise ValueError(f"step {self.progress.done} of a run of {self.recipe.steps} steps")
                for name, part in self.parts.items():
                    part.load_state_dict(found["parts"][name])
            except Exception as error:  # what parts say of a state that is another's is theirs
                raise TrainingError(
                    f"the newest checkpoint in {self.folder} is not of this run: {first_line(error)}"
                ) from error
        if self.world > 1 and not devices.are_alike(self.accelerator, self.progress.done):
            raise TrainingError(
                f"the processes do not find the same checkpoint in {self.folder}: it must be one folder"
            )
        self.first = self.progress.done
        recipe = {name: x if isinstance(x, int | float | str) else str(x) for name, x in to_json(self.recipe).items()}
        how = {"name": str(self.folder), "resume": "allow" if self.progress.done else "never"}
        self.accelerator.init_trackers("aezoo", recipe, {"trackio": how})
        self.lines = Log(self.folder / LOG, self.accelerator, self.progress.history)

    # When.

    def agree(self, interrupted: bool) -> bool:
        """Whether to stop here. A signal reaches the processes at different steps: they agree on one."""
        if self.world == 1:
            return interrupted
        if self.progress.done % _AGREE_EVERY:
            return False
        return devices.mean(self.accelerator, torch.tensor([float(interrupted)], device=self.device))[0] > 0

    def is_logging(self, stopping: bool) -> bool:
        """Also before what is measured or saved: that then is known to be finite."""
        due = self.progress.done % LOG_EVERY == 0 or self._is_point() or self.is_saving(stopping)
        return bool(self.summed) and due

    def is_measuring(self) -> bool:
        """At the points of the curves, but not again where a resumed run begins."""
        done = self.progress.done
        return self._is_point() and not any(e["step"] == done and e["split"] == "test" for e in self.lines.history)

    def is_saving(self, stopping: bool) -> bool:
        """At every checkpoint, but not again where a resumed run begins; at the end, and where the run is stopped."""
        done = self.progress.done
        return self.is_over() or stopping or (done > self.first and done % self.checkpoint_every == 0)

    def is_over(self) -> bool:
        """After the last step, or where patience is at its end."""
        return self.progress.done == self.last or self.progress.is_out_of_patience(self.recipe)

    def _is_point(self) -> bool:
        return self.progress.done % self.measure_every == 0 or self.progress.done == self.last

    # What.

    def update(self) -> None:
        """One step of every optimiser, on the parts of one batch."""
        step = self.progress.done
        devices.seed(self.device, step_seed(self.recipe.seed, step))
        batch = self._batch(step).to(self.device, self.layout)
        parts = batch.chunk(self.recipe.accumulate) if self.recipe.accumulate > 1 else [batch]
        contexts = [self._context(part, number) for number, part in enumerate(parts)]
        numbers, answers = self._gradients(contexts)
        self.optims[optimizers.MAIN].step(step)
        # Before the adversaries' pass, at which processes take over the buffers of the first.
        if "bottleneck" not in self.model.frozen:
            self.model.bottleneck.step(partial(devices.total, self.accelerator))
        if begun := [name for name in self.objective.adversaries if self.objective.addends[name].weight_at(step)]:
            of_adversaries, _ = self._gradients(contexts, answers)
            numbers |= of_adversaries
            for name in begun:
                self.optims[name].step(step)
        if self.average:
            self.average.multi_avg_fn = get_ema_multi_avg_fn(decay(self.recipe.ema, step))
            self.average.update_parameters(self.model)
        self.sums += torch.stack([numbers[name] if name in numbers else self.sums.new_zeros(()) for name in self.names])
        self.counts = [count + (name in numbers) for count, name in zip(self.counts, self.names, strict=True)]
        self.summed += 1
        self.progress.done += 1
        self.watcher.step(self.progress.done, self.recipe.steps, self.values)

    def log(self) -> None:
        """The mean of each number since the last line, over the steps that had it.

        Raises:
            DivergedError: one is not finite, or a weight.
        """
        done = self.progress.done
        numbers = devices.mean(self.accelerator, self.sums / self.sums.new_tensor(self.counts).clamp(min=1))
        named = zip(self.names, numbers, self.counts, strict=True)
        self.values = {name: number for name, number, count in named if count}
        if not all(map(math.isfinite, numbers)) or not self._is_finite():
            raise _not_finite(self.values, done, self.folder)
        speed = round(self.summed * self.recipe.batch_size / (time.perf_counter() - self.began), 1)
        rate = optimizers.rate(self.recipe, done - 1)
        self.lines.write({"step": done, "split": "batch", **self.values, "lr": rate, "images_per_second": speed})
        self._begin_line()

    def measure(self) -> None:
        """A point of the curves, and whether it is the best so far."""
        done = self.progress.done
        if self.average:
            self._renormalise()
        if self.world > 1:  # batch statistics are each process's own on the CPU
            devices.share_buffers(self.kept)
        entries = self.curves.point(self.kept, done, self.rank, self.world)
        for entry in entries:
            self.lines.write(entry)
        if done >= max(GRACE, self.recipe.steps // 2):
            self._warn()
        numbers = [entry.get(self.recipe.best_by or "loss") for entry in entries if entry["split"] == "validation"]
        held_out = [math.inf if number is None else self.sign * number for number in numbers]
        if held_out and self.world > 1:  # processes that measured it to another last digit would part
            held_out = devices.mean(self.accelerator, torch.tensor(held_out[:1], device=self.device))
        if held_out and held_out[0] < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_step, self.progress.stale = held_out[0], done, 0
            self.best = copy.deepcopy(self.kept.state_dict()) if self.recipe.keep == "best" else None
        elif held_out:
            self.progress.stale += 1
        self.watcher.measured(self.kept.eval(), self.splits, entries)
        self.objective.train()
        self.began = time.perf_counter()

    def save(self) -> None:
        """A checkpoint. A full disk costs the checkpoint, not the run."""
        if not self.is_main:
            return
        state = {
            "progress": json.dumps(asdict(self.progress)),
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "best": self.best,
        }
        try:
            checkpoint.save(self.folder / checkpoint.TRAINING, self.progress.done, state)
        except OSError as error:
            reason = f"{error.strerror or error}"
            warn(f"step {self.progress.done} could not be saved ({reason}); the checkpoint before it stays")

    def so_far(self) -> Autoencoder:
        """A copy of the model that would be kept if the run ended here, in ``eval()`` on the device of the run.

        The run goes on as if it had not been asked: what averaged weights are normalised by is set anew at every step.
        """
        best = self.best if self.recipe.keep == "best" else None
        if self.average and best is None:
            self._renormalise(FEW_BATCHES)
        model = copy.deepcopy(self.kept)
        if best is not None:
            model.load_state_dict(best)
        return model.eval()

    def finish(self) -> Autoencoder:
        """Leave the processes, and give the model with the weights to keep."""
        # The wrapper goes before the process group: the last to hold the group would wait for a thread that waits
        # for it.
        del self.wrapped
        if self.world > 1 or self.device.type != "cpu":  # elsewhere it only takes time: a quarter of a second
            self.accelerator.free_memory()
        self.accelerator.end_training()
        if self.recipe.keep == "best" and self.best is not None:
            self.kept.load_state_dict(self.best)
        cpu.lay_out(self.kept.to("cpu"), torch.contiguous_format).eval()
        return self.kept

    # How.

    def _gradients(
        self, contexts: list[Context], answers: list[Output] | None = None
    ) -> tuple[dict[str, Tensor], list[Output]]:
        """Backward through every part of a batch: the numbers, averaged over the parts, and the model's answers,
        detached. Given those, it is the adversaries that get gradients: the model answers once a part.
        """
        found: list[dict[str, Tensor]] = []
        outputs: list[Output] = []
        for number, context in enumerate(contexts):
            # Gradients travel between processes only with the last part.
            last = number == len(contexts) - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                with torch.autocast(self.device.type, self.autocast) if self.autocast else contextlib.nullcontext():
                    given = () if answers is None else (answers[number],)
                    loss, values = self.wrapped(context.batch, context, *given)
                self.accelerator.backward(loss / len(contexts) if len(contexts) > 1 else loss)
            found.append(values if answers else {"loss": loss.detach(), **values})
            if self.objective.adversaries and context.output:
                outputs.append(context.output.detach())
            context.output = None  # what was computed is not kept until the next part is
        if len(found) == 1:
            return found[0], outputs
        return {name: torch.stack([each[name] for each in found]).mean(0) for name in found[0]}, outputs

    def _context(self, part: Batch, number: int) -> Context:
        step = self.progress.done
        return Context(
            model=self.model,
            batch=part,
            step=step,
            steps=self.recipe.steps,
            dataset_size=len(self.splits.train),
            training=True,
            draw=(self.recipe.seed, TERM, step, self.rank, number),
            gather=devices.gather if self.world > 1 else alone,
        )

    def _batch(self, step: int) -> Batch:
        """This process's images of a step. What is drawn is drawn for the whole batch, as one process alone would."""
        recipe, rank, images = self.recipe, self.rank, self.splits.train
        if recipe.binarize == "dynamic":
            drawn = images.batch(self.order.batch(step), _generator(recipe.seed, DRAW, step, 0))
            batch = drawn.chunk(self.world)[rank]
        else:
            batch = images.batch(self.order.batch(step, rank, self.world))
        if recipe.mirror:
            whole = _generator(recipe.seed, FLIP, step)
            flips = torch.rand(recipe.batch_size, generator=whole).chunk(self.world)[rank] < 0.5
            batch.images = torch.where(flips[:, None, None, None], batch.images.flip(3), batch.images)
        return batch

    def _is_finite(self) -> bool:
        """Whether all weights are: a loss may be, and its gradient not."""
        return bool(torch.stack([weights.isfinite().all() for weights in self.objective.parameters()]).all())

    def _renormalise(self, batches: int = NORM_BATCHES) -> None:
        """Give averaged weights batch normalisation statistics of their own, over the first batches of the run.

        Those of the weights in training do not fit: an average of noisy weights is smaller than each of them. (Measured
        on `cis680-vae512` with a decay of 0.999, step 3000: test mse 0.061 with the statistics of the weights in
        training.) Nothing is trained by it: what a bottleneck collects in training, it does not collect here.
        """
        devices.seed(self.device, seed_of(self.recipe.seed, NORM))
        few = range(min(batches, math.ceil(len(self.splits.train) / self.recipe.batch_size)))
        with passes(rank=self.rank, world=self.world, collects=False):
            update_bn((self._batch(step) for step in few), _Moving(self.kept), self.device)

    def _warn(self) -> None:
        """Say once what looks wrong."""
        history = self.lines.history
        some = self.splits.train.some(16)
        few = some.batch(range(len(some))).to(self.device)
        found = health.diagnose(self.kept.eval(), few, history[-1].get("kl")) | health.turned(history)
        for kind in found.keys() - self.warned:
            self.warned.add(kind)
            warn(f"step {history[-1]['step']}: {found[kind]}")

    def _begin_line(self) -> None:
        """Of the log: no step is summed yet."""
        self.sums, self.summed = torch.zeros(len(self.names), device=self.device), 0
        self.counts, self.began = [0] * len(self.names), time.perf_counter()


def measure_every(recipe: Recipe) -> int:
    """The steps between two points of the curves."""
    return recipe.evaluate_every or max(1, recipe.steps // 20)


def decay(ema: float, step: int) -> float:
    """The decay of the average at a step, counted from 0: warmed up as those of timm and diffusers are.

    So it spans about a ninth of a short run, and never keeps the weights that the run began with.
    """
    return min(ema, (1 + step) / (10 + step))


class _Moving(nn.Module):
    """A model without its frozen parts, for `update_bn`, which sets back every batch normalisation that it finds."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.training, self.whole = model.training, (model,)  # in a tuple it is no child
        self.parts = nn.ModuleList(part for name, part in model.named_children() if name not in model.frozen)

    def train(self, mode: bool = True) -> Self:
        self.whole[0].train(mode)
        return super().train(mode)

    def forward(self, batch: Batch) -> Output:
        return self.whole[0](batch)


def _generator(*words: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*words))


def _not_finite(values: dict[str, float], done: int, folder: Path) -> DivergedError:
    bad = ", ".join(f"{name}={value:.3g}" for name, value in values.items())
    saved = checkpoint.find(folder / checkpoint.TRAINING)
    kept = f"checkpoint {saved[0].name} is from before" if saved else "no checkpoint was written yet"
    what = "weights are" if all(map(math.isfinite, values.values())) else "loss is"
    return DivergedError(f"the {what} not finite by step {done} ({bad}): try a smaller --lr or --clip-norm 1; {kept}")
