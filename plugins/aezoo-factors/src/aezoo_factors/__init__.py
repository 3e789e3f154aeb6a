"""Metrics of images whose factors are known, and the Frechet distance. Each name carries its estimator.

Declared here; nothing imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import aezoo


def _images(default: int) -> aezoo.Option:
    return aezoo.Option(name="images", type="int", default=default, low=2, help="at most so many, drawn by the seed")


_SEED = aezoo.Option(name="seed", type="int", default=0, low=0, help="of all that is drawn")

_OF_FACTORS = (
    (
        "mig_hist20",
        "Mutual information gap by histograms of 20 bins (Chen et al. 2018)",
        "MutualInformationGap",
        (_images(10_000), _SEED),
    ),
    (
        "sap_r2",
        "Separated attribute predictability by R2 (Kumar et al. 2018)",
        "SeparatedPredictability",
        (_images(10_000), _SEED),
    ),
    (
        "dci_gbt_disentanglement",
        "How far each dimension is of one factor, by boosted trees (Eastwood & Williams 2018)",
        "Disentanglement",
        (_images(1000), _SEED),
    ),
    (
        "dci_gbt_completeness",
        "How far each factor is in one dimension, by boosted trees (Eastwood & Williams 2018)",
        "Completeness",
        (_images(1000), _SEED),
    ),
    (
        "dci_gbt_informativeness",
        "How much of the factors boosted trees predict of unseen images (Eastwood & Williams 2018)",
        "Informativeness",
        (_images(1000), _SEED),
    ),
    (
        "factorvae_vote",
        "How often the steadiest dimension names the factor that a set shares (Kim & Mnih 2018)",
        "FactorVaeScore",
        (
            aezoo.Option(name="votes", type="int", default=800, low=1, help="sets to learn from, and as many to try"),
            aezoo.Option(name="group", type="int", default=64, low=2, help="images in a set, or as many as are alike"),
            aezoo.Option(
                name="collapsed", type="float", default=0.05, low=0, help="dimensions of less deviation are left out"
            ),
            _images(10_000),
            _SEED,
        ),
    ),
)

METRICS = (
    *(
        aezoo.MetricSpec(
            name=name,
            summary=summary,
            implementation=f"aezoo_factors.disentanglement:{implementation}",
            options=options,
            needs=("factors",),
            takes=("z", "factors"),
            better="higher",
            when="asked",
            revision=2 if name == "factorvae_vote" else 1,  # before, `collapsed` was of the variance
        )
        for name, summary, implementation, options in _OF_FACTORS
    ),
    aezoo.MetricSpec(
        name="factor_retention",
        summary="How much of a drawn face's factors a pinned regressor still reads off its reconstruction",
        implementation="aezoo_factors.retention:FactorRetention",
        options=(
            aezoo.Option(
                name="style",
                type="str",
                default="shaded",
                choices=("sketch", "shaded", "colour"),
                help="of the toyfaces; colour made grey is shaded",
            ),
        ),
        needs=("factors",),
        takes=("images", "reconstruction", "factors"),
        better="higher",
        when="asked",
    ),
    aezoo.MetricSpec(
        name="fd",
        summary="Frechet distance (Heusel et al. 2017) of reconstructions, in the latents of a pinned encoder of aezoo",
        implementation="aezoo_factors.frechet:FrechetDistance",
        options=(
            aezoo.Option(
                name="model",
                type="str",
                default="cis680-vae512.toyfaces",
                help="weights that an installed package holds, by name",
            ),
        ),
        takes=("images", "reconstruction"),
        better="lower",
        when="asked",
    ),
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.MetricSpec]:
    """Everything that this package registers."""
    yield from METRICS
