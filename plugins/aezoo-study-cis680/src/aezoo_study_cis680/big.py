"""The report's big VAE, on CelebA, and what depth, width, shortcuts and time do to it."""

from __future__ import annotations

import dataclasses
from typing import Any

from aezoo.composition import describe
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Claim, Region, Row, Values, ratio
from aezoo_study_cis680.rows import captures, lower, satisfied
from aezoo_study_cis680.scale import DEPTHS, KINDS, Scale

PART, MODEL, PUBLISHED = "big", "cis680-vae512", "published weights"
"""The part, the model, and what its published weights are called among the arms."""
WIDTHS, NARROW = (32, 64, 128, 256, 512), (16, 32, 64, 128, 256)


def arms(scale: Scale, dataset: str) -> tuple[Arm, ...]:
    """Everything that is trained, on a dataset of grey images, 64x64.

    Each chooses its own rate on images held out. ``plain-1`` is the report's network.
    """
    base = Recipe(dataset=dataset, steps=max(scale.budgets), batch_size=scale.batch, evaluate_every=scale.big_every)
    fold = dataclasses.replace(base, steps=scale.search, validation=0.05, evaluate_every=scale.search)
    search = tuple(dataclasses.replace(fold, lr=lr) for lr in scale.big_rates)

    def arm(name: str, label: str, *, depth: int, shortcut: bool, widths: tuple[int, ...] = WIDTHS, **how: Any) -> Arm:
        part = f"aezoo-residual/residual(depth={depth}, shortcut={shortcut}, widths="
        narrowing = (*widths[-2::-1], widths[0] // 2)
        spec = describe(MODEL, encoder=f"{part}{widths})", decoder=f"{part}{narrowing})")
        given: dict[str, Any] = {"recipe": base, "marks": scale.budgets[:1], "search": search}
        return Arm(name=name, part=PART, label=label, spec=spec, seeds=scale.big_seeds, **(given | how))

    compared = [
        arm(f"{kind}-{depth}", f"{kind} {depth}", depth=depth, shortcut=shortcut)
        for kind, shortcut in KINDS.items()
        for depth in DEPTHS
    ]
    most = max(each.summary.macs for each in compared)
    spent = [
        dataclasses.replace(
            each,
            recipe=dataclasses.replace(base, steps=round(max(scale.budgets) * most / each.summary.macs)),
            marks=tuple(mark for mark in scale.budgets if each.summary.macs < most or mark < max(scale.budgets)),
        )
        for each in compared
    ]
    long = dataclasses.replace(base, steps=scale.big_long)
    return (
        *spent,
        arm("narrow-1", "plain 1, half as wide", depth=1, shortcut=False, widths=NARROW),
        arm(
            "long",
            "plain 1, longer",
            depth=1,
            shortcut=False,
            recipe=long,
            marks=scale.marks,
            search=(),
            rate_of="plain-1",
        ),
    )


def claims(scale: Scale) -> tuple[Claim, ...]:
    """Of the big model."""
    end, mark = scale.big_long, scale.marks[0]
    first, second = scale.budgets
    return (
        Claim(
            number=10,
            says="The big VAE captures high-level information",
            rule="its mse is less than half of the mean image's",
            rows=(*captures("long", f"after {end:,} steps"), *captures(PUBLISHED, "published weights")),
        ),
        Claim(
            number=11,
            says="In the big VAE too KL is satisfied quickly, and reconstruction dominates",
            rule="as of the small VAE; the loss that can be learnt lies above the images' own entropy",
            rows=satisfied("long", "512 dimensions", floor=True),
        ),
        Claim(
            number=12,
            says="The big VAE barely overfits",
            rule="its mse on test images is at most a tenth above that on training images",
            rows=(
                _relative("long", f"after {mark:,} steps", mark),
                _relative("long", f"after {end:,} steps"),
                _relative(PUBLISHED, "published weights, one run"),
            ),
        ),
        Claim(
            number=13,
            says="More depth hurts",
            rule="the plain network with one convolution a stage has a lower mse than with four",
            rows=_against("plain-1", "plain-4", first, second),
        ),
        Claim(
            number=14,
            says="A residual network mends that",
            rule="with four convolutions a stage it has a lower mse than the plain one; and, so that depth helps, than "
            "both networks with one",
            rows=(
                *_equal_steps("residual-4", "plain-4", first, second),
                *_against("residual-4", "plain-1", first, second),
                *_against("residual-4", "residual-1", first, second),
            ),
        ),
        Claim(
            number=15,
            says="Width and longer training help the big VAE",
            rule="its mse is lower than with half the channels, and lower later in the run",
            rows=(
                *lower(
                    "plain-1",
                    "narrow-1",
                    f"width, {second:,} steps",
                    ("full width", "half"),
                    marks=(second, None),
                ),
                *lower("long", "long", f"steps {end:,} and {mark:,}", ("later", "earlier"), marks=(None, mark)),
            ),
        ),
    )


def _relative(arm: str, case: str, mark: int | None = None) -> Row:
    return ratio(
        Values(arm, "test", "mse", mark),
        Values(arm, "train", "mse", mark),
        case=case,
        names=("test mse", "train mse"),
        region=Region(high=1.1),
    )


def _against(arm: str, other: str, first: int, second: int) -> tuple[Row, ...]:
    """At equal steps, twice, and at equal compute: that of the deepest network's last step."""
    # The deepest network's last step is the second budget, of which it keeps no other mark.
    return (
        *_equal_steps(arm, other, first, second),
        *lower(arm, other, f"{arm} and {other}, equal compute", (arm, other)),
    )


def _equal_steps(arm: str, other: str, first: int, second: int) -> tuple[Row, ...]:
    def mark(name: str, steps: int) -> int | None:
        return None if steps == second and name.endswith(f"-{max(DEPTHS)}") else steps

    return tuple(
        row
        for steps in (first, second)
        for row in lower(
            arm,
            other,
            f"{arm} and {other}, {steps:,} steps",
            (arm, other),
            marks=(mark(arm, steps), mark(other, steps)),
        )
    )
