"""The report's small models, on CUFS: what is trained of them, and what is claimed.

Normalisation and the start of the weights are crossed, because claims depend on them. Each cell's learning rate, and
the cell that the other arms take, were chosen by cross-validation within CUFS's training images: the part `CHOICE` does
that again. Its folds have seeds of their own, so that what works by luck alone is not chosen.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

from aezoo.composition import describe
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Claim, Finished, PerRun, Region, Row, Values, alone, difference, gap, gap_difference
from aezoo_study_cis680.rows import captures, lower, satisfied
from aezoo_study_cis680.scale import DIMENSIONS, INITS, NORMS, Scale

PART, CHOICE = "small", "choice"
CELLS = tuple(f"{norm}-{init}" for norm in NORMS for init in INITS)
SAYS = {
    "batch-default": "batch norm, PyTorch's start",
    "batch-dcgan": "batch norm, DCGAN's start",
    "none-default": "no norm, PyTorch's start",
    "none-dcgan": "no norm, DCGAN's start",
}
RATES = {
    "ae-batch-default": 3e-2,
    "ae-batch-dcgan": 3e-3,
    "ae-none-default": 3e-4,
    "ae-none-dcgan": 3e-4,
    "vae16-batch-default": 3e-2,
    "vae16-batch-dcgan": 3e-3,
    "vae16-none-default": 3e-2,
    "vae16-none-dcgan": 1e-3,
}
"""The rate of the lowest cross-validated loss of each cell on CUFS, see `aezoo_study_cis680.tables.choice`."""
CHOSEN = {"ae": "none-default", "vae16": "batch-default"}
"""The cell of the lowest of those: other arms take it."""
BEST, BESIDE = "the recipe chosen", "the report's recipe"
REPORTED = {"report": ("batch-dcgan", BESIDE), "report-default": ("batch-default", f"{BESIDE}, PyTorch's start")}
"""The cells of the report's recipe, whose rate is the default, and what they are called: its handout asks for batch
normalisation and 0.001, and does not say how weights begin. They stand beside the recipe chosen.
"""
AE, VAE = (f"{model}-{cell}" for model, cell in CHOSEN.items())
# Table 2 narrows to one channel behind a ReLU: what it draws is nowhere darker than the last layer's bias.
WIDE = ("4x4x32 s2", "4x4x16 s2", "4x4x8 s2", "4x4x4 s2", "4x4x4 s2", "4x4xc s2")
NO_MAP = "without the one-channel map"
# Table 1's decoder from a vector of as many numbers, through fully connected layers.
VECTOR = ("4x4x64 s2", "4x4x32 s2", "4x4x16 s2", "4x4x8 s2", "4x4x4 s2", "4x4xc s2")


class Way(NamedTuple):
    """How VAEs are trained, of which claims 3 to 8 are judged: by the recipe chosen or the report's, with Table 2's map
    or without it.

    Attributes:
        how: what it is called.
        cell, lr: its normalisation and start, and its rate.
        decoder: options of the model that the report's has not.
        on: the arm that stands beside the others, and ``mark``, the step of it that does where it goes on for longer.
        long, off, widest: the arms trained for longer, without sampling, and with the widest latent.
        ae: the autoencoder of that recipe.
    """

    how: str
    cell: str
    lr: float
    decoder: dict[str, Any]
    on: str
    mark: int | None
    long: str
    off: str
    widest: str
    ae: str


def ways(scale: Scale) -> Iterator[Way]:
    """Each recipe, with the report's decoder and without its map."""
    best, most = CHOSEN["vae16"], max(DIMENSIONS)
    recipes = (
        ("", BEST, best, RATES[f"vae16-{best}"], None, AE),
        *((f"-{name}", how, cell, Recipe().lr, scale.turn, f"ae-{name}") for name, (cell, how) in REPORTED.items()),
    )
    decoders: tuple[tuple[str, str, dict[str, Any]], ...] = (("", "", {}), ("-wide", f", {NO_MAP}", {"layers": WIDE}))
    for of, how, cell, lr, mark, ae in recipes:
        for bare, without, decoder in decoders:
            long = f"vae16{bare}{of}-long"
            yield Way(
                how=f"{how}{without}",
                cell=cell,
                lr=lr,
                decoder=decoder,
                on=long if mark else f"vae16{bare}" if bare else VAE,
                mark=mark,
                long=long,
                off=f"vae16{bare}-nosampling{of}",
                widest=f"vae{most}{bare}{of}",
                ae=ae,
            )


def arms(scale: Scale, dataset: str) -> tuple[Arm, ...]:
    """Everything that is trained, on a dataset of black and white images, 64x64."""
    short = Recipe(dataset=dataset, steps=scale.reported, evaluate_every=scale.every, precision="float32")
    long = dataclasses.replace(short, steps=scale.long, evaluate_every=scale.long_every)
    fold = dataclasses.replace(short, validation=1 / scale.folds, evaluate_every=scale.reported)
    folds = tuple(
        dataclasses.replace(fold, lr=lr, fold=index, seed=index) for lr in scale.rates for index in range(scale.folds)
    )

    def arm(name: str, label: str, model: str, *, cell: str = "", recipe: Recipe = short, **how: Any) -> Arm:
        parts, cell = dict(how.pop("parts", {})), cell or CHOSEN[model]
        norm, init = cell.split("-")
        layers = f"layers={parts.pop('layers')!r}, " if "layers" in parts else ""
        spec = describe(
            f"cis680-{model}",
            norm=norm,
            encoder=f"conv(init={init!r})",
            decoder=f"deconv({layers}init={init!r})",
            **parts,
        )
        recipe = dataclasses.replace(recipe, lr=how.pop("lr", RATES[f"{model}-{cell}"]))
        given: dict[str, Any] = {"part": PART, "seeds": scale.seeds}
        return Arm(name=name, label=label, spec=spec, recipe=recipe, **(given | how))

    after = f"{scale.long:,} steps"
    turn = dataclasses.replace(short, steps=scale.turn)
    vector = {"layers": VECTOR, "bottleneck": "gaussian(dim=256, sampling=False)"}  # as many numbers as Table 1's map
    off, most = {"bottleneck": "gaussian(sampling=False)"}, max(DIMENSIONS)
    widest = {"bottleneck": f"gaussian(dim={most})"}

    def varied(way: Way) -> tuple[Arm, ...]:
        """Three arms of VAEs that are trained alike."""
        how: dict[str, Any] = {"cell": way.cell, "lr": way.lr}
        how |= {"recipe": turn, "seeds": scale.some} if way.mark else {}
        longer = how | {"recipe": long, "seeds": scale.some, "marks": (scale.turn,)}
        return (
            arm(way.long, f"VAE 16, {after}, {way.how}", "vae16", parts=way.decoder, **longer),
            arm(way.off, f"VAE 16, no sampling, {way.how}", "vae16", parts=way.decoder | off, **how),
            arm(way.widest, f"VAE {most}, {way.how}", "vae16", parts=way.decoder | widest, **how),
        )

    def reported(start: str, name: str, label: str, **given: Any) -> Arm:
        cell, how = REPORTED[start]
        return arm(f"{name}-{start}", f"{label}, {how}", "ae", cell=cell, lr=Recipe().lr, seeds=scale.some, **given)

    return (
        *(
            arm(f"{prefix}{model}-{cell}", f"{label}, {SAYS[cell]}", model, cell=cell, **how)
            for prefix, how in ((f"{CHOICE}-", {"part": CHOICE, "seeds": 0, "search": folds}), ("", {}))
            for model, label in (("ae", "AE"), ("vae16", "VAE 16"))
            for cell in CELLS
        ),
        arm("vae16-wide", f"VAE 16, {NO_MAP}", "vae16", parts={"layers": WIDE}),
        arm("ae-vector", "AE, fully connected", "ae", parts=vector),
        *(
            arm(f"vae{dim}", f"VAE {dim}", "vae16", parts={"bottleneck": f"gaussian(dim={dim})"}, seeds=scale.some)
            for dim in DIMENSIONS
            if dim not in (16, most)
        ),
        arm("ae-long", f"AE, {after}", "ae", recipe=long, seeds=scale.some),
        *(reported(start, "ae", "AE") for start in REPORTED),
        *(reported(start, "ae-vector", "AE, fully connected", parts=vector) for start in REPORTED),
        *(each for way in ways(scale) for each in varied(way)),
    )


def claims(scale: Scale) -> tuple[Claim, ...]:
    """Of the small models."""
    later = f"{SAYS[CHOSEN['ae']]}, {scale.long:,} steps"
    autoencoders = (
        *((f"ae-{cell}", SAYS[cell]) for cell in CELLS),
        ("ae-long", later),
        *((f"ae-{name}", how) for name, (_, how) in REPORTED.items()),
    )
    return (
        Claim(
            number=1,
            says="The autoencoder captures its input well",
            rule="its mse is less than half of the mean image's",
            rows=tuple(row for arm, how in autoencoders for row in captures(arm, how)),
        ),
        Claim(
            number=2,
            says="The autoencoder overfits",
            rule="its mse is higher on test than on training images",
            rows=tuple(gap(arm, "mse", case=how, region=Region(low=0)) for arm, how in autoencoders),
        ),
        Claim(
            number=3,
            says="The VAE is blurrier than the autoencoder",
            rule="on test images its output has less gradient energy, over that of the input; and has less of it for "
            "its contrast (sharpness)",
            rows=tuple(
                row
                for measure in ("gradient", "sharpness")
                for vae, mark, ae, how in _pairs(scale)
                for row in lower(
                    vae, ae, f"{how}, {measure}", ("VAE", "AE"), measure=measure, splits=("test",), marks=(mark, None)
                )
            ),
        ),
        Claim(
            number=4,
            says="The VAE has a higher reconstruction error than the autoencoder",
            rule="the autoencoder's is lower: its mse, which it is trained on, and its bce, which the VAE is",
            rows=tuple(
                row
                for measure in ("mse", "bce")
                for vae, mark, ae, how in _pairs(scale)
                for row in lower(ae, vae, f"{how}, {measure}", ("AE", "VAE"), measure=measure, marks=(None, mark))
            ),
        ),
        Claim(
            number=5,
            says="KL is satisfied quickly, and reconstruction dominates",
            rule="after the first quarter of the run KL is never farther from its last value, short of it or beyond, "
            "than half of its way from first to last (a tenth of it); it is less than a tenth of the test loss at the "
            "end",
            rows=(
                *satisfied("vae16-batch-dcgan", SAYS["batch-dcgan"]),
                *(row for way in ways(scale) for row in satisfied(way.on, way.how, end=way.mark)),
            ),
        ),
        Claim(
            number=6,
            says=f"After {scale.reported:,} steps the VAE starts to overfit",
            rule=f"its test cross-entropy is lowest near step {scale.reported:,}, and higher at step {scale.long:,} "
            "than there",
            rows=(
                *(
                    alone(
                        PerRun(way.long, "lowest step", lambda run: lowest(run, "test", "bce")),
                        case=f"{way.how}, lowest within a factor of {factor:g}",
                        number="step of the lowest test bce",
                        region=Region(scale.reported / factor, scale.reported * factor),
                    )
                    for way in ways(scale)
                    for factor in (1.25, 2)
                ),
                *(
                    difference(
                        Values(way.long, "test", "bce"),
                        Values(way.long, "test", "bce", scale.turn),
                        case=f"{way.how}, higher long after",
                        names=(f"test bce at {scale.long}", f"at {scale.turn}"),
                        region=Region(low=0),
                    )
                    for way in ways(scale)
                ),
            ),
        ),
        Claim(
            number=7,
            says="The small latent regularises",
            rule="the loss (bce + kl) differs more between test and training images with 128 dimensions than with 16, "
            "and is higher on test images; the difference grows from 4 dimensions to 128; and, which is another cause, "
            "it is more without sampling than with it",
            rows=(*(row for way in ways(scale) for row in _regularises(way)), _slope()),
        ),
        Claim(
            number=8,
            says="Longer training compensates for sampling",
            rule="there is something to compensate: at equal steps its mse is lower without sampling; and after "
            f"{scale.long:,} steps with sampling it is lower than after {scale.reported:,} (of the report's recipe "
            f"{scale.turn:,}) without",
            rows=tuple(
                row
                for way in ways(scale)
                for row in (
                    *lower(
                        way.off,
                        way.on,
                        f"{way.how}, equal steps",
                        ("no sampling", "sampling"),
                        marks=(None, way.mark),
                    ),
                    *lower(way.long, way.off, f"{way.how}, longer", ("sampling, longer", "no sampling")),
                )
            ),
        ),
        Claim(
            number=9,
            says="A 2x2 map needs no fully connected layers",
            rule="with them, and as many numbers, the autoencoder's mse is not lower",
            rows=(
                *lower(AE, "ae-vector", BEST, ("the map", "the vector")),
                *(
                    row
                    for name, (_, how) in REPORTED.items()
                    for row in lower(f"ae-{name}", f"ae-vector-{name}", how, ("the map", "the vector"))
                ),
            ),
        ),
    )


def _pairs(scale: Scale) -> tuple[tuple[str, int | None, str, str], ...]:
    """A VAE, the step that it is taken at, the AE that it is compared with, and how both are trained: alike, or each as
    was chosen for it.
    """
    return (
        *((f"vae16-{cell}", None, f"ae-{cell}", SAYS[cell]) for cell in CELLS),
        ("vae16-wide", None, f"ae-{CHOSEN['vae16']}", f"{SAYS[CHOSEN['vae16']]}, {NO_MAP}"),
        *((way.on, way.mark, way.ae, way.how) for way in ways(scale)),
    )


def _regularises(way: Way) -> tuple[Row, ...]:
    """Against the VAE of 16 numbers at its mark: one of 128, and one without sampling."""
    loss, on, how = "bce + kl", way.on, way.how
    more: dict[str, Any] = {"region": Region(low=0), "marks": (None, way.mark)}
    test: dict[str, Any] = {"measure": loss, "splits": ("test",), "marks": (way.mark, None)}
    return (
        gap_difference(way.widest, on, loss, case=f"{how}, dimensions, gap", names=("128", "16"), **more),
        *lower(on, way.widest, f"{how}, dimensions, test", ("16", "128"), **test),
        gap_difference(way.off, on, loss, case=f"{how}, sampling", names=("off", "on"), **more),
    )


def _slope() -> Row:
    """Least squares of the gap over the logarithm of the dimensions: from the smallest to the widest, not two alone."""
    doublings = [math.log2(dim) for dim in DIMENSIONS]
    centred = [each - statistics.fmean(doublings) for each in doublings]
    weights = [each / sum(other**2 for other in centred) for each in centred]
    arms = [VAE if dim == 16 else f"vae{dim}" for dim in DIMENSIONS]

    def slope(*means: Any) -> Any:
        return sum(w * (test - train) for w, test, train in zip(weights, means[::2], means[1::2], strict=True))

    return Row(
        case=f"{BEST}, gap along {min(DIMENSIONS)} to {max(DIMENSIONS)} dimensions",
        number="slope of the gap, for each doubling",
        sources=tuple(Values(arm, split, "bce + kl") for arm in arms for split in ("test", "train")),
        names=tuple(f"{dim} {split}" for dim in DIMENSIONS for split in ("test", "train")),
        statistic=slope,
        region=Region(low=0),
    )


def lowest(run: Finished, split: str, name: str) -> float:
    """The step of the lowest value."""
    steps, values = run.curve(split, name)
    return float(steps[values.index(min(values))])
