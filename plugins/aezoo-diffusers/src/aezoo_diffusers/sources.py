"""Published autoencoders of diffusers: a folder, a config or a repository becomes a model of aezoo.

What comes out says all that it is made of in its own options, so a model folder of it needs its source no more.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import posixpath
from pathlib import Path
from typing import Any

import torch

from aezoo.autoencoder import Autoencoder, WeightsSource
from aezoo.composition import describe
from aezoo.errors import CompositionError, OptionError, WeightsError, nearest, one_line, shown
from aezoo.files import path_of
from aezoo.plain import ImageSpec, Option, Value, plain
from aezoo.weights.folder import CONFIG, sha256
from aezoo.weights.hub import SCHEME, Repo, pull
from aezoo.weights.limits import PARAMETERS
from aezoo_diffusers import MODELS
from aezoo_diffusers.models import class_of, wrap

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_OF_IMAGES = ("in_channels", "out_channels", "num_channels", "sample_size", "image_size")
_IDLE = ("force_upcast", "block_out_channels", "latent_magnitude", "latent_shift", "lookup_from_codebook")
_IDLE_OF_RAE = ("latents_mean", "latents_std", "use_encoder_loss")  # the first two lie with the weights
"""Keys of configs that change nothing of what is computed here."""


def load(
    source: str | os.PathLike[str],
    *,
    subfolder: str = "",
    pretrained: bool = True,
    image_size: int | tuple[int, int] | None = None,
) -> Autoencoder:
    """`aezoo_diffusers.load`."""
    place, where = _place(source, subfolder)
    config = _config(source, place, where)
    kind = str(config.get("_class_name"))
    if kind not in MODELS:
        raise CompositionError(f"{source} is a {kind:.60}; taken are {nearest(kind, MODELS)}")
    model = _model(source, kind, config, place, where, pretrained)
    options = _options(source, kind, model)
    image = ImageSpec.of(_size(model, MODELS[kind].image.size) if image_size is None else image_size, _channels(model))
    settings = tuple(options.items())
    spec = describe(dataclasses.replace(MODELS[kind], image=image, settings=settings))
    made = wrap(spec, model, dict(spec.settings)).float().eval()
    if pretrained and (file := _file(place, where)):
        name = Path(place).name if "local_files_only" in where else str(source)  # no path of this machine
        made.source = WeightsSource(name, "", sha256(file), file.parent)
    return made


def _place(source: str | os.PathLike[str], subfolder: str) -> tuple[str, dict[str, Any]]:
    """What diffusers calls a source, and where in it to look."""
    where: dict[str, Any] = {"subfolder": subfolder} if subfolder else {}
    if not isinstance(source, str | os.PathLike):
        raise OptionError(f"{shown(source)} is no source: give a folder, or 'owner/name' on the Hub")
    name = str(source)
    is_scheme = name.startswith(f"{SCHEME}:")
    if not is_scheme and (isinstance(source, os.PathLike) or name.startswith((".", "/", "~")) or os.path.exists(name)):
        path = path_of(source, "source").expanduser()
        if not path.exists():
            raise WeightsError(f"{path} is no folder of an autoencoder of diffusers: there is nothing")
        return str(path), where | {"local_files_only": True}
    repo = Repo.of(name.removeprefix(f"{SCHEME}:"))
    return repo.name, where | ({"revision": repo.revision} if repo.revision else {})


def _config(source: Any, place: str, where: dict[str, Any]) -> dict[str, Any]:
    if "local_files_only" not in where:
        _fetch_config(place, where)
    try:
        config = class_of("AutoencoderKL").load_config(place, **where)
    except (OSError, ValueError) as error:
        hint = "" if "subfolder" in where else "; of a whole pipeline say subfolder='vae'"
        raise WeightsError(f"{source} has no config.json of diffusers: {one_line(error):.200}{hint}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{source} has no config.json of diffusers: it is no object")
    return config


def _fetch_config(place: str, where: dict[str, Any]) -> None:
    """Into the cache, so that a Hub that does not answer is said in a line; diffusers tries it for half a minute."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        pull(Repo(place, where.get("revision", "")), posixpath.join(where.get("subfolder", ""), CONFIG))
    except WeightsError as error:
        missing = isinstance(error.__cause__, EntryNotFoundError)
        if not missing or isinstance(error.__cause__, LocalEntryNotFoundError):
            raise


def _model(source: Any, kind: str, config: dict[str, Any], place: str, where: dict[str, Any], pretrained: bool) -> Any:
    """The autoencoder, by diffusers: which renames what older versions called otherwise."""
    cls = class_of(kind)
    for option in MODELS[kind].options:
        if option.high and config.get(option.name) is not None:  # layers, which take long to make and only then count
            option.check(_value(option, config[option.name]), str(source))
    try:
        if not pretrained:
            with torch.device("meta"):
                count = sum(tensor.numel() for tensor in cls.from_config(config).state_dict().values())
            if count > PARAMETERS:
                raise WeightsError(f"{source} asks for {count:,} parameters; a file may ask for {PARAMETERS:,}")
            return cls.from_config(config)
        # Only safetensors: nothing is unpickled.
        how: dict[str, Any] = {"use_safetensors": True, "output_loading_info": True, "torch_dtype": torch.float32}
        model, info = cls.from_pretrained(place, **where, **how)
    except WeightsError:
        raise
    except Exception as error:  # of a file that may be anyone's
        raise WeightsError(f"{source} cannot be loaded: {one_line(error):.200}") from error
    for wrong in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(wrong):
            some = shown(sorted(map(str, info[wrong]))[:2], 100)
            raise WeightsError(f"{source} is no {kind} of its own config: {wrong.replace('_', ' ')} {some}")
    return model


def _options(source: Any, kind: str, model: Any) -> dict[str, Value]:
    """The options of what is there; a key of the config that is none of them may not matter."""
    declared = {option.name: option for option in MODELS[kind].options}
    config = {key: value for key, value in dict(model.config).items() if not key.startswith("_")}
    options = {name: _value(option, config.get(name)) for name, option in declared.items()}
    known = {*declared, *_OF_IMAGES, *_IDLE, *(_IDLE_OF_RAE if kind == "AutoencoderRAE" else ())}
    defaults = inspect.signature(type(model).__init__).parameters
    for key in config.keys() - known:
        if key not in defaults or config[key] != defaults[key].default:
            raise CompositionError(f"{source}: its config has {key}={shown(config[key], 40)}, which is not known here")
    if kind == "AutoencoderRAE":
        shape = tuple(model._latents_mean.shape)
        options["latents_shape"] = shape if shape != (1,) else ()
    return {name: value for name, value in options.items() if value is not None}


def _value(option: Option, value: Any) -> Value:
    """A value of a config as an option has it; None where the config leaves it out."""
    if option.name.endswith("multiscales"):
        return tuple(" ".join(map(str, kernels)) for kernels in value)
    if option.type == "strs" and isinstance(value, str):
        return (value,)
    return plain(value)


def _channels(model: Any) -> int:
    config = dict(model.config)
    found = {config[name] for name in ("in_channels", "out_channels", "num_channels") if name in config}
    if len(found) != 1:
        given = f"takes {config['in_channels']} channels and gives {config['out_channels']}"
        raise CompositionError(f"{type(model).__name__} {given}: an autoencoder takes and gives as many")
    return found.pop()


def _size(model: Any, default: tuple[int, int]) -> Any:
    size = getattr(model, "decoder_image_size", None) or dict(model.config).get("sample_size")
    return tuple(size) if isinstance(size, list | tuple) else size or default


def _file(place: str, where: dict[str, Any]) -> Path | None:
    """The weights, where they are one file."""
    from huggingface_hub import try_to_load_from_cache

    name = os.path.join(where.get("subfolder", ""), _WEIGHTS)
    if where.get("local_files_only"):
        path = Path(place) / name
        return path if path.is_file() else None
    found = try_to_load_from_cache(place, name, revision=where.get("revision"))
    return Path(found) if isinstance(found, str) else None
