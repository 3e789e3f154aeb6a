"""The report's big VAE, on CelebA, and what depth, width, shortcuts and time do to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from aezoo.composition import describe
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Claim, Region, Row, Values, ratio
from aezoo_study_cis680.rows import captures, lower, satisfied
from aezoo_study_cis680.scale import DEPTHS, KINDS, Scale

PART, MODEL = "big", "cis680-vae512"
REPORTED, PUBLISHED = "plain-1", "published weights"
"""The arm of the report's network, and what its published weights are called beside the arms."""
RATE = 3e-4
"""The rate of the lowest loss of every arm on people of CelebA held out."""
WIDTHS, NARROW = (32, 64, 128, 256, 512), (16, 32, 64, 128, 256)


def arms(scale: Scale, dataset: str) -> tuple[Arm, ...]:
    """Everything that is trained, on a dataset of grey images, 64x64.

    Each chooses its own rate on images held out, where the scale has rates. ``plain-1`` is the report's network, and
    goes on for longer.
    """
    base = Recipe(
        dataset=dataset, steps=scale.budgets[1], lr=RATE, batch_size=scale.batch, evaluate_every=scale.big_every
    )
    fold = dataclasses.replace(base, steps=scale.search, validation=0.05, evaluate_every=scale.search)
    search = tuple(dataclasses.replace(fold, lr=lr) for lr in scale.big_rates)

    def arm(name: str, label: str, *, depth: int, shortcut: bool, widths: tuple[int, ...] = WIDTHS) -> Arm:
        part = f"aezoo-residual/residual(depth={depth}, shortcut={shortcut}, widths="
        narrowing = (*widths[-2::-1], widths[0] // 2)
        spec = describe(MODEL, encoder=f"{part}{widths})", decoder=f"{part}{narrowing})")
        marks = scale.budgets[:1]
        return Arm(
            name=name, part=PART, label=label, spec=spec, recipe=base, marks=marks, search=search, seeds=scale.big_seeds
        )

    compared = [
        arm(f"{kind}-{depth}", f"{kind} {depth}", depth=depth, shortcut=shortcut)
        for kind, shortcut in KINDS.items()
        for depth in DEPTHS
    ]
    most = max(each.summary.macs for each in compared)
    narrow = arm("narrow-1", "plain 1, half as wide", depth=1, shortcut=False, widths=NARROW)
    return (*(_spend(each, most, scale) for each in compared), narrow)


def _spend(arm: Arm, most: int, scale: Scale) -> Arm:
    """The arm with as many steps as cost what the second budget costs the deepest network, to the nearest step at which
    it is measured.
    """
    spent = round(scale.budgets[1] * most / arm.summary.macs / scale.big_every) * scale.big_every
    stops = sorted({*scale.budgets, spent, *([scale.big_long] if arm.name == REPORTED else [])})
    return dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, steps=stops[-1]), marks=tuple(stops[:-1]))


def compared_at(arm: Arm) -> tuple[int, int, int]:
    """The steps at which an arm is compared with others: both budgets, and equal compute."""
    kept = (*arm.marks, arm.recipe.steps)[:3]
    return kept[0], kept[1], kept[-1]


def claims(scale: Scale, arms: Sequence[Arm]) -> tuple[Claim, ...]:
    """Of the big model."""
    stops = {arm.name: compared_at(arm) for arm in arms}
    end, mark = scale.big_long, scale.budgets[1]
    macs = {arm.name: arm.summary.macs for arm in arms}
    costs = f"{macs[REPORTED] / macs['narrow-1']:.1f} times the compute"

    def against(arm: str, other: str) -> tuple[Row, ...]:
        """At equal steps, twice, and at equal compute: one comparison where that is the same."""
        cases = [*(f"{budget:,} steps" for budget in scale.budgets), "equal compute"]
        pairs: dict[tuple[int, int], str] = {}
        for case, pair in zip(cases, zip(stops[arm], stops[other], strict=True), strict=True):
            pairs.setdefault(pair, case)
        return tuple(
            row
            for pair, case in pairs.items()
            for row in lower(arm, other, f"{arm} and {other}, {case}", (arm, other), marks=pair)
        )

    return (
        Claim(
            number=10,
            says="The big VAE captures high-level information",
            rule="its mse is less than half of the mean image's",
            rows=(*captures(REPORTED, f"after {end:,} steps"), *captures(PUBLISHED, "published weights")),
        ),
        Claim(
            number=11,
            says="In the big VAE too KL is satisfied quickly, and reconstruction dominates",
            rule="as of the small VAE; the loss that can be learnt lies above the images' own entropy",
            rows=satisfied(REPORTED, "512 dimensions", floor=True),
        ),
        Claim(
            number=12,
            says="The big VAE barely overfits",
            rule="its mse on test images is at most a tenth above that on training images; and so where each is taken "
            "over the mean image's, for one split's people may be the harder ones",
            rows=(*_overfits(REPORTED, f"after {end:,} steps"), *_overfits(PUBLISHED, "published weights, one run")),
        ),
        Claim(
            number=13,
            says="More depth hurts",
            rule="the plain network with one convolution a stage has a lower mse than with four",
            rows=against("plain-1", "plain-4"),
        ),
        Claim(
            number=14,
            says="A residual network mends that",
            rule="with four convolutions a stage it has a lower mse than the plain one; and, so that depth helps, than "
            "both networks with one",
            rows=tuple(row for other in ("plain-4", "plain-1", "residual-1") for row in against("residual-4", other)),
        ),
        Claim(
            number=15,
            says="Width and longer training help the big VAE",
            rule="its mse is lower than with half the channels, and lower later in the run",
            rows=(
                *lower(
                    REPORTED, "narrow-1", f"width, {mark:,} steps, {costs}", ("full width", "half"), marks=(mark, mark)
                ),
                *lower(REPORTED, REPORTED, f"steps {end:,} and {mark:,}", ("later", "earlier"), marks=(end, mark)),
            ),
        ),
    )


def _overfits(arm: str, case: str) -> tuple[Row, Row]:
    """The error on test images over that on all training images: as it is, and of each over the mean image's."""
    region = Region(high=1.1)
    test, train, *means = (
        Values(arm, split, measure) for measure in ("mse", "mean-image/mse") for split in ("test", "train")
    )
    names = ("test mse", "train mse")
    return (
        ratio(test, train, case=case, names=names, region=region),
        Row(
            case=f"{case}, over the mean image",
            number="test mse / train mse, each over the mean image's",
            sources=(test, train, *means),
            names=(*names, "mean image, test", "train"),
            statistic=lambda test, train, mean_test, mean_train: test / train / (mean_test / mean_train),
            region=region,
        ),
    )
