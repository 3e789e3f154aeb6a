"""Numbers that both parts of the study judge."""

from __future__ import annotations

from aezoo.studies import Finished, PerRun, Region, Row, Values, alone, difference, ratio

SPLITS = ("train", "test")


def captures(arm: str, case: str, splits: tuple[str, ...] = SPLITS) -> tuple[Row, ...]:
    """A model's error over that of the mean image, which knows nothing of the image: less than half."""
    return tuple(
        ratio(
            Values(arm, split, "mse"),
            Values(arm, split, "mean-image/mse"),
            case=f"{case}, {split}",
            names=("mse", "mean image"),
            region=Region(high=0.5),
        )
        for split in splits
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


def satisfied(arm: str, label: str, *, floor: bool = False) -> tuple[Row, ...]:
    """KL is there early in a run, and small beside the loss at its end; ``floor``: also beside what can be learnt."""
    early = tuple(
        alone(
            PerRun(arm, "share of the run", lambda run, part=part: reached(run, part)),
            case=f"{label}, {name} of its way",
            number=f"share of the steps until KL has gone {name} of its way",
            region=Region(high=0.25),
        )
        for name, part in (("half", 0.5), ("nine tenths", 0.9))
    )
    losses = {"the loss": "bce + kl"} | ({"the loss above the images' own entropy": "bce_excess + kl"} if floor else {})
    share = tuple(
        ratio(
            Values(arm, "test", "kl"),
            Values(arm, "test", loss),
            case=f"{label}, share of {name}",
            names=("kl", name),
            region=Region(high=0.1),
        )
        for name, loss in losses.items()
    )
    return early + share


def reached(run: Finished, part: float) -> float:
    """The share of a run after which KL on training images has gone so much of its way from first to last, for good."""
    steps, values = run.curve("train", "kl")
    way = [(value - values[0]) / ((values[-1] - values[0]) or 1.0) for value in values]
    short = [index for index, gone in enumerate(way) if gone < part]
    return steps[min(short[-1] + 1, len(steps) - 1) if short else 0] / steps[-1]
