"""What is checked of a metric: a number that batches do not change, honest in what it needs and what end is good."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from aezoo.datasets.pipeline import load_images
from aezoo.latent import Batch, Output
from aezoo.metrics.evaluation import Metric, SetMetric, choose, is_of_images, rows
from aezoo.metrics.measured import Measured
from aezoo.specs import MetricSpec
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_numbers, check_same_state
from aezoo.testing.losses import only_needed, with_all

_IMAGES = 12


class MetricChecks:
    """Finite, the same in any batches, honest."""

    def test_metric_runs_on_what_it_needs(self, metric: Case) -> None:
        working, measured = _measured(metric)
        before = copy.deepcopy(measured.model)
        given = [tensor.clone() for tensor in tree_leaves([measured.batch, measured.mean, measured.sampled])]
        for row, value in _value(working, [measured]).items():
            assert value.isfinite(), f"it{row} is {value.item()}"
        if not isinstance(working.measures, SetMetric):
            for row, value in rows("", working.measures(*working.given(measured))).items():
                check_numbers(value, (_IMAGES,), f"the metric{row}")
        check_same_state(measured.model, before)
        assert not measured.model.training, "it leaves the model in train()"
        after = tree_leaves([measured.batch, measured.mean, measured.sampled])
        assert all(map(torch.equal, given, after)), "it writes into what it is given"

    def test_batches_do_not_matter(self, metric: Case) -> None:
        working, measured = _measured(metric)
        whole = _value(working, [measured])
        parts = [_rows(measured, index) for index in ([11, 2, 3], [8, 0], [5, 4, 7, 6], [10, 1], [9])]
        other = _value(working, parts)
        torch.testing.assert_close(other, whole, rtol=1e-4, atol=1e-5, msg=lambda text: f"batches matter:\n{text}")

    def test_metric_of_a_set_starts_anew(self, metric: Case) -> None:
        working, measured = _measured(metric)
        if not isinstance(of_set := working.measures, SetMetric):
            return
        some, rest = (_rows(measured, list(index)) for index in (range(5), range(5, _IMAGES)))
        whole = _value(working, [measured])
        of_set.reset()
        of_set.update(*working.given(some))
        early = _computed(of_set, 5)
        assert early == _computed(of_set, 5), "asked twice, it answers otherwise"
        of_set.update(*working.given(rest))
        gone_on = _computed(of_set, _IMAGES)
        torch.testing.assert_close(gone_on, whole, rtol=1e-4, atol=1e-5, msg=lambda t: f"asking changes it:\n{t}")
        of_set.reset()
        of_set.update(*working.given(some))
        assert _computed(of_set, 5) == early, "reset leaves something of what came before"

    def test_better_is_the_end_that_is_good(self, metric: Case) -> None:
        working, measured = _measured(metric)
        good, bad = (_value(working, [_answering(measured, images)]) for images in (measured.images, _noise(measured)))
        if better := working.spec.better:
            assert "" in good, f"{better} is declared better of no number: none has the key ''"
            if "reconstruction" in working.spec.takes:
                assert good[""] != bad[""], f"the images themselves and noise get the same, {good['']:.4g}"
            right = good[""] <= bad[""] if better == "lower" else good[""] >= bad[""]
            assert right, f"{better} is declared better: the images themselves get {good['']:.4g}, noise {bad['']:.4g}"


@dataclass
class _Pictures:
    """Images to measure on."""

    whole: Batch

    def __len__(self) -> int:
        return len(self.whole)

    def batch(self, indices: Sequence[int]) -> Batch:
        return tree_map(lambda x: x[list(indices)], self.whole)


@torch.no_grad()
def _measured(case: Case) -> tuple[Metric, Measured]:
    """A metric, and the answers to images, without what it does not say that it needs."""
    model, batch = case.make()
    spec = case.entry.spec
    assert isinstance(spec, MetricSpec)
    is_binary = "binary" in spec.needs or ("nll" in spec.needs and model.likelihood.support == "binary")
    levels = 1 if is_binary else 255
    images = (torch.rand(_IMAGES, *model.image.shape, generator=generator()) * levels).round() / levels
    labels = None if batch.labels is None else batch.labels.repeat(_IMAGES // len(batch))
    batch = Batch(images, labels)
    if case.images:
        batch = load_images(case.images, "test", model.image, root=case.root).batch(range(_IMAGES))
    batch = with_all(batch)
    (metric,) = choose(model, _Pictures(batch), metrics=[case.request])
    mean = model(batch)
    z = model.bottleneck.sample(mean.latent, 1, generator())[0]
    sampled = model.output(model.latent_at(mean.latent, z), model.labels_of(batch))
    sampled, shown = only_needed(spec, model, sampled, batch)
    mean, _ = only_needed(spec, model, mean, batch)
    return metric, Measured(batch=shown, mean=mean, sampled=sampled, model=model, seeds=range(_IMAGES))


def _value(metric: Metric, parts: Sequence[Measured]) -> dict[str, Tensor]:
    """The metric of several batches, float64: its number, of a mapping each, by ``"[key]"``."""
    with torch.inference_mode():
        if isinstance(metric.measures, SetMetric):
            metric.measures.reset()
            for part in parts:
                metric.measures.update(*metric.given(part))
            return _computed(metric.measures, sum(len(part.batch) for part in parts))
        answers = [rows("", metric.measures(*metric.given(part))) for part in parts]
        for answer in answers:
            assert answer.keys() == answers[0].keys(), "it gives other numbers of other images"
            for each in answer.values():
                assert each.ndim == 1, f"it is {tuple(each.shape)}, not one number an image"
        return {row: torch.cat([answer[row] for answer in answers]).double().mean() for row in answers[0]}


def _computed(of_set: SetMetric, n: int) -> dict[str, Tensor]:
    found = {row: each.mean() if is_of_images(each, n) else each for row, each in rows("", of_set.compute()).items()}
    return {row: torch.tensor(float(each), dtype=torch.float64) for row, each in found.items()}


def _rows(measured: Measured, index: list[int]) -> Measured:
    """The answers to some of the images."""
    batch, mean, sampled = (
        tree_map(lambda x: x[index], part) for part in (measured.batch, measured.mean, measured.sampled)
    )
    seeds = [measured.seeds[each] for each in index]
    return Measured(batch=batch, mean=mean, sampled=sampled, model=measured.model, seeds=seeds)


def _answering(measured: Measured, images: Tensor) -> Measured:
    """As if the model had answered with these images."""
    logits = torch.logit(images.clamp(1e-4, 1 - 1e-4))

    def answer(output: Output) -> Output:
        params = logits if output.params is not None and output.params.shape == logits.shape else output.params
        shown = None if output.logits is None else logits
        return dataclasses.replace(output, reconstruction=images, logits=shown, params=params)

    return dataclasses.replace(measured, mean=answer(measured.mean), sampled=answer(measured.sampled))


def _noise(measured: Measured) -> Tensor:
    return torch.rand(measured.images.shape, generator=generator(1))
