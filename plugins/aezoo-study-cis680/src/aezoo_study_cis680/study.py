"""The study of the CIS 680 report: what is trained to measure its claims.

CUFS: 88 images to train and 100 to test, binary, 64x64. CelebA: the images that are there, grey, 64x64. Everything is
trained as in the report: Adam(1e-3, betas 0.5 and 0.999), batch 64, a constant rate.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from aezoo.composition import describe
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Part, Published, Study
from aezoo_study_cis680.claims import claims
from aezoo_study_cis680.depth import depth_table
from aezoo_study_cis680.figures import figures
from aezoo_study_cis680.scale import DEPTHS, DIMENSIONS, FULL, KINDS, MODEL, PUBLISHED, QUICK, RATES, Scale


def study(*, quick: bool = False) -> Study:
    """What is trained, claimed and shown.

    Args:
        quick: a handful of steps with one seed, on drawn faces in the place of CelebA.
    """
    scale = QUICK if quick else FULL
    return Study(
        name="cis680",
        title="The CIS 680 report, measured",
        introduction="`aezoo reproduce cis680` trains the autoencoders of the CIS 680 course report again and measures "
        "what it claims of them.",
        remarks="What differs from the report: what it calls the standard deviation's head gives the log-variance; the "
        "weights of the 16-dimensional VAE start from DCGAN's N(0, 0.02), which the report does not say; batch "
        "normalisation is shown on and off, because it decides one claim.",
        parts=_parts(scale, quick),
        arms=(*_cufs(scale), *_celeba(scale)),
        claims=claims(scale),
        others=(Published(name=PUBLISHED, model=MODEL, part="celeba"),),
        figures=figures(scale),
        sections=(lambda state: depth_table(state, scale),),
        quick=quick,
    )


def _parts(scale: Scale, quick: bool) -> tuple[Part, Part]:
    return (
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
            drawn="toyfaces(style='shaded')",
        ),
    )


def _cufs(scale: Scale) -> tuple[Arm, ...]:
    short = Recipe(dataset="cufs", steps=scale.reported, evaluate_every=scale.every)
    long = dataclasses.replace(short, steps=scale.long, evaluate_every=scale.long_every)

    def arm(name: str, label: str, model: str, recipe: Recipe = short, **parts: Any) -> Arm:
        return Arm(name=name, part="cufs", label=label, spec=describe(model, **parts), recipe=recipe)

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


def _celeba(scale: Scale) -> tuple[Arm, ...]:
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
                    search=tuple(dataclasses.replace(search, lr=lr) for lr in RATES),
                )
            )
    most = max(arm.summary.macs for arm in arms)
    return tuple(
        dataclasses.replace(arm, recipe=dataclasses.replace(recipe, steps=round(scale.equal * most / arm.summary.macs)))
        for arm in arms
    )
