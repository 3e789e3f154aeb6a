"""From a name to a model: resolve it, put its parts together, solve the shapes, load the weights."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from aezoo.autoencoder import Autoencoder, WeightsSource
from aezoo.embedded import folder_of, weights_of
from aezoo.errors import CompositionError, OptionError, UnknownNameError, WeightsError, nearest, shown
from aezoo.grammar import parse_component
from aezoo.halves import HALVES, Half, keep_half, of_half
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import Component, ImageSpec, from_json
from aezoo.plugins import missing_package, registry
from aezoo.recipe import Recipe
from aezoo.registry import BUILTIN, Entry
from aezoo.requests import Asked, Origin, Request, ask, providers
from aezoo.specs import PARTS, BottleneckSpec, ModelSpec, WeightsSpec
from aezoo.weights.folder import CONFIG, STATE, load_state, read_bytes, read_config, read_statistics, tensors_of

NO_PRIOR = "none"
"""What is asked for as the prior of a model that shall have none."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's name means: its spec, which tag, and the folder or the registry entry it comes from."""

    spec: ModelSpec
    tag: str = ""
    entry: Entry | None = None
    folder: Path | None = None


def resolve(model: str | os.PathLike[str]) -> Source:
    """What the name of a model means: ``name``, ``name.tag``, ``distribution/name``, ``local-dir:path``, or the path of
    a model folder, which a ``Path`` always is. A model that is built whole may take options: ``name(key=value)``.

    Raises:
        UnknownNameError: nothing has this name.
        OptionError: the model does not have an option.
        WeightsError: a folder that is named is no model folder.
    """
    if isinstance(model, os.PathLike):
        return _from_folder(Path(os.path.expanduser(model)))
    if not isinstance(model, str):
        raise OptionError(f"{shown(model)} is no model: give a name, the path of a model folder, or a ModelSpec")
    scheme, colon, rest = model.partition(":")
    if colon and scheme == "local-dir":
        return _from_folder(Path(os.path.expanduser(rest)))
    if colon and scheme == "hf-hub":
        raise WeightsError(f"{model!r}: this version reads model folders only from disk, as 'local-dir:path'")
    if model.startswith((".", "/", "~")):
        return _from_folder(Path(os.path.expanduser(model)))
    request, bracket, options = model.partition("(")
    name, _, tag = (request, "", "") if colon else request.partition(".")  # a member's own name may hold dots
    try:
        entry = registry().find("model", name)
    except UnknownNameError as error:
        if os.path.isfile(os.path.join(model, CONFIG)):
            return _from_folder(Path(model))
        raise error from None
    spec = entry.spec
    assert isinstance(spec, ModelSpec)
    given = spec.check(dict(parse_component(f"{name}({options}").options)) if bracket else {}
    if given or entry.member:
        member = {"member": entry.member} if entry.member else {}
        spec = dataclasses.replace(spec, settings=tuple((member | given).items()))
    return Source(spec, spec.tag(tag).name if tag else spec.default_tag, entry)


def recipe_of(source: Source) -> Recipe:
    """How a model is trained: its folder's recipe, its tag's, or the defaults."""
    if source.folder:
        return from_json(Recipe, read_config(source.folder)[1].get("training", {}).get("recipe", {}))
    return source.spec.tag(source.tag).recipe if source.tag else Recipe()


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
    _refuse(others)
    spec = model if isinstance(model, ModelSpec) else resolve(model).spec
    image = ImageSpec.of(
        spec.image.size if image_size is None else image_size, spec.image.channels if channels is None else channels
    )
    parts = {
        "encoder": encoder, "bottleneck": bottleneck, "prior": prior, "decoder": decoder, "likelihood": likelihood,
    }  # fmt: skip
    return _compose(dataclasses.replace(spec, image=image), parts, norm)


def _compose(
    spec: ModelSpec, asked: dict[str, Request | None], norm: str | None = None, origin: Origin = "caller"
) -> ModelSpec:
    """`describe`, of a spec whose own parts somebody else may have named."""
    if spec.implementation:
        if norm is not None or any(part is not None for part in asked.values()):
            raise CompositionError(f"{spec.name} is built whole: it has no parts to swap")
        return dataclasses.replace(spec, settings=tuple(_whole(spec, origin).arguments().items()))
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
    provides = {fact for part in parts.values() for fact in part.entry.spec.provides}
    for kind, part in parts.items():
        if missing := sorted(set(part.entry.spec.needs) - provides - {"labels"}):
            raise CompositionError(
                f"{kind} {part.entry.name} needs {' and '.join(missing)}: the parts provide "
                f"{' and '.join(sorted(provides)) or 'nothing'}{providers(missing)}"
            )
    conditional = any("labels" in part.entry.spec.needs for part in parts.values())
    return dataclasses.replace(
        spec,
        provides=tuple(sorted(provides)),
        needs=("labels",) if conditional else (),
        **{kind: part.component for kind, part in parts.items()},
    )


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


def create(
    model: str | os.PathLike[str] | ModelSpec,
    *,
    pretrained: bool = False,
    only: Half = "",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    encoder: Request | None = None,
    bottleneck: Request | None = None,
    prior: Request | None = None,
    decoder: Request | None = None,
    likelihood: Request | None = None,
    norm: str | None = None,
    **others: Never,
) -> Autoencoder:
    """A model by name, in ``eval()`` mode, with weights or without: call ``.train()`` before you train it.

    >>> model = create("cis680-vae512", encoder="conv(norm='none')", image_size=128)
    >>> model.latent_shape
    (512,)

    Args:
        model: a name as `resolve` takes it, or a spec.
        pretrained: load the weights of its tag, from an installed package, or of its folder. Parts and sizes must then
            be those it was trained with.
        only: ``"encoder"`` or ``"decoder"``: that half alone, of which nothing else is loaded; the other refuses.
        device: where it shall compute.
        dtype: of its weights and of the images that it takes; by default float32.
        image_size, channels, encoder, bottleneck, prior, decoder, likelihood, norm: as in `describe`.
        **others: none, as in `describe`.

    Raises:
        AezooError: a name, an option, a composition or weights that do not work; the message says which and what would.
    """
    _refuse(others)
    _check_place(device, dtype)
    source = Source(model) if isinstance(model, ModelSpec) else resolve(model)
    stored = describe(source.spec)
    spec = describe(
        source.spec,
        image_size=image_size,
        channels=channels,
        encoder=encoder,
        bottleneck=bottleneck,
        prior=prior,
        decoder=decoder,
        likelihood=likelihood,
        norm=norm,
    )
    if not pretrained:
        return keep_half(build(spec), only).to(device, dtype).eval()
    if difference := differing(spec, stored):
        raise WeightsError(f"{source.spec.name} is pretrained with {difference}: leave pretrained out")
    if source.folder:
        return load(source.folder, only=only).to(device, dtype)
    if source.entry and (weights := weights_of(source.entry, source.tag)):
        assert isinstance(weights.spec, WeightsSpec)
        return load(folder_of(weights.spec), weights.spec, only).to(device, dtype)
    label = f"{source.spec.name}.{source.tag}" if source.tag else source.spec.name
    raise WeightsError(
        f"{label} has no weights here: train it with 'aezoo train {label}', or leave pretrained out"
        f"{missing_package('weights', label)}"
    )


_ELSEWHERE = {
    "channels": ("in_chans", "in_channels", "num_channels", "n_channels", "input_channels"),
    "image_size": ("img_size", "input_size", "resolution", "sample_size", "size"),
    "bottleneck='gaussian(dim=16)'": (
        "latent_dim",
        "latent_channels",
        "latent_size",
        "z_dim",
        "z_channels",
        "embed_dim",
    ),
    "pretrained": ("weights", "checkpoint_path"),
    "device": ("device_map",),
    "dtype": ("torch_dtype",),
}
"""What other libraries call the arguments of `create`, by what they are here."""


def _refuse(others: dict[str, Any]) -> None:
    for name in others:
        known = next((own for own, theirs in _ELSEWHERE.items() if name in theirs), "")
        own = known or nearest(
            name, (*PARTS, "image_size", "channels", "norm", "pretrained", "only", "device", "dtype")
        )
        raise OptionError(f"a model has no argument {shown(name)}: {'here it is' if known else 'did you mean'} {own}")


def _check_place(device: Any, dtype: Any) -> None:
    if dtype not in (None, torch.float32, torch.bfloat16, torch.float16, torch.float64):
        raise OptionError(f"dtype={shown(dtype)}: a model computes in torch.float32, bfloat16, float16 or float64")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
        cause = str(error).splitlines()[0]
        raise OptionError(
            f"device={shown(device)} cannot be used here: {cause:.150}; device='cpu' always can"
        ) from error


def load(folder: Path, record: WeightsSpec | None = None, only: Half = "") -> Autoencoder:
    """The trained model of a model folder, in ``eval()`` mode on the CPU.

    Args:
        folder: it may come from anyone.
        record: what a package says of it, where it is inside one.
        only: the half to load; empty: what the folder holds.

    Raises:
        WeightsError: it is damaged, does not hold what the record says, or holds the other half alone.
    """
    stored, config = read_config(folder)
    spec, held = inert(stored, folder), config.get("only", "")
    if held not in ("", *HALVES):
        raise WeightsError(f"{folder / CONFIG} is damaged: only={held!r:.40} is no half of a model")
    if held and only not in ("", held):
        raise WeightsError(f"{folder} holds the {held} of {spec.name} alone, not its {only}")
    half = held or only
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
            model = keep_half(_outline(spec)[0], half)
        state = of_half(model, state)
        load_state(model, state, str(path))
        if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            # A part with buffers that it does not store computes them when it is built for real.
            model = keep_half(build(spec), half)
            load_state(model, state, str(path))
        model.statistics_of_images = read_statistics(config, model, folder)
        digest = hashed.result().hexdigest()
    for where, recorded in hashes.items():  # last: weights of another model are told by what does not fit
        if digest != recorded:
            raise WeightsError(f"{path} is damaged: its sha256 is not the one in {where}")
    tag, package = (record.tag, record.path.partition(":")[0]) if record else ("", "")
    model.source = WeightsSource(spec.name, tag, digest, folder, package)
    return model.eval()


def build(spec: ModelSpec, device: str = "cpu") -> Autoencoder:
    """The modules of a described spec, freshly initialised, on ``device``.

    The shapes are solved first on the meta device, where nothing is computed.

    Raises:
        CompositionError: two parts do not fit; both are named.
    """
    if spec.implementation:
        whole = _whole(spec)
        with torch.device(device):
            return whole.build(spec=spec)
    model, feature_shape = _outline(spec)
    wanted = _maps(spec.image, model.likelihood)
    with torch.device("meta"):
        made = _run("decoder", spec, model.decoder, model.latent_shape)
    if made != wanted.shape:
        both = f"{made} of z {model.latent_shape}, not {wanted.shape}"
        raise CompositionError(f"decoder {spec.decoder.name} makes {both}")
    if device == "meta":
        return model
    with torch.device(device):
        return _join(spec, ask("encoder", spec.encoder).build(image=spec.image), feature_shape)


def _from_folder(folder: Path) -> Source:
    return Source(inert(read_config(folder)[0], folder), folder=folder)


def inert(spec: ModelSpec, folder: Path) -> ModelSpec:
    """What a file of a folder says a model is, described, with nothing in it that reaches outside the process.

    Raises:
        WeightsError: it needs what is not installed.
    """
    try:
        return _compose(spec, {}, origin="file")
    except UnknownNameError as error:
        raise WeightsError(f"{folder} needs what is not installed: {error}") from None


def _whole(spec: ModelSpec, origin: Origin = "caller") -> Asked:
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
    harmless = _compose(spec, {}, origin="file")
    with torch.device("meta"):
        encoder = ask("encoder", harmless.encoder).build(image=spec.image)
        feature_shape = _run("encoder", harmless, encoder, spec.image.shape)
        return _join(harmless, encoder, feature_shape), feature_shape


def _join(spec: ModelSpec, encoder: nn.Module, feature_shape: tuple[int, ...]) -> Autoencoder:
    bottleneck, prior, decoder, likelihood = (ask(kind, getattr(spec, kind)) for kind in PARTS[1:])
    spread = likelihood.build(image=spec.image)
    bottle = bottleneck.build(feature_shape=feature_shape)
    if not hasattr(bottle, "latent_shape"):
        raise CompositionError(f"bottleneck {bottleneck.entry.name} does not set latent_shape, the shape of one z")
    return Autoencoder(
        spec,
        encoder,
        bottle,
        decoder.build(latent_shape=bottle.latent_shape, image=_maps(spec.image, spread)),
        prior=prior.build(latent_shape=bottle.latent_shape, image=spec.image),
        likelihood=spread,
        conditional=[kind for kind in ("encoder", "decoder") if _takes_labels(kind, spec)],
    )


def _maps(image: ImageSpec, likelihood: Likelihood) -> ImageSpec:
    """What the decoder makes: the likelihood's maps, of each all channels."""
    return ImageSpec(image.size, image.channels * likelihood.maps)


def _takes_labels(kind: str, spec: ModelSpec) -> bool:
    return "labels" in registry().find(kind, getattr(spec, kind).name).spec.needs


def _run(kind: str, spec: ModelSpec, module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, without the batch, of what a module on the meta device makes of ``shape``."""
    name = registry().find(kind, getattr(spec, kind).name).name
    labels = [torch.zeros(2, dtype=torch.int64, device="meta")] if _takes_labels(kind, spec) else []
    try:
        made = module.eval()(torch.empty(2, *shape, device="meta"), *labels)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        line = (str(error) or type(error).__name__).splitlines()[0]
        raise CompositionError(f"{kind} {name} cannot take {shape}: {line}") from error
    if not isinstance(made, torch.Tensor) or made.ndim < 2:
        raise CompositionError(f"{kind} {name} gives {type(made).__name__}, not a tensor (b, ...)")
    return tuple(made.shape[1:])


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
