"""How weights are trained: the recipe, and the tag of a model that it belongs to."""

from __future__ import annotations

import dataclasses
import math
import typing
from dataclasses import dataclass
from typing import Any, Literal

from aezoo.errors import OptionError, is_text, nearest, shown
from aezoo.plain import PARTS, ImageSpec, hints


def _setting(default: Any, text: str, low: float | None = None, high: float = math.inf) -> Any:
    """A field of a recipe: its default, what it is, its bounds."""
    return dataclasses.field(default=default, metadata={"help": text, "low": low, "high": high})


_NOUNS = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}


def _is_a(value: Any, hint: Any) -> bool:
    """Whether a value is one that a field of this type may hold."""
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return isinstance(value, str) and value in kinds
    if typing.get_origin(hint) is tuple:
        several = kinds[:1] * len(value) if isinstance(value, tuple) and kinds[1:] == (Ellipsis,) else kinds
        return isinstance(value, tuple) and len(value) == len(several) and all(map(_is_a, value, several))
    # True is an int to Python, not to a person.
    return isinstance(value, (int, float) if hint is float else hint) and isinstance(value, bool) == (hint is bool)


def _in_words(hint: Any) -> str:
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, kinds))
    if kinds:
        return f"a tuple of {'texts' if kinds[0] is str else 'numbers' if Ellipsis in kinds else 'two numbers'}"
    return _NOUNS[hint]


def check_betas(betas: Any, owner: str) -> None:
    """Raise an `OptionError` for what is no pair of decay rates that Adam takes."""
    if not (isinstance(betas, tuple) and len(betas) == 2 and all(0 <= beta < 1 for beta in betas)):
        raise OptionError(f"{owner}: betas={shown(betas)} are not two numbers >= 0 and below 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How weights are trained: all that ``aezoo train`` needs but the model itself. Zero and "" switch a thing off.

    The command line has an option for every field but ``cost`` and ``reaches``, with the same text as its help; that of
    ``dataset`` is ``--data``.
    """

    dataset: str = _setting("toyfaces", "What to train on, as --data takes it: a dataset, or a path.")
    binarize: Literal["", "threshold", "static", "dynamic"] = _setting(
        "", "Make images black and white, after resizing."
    )
    mirror: bool = _setting(False, "Flip half of the images left to right.")
    validation: float = _setting(0.0, "Share of the training images to hold out, by person where known.", 0, 0.9)
    fold: int = _setting(0, "Which share of them is held out: with validation=0.2 there are folds 0 to 4.", 0)
    loss: str = _setting("", "Sum of terms, 'bce + kl(warmup=1000)'; empty: the model's own.")
    freeze: tuple[str, ...] = _setting((), "Parts that stay as they are, such as 'encoder,bottleneck'.")
    steps: int = _setting(1000, "Optimiser steps.", 1)
    batch_size: int = _setting(64, "Images a step, over all processes.", 1, 2**24)
    accumulate: int = _setting(1, "Compute each batch in so many parts, one after the other.", 1)
    optimizer: str = _setting("adam", "'adam', 'adamw', or any name of timm's optimisers.")
    lr: float = _setting(1e-3, "Learning rate.", 1e-12, 1e3)
    betas: tuple[float, float] = _setting((0.5, 0.999), "Of Adam.")
    weight_decay: float = _setting(0.0, "Weight decay.", 0, 1e3)
    schedule: Literal["constant", "linear", "cosine", "tanh", "step", "multistep", "wsd"] = _setting(
        "constant", "Of the learning rate, after the warm-up, as timm names and shapes it."
    )
    decay_milestones: tuple[float, ...] = _setting((0.3, 0.6, 0.9), "Shares of the run at which 'multistep' falls.")
    decay_rate: float = _setting(0.1, "What 'step' and 'multistep' multiply the learning rate by.", 0, 1)
    warmup: int = _setting(0, "Steps of linearly rising learning rate.", 0)
    clip_norm: float = _setting(0.0, "Largest norm of the gradient, over all parameters of an optimiser.", 0)
    ema: float = _setting(0.0, "Decay, warmed up, of an average of the weights: measured and kept then.", 0, 0.999999)
    precision: Literal["auto", "float32", "bfloat16"] = _setting("auto", "auto: bfloat16 where the device gains by it.")
    compile: bool = _setting(False, "Run the objective through torch.compile.")
    seed: int = _setting(0, "Of initialisation, order and noise.", 0, 2**63 - 1)
    evaluate_every: int = _setting(0, "Steps between measurements on held-out images; 0: twenty times in a run.", 0)
    metrics: tuple[str, ...] = _setting((), "More metrics to measure, by name, beside the built-in ones.")
    patience: int = _setting(0, "Stop after so many measurements that are not better on the validation images.", 0)
    keep: Literal["last", "best"] = _setting("last", "The last step's weights, or the best on the validation images.")
    best_by: str = _setting("", "The number that says which is best, such as 'mse'; empty: the loss.")
    cost: str = _setting("", "What a run takes.")
    reaches: str = _setting("", "What it should give.")

    def __post_init__(self) -> None:
        kinds = hints(type(self))
        for item in dataclasses.fields(self):
            value, low, high = getattr(self, item.name), item.metadata.get("low"), item.metadata.get("high", math.inf)
            if not _is_a(value, kinds[item.name]):
                hint = f": write ({value!r},)" if isinstance(value, str) and _is_a((value,), kinds[item.name]) else ""
                raise OptionError(f"recipe: {item.name}={shown(value)} is not {_in_words(kinds[item.name])}{hint}")
            if low is not None and not low <= value <= high:
                bound = f"from {low:g} to {high:g}" if math.isfinite(high) else f">= {low:g}"
                raise OptionError(f"recipe: {item.name}={shown(value)} is not {bound}")
        check_betas(self.betas, "recipe")
        if not all(0 < at < 1 for at in self.decay_milestones):
            raise OptionError(f"recipe: decay_milestones={shown(self.decay_milestones)} are not all between 0 and 1")
        if not is_text(self.dataset):
            raise OptionError(f"recipe: dataset={shown(self.dataset)} cannot be written down: its name is not UTF-8")
        for part in self.freeze:
            if part not in PARTS:
                raise OptionError(f"recipe: freeze: no part {part!r}: did you mean {nearest(part, PARTS)}?")
        if self.fold and (self.fold + 1) * self.validation > 1 + 1e-9:
            raise OptionError(f"recipe: fold={self.fold}: of validation={self.validation:g} there is no such fold")
        if (self.keep == "best" or self.patience) and not self.validation:
            asked = "keep='best'" if self.keep == "best" else f"patience={self.patience}"
            raise OptionError(f"recipe: {asked} chooses by validation images: hold some out with validation=0.1")
        if self.best_by and self.keep != "best" and not self.patience:
            raise OptionError(f"recipe: best_by={self.best_by!r} says which weights keep='best' keeps: ask for that")
        if self.batch_size % self.accumulate:
            raise OptionError(f"recipe: a batch of {self.batch_size} has no {self.accumulate} equal parts")

    def for_images(self, dataset: str) -> Recipe:
        """The recipe for other images: what belongs to the model (`OF_MODEL`) stays, the rest was for its own images.

        A warm-up is of the optimiser, and its length of the run: a short one stays.
        """
        kept = {name: getattr(self, name) for name in OF_MODEL}
        return Recipe(dataset=dataset, warmup=min(self.warmup, SHORT_WARMUP), **kept)


OF_MODEL = (
    "loss", "batch_size", "accumulate", "optimizer", "lr", "betas", "weight_decay", "schedule", "decay_milestones",
    "decay_rate", "clip_norm", "ema", "precision", "compile", "seed", "metrics",
)  # fmt: skip
"""The fields of a recipe that belong to the model that is trained, whatever the images."""
SHORT_WARMUP = 100
"""Steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A set of weights of a model, ``model.tag``, and the recipe that makes them.

    ``image`` is what it is trained on, where that is of another size or number of channels than the model's own.
    """

    name: str
    recipe: Recipe
    summary: str = ""
    image: ImageSpec | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.recipe, Recipe):
            raise OptionError(f"tag {shown(self.name)}: its name is text, and its recipe an aezoo.Recipe")
        if not isinstance(self.image, ImageSpec | None):
            raise OptionError(f"tag {self.name}: its image is an aezoo.ImageSpec, not {shown(self.image)}")
