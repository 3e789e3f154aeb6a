"""From a name to a model: resolve it, put its parts together, solve the shapes, load the weights."""

from __future__ import annotations

import dataclasses
import hashlib
import os.path
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from aezoo.autoencoder import Autoencoder
from aezoo.embedded import folder_of, weights_of
from aezoo.errors import AezooError, CompositionError, OptionError, UnknownNameError, WeightsError, nearest
from aezoo.grammar import parse_component
from aezoo.plugins import missing_package, registry
from aezoo.registry import Entry
from aezoo.specs import Component, ImageSpec, ModelSpec, Recipe, WeightsSpec, from_json
from aezoo.weights.folder import CONFIG, STATE, load_state, read_bytes, read_config, tensors_of

Request = str | Component | tuple[str, Mapping[str, Any]]
"""A part asked for: ``"name"``, ``"name(key=value)"``, ``("name", {...})`` or a `Component`."""

PARTS = ("encoder", "bottleneck", "decoder")


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's name means: its spec, which tag, and the folder or the registry entry it comes from."""

    spec: ModelSpec
    tag: str = ""
    entry: Entry | None = None
    folder: Path | None = None


def resolve(model: str) -> Source:
    """What the name of a model means: ``name``, ``name.tag``, ``distribution/name``, ``local-dir:path``, or the path of
    a model folder.

    Raises:
        UnknownNameError: nothing has this name.
        WeightsError: a folder that is named is no model folder.
    """
    scheme, colon, rest = model.partition(":")
    if colon and scheme == "local-dir":
        return _from_folder(Path(os.path.expanduser(rest)))
    if colon and scheme == "hf-hub":
        raise WeightsError(f"{model!r}: this version reads model folders only from disk, as 'local-dir:path'")
    if model.startswith((".", "/", "~")):
        return _from_folder(Path(os.path.expanduser(model)))
    name, _, tag = model.partition(".")
    try:
        entry = registry().find("model", name)
    except UnknownNameError as error:
        if os.path.isfile(os.path.join(model, CONFIG)):
            return _from_folder(Path(model))
        raise error from None
    assert isinstance(entry.spec, ModelSpec)
    return Source(entry.spec, entry.spec.tag(tag).name if tag else entry.spec.default_tag, entry)


def recipe_of(source: Source) -> Recipe:
    """How a model is trained: its folder's recipe, its tag's, or the defaults."""
    if source.folder:
        recorded = read_config(source.folder)[1].get("training", {}).get("recipe", {})
        return from_json(Recipe, recorded)
    return source.spec.tag(source.tag).recipe if source.tag else Recipe()


def describe(
    model: str | ModelSpec,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    encoder: Request | None = None,
    bottleneck: Request | None = None,
    decoder: Request | None = None,
    norm: str | None = None,
) -> ModelSpec:
    """The spec of a model with parts swapped: names qualified, every option present and checked, nothing built.

    A part asked for by the name that the model already uses keeps the model's options but those given.

    Args:
        model: a name as `resolve` takes it, or a spec.
        image_size: a number (square) or ``(height, width)`` in pixels.
        channels: of the images.
        encoder, bottleneck, decoder: the part to put in.
        norm: ``"batch"`` or ``"none"``, in every part that has the option.

    Raises:
        UnknownNameError: a model or part that nothing registers.
        OptionError: an option that is not declared or out of bounds.
        CompositionError: the model is not made of parts.
    """
    spec = resolve(model).spec if isinstance(model, str) else model
    if not isinstance(spec, ModelSpec):
        raise OptionError(f"{model!r:.80} is no model: give a name, 'local-dir:path' or a ModelSpec")
    image = ImageSpec.of(
        spec.image.size if image_size is None else image_size, spec.image.channels if channels is None else channels
    )
    asked = {"encoder": encoder, "bottleneck": bottleneck, "decoder": decoder}
    if spec.implementation:
        if norm is not None or any(part is not None for part in asked.values()):
            raise CompositionError(f"{spec.name} is built whole: it has no parts to swap")
        return dataclasses.replace(spec, image=image)
    parts = {kind: _part(kind, getattr(spec, kind), asked[kind]) for kind in PARTS}
    if norm is not None:
        takers = [kind for kind, (entry, _) in parts.items() if any(o.name == "norm" for o in entry.spec.options)]
        if not takers:
            raise OptionError(f"norm={norm!r}: no part of {spec.name} with these parts has the option norm")
        for kind in takers:
            parts[kind][1]["norm"] = norm
    provides = sorted({fact for entry, _ in parts.values() for fact in entry.spec.provides})
    components = {
        kind: Component.of(entry.qualified_name, **entry.spec.check(options))
        for kind, (entry, options) in parts.items()
    }
    return dataclasses.replace(spec, image=image, provides=tuple(provides), **components)


def create(
    model: str | ModelSpec,
    *,
    pretrained: bool = False,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    encoder: Request | None = None,
    bottleneck: Request | None = None,
    decoder: Request | None = None,
    norm: str | None = None,
) -> Autoencoder:
    """A model by name, in ``eval()`` mode on the CPU.

    >>> model = create("cis680-vae512", encoder="conv(norm='none')", image_size=128)
    >>> model.latent_shape
    (512,)

    Args:
        model: a name as `resolve` takes it, or a spec.
        pretrained: load the weights of its tag, from an installed package, or of its folder. Parts and sizes must then
            be those it was trained with.
        image_size, channels, encoder, bottleneck, decoder, norm: as in `describe`.

    Raises:
        AezooError: a name, an option, a composition or weights that do not work; the message says which and what would.
    """
    source = resolve(model) if isinstance(model, str) else Source(model)
    stored = describe(source.spec)
    spec = describe(
        source.spec,
        image_size=image_size,
        channels=channels,
        encoder=encoder,
        bottleneck=bottleneck,
        decoder=decoder,
        norm=norm,
    )
    if not pretrained:
        return build(spec).eval()
    if difference := differing(spec, stored):
        raise WeightsError(f"{source.spec.name} is pretrained with {difference}: leave pretrained out")
    if source.folder:
        return load(source.folder)
    if source.entry and (weights := weights_of(source.entry, source.tag)):
        assert isinstance(weights.spec, WeightsSpec)
        return load(folder_of(weights.spec), weights.spec)
    label = f"{source.spec.name}.{source.tag}" if source.tag else source.spec.name
    raise WeightsError(
        f"{label} has no weights here: train it with 'aezoo train {label}', or leave pretrained out"
        f"{missing_package('weights', label)}"
    )


def load(folder: Path, record: WeightsSpec | None = None) -> Autoencoder:
    """The trained model of a model folder, in ``eval()`` mode on the CPU.

    Args:
        folder: it may come from anyone.
        record: what a package says of it, where it is inside one.

    Raises:
        WeightsError: it is damaged, or does not hold what the record says.
    """
    stored, config = read_config(folder)
    spec = _described(stored, folder)
    hashes = {CONFIG: config["sha256"]} if "sha256" in config else {}
    if record:
        registered = describe(record.model)
        if spec.name != registered.name:
            raise WeightsError(f"{folder} holds weights of {spec.name}, not of {record.name}")
        if difference := differing(registered, spec):
            raise WeightsError(f"{folder} is made with {difference}: it is not what {record.model} is now")
        hashes[f"the record {record.name}"] = record.sha256
    path = folder / STATE
    data = read_bytes(path)
    with ThreadPoolExecutor(1) as beside:  # hashing takes as long as all the rest, and lets go of the interpreter
        hashed = beside.submit(hashlib.sha256, data)
        state = tensors_of(data, path)
        with _Unnormalised():
            model = _outline(spec)[0]
        load_state(model, state, str(path))
        if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            # A part with buffers that it does not store computes them when it is built for real.
            model = build(spec)
            load_state(model, state, str(path))
        digest = hashed.result().hexdigest()
    for where, recorded in hashes.items():  # last: weights of another model are told by what does not fit
        if digest != recorded:
            raise WeightsError(f"{path} is damaged: its sha256 is not the one in {where}")
    return model.eval()


def build(spec: ModelSpec, device: str = "cpu") -> Autoencoder:
    """The modules of a described spec, freshly initialised, on ``device``.

    The shapes are solved first on the meta device, where nothing is computed.

    Raises:
        CompositionError: two parts do not fit; both are named.
    """
    if spec.implementation:
        entry = _builder(spec)
        with torch.device(device):
            return entry.load()(spec, **entry.spec.check({}))
    model, feature_shape = _outline(spec)
    with torch.device("meta"):
        made = _run(model.spec, "decoder", model.decoder, model.latent_shape)
    if made != spec.image.shape:
        both = f"{made} of z {model.latent_shape}, not {spec.image.shape}"
        raise CompositionError(f"decoder {spec.decoder.name} makes {both}")
    if device == "meta":
        return model
    with torch.device(device):
        return _join(spec, _construct(spec, "encoder", spec.image), feature_shape)


def without_external(spec: ModelSpec) -> ModelSpec:
    """The spec with every option that reaches outside the process set back to its default."""
    if spec.implementation:
        return spec
    inert = {}
    for kind in PARTS:
        part: Component = getattr(spec, kind)
        declared = registry().find(kind, part.name).spec.options
        inert[kind] = part.replace(**{option.name: option.default for option in declared if option.external})
    return dataclasses.replace(spec, **inert)


def members(entry: Entry) -> Iterable[str]:
    """The members of a family."""
    return entry.load(entry.spec.members)()


def _from_folder(folder: Path) -> Source:
    return Source(_described(read_config(folder)[0], folder), folder=folder)


def _described(spec: ModelSpec, folder: Path) -> ModelSpec:
    """What the config of a folder says, with nothing in it that reaches outside the process."""
    try:
        return describe(without_external(spec))
    except UnknownNameError as error:
        raise WeightsError(f"{folder} needs what is not installed: {error}") from None


def _builder(spec: ModelSpec) -> Entry:
    """The registered model with this builder. What a file names is never imported for that alone."""
    for entry in registry().entries("model", spec.name):
        if isinstance(entry.spec, ModelSpec) and entry.spec.implementation == spec.implementation:
            return entry
    raise UnknownNameError(f"no installed package registers a model {spec.name!r} built by {spec.implementation!r}")


def _part(kind: str, own: Component, asked: Request | None) -> tuple[Entry, dict[str, Any]]:
    component = own if asked is None else parse_component(asked)
    entry = registry().find(kind, component.name)
    if entry.member and entry.member not in members(entry):
        family = entry.spec.name.removesuffix("*")
        near = nearest(entry.name, [family + member for member in members(entry)])
        raise UnknownNameError(f"no {kind} {entry.name!r}: did you mean {near}?")
    options = dict(component.options)
    # The name that the model uses already, asked for again: what is not said stays as the model has it.
    if asked is not None and registry().find(kind, own.name) == entry:
        options = {**dict(own.options), **options}
    return entry, options


class _Unnormalised(TorchFunctionMode):
    """Leaves batch normalisation out: it changes no shape, and is most of what a model costs on the meta device.

    That it has the channels of its input was found out when the model was first built.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func is nn.functional.batch_norm else func(*args, **(kwargs or {}))


def _outline(spec: ModelSpec) -> tuple[Autoencoder, tuple[int, ...]]:
    """The modules of a described spec on the meta device, where nothing is computed, and the shape of its features."""
    if spec.implementation:
        return build(spec, device="meta"), ()
    inert = without_external(spec)
    with torch.device("meta"):
        encoder = _construct(inert, "encoder", spec.image)
        feature_shape = _run(inert, "encoder", encoder, spec.image.shape)
        return _join(inert, encoder, feature_shape), feature_shape


def _join(spec: ModelSpec, encoder: nn.Module, feature_shape: tuple[int, ...]) -> Autoencoder:
    bottleneck = _construct(spec, "bottleneck", feature_shape)
    decoder = _construct(spec, "decoder", bottleneck.latent_shape, spec.image)
    return Autoencoder(spec, encoder, bottleneck, decoder)


def _construct(spec: ModelSpec, kind: str, *shapes: Any) -> Any:
    """The module of a part; what it raises about its shapes or options names the part."""
    component: Component = getattr(spec, kind)
    entry = registry().find(kind, component.name)
    options = {"member": entry.member} if entry.member else {}
    try:
        return entry.load()(*shapes, **options, **dict(component.options))
    except AezooError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, KeyError) as error:
        given = " and ".join(str(shape) for shape in shapes)
        raise CompositionError(f"{kind} {entry.name} cannot be built for {given}: {_first_line(error)}") from error


def _run(spec: ModelSpec, kind: str, module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, without the batch, of what a module on the meta device makes of ``shape``."""
    name = registry().find(kind, getattr(spec, kind).name).name
    try:
        made = module.eval()(torch.empty(2, *shape, device="meta"))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise CompositionError(f"{kind} {name} cannot take {shape}: {_first_line(error)}") from error
    if not isinstance(made, torch.Tensor) or made.ndim < 2:
        raise CompositionError(f"{kind} {name} gives {type(made).__name__}, not a tensor (b, ...)")
    return tuple(made.shape[1:])


def differing(spec: ModelSpec, stored: ModelSpec) -> str:
    """What ``stored`` has where ``spec`` differs, ``"image 64x64x1 (not 128x128x1)"``; empty where it does not."""
    fields = [name for name in ("implementation", "image", *PARTS) if getattr(spec, name) != getattr(stored, name)]
    return ", ".join(f"{name} {getattr(stored, name)} (not {getattr(spec, name)})" for name in fields)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
