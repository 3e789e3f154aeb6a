"""From a model's spec to the model: shapes solved, parts put together, weights loaded."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from aezoo.autoencoder import Autoencoder, WeightsSource
from aezoo.bottlenecks.base import Bottleneck
from aezoo.composition import Source, ask_whole, compose, describe, differing, inert, resolve, stored
from aezoo.elsewhere import refuse_unknown
from aezoo.errors import CompositionError, OptionError, WeightsError, first_line, shown
from aezoo.halves import HALVES, Half, keep_half, of_half
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import PARTS, ImageSpec
from aezoo.plugins import registry
from aezoo.priors.base import Prior
from aezoo.requests import Asked, Request, ask
from aezoo.specs import ModelSpec, WeightsSpec
from aezoo.weights import hub, limits
from aezoo.weights.folder import (
    BEGAN,
    CONFIG,
    STATE,
    load_state,
    read_bytes,
    read_config,
    read_statistics,
    standing,
    tensors_of,
)


def create(
    model: str | os.PathLike[str] | ModelSpec,
    *,
    pretrained: bool = False,
    sha256: str = "",
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
        sha256: of the file of weights, as ``config.json`` and ``model.source`` have it: other weights are refused.
        only: ``"encoder"`` or ``"decoder"``: that half alone, of which nothing else is loaded; the other refuses.
        device: where it shall compute.
        dtype: of its weights and of the images that it takes; by default float32.
        image_size, channels, encoder, bottleneck, prior, decoder, likelihood, norm: as in `describe`.
        **others: none, as in `describe`.

    Raises:
        AezooError: a name, an option, a composition or weights that do not work; the message says which and what would.
    """
    known = (*PARTS, "image_size", "channels", "norm", "pretrained", "sha256", "only", "device", "dtype")
    refuse_unknown(others, known)
    if not isinstance(pretrained, bool):
        raise OptionError(f"pretrained={shown(pretrained)} is not True or False: NAME.TAG says which weights")
    _check_place(device, dtype)
    if sha256 and not (pretrained and isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)):
        raise OptionError(f"sha256={shown(sha256)}: give all 64 digits of that of the weights, with pretrained=True")
    source = Source(model) if isinstance(model, ModelSpec) else resolve(model)
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
        if source.folder and (count := _numbers(spec)) > limits.PARAMETERS:
            raise WeightsError(
                f"{model} asks for {count:,} parameters; a file may ask for {limits.PARAMETERS:,}, "
                "you for any number: aezoo.create(aezoo.describe(...))"
            )
        return keep_half(build(spec), only).to(device, dtype).eval()
    own = describe(source.spec)
    if difference := differing(spec, own):
        is_size_alone = not differing(replace(own, image=replace(own.image, size=spec.image.size)), spec)
        trained = _outline(own)[0]
        what = f"image_size out: it takes {trained.sizes}" if is_size_alone and trained.stride else "pretrained out"
        raise WeightsError(f"{source.spec.name} is pretrained with {difference}: leave {what}{_own_weights(spec)}")
    if isinstance(model, ModelSpec):
        raise WeightsError(f"a spec has no weights: give the name of a model that has, such as {model.name!r}")
    if source.repo:  # whose config says how large they can be
        hub.pull(source.repo, STATE, most=_most_bytes(spec))
    folder, record = stored(source, STATE)
    made = load(folder, record, only)
    found = made.source.sha256 if made.source else ""
    if sha256 and found != sha256:
        raise WeightsError(f"{folder / STATE} has the sha256 {found}, not {sha256}: these are others")
    return made.to(device, dtype)


def _own_weights(spec: ModelSpec) -> str:
    """How the encoder has weights of its own, where it may."""
    if "pretrained" not in dict(spec.encoder.options):
        return ""
    return f"; encoder='{spec.encoder.name.rpartition('/')[2]}(pretrained=True)' has weights of its own"


def _check_place(device: Any, dtype: Any) -> None:
    if dtype not in (None, torch.float32, torch.bfloat16, torch.float16, torch.float64):
        raise OptionError(f"dtype={shown(dtype)}: a model computes in torch.float32, bfloat16, float16 or float64")
    try:
        torch.empty(0, device=device, dtype=dtype)
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
        raise OptionError(
            f"device={shown(device)} cannot be used here: {first_line(error):.150}; device='cpu' always can"
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
    said, config = read_config(folder)
    spec, held = inert(said, folder), config.get("only", "")
    if held not in ("", *HALVES):
        raise WeightsError(f"{folder / CONFIG} is damaged: only={shown(held, 40)} is no half of a model")
    if held and only not in ("", held):
        raise WeightsError(f"{folder} holds the {held} of {spec.name} alone, not its {only}")
    half = held or only
    hashes = {CONFIG: config["sha256"]} if "sha256" in config else {}
    if not hashes and not standing(config.get("training")).startswith("unfinished"):
        raise WeightsError(f"{folder / CONFIG} is damaged: it has no sha256 of the weights")
    if record:
        registered = describe(f"{record.model}.{record.tag}")
        if spec.name != registered.name:
            raise WeightsError(f"{folder} holds weights of {spec.name}, not of {record.name}")
        if difference := differing(registered, spec):
            raise WeightsError(f"{folder} is made with {difference}: it is not what {record.model} is now")
        hashes[f"the record {record.name}"] = record.sha256
    path = folder / STATE
    is_large = path.is_file() and path.stat().st_size > limits.UNASKED
    data = read_bytes(path, _most_bytes(spec) if is_large else limits.UNASKED)
    with ThreadPoolExecutor(1) as beside:  # hashing takes as long as all the rest, and lets go of the interpreter
        hashed = beside.submit(hashlib.sha256, data)
        state = tensors_of(data, path)
        model = keep_half(_outline(spec)[0], half)
        state = of_half(model, state)
        load_state(model, state, str(path))
        if unstored := [each.numel() for module in model.modules() for each in _tensors(module) if each.is_meta]:
            if sum(unstored) > limits.PARAMETERS:
                raise WeightsError(f"{path} leaves {sum(unstored):,} numbers to compute: more than a file may ask for")
            # What a part does not store, it computes when it is built for real.
            model = keep_half(build(spec), half)
            load_state(model, state, str(path))
        model.statistics_of_images = read_statistics(config, model, folder)
        digest = hashed.result().hexdigest()
    for where, recorded in hashes.items():  # last: weights of another model are told by what does not fit
        if digest != recorded:
            raise WeightsError(f"{path} is damaged: its sha256 is not the one in {where}")
    tag, package = (record.tag, record.path.partition(":")[0]) if record else ("", "")
    began = str(config.get(BEGAN) or config.get("training", {}).get(BEGAN, ""))
    model.source = WeightsSource(spec.name, tag, digest, folder, package, began)
    return model.eval()


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    """A module's own parameters, buffers, and tensors that it keeps as plain attributes."""
    kept = [*module.parameters(recurse=False), *module.buffers(recurse=False), *vars(module).values()]
    return [each for each in kept if isinstance(each, torch.Tensor)]


def _numbers(spec: ModelSpec) -> int:
    """How many numbers a described model is made of, those that it does not store included."""
    return sum(tensor.numel() for module in _outline(spec)[0].modules() for tensor in _tensors(module))


def _most_bytes(spec: ModelSpec) -> int:
    """How large a file of a model's weights can be."""
    return 8 * _numbers(spec) + limits.SMALL


def build(spec: ModelSpec, device: str = "cpu") -> Autoencoder:
    """The modules of a described spec, freshly initialised, on ``device``.

    The shapes are solved first on the meta device, where nothing is computed.

    Raises:
        CompositionError: two parts do not fit; both are named.
    """
    if spec.implementation:
        whole = ask_whole(spec)
        with torch.device(device):
            return _is_a(Autoencoder, whole.build(spec=spec), whole)
    model, feature_shape = _outline(spec)
    wanted = _maps(spec.image, model.likelihood)
    with torch.device("meta"), _Outline():
        made = _run("decoder", spec, model.decoder, model.latent_shape)
    if made != wanted.shape:
        both = f"{made} of z {model.latent_shape}, not {wanted.shape}"
        raise CompositionError(f"decoder {spec.decoder.name} makes {both}")
    if device == "meta":
        return model
    with torch.device(device):
        return _join(spec, ask("encoder", spec.encoder).build(image=spec.image), feature_shape)


class _Outline(TorchFunctionMode):
    """Leaves out what changes no shape and is most of what a model costs on the meta device: drawing, normalising.

    With the first of either, torch also imports its compiler (1.4 s of a core, 125 MB). A normalisation of other
    channels than its input's is not left out, and fails.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        first = args[0] if args else kwargs.get("tensor")
        if isinstance(first, torch.Tensor) and first.is_meta:  # what a part computes elsewhere is its own affair
            if getattr(func, "__module__", "") == "torch.nn.init" or func in _DRAWS:
                return first
            weight = kwargs.get("weight") if func in _NORMS else None
            if weight is not None and weight.shape == first.shape[1:2]:
                return first
        return func(*args, **kwargs)


_DRAWS = (torch.Tensor.normal_, torch.Tensor.uniform_)
_NORMS = (nn.functional.batch_norm, nn.functional.group_norm)


def _outline(spec: ModelSpec) -> tuple[Autoencoder, tuple[int, ...]]:
    """The modules of a described spec on the meta device, where nothing is computed, and the shape of its features."""
    if spec.implementation:
        with _Outline():
            return build(spec, device="meta"), ()
    harmless = compose(spec, {}, origin="file")
    with torch.device("meta"), _Outline():
        encoder = ask("encoder", harmless.encoder).build(image=spec.image)
        feature_shape = _run("encoder", harmless, encoder, spec.image.shape)
        return _join(harmless, encoder, feature_shape), feature_shape


def _join(spec: ModelSpec, encoder: nn.Module, feature_shape: tuple[int, ...]) -> Autoencoder:
    bottleneck, prior, decoder, likelihood = (ask(kind, getattr(spec, kind)) for kind in PARTS[1:])
    spread = _is_a(Likelihood, likelihood.build(image=spec.image), likelihood)
    bottle = _is_a(Bottleneck, bottleneck.build(feature_shape=feature_shape), bottleneck)
    if not hasattr(bottle, "latent_shape"):
        raise CompositionError(f"bottleneck {bottleneck.entry.name} does not set latent_shape, the shape of one z")
    return Autoencoder(
        spec,
        encoder,
        bottle,
        decoder.build(latent_shape=bottle.latent_shape, image=_maps(spec.image, spread)),
        prior=_is_a(Prior, prior.build(latent_shape=bottle.latent_shape, image=spec.image), prior),
        likelihood=spread,
        conditional=[kind for kind in ("encoder", "decoder") if _takes_labels(kind, spec)],
    )


def _is_a(base: type, part: Any, asked: Asked) -> Any:
    """A part that was built, of the class whose answers are relied on; a model may have no prior."""
    if not (isinstance(part, base) or (part is None and base is Prior)):
        who, due = f"{asked.entry.spec.kind} {asked.entry.name}", f"{base.__module__}.{base.__name__}"
        raise CompositionError(f"{who} is of the class {type(part).__name__}: derive that from {due}")
    if hidden := [name for name, _ in (part or nn.Module()).named_children() if hasattr(type(part), name)]:
        raise CompositionError(
            f"{asked.entry.name} calls a module {hidden[0]!r}, as its class calls something else: rename it"
        )
    return part


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
    except Exception as error:  # a stranger's may raise anything
        raise CompositionError(f"{kind} {name} cannot take {shape}: {first_line(error)}") from error
    if not isinstance(made, torch.Tensor) or made.ndim < 2:
        raise CompositionError(f"{kind} {name} gives {type(made).__name__}, not a tensor (b, ...)")
    return tuple(made.shape[1:])
