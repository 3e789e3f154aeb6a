"""A run: what ``aezoo train`` is asked for, recorded so that it can go on after any stop, and carried through."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.composition import differing, inert
from aezoo.datasets.image_array import data_hash, labels_hash
from aezoo.datasets.pipeline import confirms, dataset_spec, is_path
from aezoo.errors import AezooError, OptionError, StoppedError, TrainingError, warn
from aezoo.factory import build, create
from aezoo.files import command_line, path_of
from aezoo.plain import PARTS, from_json, to_json
from aezoo.recipe import Recipe
from aezoo.requests import Origin, ask, refuse_external
from aezoo.specs import ModelSpec
from aezoo.training import checkpoint, claim, devices, engine, length, optimizers
from aezoo.training.data import Splits, load_splits, write_skipped
from aezoo.training.environment import environment, free_threads, other_packages, other_ways
from aezoo.training.job import Job, Result
from aezoo.training.objective import addends_of, names_of_terms, refuse_external_terms, rehearse
from aezoo.training.pictures import Pictures
from aezoo.training.results import write_results, write_unfinished
from aezoo.training.steps import Progress, Watcher, measure_every
from aezoo.weights import limits
from aezoo.weights.folder import BEGAN, RECORD

LABELS = "labels"
"""Where a run's record has the hashes of what else is known of its images."""


def start(
    job: Job,
    folder: str | os.PathLike[str],
    watcher: Watcher | None = None,
    *,
    said: Collection[str] | None = None,
    overwrite: bool = False,
) -> Result:
    """Train from the beginning into a new model folder, which is taken once data, device and model are ready.

    Args:
        job: what to train.
        folder: the model folder.
        watcher: is told how it goes.
        said: where the recipe was read from a file, which of its fields the caller said: the rest must be inert.
        overwrite: whether a run that the folder holds is replaced, once this one can start.

    Raises:
        AezooError: the folder is another's or cannot be written, or what `carry_out` raises.
    """
    folder, origin = path_of(folder, "folder"), _origin(job, said)
    # What costs nothing to know is known before images are read.
    of_slopes = [each for each in addends_of(job.recipe, job.spec) if not each.spec.compiles]
    if job.recipe.compile and (inside := [each for each in of_slopes if each.asked.options.get("adaptive", True)]):
        why = "asks for gradients inside the model, which a compiled one does not give"
        raise OptionError(f"--compile: {inside[0].name} {why}")
    optimizers.check(job.recipe)
    for metric in job.recipe.metrics:
        ask("metric", metric)
    if _is_main():
        claim.check(folder, overwrite)
        if origin == "caller" and is_path(job.recipe.dataset):
            claim.check_apart(folder, job.recipe.dataset)
        if drawn := _frozen_at_random(job):
            warn(f"{' and '.join(drawn)} frozen as drawn at random: --from MODEL brings trained weights")

    with contextlib.ExitStack() as stack:

        def take(job: Job, known: dict[str, Any]) -> None:
            stack.enter_context(claim.held(folder))
            claim.take(folder, {"job": to_json(job), **known}, overwrite)

        return carry_out(job, folder, {}, watcher, origin, take)


def resume(
    folder: str | os.PathLike[str],
    watcher: Watcher | None = None,
    *,
    data: str = "",
    root: str = "",
    loss: str = "",
    metrics: tuple[str, ...] = (),
    begin_with: str = "",
    device: str = "",
    steps: int = 0,
    epochs: float = 0.0,
    minutes: float = 0.0,
    finish: bool = False,
) -> Result:
    """Continue a run from its newest whole checkpoint, or from step 0 where there is none, as it was recorded.

    It may be given another length, where a run of that length would have come to where this one stands, to the bit.

    The record is a file, and may be anyone's: what it asks for reaches nothing outside.

    Args:
        folder: of the run.
        watcher: is told how it goes.
        data: the recorded dataset, said again: needed where that is a path, or to be downloaded.
        root: where the data lies; empty: ``AEZOO_DATA``, whatever the record says.
        loss, metrics: the recorded ones, said again: needed where one reaches outside.
        begin_with: the model whose weights it began with, said again: needed until there is a checkpoint.
        device: to go on on, instead of the recorded one: then the same to rounding, and no longer to the byte.
        steps, epochs: how long the run shall be in all, instead of as recorded.
        minutes: how long it shall go on from here, instead.
        finish: end it where its newest checkpoint stands. Where a run of so many steps would have come there, it then
            is that run; else its config and card say that it was ended early.

    Raises:
        TrainingError: there is no run, its data is another or has changed, it was begun with what the record alone
            cannot ask for, or it cannot have the length asked for.
        DataError: its data is not there, or has to be confirmed.
    """
    folder = path_of(folder, "folder")
    path = folder / RECORD
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run to resume: it has no {RECORD}")
    if _is_main():
        claim.refuse_links(folder)
        with claim.held(folder):
            claim.sweep(folder)
        if others := other_packages(folder):
            warn(f"{folder} was begun with {others}: it goes on, but maybe not to the same bytes")
    try:
        record = limits.read_json(path)
        job, began = from_json(Job, record["job"]), str(record.get(BEGAN, ""))
        recorded_data = {f"{name} images": found for name, found in record["data"].items()} | record.get(LABELS, {})
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError, AezooError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None
    if data and confirms(data, job.recipe.dataset):
        data = job.recipe.dataset
    elif data and recorded_data and is_path(data) and not _may_ask(job.recipe.dataset):
        job = replace(job, recipe=replace(job.recipe, dataset=data))  # moved: its images are compared by their hash
    said = {"dataset": data, "loss": loss, "metrics": metrics, "begin_with": begin_with}
    recorded = {
        "dataset": job.recipe.dataset,
        "loss": job.recipe.loss or job.spec.loss,
        "metrics": job.recipe.metrics,
        "begin_with": job.begin_with,
    }
    for name in [name for name, value in said.items() if value and value != recorded[name]]:
        what = "weights" if name == "begin_with" else name
        raise TrainingError(f"{folder} was begun with the {what} {recorded[name] or 'of none'}, not {said[name]}")
    origin = _origin(job, [name for name, value in said.items() if value])
    spec = inert(job.spec, folder)
    difference, unsaid = differing(job.spec, spec), bool(job.begin_with) and not begin_with
    asks = difference or unsaid or steps or epochs or minutes or finish
    found = checkpoint.load_newest(folder / checkpoint.TRAINING) if asks else None
    if not found and difference:
        raise TrainingError(f"{folder} has no checkpoint yet, and no file may ask for {difference}: begin it again")
    if not found and unsaid:
        raise TrainingError(f"{folder} has no checkpoint yet, and begins with {job.begin_with}: confirm it with --from")
    try:
        done = Progress.read(found["progress"]).done if found else 0
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrainingError(f"the newest checkpoint in {folder} is not of a run: {error}") from None
    if finish and not done:
        raise TrainingError(f"{folder} has trained no step that was saved: there is nothing to end; --resume goes on")
    recipe = job.recipe
    if steps:
        recipe = _of_length(recipe, steps, done, folder)
    elif finish and not length.unlike(recipe, done, done):
        recipe = length.changed(recipe, done)

    # A checkpoint has the weights that the run began with in it.
    now = replace(
        job,
        spec=spec,
        recipe=recipe,
        root=root,
        begin_with=begin_with,
        device=device or job.device,
        epochs=epochs,
        minutes=minutes,
    )
    with contextlib.ExitStack() as stack:

        def take(now: Job, known: dict[str, Any]) -> None:
            stack.enter_context(claim.held(folder))
            if now.recipe != job.recipe:
                claim.write_record(folder, {"job": to_json(replace(job, recipe=now.recipe)), **known})

        return carry_out(now, folder, recorded_data, watcher, origin, take, began=began, done=done, ends=finish)


def _origin(job: Job, said: Collection[str] | None) -> Origin:
    """Who names the job's data; what else a file's recipe asks for is checked.

    Raises:
        OptionError: a term or a metric that only the caller may ask for.
    """
    if said is None:
        if not job.recipe.loss:
            refuse_external_terms(job.spec.loss, "--loss")
        return "caller"
    if "loss" not in said:
        refuse_external_terms(job.recipe.loss or job.spec.loss, "--loss")
    if "metrics" not in said:
        refuse_external("metric", job.recipe.metrics, "--metric")
    return "caller" if "dataset" in said else "file"


def carry_out(
    job: Job,
    folder: Path,
    recorded_data: dict[str, str],
    watcher: Watcher | None,
    origin: Origin,
    take: Callable[[Job, dict[str, Any]], None],
    began: str = "",
    done: int = 0,
    ends: bool = False,
) -> Result:
    """Load the data, train from where the folder stands, write the results and draw the pictures.

    Args:
        job: what to train.
        folder: of the run.
        recorded_data: the hashes of its images and labels, where the run was begun before.
        watcher: is told how it goes.
        origin: who names the job's data.
        take: called in the main process, once it can start, with the job, its steps known, and what else the record
            has: the hash of each split, and what it began with.
        began: the weights that it began with, where these are not the job's to name any more.
        done: where a run stands that is given another length.
        ends: whether it ends where its newest checkpoint stands.
    """
    devices.check(job.device)
    watcher = watcher if watcher and _is_main() else Watcher()
    job = replace(job, threads=job.threads or free_threads())  # recorded: a run that goes on has as many
    torch.set_num_threads(job.threads)
    # What does not fit is known before images are read.
    rehearse(build(job.spec, "meta"), job.recipe)
    splits = load_splits(
        job.recipe,
        job.spec.image,
        root=job.root or None,
        origin=origin,
        report=watcher.working,
    )
    data = {name: data_hash(images) for name, images in splits.named().items()}
    labels = {f"{name} labels": found for name, images in splits.named().items() if (found := labels_hash(images))}
    hashes = {f"{name} images": found for name, found in data.items()} | labels
    if changed := [name for name, found in recorded_data.items() if found != hashes.get(name)]:
        raise TrainingError(f"the {changed[0]} of {job.recipe.dataset} are not those that this run began with")
    torch.manual_seed(job.recipe.seed)
    if job.begin_with:
        model, begins = _first_weights(job)
        if began and began != begins:
            raise TrainingError(f"the weights of {job.begin_with} are not those that this run began with: {began}")
        began = began or begins
    else:
        model, began = build(job.spec), began or _published(job.spec)
    job = _with_length(job, model, splits, folder, done, begun=bool(recorded_data))
    pictures = Pictures(folder, watcher) if job.figures and _is_main() else None
    again = _how_to_resume(job, folder, "--finish" if ends else "--resume")
    autocast = devices.autocast_type(job.recipe, model, devices.named(job.device))
    known = {"data": data, **({BEGAN: began} if began else {})}
    made_with = {**known, **environment(job.threads, job.device, autocast)}
    if _is_main() and recorded_data and not ends and (others := other_ways(folder, made_with)):
        warn(f"{folder} was begun with {others}: it goes on, but not to the same bytes")

    def ready() -> None:
        if _is_main():
            take(job, {**known, **({LABELS: labels} if labels else {})})
            write_skipped(folder, splits)
            watcher.begins(job, folder)

    def saved(model: Autoencoder, progress: Progress) -> None:
        state = {**_stands(job.recipe, progress), "state": "unfinished", **made_with}
        try:
            write_unfinished(folder, model, splits, job.recipe, state)
        except OSError as error:
            reason = f"the model so far could not be written ({error.strerror or error})"
            warn(f"step {progress.done}: {reason}")

    model, progress = engine.run(
        model,
        job.recipe,
        splits,
        folder,
        device=job.device,
        checkpoint_every=job.checkpoint_every,
        trackers=job.trackers,
        watcher=pictures or watcher,
        ready=ready,
        saved=saved,
        again=again,
        ends=ends,
    )
    terms = names_of_terms(job.recipe, job.spec)
    if not _is_main():
        return Result(model, splits, terms, {}, progress.history, progress.done, folder)
    # Ended by hand between two points of the curves, it has measured once more than a run that goes on.
    patient = progress.is_out_of_patience(job.recipe) and progress.done % measure_every(job.recipe) == 0
    early = ends and progress.done < job.recipe.steps and not patient
    state = {"state": "ended early"} if early else {}
    training = {**_stands(job.recipe, progress), **state, **made_with}
    if progress.done and not training["step"]:
        number = job.recipe.best_by or "loss"
        warn(
            f"the validation {number} was best before the first of {progress.done} steps: kept are the weights that "
            "the run began with; --keep last keeps the last ones, --best-by mse chooses by another number"
        )
    try:
        metrics = write_results(folder, model, splits, job.recipe, training, watcher.working)
    except OSError as error:
        reason = error.strerror or error
        raise TrainingError(
            f"{folder} cannot be written ({reason}); the training is saved: make room, then aezoo train {again}"
        ) from error
    except KeyboardInterrupt:
        saved(model, progress)
        raise StoppedError(
            f"stopped at its end, before all was measured; measure it with: aezoo train {again}\n"
            f"{folder} is a model as it stands"
        ) from None
    if pictures:
        pictures.finish(model, splits, progress.history, terms, metrics)
    return Result(model, splits, terms, metrics, progress.history, training["step"], folder)


def _with_length(job: Job, model: Autoencoder, splits: Splits, folder: Path, done: int, begun: bool) -> Job:
    """The job with the steps that its recipe then says."""
    images, batch_size, every = len(splits.train), job.recipe.batch_size, job.recipe.evaluate_every
    if job.minutes:
        if devices.launched()[1] > 1:
            raise OptionError("minutes are timed in one process: with several, say --steps or --epochs")
        more, every = length.of_minutes(job.minutes, model, job.recipe, splits, job.device)
        steps = done + more
    elif job.epochs:
        steps = length.of_epochs(job.epochs, images, batch_size)
    elif job.from_images:
        steps = length.of_images(images, batch_size)
    else:
        return job
    recipe = (
        _of_length(job.recipe, steps, done, folder) if begun else replace(job.recipe, steps=steps, evaluate_every=every)
    )
    return replace(job, recipe=recipe, epochs=0.0, minutes=0.0, from_images=False)


def _of_length(recipe: Recipe, steps: int, done: int, folder: Path) -> Recipe:
    """The recipe of a run that was begun, with other steps.

    Raises:
        TrainingError: a run of so many steps would not have come to where it stands.
    """
    if reason := length.unlike(recipe, steps, done):
        quoted = command_line(str(folder))
        raise TrainingError(
            f"{folder} cannot become a run of {steps} steps: {reason}\n"
            f"end it with --finish {quoted}, and begin another with --from {quoted}"
        )
    return length.changed(recipe, steps)


def _stands(recipe: Recipe, progress: Progress) -> dict[str, Any]:
    """What a config says of how far a run came: the step of its weights, and the steps done."""
    step = progress.best_step if recipe.keep == "best" and math.isfinite(progress.best_loss) else progress.done
    return {"recipe": to_json(recipe), "step": step, "done": progress.done}


def _how_to_resume(job: Job, folder: Path, flag: str) -> str:
    """The options that go on with a run: what its record alone may not ask for is said again."""
    loss = job.recipe.loss or job.spec.loss
    may_ask: dict[str, tuple[Sequence[str], Callable[[], object]]] = {
        "--data": ([job.recipe.dataset], lambda: dataset_spec(job.recipe.dataset, "file")),
        "--loss": ([loss], lambda: refuse_external_terms(loss, "--loss")),
        "--metric": (job.recipe.metrics, lambda: refuse_external("metric", job.recipe.metrics, "--metric")),
    }
    said = [flag, str(folder), *(["--root", job.root] if job.root else [])]
    said += ["--device", job.device] if job.device != "auto" else []
    for option, (values, check) in may_ask.items():
        try:
            check()
        except AezooError:
            said += [text for value in values for text in (option, value)]
    return command_line(*said)


def _may_ask(dataset: str) -> bool:
    """Whether a file may ask for images by this name, which is then no path."""
    try:
        dataset_spec(dataset, "file")
    except AezooError:
        return False
    return True


def _frozen_at_random(job: Job) -> list[str]:
    """The parts that the recipe freezes and nothing has trained; a backbone may bring weights of its own."""
    parts = [part for part in ("encoder", "decoder") if part in job.recipe.freeze and not job.begin_with]
    return [part for part in parts if not dict(getattr(job.spec, part).options).get("pretrained")]


def _published(spec: ModelSpec) -> str:
    """What brings weights that somebody published into a model that begins anew: its encoder, where it has them."""
    return str(spec.encoder) if dict(spec.encoder.options).get("pretrained") else ""


def _first_weights(job: Job) -> tuple[Autoencoder, str]:
    """The model to begin with, and which weights these are: those of any size fit any size. Beside parts that are
    frozen the others may be other ones, and then begin anew.
    """
    model, frozen = create(job.begin_with, pretrained=True), job.recipe.freeze
    free = {part: getattr(model.spec, part) for part in PARTS if frozen and part not in frozen}
    own = replace(model.spec, image=replace(model.image, size=job.spec.image.size)) if model.stride else model.spec
    if difference := differing(replace(job.spec, **free), own):
        raise TrainingError(f"{job.begin_with} is made with {difference}: its weights do not fit {job.spec.name}")
    if model.only:
        raise TrainingError(f"{job.begin_with} holds the {model.only} alone: training needs the whole model")
    assert model.source
    began = model.source.origin
    if not differing(job.spec, model.spec):
        model.spec = job.spec  # its weights are asked for, not its loss: a folder's is what a file says
        return model, began
    begun = build(job.spec)
    shapes = {name: x.shape for name, x in begun.state_dict().items()}
    latents = ("latent_",) if {"encoder", "bottleneck"} <= {*frozen} else ()  # their stored mean and deviation
    kept = (*latents, *(f"{part}." for part in frozen)) if differing(job.spec, own) else ("",)
    try:
        begun.load_state_dict(
            {
                name: x
                for name, x in model.state_dict().items()
                # Of another size a latent's moments may be other numbers: they are measured again.
                if name.startswith(kept) and (x.shape == shapes.get(name) or not name.startswith("latent_"))
            },
            strict=False,
        )
    except RuntimeError as error:
        parts, last = " and ".join(frozen) or "weights", str(error).rpartition("\n")[2].strip()
        raise TrainingError(f"the {parts} of {job.begin_with} fit no such model: {last}") from error
    return begun, began


def _is_main() -> bool:
    """Whether this is the process that writes."""
    return devices.launched()[0] == 0
