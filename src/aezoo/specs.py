"""The specs: what a plugin declares. Frozen plain values, JSON both ways; nothing here imports a tensor library.

A spec is *declared* (here), a component is *asked for* (`Component`), a module is *built* (by the factory).
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from aezoo.errors import DataError, OptionError, nearest

Value = None | bool | int | float | str | tuple["Value", ...]
"""A plain value: what an option may hold, what JSON keeps and what the grammar reads."""

_WORD = r"[a-z0-9]+(?:[_-][a-z0-9]+)*"
_NAME = re.compile(rf"{_WORD}(?::\*)?")
_TAGGED_NAME = re.compile(rf"(?:{_WORD})\.(?:{_WORD})")
_IMPLEMENTATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}
_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "text",
    "ints": "a tuple of whole numbers",
    "floats": "a tuple of numbers",
    "strs": "a tuple of texts",
}


def plain(value: Any) -> Value:
    """``value`` with its lists made tuples.

    Raises:
        OptionError: it is not a plain value.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    raise OptionError(f"{value!r} is no plain value: numbers, booleans, None, text and tuples of them are")


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The images of a model: ``size`` (height, width) in pixels and the number of ``channels``."""

    size: tuple[int, int]
    channels: int = 1

    def __post_init__(self) -> None:
        numbers = (*self.size, self.channels)
        # True is an int to Python, not to a person.
        if len(numbers) != 3 or not all(type(number) is int and number >= 1 for number in numbers):
            raise OptionError(
                f"image {self.size} with {self.channels!r} channels: height, width and channels are whole numbers >= 1"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return (self.channels, *self.size)

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}x{self.channels}"

    @classmethod
    def of(cls, size: int | tuple[int, int] | list[int], channels: int) -> Self:
        """From a size given as one number (square) or as ``(height, width)``."""
        pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
        if len(pair) != 2:
            raise OptionError(f"image size {size!r}: give one number, or (height, width)")
        return cls((pair[0], pair[1]), channels)


@dataclass(frozen=True, slots=True)
class Component:
    """A request for a component: a registered name and options. Written ``name(key=value, ...)``."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, name: str, /, **options: Any) -> Self:
        """``Component.of("conv", kernel=3)``."""
        return cls(name, tuple((key, plain(value)) for key, value in options.items()))

    def replace(self, **options: Any) -> Self:
        """A copy with these options set."""
        return type(self).of(self.name, **{**dict(self.options), **options})

    def __str__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.options)
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option of a component: its type, default and bounds. Nothing undeclared reaches an implementation.

    ``external`` marks what reaches outside the process (a path, a download): only a caller may set it, never a file.
    """

    name: str
    type: Literal["int", "float", "bool", "str", "ints", "floats", "strs"]
    default: Value = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    external: bool = False
    help: str = ""

    def __post_init__(self) -> None:
        if self.type not in _NOUNS:
            raise OptionError(f"option {self.name}: its type {self.type!r} is not one of {', '.join(_NOUNS)}")
        self.check(self.default, "the default")

    def check(self, value: Value, owner: str) -> Value:
        """``value``, when it is one that this option of ``owner`` takes.

        Raises:
            OptionError: it has the wrong type, or lies outside the bounds or choices.
        """
        if value is None and self.default is None:
            return value
        several = self.type.endswith("s")
        items = value if several and isinstance(value, tuple) else (value,)
        wanted = _TYPES[self.type.removesuffix("s")]
        right_type = isinstance(value, tuple) if several else not isinstance(value, tuple)
        for item in items:
            # True is an int to Python, not to a person.
            if not right_type or not isinstance(item, wanted) or isinstance(item, bool) != (self.type == "bool"):
                raise OptionError(f"{owner}: {self.name}={value!r} is not {self._allowed()}")
            number = isinstance(item, int | float)
            below = number and self.low is not None and item < self.low
            above = number and self.high is not None and item > self.high
            strange = isinstance(item, float) and not math.isfinite(item)
            if below or above or strange or (self.choices and item not in self.choices):
                raise OptionError(f"{owner}: {self.name}={value!r} is not {self._allowed()}")
        try:
            return float(value) if self.type == "float" and isinstance(value, int) else value
        except OverflowError:
            raise OptionError(f"{owner}: {self.name} is too large a number") from None

    def _allowed(self) -> str:
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        bounds = ((">=", self.low), ("<=", self.high))
        limits = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
        return f"{_NOUNS[self.type]} {limits}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What every spec has: a name, one line that says what it is, where its implementation lies, its options.

    ``implementation`` is ``"module:attribute"``, imported when it is first built. A family's name ends in ``:*``;
    its ``members`` names a function that lists them, and its implementation takes the member as ``member=``.
    ``provides`` and ``needs`` are matched when parts are put together.
    """

    kind: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]] = _NAME
    name: str
    summary: str
    implementation: str = ""
    options: tuple[Option, ...] = ()
    provides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    members: str = ""

    def __post_init__(self) -> None:
        if not self.pattern.fullmatch(self.name):
            raise OptionError(f"{self.name!r} is no name: lower-case letters, digits, single '-' or '_' are")
        for reference in filter(None, (self.implementation, self.members)):
            if not _IMPLEMENTATION.fullmatch(reference):
                raise OptionError(f"{self.name}: {reference!r} is not of the form 'module:attribute'")
        if self.name.endswith(":*") != bool(self.members):
            raise OptionError(f"{self.name}: a family's name ends in ':*', and it says where its members are listed")

    def check(self, options: dict[str, Any]) -> dict[str, Value]:
        """Every declared option with its given value or its default, checked.

        Raises:
            OptionError: an option is not declared, or its value is not allowed.
        """
        declared = {option.name: option for option in self.options}
        for key in options:
            if key not in declared:
                known = f"near: {nearest(key, declared)}" if declared else "it has none"
                raise OptionError(f"{self.kind} {self.name} has no option {key!r} ({known})")
        owner = f"{self.kind} {self.name}"
        return {
            name: option.check(plain(options[name]), owner) if name in options else option.default
            for name, option in declared.items()
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderSpec(Spec):
    """Images to features. Built as ``implementation(image, **options)``; ``forward(images) -> features``."""

    kind: ClassVar[str] = "encoder"


@dataclass(frozen=True, kw_only=True, slots=True)
class BottleneckSpec(Spec):
    """Features to a `Latent`. Built as ``implementation(feature_shape, **options)``."""

    kind: ClassVar[str] = "bottleneck"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderSpec(Spec):
    """``z`` to logits. Built as ``implementation(latent_shape, image, **options)``; ``forward(z) -> logits``."""

    kind: ClassVar[str] = "decoder"
    provides: tuple[str, ...] = ("logits",)


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSpec(Spec):
    """A loss term ``(output, images, context) -> (b,)``: a function taking its options as keywords, or a module.

    ``coupled`` says that an image's value depends on the rest of the batch.
    """

    kind: ClassVar[str] = "loss"
    unit: str = "nats"
    coupled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec(Spec):
    """A number measured on images that a model did or did not see in training.

    ``better`` is ``"lower"``, ``"higher"`` or ``""`` where neither end is good.
    """

    kind: ClassVar[str] = "metric"
    unit: str = ""
    better: Literal["lower", "higher", ""] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec(Spec):
    """Images by split. Built as ``implementation(split, root=..., **options)``.

    ``redistributable`` says whether its pictures may be shown to others; those of the rest never leave a run.
    ``licence`` is its terms in words, ``spdx`` their SPDX identifier (``"LicenseRef-..."`` for terms of its own), both
    of which weights trained on it inherit.
    """

    kind: ClassVar[str] = "dataset"
    licence: str = ""
    spdx: str = ""
    citation: str = ""
    homepage: str = ""
    splits: tuple[str, ...] = ("train", "test")
    redistributable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSpec(Spec):
    """A command of ``aezoo``: its implementation is a click command, imported when it is called."""

    kind: ClassVar[str] = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsSpec(Spec):
    """The weights of a model's tag inside an installed package, and what is known of them.

    ``aezoo embed`` writes it as JSON beside the model folder, `aezoo.read_weights` reads it: nobody types one.

    Attributes:
        name: ``"cis680-vae16.cufs"``: the model's short name and the tag.
        model: whose weights they are, ``"distribution/name"``.
        tag: one of the model's.
        path: where the model folder lies, ``"package:weights/cis680-vae16.cufs"``.
        sha256: of ``model.safetensors``.
        size: of that file, in bytes.
        parameters: of the model.
        precision: of the weights as stored; the model computes in float32.
        dataset: what it was trained and measured on, as in the recipe.
        images: how many test images there are.
        metrics: by name, measured on them.
        baseline: the same of the training images' mean.
        licence: the terms of the data, to which the weights are subject, in words.
        spdx: their SPDX identifier.
    """

    kind: ClassVar[str] = "weights"
    pattern: ClassVar[re.Pattern[str]] = _TAGGED_NAME
    model: str
    tag: str
    path: str = ""
    sha256: str = ""
    size: int = 0
    parameters: int = 0
    precision: Literal["float32", "float16"] = "float32"
    dataset: str = ""
    images: int = 0
    metrics: tuple[tuple[str, float], ...] = ()
    baseline: tuple[tuple[str, float], ...] = ()
    licence: str = ""
    spdx: str = ""

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        distribution, _, short = self.model.rpartition("/")
        if not distribution or self.name != f"{short}.{self.tag}":
            given = f"weights {self.name} of model {self.model!r} and tag {self.tag!r}"
            raise OptionError(f"{given}: model is 'distribution/name', and the weights are called 'name.tag'")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How weights are trained: all that ``aezoo train`` needs but the model itself. Zero and "" switch a thing off.

    Attributes:
        dataset: as ``--data`` takes it: ``"cufs"``, ``"toyfaces(style='shaded')"``.
        binarize: ``"threshold"``, ``"static"`` or ``"dynamic"``, after resizing.
        mirror: flip half of the images left to right.
        validation: the share of the training images held out, by person where the dataset knows persons.
        loss: the expression; the model's own where empty.
        steps: optimiser steps.
        batch_size: images a step, over all processes and accumulated parts.
        accumulate: in how many parts, one after the other, a process computes its share of a batch.
        optimizer: ``"adam"`` or ``"adamw"``, with ``lr``, ``betas`` and ``weight_decay``.
        schedule: of the learning rate after ``warmup`` steps of linear rise: ``"constant"``, or ``"linear"`` or
            ``"cosine"``, which fall to zero at the end.
        clip_norm: the largest norm of the gradient, over all parameters.
        ema: the decay of an exponential moving average of the weights, which then is what is measured and kept.
        kl_warmup: steps over which the weight of divergences rises linearly from zero to its own.
        precision: ``"auto"`` is bfloat16 autocast where the device computes in it, else float32.
        compile: run the objective through ``torch.compile``.
        seed: of initialisation, order and noise.
        evaluate_every: steps between measurements on held-out images; zero: twenty times in a run.
        patience: stop after so many measurements without a lower validation loss.
        keep: the ``"last"`` step's weights, or those ``"best"`` on the validation images.
        cost: what a run takes.
        reaches: what it should give.
    """

    dataset: str = "toyfaces"
    binarize: Literal["", "threshold", "static", "dynamic"] = ""
    mirror: bool = False
    validation: float = 0.0
    loss: str = ""
    steps: int = 1000
    batch_size: int = 64
    accumulate: int = 1
    optimizer: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: int = 0
    clip_norm: float = 0.0
    ema: float = 0.0
    kl_warmup: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False
    seed: int = 0
    evaluate_every: int = 0
    patience: int = 0
    keep: Literal["last", "best"] = "last"
    cost: str = ""
    reaches: str = ""

    def __post_init__(self) -> None:
        for name, low, high in _RECIPE_BOUNDS:
            value = getattr(self, name)
            if not low <= value <= high:
                bound = f"from {low:g} to {high:g}" if math.isfinite(high) else f">= {low:g}"
                raise OptionError(f"recipe: {name}={value!r} is not {bound}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise OptionError(f"recipe: betas={self.betas!r} are not both >= 0 and below 1")
        if (self.keep == "best" or self.patience) and not self.validation:
            asked = "keep='best'" if self.keep == "best" else f"patience={self.patience}"
            raise OptionError(f"recipe: {asked} chooses by a validation loss: hold images out with validation=0.1")
        if self.batch_size % self.accumulate:
            raise OptionError(f"recipe: a batch of {self.batch_size} has no {self.accumulate} equal parts")


_RECIPE_BOUNDS = (
    ("steps", 1, math.inf),
    ("batch_size", 1, math.inf),
    ("accumulate", 1, math.inf),
    ("lr", 1e-12, 1e3),
    ("weight_decay", 0, 1e3),
    ("warmup", 0, math.inf),
    ("clip_norm", 0, math.inf),
    ("ema", 0, 0.999999),
    ("kl_warmup", 0, math.inf),
    ("seed", 0, 2**63 - 1),
    ("evaluate_every", 0, math.inf),
    ("patience", 0, math.inf),
    ("validation", 0, 0.9),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A set of weights of a model, ``model.tag``, and the recipe that makes them."""

    name: str
    recipe: Recipe
    summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec(Spec):
    """A model: its images, its parts, its loss and its tags.

    ``norm`` and sizes are not repeated here: they are options of the parts. A model that is not made of the three
    parts names its own ``implementation``, built as ``implementation(spec, **options)`` with the same contract.
    """

    kind: ClassVar[str] = "model"
    image: ImageSpec
    encoder: Component = Component("conv")
    bottleneck: Component = Component("identity")
    decoder: Component = Component("deconv")
    loss: str = "l2"
    tags: tuple[Tag, ...] = ()
    default_tag: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        names = [tag.name for tag in self.tags]
        if len(set(names)) != len(names) or (self.default_tag and self.default_tag not in names):
            raise OptionError(f"model {self.name}: tags {names} must differ, and hold the default {self.default_tag!r}")

    def tag(self, name: str) -> Tag:
        """The tag of this name, or the default one where ``name`` is empty.

        Raises:
            OptionError: there is none of this name.
        """
        wanted = name or self.default_tag
        for tag in self.tags:
            if tag.name == wanted:
                return tag
        known = nearest(name, [tag.name for tag in self.tags]) or "none"
        raise OptionError(f"model {self.name} has no tag {name!r}; it has: {known}")


SPECS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (
        ModelSpec,
        EncoderSpec,
        BottleneckSpec,
        DecoderSpec,
        LossSpec,
        DatasetSpec,
        MetricSpec,
        WeightsSpec,
        CommandSpec,
    )
}
"""Every kind of spec by its name in the singular."""


def to_json(value: Any) -> Any:
    """A spec (or any part of one) as what ``json.dumps`` takes: dataclasses become objects, tuples lists."""
    if isinstance(value, Component):
        return {"name": value.name, "options": {key: to_json(item) for key, item in value.options}}
    if dataclasses.is_dataclass(value):
        return {item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(cls: Any, data: Any) -> Any:
    """The inverse of `to_json`: ``from_json(ModelSpec, to_json(spec)) == spec``.

    Raises:
        DataError: the data does not have the form of ``cls``.
        OptionError: it has, but ``cls`` refuses a value.
    """
    if cls is Component:
        kinds = {key: type(item) for key, item in data.items()} if isinstance(data, dict) else {}
        if kinds != {"name": str, "options": dict}:
            raise DataError(f"no component: {data!r:.80}")
        return Component.of(data["name"], **data["options"])
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if isinstance(cls, type) and dataclasses.is_dataclass(cls):
        hints = typing.get_type_hints(cls)
        names = {item.name for item in dataclasses.fields(cls)}
        if not isinstance(data, dict) or not set(data) <= names:
            unknown = f"unknown keys {sorted(set(data) - names)!s:.80}" if isinstance(data, dict) else f"{data!r:.80}"
            raise DataError(f"no {cls.__name__}: {unknown}")
        try:
            return cls(**{key: from_json(hints[key], item) for key, item in data.items()})
        except TypeError as error:
            raise DataError(f"no {cls.__name__}: {error}") from None
    if origin is tuple and isinstance(data, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_json(arguments[0], item) for item in data)
        if len(arguments) == len(data):
            return tuple(from_json(kind, item) for kind, item in zip(arguments, data, strict=True))
    elif origin is Literal and data in arguments:
        return data
    elif cls is float and (type(data) is float or (type(data) is int and abs(data) < 2**53)):
        return float(data)
    elif origin in (typing.Union, types.UnionType):
        if types.NoneType in arguments and data is None:
            return None
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        return from_json(kinds[0], data) if len(kinds) == 1 else plain(data)  # several kinds: a Value
    elif isinstance(cls, type) and type(data) is cls:
        return data
    raise DataError(f"{data!r:.80} is no {getattr(cls, '__name__', cls)}")
