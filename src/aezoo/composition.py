"""From the name of a model to its spec: what the name means, with parts swapped, checked; nothing is built."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from aezoo.elsewhere import refuse_unknown
from aezoo.embedded import all_weights_of, folder_of, pinned
from aezoo.errors import CompositionError, OptionError, UnknownNameError, WeightsError, shown
from aezoo.files import path_of
from aezoo.grammar import parse_component
from aezoo.plain import PARTS, Component, ImageSpec, from_json
from aezoo.plugins import missing_package, registry
from aezoo.recipe import Recipe
from aezoo.registry import BUILTIN, Entry
from aezoo.requests import Asked, Origin, Request, ask, providers
from aezoo.specs import BottleneckSpec, ModelSpec, PriorSpec, Spec, WeightsSpec
from aezoo.weights import hub
from aezoo.weights.folder import CONFIG, read_config

NO_PRIOR = "none"
"""What is asked for as the prior of a model that shall have none."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's name means: its spec, which tag, and the folder or the registry entry it comes from; and of which
    repository and commit a folder is that lies in the Hub's cache, where its weights may not be yet.
    """

    spec: ModelSpec
    tag: str = ""
    entry: Entry | None = None
    folder: Path | None = None
    repo: hub.Repo | None = None


def resolve(model: str | os.PathLike[str]) -> Source:
    """What the name of a model means: ``name``, ``name.tag``, ``distribution/name``, ``local-dir:path``,
    ``hf-hub:owner/name@revision``, or the path of a model folder, which a ``Path`` always is. A model that is built
    whole may take options: ``name(key=value)``.

    Of a repository of the Hub that an installed package pins, no other revision is meant unless it is said.

    Raises:
        UnknownNameError: nothing has this name.
        OptionError: the model does not have an option.
        WeightsError: a folder or repository that is named is no model folder, or cannot be reached.
    """
    if isinstance(model, os.PathLike):
        return _from_folder(path_of(model, "model"))
    if not isinstance(model, str):
        if isinstance(getattr(model, "spec", None), ModelSpec):
            raise OptionError(
                "this is a model already: its .spec names one like it; to begin with its weights, save_pretrained it "
                "and say begin_with='local-dir:PATH'"
            )
        raise OptionError(f"{shown(model)} is no model: give a name, the path of a model folder, or a ModelSpec")
    scheme, colon, rest = model.partition(":")
    if colon and scheme == "local-dir":
        return _from_folder(path_of(rest, "model"))
    if colon and scheme == hub.SCHEME:
        return _from_hub(hub.Repo.of(rest))
    if model.startswith((".", "/", "~")):
        return _from_folder(path_of(model, "model"))
    request, bracket, options = model.partition("(")
    name, _, tag = (request, "", "") if colon else request.partition(".")  # a member's own name may hold dots
    try:
        entry = registry().find("model", name)
    except UnknownNameError as error:
        if os.path.exists(model) or _is_path(model):
            return _from_folder(path_of(model, "model"))
        raise error from None
    spec = entry.spec
    assert isinstance(spec, ModelSpec)
    given = spec.check(dict(parse_component(f"{name}({options}").options)) if bracket else {}
    if given or entry.member:
        member = {"member": entry.member} if entry.member else {}
        spec = dataclasses.replace(spec, settings=tuple((member | given).items()))
    tag = tag or spec.default_tag
    return Source(spec.of_tag(tag), tag, entry)


def _is_path(model: str) -> bool:
    """Whether what no package registers is meant as a path: ``distribution/name`` has a package before its slash, which
    is called aezoo-something where it is not installed.
    """
    owner, slash, _ = model.partition("/")
    return bool(slash) and not (":" in owner or owner.startswith("aezoo") or registry().entries(distribution=owner))


def _from_folder(folder: Path, name: str = "") -> Source:
    return Source(inert(read_config(folder)[0], name or folder), folder=folder)


def _from_hub(repo: hub.Repo) -> Source:
    if not repo.revision and (weights := pinned(repo.name)):
        assert isinstance(weights.spec, WeightsSpec)
        return resolve(f"{weights.spec.model}.{weights.spec.tag}")
    folder = hub.pull(repo, CONFIG).parent
    found = _from_folder(folder, f"{hub.SCHEME}:{repo}")
    return dataclasses.replace(found, repo=hub.Repo(repo.name, folder.name))


def inert(spec: ModelSpec, folder: Path | str) -> ModelSpec:
    """What a file of a folder says a model is, described, with nothing in it that reaches outside the process.

    Raises:
        WeightsError: it needs what is not installed.
    """
    try:
        return compose(spec, {}, origin="file")
    except UnknownNameError as error:
        raise WeightsError(f"{folder} needs what is not installed: {error}") from None


def recipe_of(source: Source) -> Recipe:
    """How a model is trained: its folder's recipe, its tag's, or the defaults."""
    if source.folder:
        return from_json(Recipe, read_config(source.folder)[1].get("training", {}).get("recipe", {}))
    return source.spec.tag(source.tag).recipe if source.tag else Recipe()


def stored(source: Source, *files: str) -> tuple[Path, WeightsSpec | None]:
    """The model folder in which a model's weights lie, and the record of them, where a package brings or pins them.

    Args:
        source: what its name means.
        files: of the folder, that are fetched where it lies on the Hub.

    Raises:
        WeightsError: it has no weights, others in each of several packages, or they cannot be fetched.
    """
    if source.folder:
        if source.repo:
            for file in files:
                hub.pull(source.repo, file)
        return source.folder, None
    several = all_weights_of(source.entry, source.tag) if source.entry else []
    label = f"{source.spec.name}.{source.tag}" if source.tag else source.spec.name
    if not several:
        raise WeightsError(
            f"{label} has no weights here: train it with 'aezoo train {label}', or leave pretrained out"
            f"{missing_package('weights', label)}"
        )
    records = {each.distribution: each.spec for each in several if isinstance(each.spec, WeightsSpec)}
    if len({each.sha256 for each in records.values()}) > 1:
        raise WeightsError(f"{label} has other weights in each of {' and '.join(records)}: uninstall all but one")
    record = next(iter(records.values()))
    if record.path:
        return folder_of(record), record
    repo = hub.Repo(record.repo, record.revision)
    folder = hub.pull(repo, CONFIG).parent
    for file in files:
        hub.pull(repo, file)
    return folder, record


def describe(
    model: str | os.PathLike[str] | ModelSpec,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    encoder: Request | None = None,
    bottleneck: Request | None = None,
    prior: Request | None = None,
    decoder: Request | None = None,
    likelihood: Request | None = None,
    norm: str | None = None,
    **others: Never,
) -> ModelSpec:
    """The spec of a model with parts swapped: names qualified, every option present and checked, nothing built.

    A part asked for by the name that the model already uses keeps the model's options but those given. Another
    bottleneck brings its own prior, unless one is asked for.

    Args:
        model: a name as `resolve` takes it, or a spec.
        image_size: a number (square) or ``(height, width)`` in pixels.
        channels: of the images.
        encoder, bottleneck, prior, decoder, likelihood: the part to put in.
        norm: ``"batch"`` or ``"none"``, in every part that has the option.
        **others: none; what other libraries call an argument is answered with its name here.

    Raises:
        UnknownNameError: a model or part that nothing registers.
        OptionError: an option that is not declared or out of bounds.
        CompositionError: the model is not made of parts, or a part needs what no other provides.
    """
    refuse_unknown(others, (*PARTS, "image_size", "channels", "norm"))
    spec = model if isinstance(model, ModelSpec) else resolve(model).spec
    image = ImageSpec.of(
        spec.image.size if image_size is None else image_size, spec.image.channels if channels is None else channels
    )
    parts = {
        "encoder": encoder, "bottleneck": bottleneck, "prior": prior, "decoder": decoder, "likelihood": likelihood,
    }  # fmt: skip
    return compose(dataclasses.replace(spec, image=image), parts, norm)


def compose(
    spec: ModelSpec, asked: dict[str, Request | None], norm: str | None = None, origin: Origin = "caller"
) -> ModelSpec:
    """`describe`, of a spec whose own parts somebody else may have named."""
    if spec.implementation:
        if norm is not None or any(part is not None for part in asked.values()):
            raise CompositionError(f"{spec.name} is built whole: it has no parts to swap")
        return dataclasses.replace(spec, settings=tuple(ask_whole(spec, origin).arguments().items()))
    parts = {
        kind: ask(kind, _merged(kind, getattr(spec, kind), asked.get(kind)), origin)
        for kind in PARTS
        if kind != "prior"
    }
    parts["prior"] = _prior(spec, asked, parts["bottleneck"], origin)
    if norm is not None:
        takers = [kind for kind, part in parts.items() if "norm" in part.options]
        if not takers:
            raise OptionError(f"norm={shown(norm)}: no part of {spec.name} with these parts has the option norm")
        for kind in takers:
            parts[kind] = ask(kind, parts[kind].component.replace(norm=norm))
    provides = {fact for part in parts.values() for fact in part.provides}
    for kind, part in parts.items():
        if missing := sorted(_needs(part.entry.spec, provides) - provides - {"labels"}):
            raise CompositionError(
                f"{kind} {part.entry.name} needs {' and '.join(missing)}: the parts provide "
                f"{' and '.join(sorted(provides)) or 'nothing'}{providers(missing)}"
            )
    prior = parts["prior"].entry
    if reason := _against(prior.spec, provides, parts):
        able = [e for e in registry().entries("prior") if provides >= _needs(e.spec, provides)]
        fit = [entry.name for entry in able if not _against(entry.spec, provides, parts)]
        raise CompositionError(f"prior {prior.name} {reason}: with it goes prior {' or '.join(fit)}")
    conditional = any("labels" in part.entry.spec.needs for part in parts.values())
    return dataclasses.replace(
        spec,
        provides=tuple(sorted(provides)),
        needs=("labels",) if conditional else (),
        **{kind: part.component for kind, part in parts.items()},
    )


def _needs(part: Spec, provides: Collection[str]) -> set[str]:
    """The facts that a part needs of others, which provide these."""
    is_exact = isinstance(part, PriorSpec) and not {*part.exact}.isdisjoint(provides)
    return {*part.needs} - ({"posterior"} if is_exact else set())


def _against(prior: Spec, provides: Collection[str], parts: Mapping[str, Asked]) -> str:
    """Why a prior is not for these parts, which provide these facts; empty where nothing speaks against it."""
    assert isinstance(prior, PriorSpec)
    if prior.encodes and "labels" in parts["encoder"].entry.spec.needs:
        return f"encodes images of its own, which have no labels, and encoder {parts['encoder'].entry.name} needs them"
    if found := [fact for fact in prior.excludes if fact in provides]:
        of = f"bottleneck {parts['bottleneck'].entry.name}, which provides {' and '.join(found)}"
        return f"has no density on the latents of {of}"
    return ""


def _merged(kind: str, own: Component, request: Request | None) -> Component:
    """What is asked for; the name that the model uses already keeps what is not said."""
    if request is None:
        return own
    component = parse_component(request)
    same = registry().find(kind, component.name) == registry().find(kind, own.name)
    return component.replace(**{**dict(own.options), **dict(component.options)}) if same else component


def default_prior(spec: ModelSpec) -> Component:
    """The prior that a model has unless another is asked for: its bottleneck's, where that names one."""
    bottleneck = registry().find("bottleneck", spec.bottleneck.name).spec
    assert isinstance(bottleneck, BottleneckSpec)
    return Component(bottleneck.prior or NO_PRIOR)


def _prior(spec: ModelSpec, asked: dict[str, Request | None], bottleneck: Asked, origin: Origin) -> Asked:
    """The prior asked for, else the model's own while its bottleneck stays, else the bottleneck's."""
    kept = spec.prior if registry().find("bottleneck", spec.bottleneck.name) == bottleneck.entry else None
    own = kept or default_prior(dataclasses.replace(spec, bottleneck=bottleneck.component))
    return ask("prior", _merged("prior", own, asked.get("prior")), origin)


def ask_whole(spec: ModelSpec, origin: Origin = "caller") -> Asked:
    """The request for a model that is built whole, from its settings."""
    settings = dict(spec.settings)
    member = str(settings.pop("member", ""))
    name = _builder(spec).qualified_name
    return ask("model", Component.of(name.replace("*", member) if member else name, **settings), origin)


def _builder(spec: ModelSpec) -> Entry:
    """The registered model with this builder. What a file names is never imported for that alone."""
    for entry in registry().entries("model", spec.name):
        if isinstance(entry.spec, ModelSpec) and entry.spec.implementation == spec.implementation:
            return entry
    raise UnknownNameError(f"no installed package registers a model {spec.name!r} built by {spec.implementation!r}")


def differing(spec: ModelSpec, stored: ModelSpec) -> str:
    """What ``stored`` has where ``spec`` differs, ``"image 64x64x1 (not 128x128x1)"``; empty where it does not."""
    names = ("implementation", "settings", "image", *PARTS)
    pairs = [(name, getattr(stored, name), getattr(spec, name)) for name in names]
    found = [(name, _apart(own, other), _apart(other, own)) for name, own, other in pairs if own != other]
    return ", ".join(f"{name} {own} (not {other})" for name, own, other in found)


def _apart(own: Any, other: Any) -> Any:
    """A value in as few words as tell it from the other: of a component the name, or the options that differ."""
    if not (isinstance(own, Component) and isinstance(other, Component)):
        return own
    name = own.name.removeprefix(f"{BUILTIN}/")
    options = [option for option in own.options if own.name == other.name and option not in other.options]
    text = str(Component(name, tuple(options)))
    return text if len(text) <= 60 else f"{text[:57]}..."
