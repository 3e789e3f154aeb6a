"""What ``aezoo eval --check`` asks: whether a model's numbers and answers are still those of its card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from aezoo.composition import stored
from aezoo.errors import DataError, WeightsError
from aezoo.training.evaluated import Evaluation
from aezoo.weights.folder import BASELINE, GOLDEN, METRICS, read_golden, read_metrics
from aezoo.weights.golden import golden_again

TOLERANCE = 1e-4
"""By how much of itself a number may differ from its card's: machines round differently, weights do not."""
_LEAST = 0.01  # a number below is held to this much's share: a divergence near 0 is rounding


@dataclass(frozen=True, slots=True)
class Drift:
    """A number of a card, and what it is now; of a tensor the norms, and ``apart``, that of the difference."""

    split: str
    metric: str
    card: float
    now: float
    apart: float | None = None

    @property
    def share(self) -> float:
        """The difference, over the number (over 0.01 where that is more)."""
        if self.apart is None and (self.card == self.now or (math.isnan(self.card) and math.isnan(self.now))):
            return 0.0
        apart = abs(self.now - self.card) if self.apart is None else self.apart
        return apart / max(abs(self.card), _LEAST)

    @property
    def passes(self) -> bool:
        """Whether it is within `TOLERANCE`."""
        return self.share <= TOLERANCE  # which a NaN is not


def drifts(evaluation: Evaluation) -> list[Drift]:
    """Every number of the card of a model that was measured again, and its golden tensors, now and then.

    Raises:
        WeightsError: it has no card with numbers, a number of it was not measured, the images are not the card's, or
            the golden tensors another model's.
    """
    folder = _card(evaluation)
    if not (card := read_metrics(folder)):
        raise WeightsError(f"{evaluation.name} has no numbers to check: {folder} has no {METRICS}")
    recorded, now = (metrics["protocol"].get("sha256", {}) for metrics in (card, evaluation.metrics))
    found = []
    then_ids, ids = (metrics["protocol"].get("metrics", {}) for metrics in (card, evaluation.metrics))
    if revised := [name for name in then_ids if name in ids and ids[name] != then_ids[name]]:
        was, now_is = then_ids[revised[0]], ids[revised[0]]
        raise WeightsError(f"{evaluation.name}: its card has {was}, and measured here is {now_is}")
    for split in evaluation.images:
        if split not in card or recorded.get(split) != now[split]:
            raise WeightsError(f"{evaluation.name}: its card's numbers are not of these images ({split})")
        then, measured = (
            metrics[split] | {f"{BASELINE} {name}": x for name, x in metrics.get(BASELINE, {}).get(split, {}).items()}
            for metrics in (card, evaluation.metrics)
        )
        if missing := sorted(set(then) - set(measured)):
            raise WeightsError(f"{evaluation.name}: its card has {', '.join(missing)} of {split}, not measured here")
        found += [Drift(split, name, _number(value), _number(measured[name])) for name, value in then.items()]
    _, known = read_golden(folder)
    device = evaluation.model.device
    try:
        again = golden_again(evaluation.model.cpu(), known)
    except DataError:  # no images of this model's
        again = {}
    finally:
        evaluation.model.to(device)
    if {key: known[key].shape for key in known} != {key: again[key].shape for key in again}:
        raise WeightsError(f"{folder / GOLDEN} holds the answers of another model than {evaluation.name}")
    for key in sorted(known):
        wanted, given = known[key].double(), again[key].double()
        norms = (tensor.norm().item() for tensor in (wanted, given, given - wanted))
        found.append(Drift("golden", key, *norms))
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _card(evaluation: Evaluation) -> Path:
    try:
        return stored(evaluation.source, METRICS, GOLDEN)[0]
    except WeightsError as error:
        raise WeightsError(f"{evaluation.name} has no numbers to check: {error}") from None
