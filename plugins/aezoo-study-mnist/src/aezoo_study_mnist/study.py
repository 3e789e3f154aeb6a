"""The study ``mnist``: published figures on MNIST met or not, and what their papers claim, at equal steps.

``vae`` has its published schedule in full. Those of ``iwae`` and ``svae`` are shortened, alike for all arms of a part,
so that each run takes minutes: their claims are of differences between arms, not of published figures. A likelihood is
one number of the test images, which are those of the papers: intervals are over seeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import aezoo
from aezoo.studies import Arm, Claim, Finished, Part, Region, Row, State, Study, Values, alone, difference
from aezoo.studies.text import mean_sd, table
from aezoo_study_mnist.models import IWAE, MNIST, SVAE, VAE

PUBLISHED, MARGIN = 89.9, 0.5
"""Nats an image: of the VAE (arXiv 1505.05770), and how near is near."""
DIMENSIONS = (5, 10)
"""Of the sphere, which lies in a space of one more, and of the Gaussian beside it."""
SAMPLES = 200
"""Of an importance-sampled likelihood, as the published one of the VAE has."""


def study(*, quick: bool = False) -> Study:
    """What is trained, claimed and shown.

    Args:
        quick: a few steps with one seed, and two samples of a likelihood.
    """
    nll = f"nll_is(samples={2 if quick else SAMPLES})"

    def arm(name: str, label: str, model: aezoo.ModelSpec, *, loss: str = "", **parts: Any) -> Arm:
        recipe = dataclasses.replace(model.tag(model.default_tag).recipe, loss=loss, metrics=())
        recipe = dataclasses.replace(recipe, steps=4, evaluate_every=4) if quick else recipe
        return Arm(
            name=name,
            part=model.name.partition("-")[0],
            label=label,
            spec=aezoo.describe(model.name, **parts),
            recipe=recipe,
            measures=(nll,),
        )

    return Study(
        name="mnist",
        title="Published figures on MNIST",
        introduction="`aezoo reproduce mnist` trains autoencoders of the literature on binarised MNIST and measures "
        "their negative log-likelihood.",
        remarks="What differs from what was published: which 10,000 training images are held out and the one draw of "
        "the binarisation are other ones of the same distributions; the schedules of `iwae` and `svae` are shortened, "
        "so their figures are not the published ones. Measured are the weights of the last step, of `vae` those "
        "that are best on the images held out.",
        parts=(
            Part(
                name="vae",
                dataset=MNIST,
                title="binarised MNIST",
                says="MNIST, binarised once, 50,000 to train on",
                cost="half a minute" if quick else "three hours",
            ),
            Part(
                name="iwae",
                dataset=MNIST,
                title="binarised MNIST",
                says="the same",
                cost="a minute" if quick else "an hour and a quarter",
            ),
            Part(
                name="svae",
                dataset=MNIST,
                title="dynamically binarised MNIST",
                says="MNIST, binarised anew for every batch, 60,000 to train on",
                needed=5,
                cost="a minute" if quick else "three and a half hours",
            ),
        ),
        arms=(
            arm("vae", "VAE", VAE),
            arm("vae-short", "VAE, as many steps", IWAE, loss="bce + kl"),
            arm("iwae-5", "IWAE, 5 samples", IWAE, loss="iwae(samples=5)"),
            arm("iwae-50", "IWAE, 50 samples", IWAE, loss="iwae(samples=50)"),
            *(
                arm(f"{name}-{dim}", f"{label}, {dim} dimensions", SVAE, bottleneck=bottleneck)
                for dim in DIMENSIONS
                for name, label, bottleneck in (
                    ("svae", "SVAE", f"hyperspherical(dim={dim + 1})"),
                    ("gaussian", "VAE", f"gaussian(dim={dim})"),
                )
            ),
        ),
        claims=claims(nll),
        sections=(likelihoods,),
        quick=quick,
    )


def claims(nll: str) -> tuple[Claim, ...]:
    """On the metric of this name."""

    def lower(a: str, b: str, case: str, names: tuple[str, str]) -> Row:
        return difference(Values(a, "test", nll), Values(b, "test", nll), case=case, names=names, region=Region(high=0))

    return (
        Claim(
            number=1,
            says=f"The VAE has the published likelihood, {PUBLISHED} nats",
            rule=f"its nll on the test images is within {MARGIN} nats of that",
            rows=(
                alone(
                    Values("vae", "test", nll),
                    case=f"{SAMPLES} samples",
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


def likelihoods(state: State) -> str:
    """A table of every arm's nll beside what was published of it; empty before there are any."""
    known = {  # pythae's 89.78 is that of a network with one hidden layer, which none of these is
        "vae": ("89.9", ""),
        "iwae-50": ("87.1 (5,000 samples)", "86.82 (5,000 samples)"),
        "svae-10": ("93.16 ± 0.31 (500 samples)", "93.13 (500 samples)"),
    }

    def cell(runs: Iterable[Finished], name: str) -> str:
        return mean_sd([float(run.values("test", name).mean()) for run in runs])

    rows = [
        [
            arm.label,
            *known.get(arm.name, ("", "")),
            cell(runs.values(), nll),
            cell(runs.values(), f"{nll}[ess]"),
            f"{arm.recipe.steps:,} of {arm.recipe.batch_size}",
        ]
        for arm in state.study.arms
        if (runs := state.arms.get(arm.name))
        for nll in arm.measures
    ]
    if not rows:
        return ""
    whole = table(["arm", "published", "pythae's", "here", "effective samples", "steps"], rows)
    return (
        f"## Likelihoods\n\n{whole}\n\nNegative log-likelihood of the test images in nats an image, here by importance "
        f"sampling with {SAMPLES} samples, of which so many are effective: mean over the seeds, with their standard "
        "deviation."
    )
