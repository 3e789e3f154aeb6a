"""The study ``mnist``: published figures on MNIST met or not, and what their papers claim, at equal steps.

``vae`` has its published schedule in full. Those of ``iwae`` and ``svae`` are shortened, alike for all arms of a part,
so that each run takes minutes: their claims are of differences between arms, not of published figures.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import aezoo
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Claim, Finished, Part, PerRun, Region, Row, State, Study, Values, alone, difference
from aezoo.studies.text import mean_sd, table
from aezoo_study_mnist.models import IWAE, MNIST, SVAE, VAE

PUBLISHED, MARGIN = 89.9, 0.5
"""Nats an image: of the VAE, by 200 samples (arXiv 1505.05770, Table 3), and how near is near."""
DIMENSIONS = (5, 10)
"""Of the sphere, which lies in a space of one more, and of the Gaussian beside it."""


def study(*, quick: bool = False) -> Study:
    """What is trained, claimed and shown.

    Args:
        quick: a few steps with one seed, and 2 samples in the place of 200 or 500.
    """
    few, many = (f"nll_is(samples={2 if quick else samples})" for samples in (200, 500))

    def arm(name: str, label: str, model: aezoo.ModelSpec, nll: str, *, loss: str = "", **parts: Any) -> Arm:
        recipe = dataclasses.replace(model.tag(model.default_tag).recipe, loss=loss)
        return Arm(
            name=name,
            part=model.name.partition("-")[0],
            label=label,
            spec=aezoo.describe(model.name, **parts),
            recipe=_short(recipe) if quick else recipe,
            measures=(nll,),
        )

    return Study(
        name="mnist",
        title="Published figures on MNIST",
        introduction="`aezoo reproduce mnist` trains autoencoders of the literature on binarised MNIST and measures "
        "their negative log-likelihood.",
        remarks="What differs from what was published: which 10,000 training images are held out and the one draw of "
        "the binarisation are other ones of the same distributions; the schedules of `iwae` and `svae` are shortened, "
        "so their figures are not the published ones. The step that is measured is the last.",
        parts=(
            Part(
                name="vae",
                dataset=MNIST,
                title="binarised MNIST",
                says="MNIST, binarised once, 50,000 to train on",
                cost="half a minute" if quick else "two and a half hours",
            ),
            Part(
                name="iwae",
                dataset=MNIST,
                title="binarised MNIST",
                says="the same",
                cost="a minute" if quick else "one and a half hours",
            ),
            Part(
                name="svae",
                dataset=MNIST,
                title="dynamically binarised MNIST",
                says="MNIST, binarised anew for every batch, 60,000 to train on",
                cost="a minute" if quick else "three hours",
            ),
        ),
        arms=(
            arm("vae", "VAE", VAE, few),
            arm("vae-short", "VAE, as many steps", IWAE, many, loss="bce + kl"),
            arm("iwae-5", "IWAE, 5 samples", IWAE, many, loss="iwae(samples=5)"),
            arm("iwae-50", "IWAE, 50 samples", IWAE, many, loss="iwae(samples=50)"),
            *(
                arm(f"{name}-{dim}", f"{label}, {dim} dimensions", SVAE, many, bottleneck=bottleneck)
                for dim in DIMENSIONS
                for name, label, bottleneck in (
                    ("svae", "SVAE", f"hyperspherical(dim={dim + 1})"),
                    ("gaussian", "VAE", f"gaussian(dim={dim})"),
                )
            ),
        ),
        claims=claims(few, many),
        sections=(figures,),
        quick=quick,
    )


def _short(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, steps=4, evaluate_every=4)


def claims(few: str, many: str) -> tuple[Claim, ...]:
    """By the names of the metrics."""

    def lower(a: str, b: str, case: str, names: tuple[str, str]) -> Row:
        return difference(
            Values(a, "test", many), Values(b, "test", many), case=case, names=names, region=Region(high=0)
        )

    return (
        Claim(
            number=1,
            says=f"The VAE has the published likelihood, {PUBLISHED} nats",
            rule=f"its nll on the test images is within {MARGIN} nats of that; over seeds, the images being those of "
            "the published figure",
            rows=(
                alone(
                    PerRun("vae", "test nll", lambda run: mean_nll(run, few)),
                    case="200 samples",
                    number="test nll",
                    region=Region(PUBLISHED - MARGIN, PUBLISHED + MARGIN),
                ),
            ),
        ),
        Claim(
            number=2,
            says="IWAE has a lower nll than the VAE",
            rule="after as many steps of the same network",
            rows=tuple(lower(f"iwae-{k}", "vae-short", f"{k} samples", (f"IWAE {k}", "VAE")) for k in (5, 50)),
        ),
        Claim(
            number=3,
            says="More samples make IWAE better",
            rule="with 50 its nll is lower than with 5, after as many steps",
            rows=(lower("iwae-50", "iwae-5", "50 and 5", ("50", "5")),),
        ),
        Claim(
            number=4,
            says="On a sphere of few dimensions the VAE is better",
            rule="the nll of the SVAE is lower than that of a VAE whose Gaussian has as many dimensions",
            rows=tuple(
                lower(f"svae-{dim}", f"gaussian-{dim}", f"{dim} dimensions", ("SVAE", "VAE")) for dim in DIMENSIONS
            ),
        ),
    )


def mean_nll(run: Finished, name: str) -> float:
    """Over the test images."""
    return float(run.values("test", name).mean())


def figures(state: State) -> str:
    """A table of every arm's nll beside what was published of it; empty before there are any."""
    known = {
        "vae": ("89.9", "89.78"),
        "iwae-50": ("87.1 (5,000 samples)", "86.82 (5,000 samples)"),
        "svae-10": ("93.16 ± 0.31", "93.13"),
    }
    rows = [
        [
            arm.label,
            *known.get(arm.name, ("", "")),
            mean_sd([mean_nll(run, arm.measures[0]) for run in runs.values()]),
            f"{arm.recipe.steps:,} of {arm.recipe.batch_size}",
        ]
        for arm in state.study.arms
        if (runs := state.arms.get(arm.name))
    ]
    if not rows:
        return ""
    whole = table(["arm", "published", "pythae's", "here", "steps here"], rows)
    return (
        f"## Likelihoods\n\n{whole}\n\nNegative log-likelihood in nats an image, mean over the test images and the "
        "seeds, with the standard deviation over the seeds; by importance sampling, with 200 samples an image of the "
        "first arm and 500 of the others."
    )
