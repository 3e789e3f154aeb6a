"""The specs: what a plugin declares. Frozen plain values, JSON both ways; nothing here imports a tensor library."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from aezoo.errors import OptionError, nearest, shown
from aezoo.plain import PARTS, Component, ImageSpec, Option, Value, plain
from aezoo.recipe import Tag, check_betas

_WORD = r"[a-z0-9]+(?:[_-][a-z0-9]+)*"
_NAME = re.compile(rf"{_WORD}(?::\*)?")
_TAGGED_NAME = re.compile(rf"(?:{_WORD})\.(?:{_WORD})")
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_IMPLEMENTATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What every spec has: a name, one line that says what it is, where its implementation lies, its options.

    ``implementation`` is ``"module:attribute"``, imported when it is first built: called with the options as keywords,
    and with those that its signature names of what its kind is ``told``: shapes, mostly. A family's name ends in
    ``:*``; its ``members`` names a function that lists them, and its implementation takes the member as ``member=``.
    Of members without end, the list may hold (``in``) more than it lists.
    ``provides`` and ``needs`` are matched when parts are put together. ``external`` says that the thing itself reaches
    outside the process (a path, a download): only a caller may ask for it, never a file.
    """

    kind: ClassVar[str]
    told: ClassVar[tuple[str, ...]] = ()
    pattern: ClassVar[re.Pattern[str]] = _NAME
    references: ClassVar[tuple[str, ...]] = ("implementation", "members")
    name: str
    summary: str
    implementation: str = ""
    options: tuple[Option, ...] = ()
    provides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    members: str = ""
    external: bool = False

    def __post_init__(self) -> None:
        for item in ("name", *self.references):
            if not isinstance(getattr(self, item), str):
                raise OptionError(f"{self.kind}: its {item} is text, not {shown(getattr(self, item))}")
        if not (isinstance(self.options, tuple) and all(isinstance(option, Option) for option in self.options)):
            raise OptionError(f"{self.kind} {self.name}: its options are a tuple of Option, not {shown(self.options)}")
        if not self.pattern.fullmatch(self.name):
            raise OptionError(f"{shown(self.name)} is no name: lower-case letters, digits, single '-' or '_' are")
        if not (isinstance(self.summary, str) and self.summary.isprintable()):
            raise OptionError(f"{self.kind} {self.name}: its summary is one line of text, not {shown(self.summary)}")
        for reference in filter(None, (getattr(self, item) for item in self.references)):
            if not _IMPLEMENTATION.fullmatch(reference):
                raise OptionError(f"{self.name}: {reference!r} is not of the form 'module:attribute'")
        if self.name.endswith(":*") != bool(self.members):
            raise OptionError(f"{self.name}: a family's name ends in ':*', and it says where its members are listed")
        if self.external and self.kind in ("model", *PARTS):
            raise OptionError(f"{self.kind} {self.name}: a model is read from a file, so an option alone is external")

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
    """Images to features. Built with ``image``; ``forward(images) -> features``.

    With ``needs=("labels",)`` it is conditional: ``forward(images, labels)``.
    """

    kind: ClassVar[str] = "encoder"
    told: ClassVar[tuple[str, ...]] = ("image",)


@dataclass(frozen=True, kw_only=True, slots=True)
class BottleneckSpec(Spec):
    """Features to a `Latent`. Built with ``feature_shape``.

    ``prior`` names the prior that a model with it has unless another is asked for; empty: none.
    """

    kind: ClassVar[str] = "bottleneck"
    told: ClassVar[tuple[str, ...]] = ("feature_shape",)
    prior: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorSpec(Spec):
    """The distribution of ``z`` that a model samples from. Built with ``latent_shape`` and ``image``.

    ``exact`` names facts of a bottleneck from whose posterior the divergence is a closed form, which no sample is drawn
    for: with them it does not need ``posterior``. ``excludes`` names facts of bottlenecks on whose latents it has no
    density. ``encodes`` says that it encodes images of its own, which have no labels: a conditional encoder is not for
    it.
    """

    kind: ClassVar[str] = "prior"
    told: ClassVar[tuple[str, ...]] = ("latent_shape", "image")
    provides: tuple[str, ...] = ("kl", "prior")
    needs: tuple[str, ...] = ("posterior",)
    exact: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    encodes: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderSpec(Spec):
    """``z`` to parameter maps. Built with ``latent_shape`` and ``image``, whose channels are those of all the maps that
    the likelihood wants; ``forward(z) -> maps``, with ``needs=("labels",)`` ``forward(z, labels)``.
    """

    kind: ClassVar[str] = "decoder"
    told: ClassVar[tuple[str, ...]] = ("latent_shape", "image")


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodSpec(Spec):
    """Parameter maps to images and their probability. Built with ``image``."""

    kind: ClassVar[str] = "likelihood"
    told: ClassVar[tuple[str, ...]] = ("image",)
    provides: tuple[str, ...] = ("nll",)


START = Option(name="start", type="int", default=0, low=0, help="the first step whose loss has the term")
RISE = Option(name="rise", type="int", default=0, low=0, help="steps over which the capacity rises from zero")
WARMUP = Option(name="warmup", type="int", default=0, low=0, help="steps over which its weight rises from zero")
LR = Option(name="lr", type="float", default=0.0, low=0, help="of the adversary's optimiser; 0: the recipe's")
BETAS = Option(name="betas", type="floats", default=(0.5, 0.9), low=0, high=1, help="of the adversary's optimiser")


OF_THE_LOG = ("step", "split", "loss", "lr", "images_per_second")
"""What a line of the log holds beside terms and metrics, none of which may have such a name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSpec(Spec):
    """A loss term ``(output, images, context) -> (b,)``: a function with its options as keywords, or a module class,
    built with ``image`` and ``latent_shape``. Its values are float32, under autocast too. It ``needs`` what the model
    provides, and of the images ``labels`` or ``factors``, which lie in ``context.batch``.

    An option `START` or `WARMUP` schedules the term's weight and does not reach the implementation; of a term with
    an option `RISE`, which does, it is known by which step it is what it stays. ``coupled`` says
    that an image's value depends on the rest of the batch: of its part of the batch, where gradients are accumulated.
    Where it does by options alone, which are 0 or False otherwise, it names these.
    ``adversary`` says that the module is trained against the model by an optimiser of its own, to lower
    ``adversary_loss(output, images, context) -> (b,)`` of a detached output; such a term has the options `START`,
    `WARMUP`, `LR` and `BETAS`, if need be declared with other defaults. ``excludes`` names terms that it holds already.
    ``compiles`` is False of one that asks for gradients inside the model, which a compiled one does not give.
    """

    kind: ClassVar[str] = "loss"
    told: ClassVar[tuple[str, ...]] = ("latent_shape", "image")
    unit: str = "nats"
    excludes: tuple[str, ...] = ()
    coupled: bool | tuple[str, ...] = False
    adversary: bool = False
    compiles: bool = True

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        _refuse_of_the_log(self)
        declared = {option.name for option in self.options}
        coupled = self.coupled
        if not isinstance(coupled, bool) and not (isinstance(coupled, tuple) and {*coupled} <= declared):
            raise OptionError(f"loss {self.name}: coupled is True, False or options of its own, not {shown(coupled)}")
        more = tuple(option for option in (START, WARMUP, LR, BETAS) if option.name not in declared)
        if self.adversary and more:
            object.__setattr__(self, "options", (*self.options, *more))

    def check(self, options: dict[str, Any]) -> dict[str, Value]:
        """As of any spec; the rates of an adversary's Adam are two, below 1."""
        checked = Spec.check(self, options)
        if self.adversary:
            check_betas(checked[BETAS.name], f"loss {self.name}")
        return checked


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec(Spec):
    """A number measured on images that a model did or did not see in training.

    A function of a batch, ``metric(measured) -> (b,)``, averaged over images; or a class with ``update`` and
    ``compute``, as torchmetrics has it, built with ``image`` and ``latent_shape``. Either may give several numbers, a
    mapping: each stands in a row ``name[key]``, that of the key ``""`` in the row ``name``, whose are unit and better
    end.

    Attributes:
        unit: of the number.
        better: ``"lower"``, ``"higher"`` or ``""`` where neither end is good.
        when: a built-in one is measured at every point of the ``"curve"`` and at the end, or where it is ``"asked"``
            for by name. One of a plugin only where it is asked for: at every point, or at the end alone.
        takes: what it is given, by the names of `aezoo.metrics.measured.Measured`: ``("reconstruction",
            "images")``. Empty: the whole `Measured`.
        revision: of what the number means, from 1; raised when the same model on the same images would get another.
            With name and options it is what a stored number says of itself: ``aezoo/rank(centred=True)@1``.
    """

    kind: ClassVar[str] = "metric"
    told: ClassVar[tuple[str, ...]] = ("latent_shape", "image")
    unit: str = ""
    better: Literal["lower", "higher", ""] = ""
    when: Literal["curve", "asked"] = "curve"
    takes: tuple[str, ...] = ()
    revision: int = 1

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        _refuse_of_the_log(self)
        if type(self.revision) is not int or self.revision < 1:
            raise OptionError(f"metric {self.name}: its revision is a whole number from 1, not {shown(self.revision)}")


def _refuse_of_the_log(spec: Spec) -> None:
    if spec.name in OF_THE_LOG:
        raise OptionError(f"a {spec.kind} cannot be called {spec.name!r}: a line of the log says something else by it")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec(Spec):
    """Images by split. Built with ``split`` and ``root``. It ``provides`` labels and factors where it has them.

    ``redistributable`` says whether its pictures may be shown to others; those of the rest never leave a run.
    ``licence`` is its terms in words, ``spdx`` their SPDX identifier (``"LicenseRef-..."`` for terms of its own), both
    of which weights trained on it inherit. Where a family's members differ in them, ``terms`` names a function,
    ``"module:function"``: of a member and a mapping of its options, it gives those of ``licence``, ``spdx``,
    ``citation``, ``homepage`` and ``redistributable`` that are known on this machine, as a mapping.
    """

    kind: ClassVar[str] = "dataset"
    told: ClassVar[tuple[str, ...]] = ("split", "root")
    references: ClassVar[tuple[str, ...]] = (*Spec.references, "terms")
    licence: str = ""
    spdx: str = ""
    citation: str = ""
    homepage: str = ""
    splits: tuple[str, ...] = ("train", "test")
    redistributable: bool = False
    terms: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySpec(Spec):
    """Runs, and what they say of claims. Called as ``implementation(quick=..., **options)``; gives a `Study`.

    ``quick`` asks for a handful of steps, to see that everything runs. ``cost`` is the time that the whole takes, and
    ``citation`` whose claims they are.
    """

    kind: ClassVar[str] = "study"
    told: ClassVar[tuple[str, ...]] = ("quick",)
    cost: str = ""
    citation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSpec(Spec):
    """A command of ``aezoo``: its implementation is a click command, imported when it is called."""

    kind: ClassVar[str] = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsSpec(Spec):
    """The weights of a model's tag, inside an installed package or on the Hugging Face Hub, and what is known of them.

    ``aezoo package`` writes it as JSON beside the model folder, `aezoo.read_weights` reads it: nobody types one.

    Attributes:
        name: ``"cis680-vae16.cufs"``: the model's short name and the tag.
        model: whose weights they are, ``"distribution/name"``.
        tag: one of the model's.
        path: where the model folder lies, ``"package:weights/cis680-vae16.cufs"``; empty: on the Hub alone.
        repo: on the Hub, ``"owner/name"``, where it is there too.
        revision: the commit there.
        sha256: of ``model.safetensors``, wherever it comes from.
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
    repo: str = ""
    revision: str = ""
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
        distribution, _, short = str(self.model).rpartition("/")
        if not distribution or self.name != f"{short}.{self.tag}":
            given = f"weights {self.name} of model {self.model!r} and tag {self.tag!r}"
            raise OptionError(f"{given}: model is 'distribution/name', and the weights are called 'name.tag'")
        if self.repo and not (_COMMIT.fullmatch(str(self.revision)) and _SHA256.fullmatch(str(self.sha256))):
            raise OptionError(f"weights {self.name}: what lies on the Hub is pinned by a commit and a sha256")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec(Spec):
    """A model: its images, its parts, its loss and its tags.

    ``norm`` and sizes are not repeated here: they are options of the parts. ``prior=None`` is the one that the
    bottleneck names, where it names one. A model that is not made of parts names its own ``implementation``, built with
    ``spec`` and its options (whose values ``settings`` holds), with the same contract.
    """

    kind: ClassVar[str] = "model"
    told: ClassVar[tuple[str, ...]] = ("spec",)
    image: ImageSpec
    encoder: Component = Component("conv")
    bottleneck: Component = Component("identity")
    prior: Component | None = None
    decoder: Component = Component("deconv")
    likelihood: Component = Component("bernoulli")
    settings: tuple[tuple[str, Value], ...] = ()
    loss: str = "l2"
    tags: tuple[Tag, ...] = ()
    default_tag: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        if not isinstance(self.image, ImageSpec):
            raise OptionError(f"model {self.name}: its image is an aezoo.ImageSpec, not {shown(self.image)}")
        if not (isinstance(self.tags, tuple) and all(isinstance(tag, Tag) for tag in self.tags)):
            raise OptionError(f"model {self.name}: its tags are a tuple of aezoo.Tag, not {shown(self.tags)}")
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

    def of_tag(self, name: str) -> Self:
        """The model as a tag's weights are of it: for the tag's own images, where it has any."""
        image = self.tag(name).image if name else None
        return dataclasses.replace(self, image=image) if image else self


SPECS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (
        ModelSpec,
        EncoderSpec,
        BottleneckSpec,
        PriorSpec,
        DecoderSpec,
        LikelihoodSpec,
        LossSpec,
        DatasetSpec,
        MetricSpec,
        StudySpec,
        WeightsSpec,
        CommandSpec,
    )
}
"""Every kind of spec by its name in the singular."""
PLURALS = {kind: {"loss": "losses", "study": "studies"}.get(kind, kind.removesuffix("s") + "s") for kind in SPECS}
"""What several of a kind are called."""
