"""The model folder: the one form in which a model is stored, by a run, on a hub, inside a wheel.

``config.json`` (what the model is), ``model.safetensors`` (its state), ``README.md`` (its card), ``metrics.json``,
``golden.safetensors`` (what it answers on known inputs), ``figures/``. No pickle, no code.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as parse
from safetensors.torch import save
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.errors import AezooError, WeightsError, shown
from aezoo.files import command_line, write_json, write_whole
from aezoo.mismatch import ImageStatistics
from aezoo.plain import from_json, is_number, to_json
from aezoo.specs import ModelSpec
from aezoo.weights import limits
from aezoo.weights.golden import golden

FORMAT_VERSION = 2
READABLE_FROM = "0.1.0"
"""The oldest aezoo that reads what this one writes."""
CONFIG = "config.json"
STATE = "model.safetensors"
GOLDEN = "golden.safetensors"
CARD = "README.md"
METRICS = "metrics.json"
SIGNATURE = "model.sig"
"""As model-signing calls it by itself."""
BASELINE, PROTOCOL = "mean-image", "protocol"
"""What stands beside the splits in `METRICS`."""
RECORD = "training/run.json"
"""What a run was asked for, from its beginning on."""
BEGAN = "began"
"""What a record, and a config of the training, call the weights that a run began with."""


def write_config(folder: Path, spec: ModelSpec, **more: Any) -> None:
    """Write ``config.json``: the composed spec, and whatever else a reader should find there, say of another config."""
    own = {"format_version": FORMAT_VERSION, "aezoo": READABLE_FROM, "model": to_json(spec)}
    write_json(folder / CONFIG, {**own, **{key: value for key, value in more.items() if key not in own}})


def read_config(folder: Path) -> tuple[ModelSpec, dict[str, Any]]:
    """The spec of a model folder, and the whole of its ``config.json``.

    Raises:
        WeightsError: there is none, it is damaged, or a newer aezoo wrote it.
    """
    path = folder / CONFIG
    if not os.path.isfile(path):  # unlike Path's, it answers for a name that is too long
        if os.path.isfile(folder / RECORD):
            again = f"aezoo train --resume {command_line(str(folder))}"
            raise WeightsError(f"{folder} is a run without a checkpoint yet: {again} goes on")
        if os.path.isfile(folder):
            raise WeightsError(f"{folder} is a file: a model is named by its folder, {folder.parent}")
        raise WeightsError(f"{folder} is no model folder: it has no {CONFIG}")
    try:
        data = limits.read_json(path)
        if data["format_version"] > FORMAT_VERSION:
            needed = data.get("aezoo", "of later")
            raise WeightsError(
                f"{path} has format {data['format_version']}: it needs aezoo {shown(needed, 20)} or newer"
            )
        training = data.get("training", {})
        if not all(isinstance(x, dict) for x in (training, data.get("halved", {}))):
            raise WeightsError(f"{path} is damaged or not of aezoo: what it says of the training is no object")
        of_data = training.get("data", {})
        if not isinstance(of_data, dict) or not all(isinstance(found, str) for found in of_data.values()):
            raise WeightsError(f"{path} is damaged or not of aezoo: what it says of the training's data are no hashes")
        return from_json(ModelSpec, data["model"]), data
    except WeightsError:
        raise
    except (AezooError, ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged or not of aezoo: {error}") from None


def begun_with(folder: Path) -> str:
    """The weights that the training of a model folder began with; empty where it began anew, or nothing says it."""
    try:
        return str(read_config(folder)[1].get("training", {}).get(BEGAN, ""))
    except WeightsError:
        return ""


def read_statistics(config: dict[str, Any], model: Autoencoder, folder: Path) -> ImageStatistics | None:
    """What the training images were like, where the config says so.

    Raises:
        WeightsError: it does not say it of images like the model's.
    """
    if "images" not in config:
        return None
    try:
        statistics = from_json(ImageStatistics, config["images"])
    except AezooError as error:
        raise WeightsError(f"{folder / CONFIG} is damaged: {error}") from None
    if statistics.channels != model.image.channels:
        own, theirs = model.image.channels, statistics.channels
        raise WeightsError(f"{folder / CONFIG} is damaged: statistics of images of {theirs} channels, not {own}")
    return statistics


def read_metrics(folder: Path) -> dict[str, Any]:
    """What was measured of a model, as `aezoo.training.results.measure_all` gives it; of an unmeasured one nothing.

    Raises:
        WeightsError: it is damaged.
    """
    path = folder / METRICS
    if not path.is_file():
        return {}
    try:
        data = limits.read_json(path, limits.ROWS)
        splits = {name: data[name] for name in data if name not in (BASELINE, PROTOCOL)}
        numbers = [value for each in (*splits.values(), *data[BASELINE].values()) for value in each.values()]
        images, hashes = data[PROTOCOL]["images"], data[PROTOCOL].get("sha256", {})
        ids = data[PROTOCOL].get("metrics", {})  # none in what was measured before there were any
        whole = set(splits) == set(data[BASELINE]) == set(images) and {*hashes} <= {*images}
        kinds = (
            all(number is None or is_number(number) for number in numbers),
            all(type(count) is int for count in images.values()),
            all(isinstance(text, str) for text in (*hashes.values(), *ids.values())),
            all(isinstance(data[PROTOCOL][name], str) for name in ("dataset", "z")),
        )
        if not (whole and all(kinds)):
            raise ValueError("its splits and numbers are not those of a measurement")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from None
    return data


def write_state(path: Path, tensors: dict[str, Tensor], **metadata: Any) -> None:
    """Write tensors as safetensors. Equal tensors and metadata give equal bytes, in every process."""
    # Several metadata keys would be ordered anew in each process: one key of sorted JSON is not.
    text = {"aezoo": json.dumps(metadata, sort_keys=True)}
    # Cloned: a tensor that two names share is stored under both.
    whole = {name: x.detach().cpu().clone(memory_format=torch.contiguous_format) for name, x in tensors.items()}
    with write_whole(path) as draft:
        draft.write_bytes(save(whole, text))


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        WeightsError: it is missing, truncated or damaged.
    """
    return tensors_of(read_bytes(path), path)


def read_golden(folder: Path) -> tuple[Tensor, dict[str, Tensor]]:
    """The images on which a folder's model was asked for its answers (of a decoder alone its latents), and these.

    Raises:
        WeightsError: they are missing, damaged, or larger than they can be.
    """
    path = folder / GOLDEN
    found = tensors_of(read_bytes(path, limits.GOLDEN), path)
    if "z" not in found or min(each.ndim for each in found.values()) < 2:
        raise WeightsError(f"{path} is damaged: it holds no z, or what is no batch")
    return found.get("images", found["z"]), found


def read_bytes(path: Path, most: int = limits.WEIGHTS) -> bytes:
    """The bytes of a weights file. What is loaded and what is hashed are then the same, whoever writes to the file.

    Raises:
        WeightsError: it is missing, cannot be read, or has more bytes than that.
    """
    try:
        return limits.read(path, most)
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing: the model folder holds no weights") from None
    except OSError as error:
        raise WeightsError(f"{path} is damaged: {error}") from None


def tensors_of(data: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file, each in memory of its own.

    Raises:
        WeightsError: it is truncated or damaged.
    """
    try:
        return parse(data)
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        # A type that safetensors knows and torch does not is a KeyError; a shape that no tensor has is any of the rest.
        raise WeightsError(f"{path} is damaged: {error}") from None


def read_metadata(path: Path) -> dict[str, Any]:
    """What `write_state` was told beside the tensors."""
    with safe_open(path, framework="pt") as file:
        return json.loads((file.metadata() or {}).get("aezoo", "{}"))


def load_state(model: Autoencoder, state: dict[str, Tensor], origin: str) -> None:
    """Make ``state`` the parameters and buffers of a model built on the meta device: strict, assigned, never copied.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape or kind of number; the first is named.
    """
    own = model.state_dict()
    for name in [*own, *state]:
        mine, theirs = own.get(name), state.get(name)
        if mine is None or theirs is None or mine.shape != theirs.shape:
            ours, there = [f"{tuple(side.shape)}" if side is not None else "nothing" for side in (mine, theirs)]
            raise WeightsError(
                f"{origin} does not fit {model.spec.name}: {name:.200} is {ours} in the model, {there} in the file"
            )
        if mine.dtype != theirs.dtype and not (mine.is_floating_point() and theirs.is_floating_point()):
            raise WeightsError(f"{origin} does not fit {model.spec.name}: {name} is {mine.dtype}, not {theirs.dtype}")
    # Half-precision files hold half-precision weights; the model computes in the type it was built in.
    fitted = {name: tensor.to(own[name].dtype) for name, tensor in state.items()}
    first: dict[nn.Parameter, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if (shared := first.setdefault(parameter, name)) != name:  # one parameter under two names stays one
            if not torch.equal(fitted[name], fitted[shared]):
                raise WeightsError(f"{origin} does not fit {model.spec.name}: {shared} and {name} are one, and differ")
            fitted[name] = fitted[shared] = nn.Parameter(fitted[shared], parameter.requires_grad)
    model.load_state_dict(fitted, assign=True)


def save_model(folder: Path, model: Autoencoder, known_images: Tensor, **more: Any) -> None:
    """Write the config, the state and the golden tensors of a model; ``more`` goes into ``config.json``."""
    write_state(folder / STATE, model.state_dict(), model=model.spec.name)
    write_state(folder / GOLDEN, golden(model, known_images), model=model.spec.name)
    write_config(folder, model.spec, sha256=sha256(folder / STATE), **facts(model), **more)


def standing(training: Any) -> str:
    """``"unfinished: step 750 of 1299"``, from what a ``config.json`` says of the training; empty of a whole one.

    A run that was ended before its recipe's last step is ``"ended early: step 750 of 1299"`` for ever.
    """
    try:
        done, step = training["done"], training["step"]
        weights = f", weights of step {step}" if step != done else ""
        return f"{training['state']}: step {done} of {training['recipe']['steps']}{weights}"
    except (KeyError, TypeError):
        return ""


def facts(model: Autoencoder) -> dict[str, Any]:
    """What a built model knows of its sizes: which images it takes, what its stored latents' statistics are of, and
    what its training images were like; and which half of a model it is.
    """
    policy = {"policy": "multiple", "of": model.stride} if model.stride else {"policy": "fixed"}
    known = {"images": to_json(model.statistics_of_images)} if model.statistics_of_images else {}
    known |= {"only": model.only} if model.only else {}
    return {"size": policy, "latent": {"shape": list(model.latent_shape), "statistics": model.statistics}, **known}


def sha256(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
