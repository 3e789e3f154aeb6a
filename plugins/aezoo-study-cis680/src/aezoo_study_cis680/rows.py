"""Numbers that both parts of the study judge."""

from __future__ import annotations

from aezoo.studies import Finished, PerRun, Region, Row, Values, alone, difference, ratio

SPLITS = ("train", "test")


def captures(arm: str, case: str) -> tuple[Row, ...]:
    """A model's error over that of the mean image, which knows nothing of the image: less than half."""
    return tuple(
        ratio(
            Values(arm, split, "mse"),
            Values(arm, split, "mean-image/mse"),
            case=f"{case}, {split}",
            names=("mse", "mean image"),
            region=Region(high=0.5),
        )
        for split in SPLITS
    )


def lower(
    arm: str,
    other: str,
    case: str,
    names: tuple[str, str],
    *,
    measure: str = "mse",
    splits: tuple[str, ...] = SPLITS,
    marks: tuple[int | None, int | None] = (None, None),
) -> tuple[Row, ...]:
    """What is measured of one arm is less than of another, each at its mark."""
    return tuple(
        difference(
            Values(arm, split, measure, marks[0]),
            Values(other, split, measure, marks[1]),
            case=f"{case}, {split}" if len(splits) > 1 else case,
            names=(f"{measure} of {names[0]}", f"of {names[1]}"),
            region=Region(high=0),
        )
        for split in splits
    )


def satisfied(arm: str, label: str, *, floor: bool = False, end: int | None = None) -> tuple[Row, ...]:
    """KL is there early in a run, and small beside the loss at its end, or at the step that is taken as its end;
    ``floor``: also beside what can be learnt.
    """
    early = tuple(
        alone(
            PerRun(arm, "share of the run", lambda run, part=part: settled(run, part, end)),
            case=f"{label}, {name} of its way",
            number=f"share of the steps until {name} of KL's way lies behind it for good",
            region=Region(high=0.25),
        )
        for name, part in (("half", 0.5), ("nine tenths", 0.9))
    )
    losses = {"the loss": "bce + kl"} | ({"the loss above the images' own entropy": "bce_excess + kl"} if floor else {})
    share = tuple(
        ratio(
            Values(arm, "test", "kl", end),
            Values(arm, "test", loss, end),
            case=f"{label}, share of {name}",
            names=("kl", name),
            region=Region(high=0.1),
        )
        for name, loss in losses.items()
    )
    return early + share


def settled(run: Finished, part: float, end: int | None = None) -> float:
    """The share of a run, up to a step, after which KL on training images is never farther from its last value, short
    of it or beyond, than what this part of its way leaves; of a KL that goes nowhere all of it.
    """
    steps, values = run.curve("train", "kl")
    last = len(steps) - 1 if end is None else steps.index(end)
    way = abs(values[last] - values[0])
    far = [index for index in range(last) if abs(values[index] - values[last]) > way - part * way]
    return steps[far[-1] + 1 if far else 0] / steps[last] if way else 1.0
