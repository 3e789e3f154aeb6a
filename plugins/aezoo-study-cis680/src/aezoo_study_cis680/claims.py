"""What the report claims, and the numbers that bear on it."""

from __future__ import annotations

from aezoo.studies import Claim, Finished, PerRun, Region, Row, Values, alone, difference, gap, gap_difference, ratio
from aezoo_study_cis680.scale import MODEL, PUBLISHED, Scale


def claims(scale: Scale) -> tuple[Claim, ...]:
    """All ten, by their numbers."""
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
