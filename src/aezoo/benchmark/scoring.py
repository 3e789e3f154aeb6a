"""Scores of reconstructions: of a model, of a baseline, or of pictures that were made elsewhere, all in one way.

What a model gives is clamped to [0, 1] and rounded to 256 levels first, as a picture in a file is.

Shapes: n images, c channels, h height, w width.
"""

from __future__ import annotations

import functools
import math
import os
import platform
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.benchmark.pictures import read_pictures
from aezoo.benchmark.results import LONGEST, MEAN_IMAGE, PCA, Result, clash, is_baseline, rounded
from aezoo.benchmark.table import pca_of
from aezoo.benchmark.tasks import Task, find_task
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.composition import describe, recipe_of, resolve
from aezoo.datasets.image_array import ImageArray, data_hash
from aezoo.embedded import list_models
from aezoo.errors import (
    AezooError,
    AezooWarning,
    DataError,
    OptionError,
    UnknownNameError,
    WeightsError,
    one_line,
    typed_line,
)
from aezoo.factory import build, create
from aezoo.grammar import parse_component
from aezoo.latent import Batch, Latent, Output
from aezoo.likelihoods.base import Likelihood
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.evaluation import Metric, choose, measure
from aezoo.metrics.pca import Pca
from aezoo.modes import settled
from aezoo.plain import ImageSpec
from aezoo.plugins import registry
from aezoo.registry import BUILTIN
from aezoo.specs import ModelSpec
from aezoo.summary import summarize
from aezoo.training.data import Report
from aezoo.training.devices import named

REFERENCE = "cis680-vae512"
"""The model, untrained, of the task's images, whose time stands beside a model's own: machines differ, a ratio less."""
TIMED = 8
"""Images at a time, of which the time is taken; the middle of `REPEATS` passes, in one thread, each time the two."""
REPEATS = 5
_BATCH = 64


def score(
    task: Task,
    names: Sequence[str],
    known: Sequence[Result] = (),
    *,
    fresh: Sequence[Result] = (),
    root: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> Iterator[Result]:
    """The results of models and baselines, one after the other, and of the baselines that belong beside them: the mean
    image, and PCA of as many numbers as each latent has.

    Args:
        task: what is asked.
        names: of models with weights, their folders, ``"mean-image"``, ``"pca-16"``.
        known: results that there are already, whose baselines belong there too: where one does not compare with what is
            found, it is scored again.
        fresh: those among what is found already, as of pictures.
        root: where datasets lie.
        device: where models compute.
        report: called as images are read and done.

    Raises:
        UnknownNameError, WeightsError: there is no such model, or none with weights.
        DataError: the images are not there, or are others.
    """
    for name in names:
        if not is_baseline(name):
            resolve(name)  # a name that is none is said before anything is computed
    images, found = task.load(root=root, progress=_of("reading test", report)), [*known, *fresh]
    _metrics(task, images)  # what is not as the task says is said before anything is computed
    for name in names:
        if not is_baseline(name):
            found.append(score_model(task, images, name, device=device, report=report))
            yield found[-1]
    wanted = [name for name in names if is_baseline(name)]
    beside = [MEAN_IMAGE, *(pca_of(task, result) for result in found if not result.error)]
    there = [result.name for result in known if not clash((result, *found[len(known) :]))]
    wanted += [name for name in beside if name not in ("", *there)]
    if wanted:
        training = task.load("train", root=root, progress=_of("reading train", report))
        yield from score_baselines(task, images, training, list(dict.fromkeys(wanted)), report=report)


def score_again(
    then: Result,
    *,
    model: str = "",
    pictures: Path | None = None,
    root: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> Result:
    """What the subject of a result scores now.

    Args:
        then: the result.
        model: its name said again, where it is a path or a repository.
        pictures: those that it is of, where it is of any.
        root, device, report: as in `score`.

    Raises:
        OptionError: it is of pictures, and none were given; or of a path or a repository that was not said again.
        UnknownNameError, WeightsError, DataError: as of `score`.
    """
    task = find_task(then.task)
    images = task.load(root=root, progress=_of("reading test", report))
    _metrics(task, images)
    if then.kind == "model":
        said = model and os.path.normpath(model)
        if then.name not in (said, *list_models(pretrained=True)):  # a file opens no path and starts no download
            raise OptionError(f"{then.name} is of no package that is installed: --name {then.name} confirms it")
        return score_model(task, images, then.name, device=device, report=report)
    if then.kind == "baseline":
        training = task.load("train", root=root, progress=_of("reading train", report))
        return next(score_baselines(task, images, training, [then.name], report=report))
    if pictures is None:
        raise OptionError(f"{then.name} is of pictures made elsewhere: say where they are with --reconstructions")
    return score_pictures(task, images, pictures, then.name, floats=then.floats, bits=then.bits, report=report)


def score_model(
    task: Task, images: ImageArray, name: str, *, device: str = "cpu", report: Report | None = None
) -> Result:
    """What a model scores. One that does not take the images, or that fails, has its error for a result.

    Args:
        task: what is asked.
        images: `Task.load`.
        name: of a model with weights, or its folder.
        device: where it computes; its time is always that of one core.
        report: called as images are done.

    Raises:
        UnknownNameError, WeightsError: there is no such model, or none with weights.
    """
    source = resolve(name)
    package = source.entry.distribution if source.entry else BUILTIN
    about: dict[str, Any] = {"trained_on": recipe_of(source).dataset, "versions": _versions(package)}
    try:
        model = create(name, pretrained=True)
        about |= {"weights": model.source.sha256 if model.source else ""}
        summary = summarize(model, task.image.size)
        size = {"floats": math.prod(summary.latent_shape), "bits": summary.bits}
        about |= size | {"parameters": summary.parameters, "macs": summary.macs}
        scores = _scores(task, images, reconstruct(model, images, device=device, report=report), report)
        about |= scores | _times(task, images, model.cpu())
    except (UnknownNameError, WeightsError):
        raise
    except (Exception, SystemExit) as error:  # a stranger's model may raise anything
        about |= {"error": _line(error)}
    tagged = source.entry and source.tag and "/" not in name
    label = f"{source.spec.name}.{source.tag}" if tagged else os.path.normpath(name)
    return Result(task=task.id, images=task.sha256, name=label, kind="model", **about)


def score_baselines(
    task: Task, images: ImageArray, training: ImageArray, names: Sequence[str], *, report: Report | None = None
) -> Iterator[Result]:
    """What baselines score, fitted to the task's training images; components are found once for all.

    Raises:
        OptionError: there is no such baseline.
    """
    dims = {name: int(found[1]) for name in names if (found := PCA.fullmatch(name))}
    if unknown := [name for name in names if name not in (MEAN_IMAGE, *dims)]:
        raise OptionError(f"no baseline {unknown[0]!r}: there are {MEAN_IMAGE} and pca-N, of N components")
    pca = Pca.fit(training, max(dims.values())) if dims else None
    for name in names:
        model = pca.first(dims[name]) if pca and name in dims else MeanImage.fit(training)
        yield Result(
            task=task.id,
            images=task.sha256,
            name=name,
            kind="baseline",
            floats=math.prod(model.latent_shape),
            trained_on=task.dataset,
            versions=_versions(),
            **_scores(task, images, reconstruct(model, images, report=report), report),
        )


def score_pictures(
    task: Task,
    images: ImageArray,
    path: Path,
    name: str,
    *,
    floats: int | None = None,
    bits: float = 0.0,
    report: Report | None = None,
) -> Result:
    """What pictures score that something else reconstructed.

    Args:
        task: what is asked.
        images: `Task.load`.
        path: of them, as `read_pictures` takes it.
        name: of the row.
        floats: of the latent that they were made from, where that is known.
        bits: of its codes, where it has any.
        report: called as images are done.

    Raises:
        OptionError: the name is a baseline's, or that of a model with weights.
        DataError: one is missing, cannot be read, or is of another size.
    """
    if is_baseline(name) or name in list_models(pretrained=True):
        raise OptionError(f"--name {name}: that is another row's: call these pictures something else")
    pictures = read_pictures(path, images)
    scores = _scores(task, images, pictures, report)
    about = {"floats": floats, "bits": bits, "versions": _versions(), "weights": data_hash(ImageArray(pictures))}
    return Result(task=task.id, images=task.sha256, name=name, kind="pictures", **about, **scores)


def fitting(task: Task) -> list[str]:
    """The tags with weights here that take a task's images."""
    return [name for name in list_models(pretrained=True) if _takes(name, task.image)]


@torch.no_grad()
def reconstruct(
    model: Autoencoder, images: ImageArray, *, device: str = "cpu", report: Report | None = None
) -> UInt8[Tensor, "n c h w"]:
    """What a model makes of images, from the posterior's mean, as pictures.

    Raises:
        DataError: the model does not take them, or gives what is no number.
    """
    made = []
    model.to(named(device))
    with settled(model):
        for at in range(0, len(images), _BATCH):
            batch = images.batch(range(at, min(at + _BATCH, len(images)))).to(named(device))
            again = model(batch).reconstruction.cpu()
            if not again.isfinite().all():
                raise DataError("it gives values that are no numbers")
            made.append((again.clamp(0, 1) * 255).round().to(torch.uint8))
            if report:
                report(model.spec.name, at + len(batch), len(images))
    return torch.cat(made)


class _Pictures(Autoencoder):
    """Pictures in the form of a model that answers each image with its own, so that metrics are measured on them."""

    def __init__(self, pictures: UInt8[Tensor, "n c h w"], places: Int[Tensor, " n"]) -> None:
        _, channels, *size = pictures.shape
        image = ImageSpec.of(size, channels)
        spec = ModelSpec(name="pictures", summary="Pictures made elsewhere", image=image)
        latent = IdentityBottleneck(image.shape)
        super().__init__(spec, nn.Identity(), latent, nn.Identity(), likelihood=Likelihood(image))
        self._pictures, self._places = pictures, places

    def forward(self, images: Float[Tensor, "b c h w"] | Batch, labels: Tensor | None = None) -> Output:
        """The pictures of images by their places in the split."""
        assert isinstance(images, Batch)
        assert images.index is not None
        at = torch.searchsorted(self._places, images.index)
        return self.output(Latent(self._pictures[at] / 255))


@functools.lru_cache(maxsize=1)  # networks to load, and two passes over the images: once for those of a task
def _metrics(task: Task, images: ImageArray) -> tuple[Metric, ...]:
    """The metrics of a task that packages here bring.

    Raises:
        DataError: one is not the task's: of another revision, or with another network.
    """
    pinned = {each.partition("@")[0]: each for each in (*task.metrics, *task.of_sets)}
    there = [name for name in pinned if registry().entries("metric", parse_component(name).name)]
    metrics = choose(_Pictures(images.pixels, images.index), images, metrics=there)
    if other := [metric for metric in metrics if metric.id != pinned[metric.name]]:
        raise DataError(f"{task.id} is scored by {pinned[other[0].name]}, and here there is {other[0].id}")
    return tuple(metrics)


def _scores(
    task: Task, images: ImageArray, pictures: UInt8[Tensor, "n c h w"], report: Report | None
) -> dict[str, Any]:
    """The scores of pictures, as fields of a `Result`."""
    metrics = _metrics(task, images)
    with warnings.catch_warnings():
        # It says that an fd compares at equal numbers of images alone, which they are.
        warnings.filterwarnings("ignore", "fd of", AezooWarning)
        model = _Pictures(pictures, images.index)
        found = measure(model, images, metrics, seed=task.seed, progress=_of("scoring", report))
    of_images = [metric.name for metric in metrics if metric.id in task.metrics]
    if lost := [name for name in of_images if name not in found.values]:
        raise DataError(f"{', '.join(lost)} could not be measured")
    scores = {name: rounded(found.values[name].tolist()) for name in of_images} | found.of_set
    fields = {metric.name: parse_component(metric.name).name.rpartition("/")[2] for metric in metrics}
    return {**{fields[name]: scores[name] for name in scores if name in fields}, "metrics": tuple(found.ids.values())}


def _times(task: Task, images: ImageArray, model: Autoencoder) -> dict[str, Any]:
    """Milliseconds of one core for an image, of a model and of the reference, as fields of a `Result`.

    It is the time that this thread computes, which does not count that of others on the same core; on Windows, whose
    clock of that advances by 16 ms, it is the time that passes.
    """
    clock = time.perf_counter if os.name == "nt" else time.thread_time
    reference = create(REFERENCE, image_size=task.image.size, channels=task.image.channels)
    batch = images.batch(range(min(TIMED, len(images))))
    threads, taken = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), settled(model):
            for _ in range(1 + REPEATS):  # the first warms up
                marks = [clock()]
                for each in (model, reference):
                    each(batch)
                    marks.append(clock())
                taken.append([1000 * (end - start) / len(batch) for start, end in pairwise(marks)])
    finally:
        torch.set_num_threads(threads)
    own, other = (float(f"{statistics.median(each):.4g}") for each in zip(*taken[1:], strict=True))
    return {"ms": own, "reference_ms": other, "processor": _processor()}


def _takes(name: str, image: ImageSpec) -> bool:
    """Whether a model does; one that cannot be built is scored all the same, which says why."""
    try:
        model = build(describe(name), device="meta")
        model.latent_shape_at(image.size)
    except DataError:
        return False
    except (Exception, SystemExit):  # a stranger's may raise anything
        return True
    return model.image.channels == image.channels


def _of(what: str, report: Report | None) -> Callable[[int, int], None] | None:
    """What is called with how many images are done."""
    return (lambda done, total: report(what, done, total)) if report else None


def _versions(*packages: str) -> tuple[str, ...]:
    return tuple(f"{name} {metadata.version(name)}" for name in dict.fromkeys((BUILTIN, *packages, "torch")))


def _processor() -> str:
    """What the maker calls it, where the system says so."""
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _line(error: BaseException) -> str:
    said = one_line(error) if isinstance(error, AezooError) else typed_line(error)
    return "".join(char if char.isprintable() else "?" for char in said[:LONGEST])
