"""The study of the CIS 680 report: its claims, and what is trained to measure them.

CUFS: 88 images to train and 100 to test, binary, 64x64. CelebA: the images that are there, grey, 64x64. Everything is
trained as in the report: Adam(1e-3, betas 0.5 and 0.999), batch 64, a constant rate.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from aezoo.errors import UnknownNameError
from aezoo.factory import describe
from aezoo.specs import Recipe
from aezoo.studies.claims import Claim, PerRun, Row, Values, alone, difference, gap, gap_difference, ratio
from aezoo.studies.statistics import Region
from aezoo.studies.study import Arm, Part, Study
from aezoo.studies.trials import Finished

MODEL, PUBLISHED = "cis680-vae512", "published weights"
"""The big VAE, and what its published weights are called among the arms."""
DIMENSIONS = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 2, 4)
KINDS = {"plain": False, "residual": True}
RATES = (1e-3, 3e-4)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How long things are trained.

    Attributes:
        reported: steps on CUFS: the report's.
        long: steps to see the loss turn.
        equal: steps on CelebA at which depths are compared; what they cost the deepest network is what each may spend.
        search: steps to choose a learning rate by.
        every, long_every, celeba_every: steps between measurements.
        batch: images a step on CelebA.
        celeba: the images of that part.
    """

    reported: int
    long: int
    equal: int
    search: int
    every: int
    long_every: int
    celeba_every: int
    batch: int
    celeba: str


FULL = Scale(
    reported=1299,
    long=5000,
    equal=700,
    search=350,
    every=50,
    long_every=100,
    celeba_every=100,
    batch=64,
    celeba="celeba",
)
QUICK = Scale(
    reported=20,
    long=40,
    equal=4,
    search=2,
    every=5,
    long_every=10,
    celeba_every=2,
    batch=8,
    celeba="toyfaces(style='shaded', count=32)",
)


def study(*, quick: bool = False, seeds: int = 0, only: str = "") -> Study:
    """What is trained.

    Args:
        quick: a handful of steps with one seed, on drawn faces in the place of CelebA.
        seeds: how many; 0: as many as a verdict needs.
        only: the part that will be carried out.

    Raises:
        UnknownNameError: the plugin ``aezoo-residual`` is not there, and more than ``"cufs"`` is asked for.
    """
    scale = QUICK if quick else FULL
    parts = (
        Part(
            name="cufs",
            dataset="cufs",
            title="CUFS",
            says="CUFS sketches as the course gave them out: binary, 64x64",
            needed=5,
            cost="half a minute" if quick else "an hour",
        ),
        Part(
            name="celeba",
            dataset=scale.celeba,
            title="toyfaces" if quick else "CelebA",
            says="drawn faces in the place of CelebA"
            if quick
            else "the CelebA images at hand, not the report's set: grey, 64x64",
            needed=3,
            cost="a minute" if quick else "three and a half hours",
        ),
    )
    number = {part.name: seeds or (1 if quick else part.needed) for part in parts}
    arms = _cufs(scale, number["cufs"])
    try:
        arms += _celeba(scale, number["celeba"])
    except UnknownNameError:
        if only != "cufs":
            raise UnknownNameError(
                "the depth study needs the plugin aezoo-residual, which is not installed or not loaded\n"
                "pip install aezoo-residual, or leave that part out with --only cufs"
            ) from None
    return Study(name="cis680", parts=parts, arms=arms, quick=quick)


def _cufs(scale: Scale, seeds: int) -> tuple[Arm, ...]:
    short = Recipe(dataset="cufs", steps=scale.reported, evaluate_every=scale.every)
    long = dataclasses.replace(short, steps=scale.long, evaluate_every=scale.long_every)

    def arm(name: str, label: str, model: str, recipe: Recipe = short, **parts: Any) -> Arm:
        return Arm(name=name, part="cufs", label=label, spec=describe(model, **parts), recipe=recipe, seeds=seeds)

    return (
        arm("ae", "AE", "cis680-ae"),
        arm("ae-nonorm", "AE, no norm", "cis680-ae", norm="none"),
        arm("vae16", "VAE 16", "cis680-vae16"),
        arm("vae16-nonorm", "VAE 16, no norm", "cis680-vae16", norm="none"),
        arm("vae16-nosampling", "VAE 16, no sampling", "cis680-vae16", bottleneck="gaussian(sampling=False)"),
        *(
            arm(f"vae{dim}", f"VAE {dim}", "cis680-vae16", bottleneck=f"gaussian(dim={dim})")
            for dim in DIMENSIONS
            if dim != 16
        ),
        arm("ae-long", f"AE, {scale.long:,} steps", "cis680-ae", long),
        arm("vae16-long", f"VAE 16, {scale.long:,} steps", "cis680-vae16", long),
    )


def _celeba(scale: Scale, seeds: int) -> tuple[Arm, ...]:
    recipe = Recipe(dataset=scale.celeba, steps=scale.equal, batch_size=scale.batch, evaluate_every=scale.celeba_every)
    search = dataclasses.replace(recipe, steps=scale.search, validation=0.05, evaluate_every=scale.search)
    arms = []
    for kind, shortcut in KINDS.items():
        for depth in DEPTHS:
            part = f"aezoo-residual/residual(depth={depth}, shortcut={shortcut})"
            arms.append(
                Arm(
                    name=f"{kind}-{depth}",
                    part="celeba",
                    label=f"{kind} {depth}",
                    spec=describe(MODEL, encoder=part, decoder=part),
                    recipe=recipe,
                    marks=(scale.equal,),
                    seeds=seeds,
                    search=tuple(dataclasses.replace(search, lr=lr) for lr in RATES),
                )
            )
    most = max(arm.summary.macs for arm in arms)
    return tuple(
        dataclasses.replace(arm, recipe=dataclasses.replace(recipe, steps=round(scale.equal * most / arm.summary.macs)))
        for arm in arms
    )


def claims(quick: bool = False) -> tuple[Claim, ...]:
    """What the report claims, and the numbers that bear on it."""
    scale = QUICK if quick else FULL
    return (
        Claim(
            number=1,
            says="The autoencoder captures its input well",
            rule="its mse is less than half of the mean image's",
            rows=tuple(
                ratio(
                    Values(arm, split, "mse"),
                    Values(arm, split, "mean-image/mse"),
                    case=f"{_NORMS[arm]}, {split}",
                    names=("mse", "mean image"),
                    region=Region(high=0.5),
                )
                for arm in ("ae", "ae-nonorm")
                for split in ("train", "test")
            ),
        ),
        Claim(
            number=2,
            says="The autoencoder overfits",
            rule="its mse is higher on test than on training images",
            rows=tuple(
                row
                for arm in ("ae", "ae-nonorm")
                for row in (
                    gap(arm, "mse", case=_NORMS[arm], region=Region(low=0)),
                    _relative(arm, case=_NORMS[arm], region=None),
                )
            ),
        ),
        Claim(
            number=3,
            says="The VAE is blurrier than the autoencoder",
            rule="on test images the gradient energy of its output, over that of the input, is lower",
            rows=tuple(
                difference(
                    Values("vae16", "test", "gradient"),
                    Values(arm, "test", "gradient"),
                    case=f"AE {_NORMS[arm]}",
                    names=("VAE gradient energy", "AE gradient energy"),
                    region=Region(high=0),
                )
                for arm in ("ae", "ae-nonorm")
            ),
        ),
        Claim(
            number=4,
            says="The VAE has a higher reconstruction error than the autoencoder",
            rule="its mse is higher",
            rows=tuple(
                difference(
                    Values("vae16", split, "mse"),
                    Values(arm, split, "mse"),
                    case=f"AE {_NORMS[arm]}, {split}",
                    names=("VAE mse", "AE mse"),
                    region=Region(low=0),
                )
                for split in ("train", "test")
                for arm in ("ae", "ae-nonorm")
            ),
        ),
        Claim(
            number=5,
            says="KL is satisfied quickly, and reconstruction dominates",
            rule="KL stays within 10 % of its last value from the first quarter of the run on; "
            "it is less than a tenth of the test loss at the end",
            rows=(
                *_settled("vae16", "VAE 16"),
                *_settled("plain-1", "big VAE"),
                ratio(
                    Values("plain-1", "test", "kl"),
                    Values("plain-1", "test", "bce_excess + kl"),
                    case="big VAE, of the loss above the images' own entropy",
                    names=("kl", "loss above its floor"),
                    region=None,
                ),
            ),
        ),
        Claim(
            number=6,
            says=f"After {scale.reported:,} steps the VAE starts to overfit",
            rule=f"its test cross-entropy is lowest within a factor of two of step {scale.reported:,}, and higher at "
            f"step {scale.long:,} than there",
            rows=(
                alone(
                    PerRun("vae16-long", "lowest step", lambda run: _lowest(run, "test", "bce")),
                    case="lowest near it",
                    number="step of the lowest test bce",
                    region=Region(scale.reported / 2, scale.reported * 2),
                ),
                difference(
                    Values("vae16-long", "test", "bce"),
                    Values("vae16", "test", "bce"),
                    case="higher long after",
                    names=(f"test bce at {scale.long}", f"at {scale.reported}"),
                    region=Region(low=0),
                ),
            ),
        ),
        Claim(
            number=7,
            says="The small latent regularises",
            rule="the loss (bce + kl) differs more between test and training images with 128 dimensions than with 16; "
            "and, which is another cause, without sampling than with it",
            rows=(
                gap_difference(
                    "vae128",
                    "vae16",
                    "bce + kl",
                    case="dimensions",
                    names=("128", "16"),
                    region=Region(low=0),
                ),
                gap_difference(
                    "vae16-nosampling",
                    "vae16",
                    "bce + kl",
                    case="sampling, 16 dimensions",
                    names=("off", "on"),
                    region=Region(low=0),
                ),
            ),
        ),
        Claim(
            number=8,
            says="The big VAE barely overfits",
            rule="its mse on test images is at most a tenth above that on training images",
            rows=(
                _relative("plain-1", case="this study's runs", region=Region(high=1.1)),
                _relative(PUBLISHED, case=f"published weights of {MODEL}, one run", region=None),
            ),
        ),
        Claim(
            number=9,
            says="More depth hurts",
            rule="the plain network with four convolutions a stage has a higher mse than with one",
            rows=_deeper("plain-4", "plain-1", scale, Region(low=0)),
        ),
        Claim(
            number=10,
            says="A residual network mends that",
            rule="with four convolutions a stage it has a lower mse than the plain one; and, so that depth helps, than "
            "both networks with one",
            rows=tuple(
                row
                for other in ("plain-4", "plain-1", "residual-1")
                for row in _deeper("residual-4", other, scale, Region(high=0))
            ),
        ),
    )


_NORMS = {"ae": "norm batch", "ae-nonorm": "norm none"}


def _relative(arm: str, *, case: str, region: Region | None) -> Row:
    return ratio(
        Values(arm, "test", "mse"),
        Values(arm, "train", "mse"),
        case=case,
        names=("test mse", "train mse"),
        region=region,
    )


def _settled(arm: str, label: str) -> tuple[Row, Row]:
    return (
        alone(
            PerRun(arm, "share of the run", settled),
            case=f"{label}, quickly",
            number="share of the steps until KL has settled",
            region=Region(high=0.25),
        ),
        ratio(
            Values(arm, "test", "kl"),
            Values(arm, "test", "bce + kl"),
            case=f"{label}, share of KL",
            names=("kl", "loss"),
            region=Region(high=0.1),
        ),
    )


def _deeper(deep: str, other: str, scale: Scale, region: Region) -> tuple[Row, ...]:
    """Two networks at equal steps and at equal compute, on training and on test images."""
    marks = {"equal steps": scale.equal, "equal compute": None}
    return tuple(
        difference(
            Values(deep, split, "mse", mark),
            Values(other, split, "mse", mark),
            case=f"{deep} and {other}, {equal}, {split}",
            names=(f"{deep} mse", f"{other} mse"),
            region=region,
        )
        for equal, mark in marks.items()
        for split in ("train", "test")
    )


def settled(run: Finished) -> float:
    """The share of a run after which KL on training images stays within 10 % of its last value."""
    steps, values = run.curve("train", "kl")
    outside = [index for index, kl in enumerate(values) if abs(kl - values[-1]) > 0.1 * abs(values[-1])]
    return steps[outside[-1] + 1 if outside else 0] / steps[-1]


def _lowest(run: Finished, split: str, name: str) -> float:
    """The step of the lowest value."""
    steps, values = run.curve(split, name)
    return float(steps[values.index(min(values))])
