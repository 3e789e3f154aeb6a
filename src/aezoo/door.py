"""The door of a model: what it is given is what it takes, or an error says in a line what would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aezoo.errors import DataError, shown
from aezoo.latent import Latent

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder

# Sizes are of shapes throughout: len() of a tensor would fix the size of the batch in an exported graph.


def check_images(model: Autoencoder, images: Any) -> None:
    """Whether they are images of the model's form, precision and device.

    Raises:
        DataError: they are not.
    """
    name, expected = model.spec.name, model.image.shape
    if isinstance(images, tuple | list) and images and isinstance(images[0], Tensor):
        raise DataError("images are a pair of a loader's, it seems: give its first, or aezoo.Batch(images, labels)")
    if not isinstance(images, Tensor):
        raise DataError(f"images are a {type(images).__name__}; model.preprocess(pictures) makes a tensor of them")
    given = tuple(images.shape)
    if model.stride:  # no comparison with its own size, which would bind an export to it
        fits = len(given) == 4 and given[1] == expected[0] and not any(n % model.stride for n in given[2:])
    else:
        fits = given[1:] == expected
    if not fits:
        hint = "; model.preprocess(pictures) makes them"
        takes = _batch_of(expected) + (f" or {model.sizes}" if model.stride else "")
        raise DataError(f"images have shape {given}; {name} takes {takes}{hint}")
    if not images.is_floating_point():
        raise DataError(f"images are {images.dtype}; {name} takes floats in [0, 1]: divide by 255")
    if images.dtype != model.dtype and (images.dtype == torch.float64 or not _autocast(images)):
        raise DataError(f"images are {images.dtype}; {name} takes {model.dtype}: images.to(model.dtype)")
    _check_device(model, images, "images")


def check_labels(model: Autoencoder, labels: Tensor | None, n: int) -> None:
    """Whether there is one for each of n images, where the model takes any.

    Raises:
        DataError: there is not.
    """
    name = model.spec.name
    if not model.conditional and labels is not None:
        raise DataError(f"{name} is not conditional: it takes no labels")
    if model.conditional and labels is None:
        raise DataError(f"{name} is conditional: give it labels, or images of a dataset that has them")
    if labels is not None and (not isinstance(labels, Tensor) or labels.is_floating_point() or labels.ndim != 1):
        given = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else shown(labels)
        raise DataError(f"labels of {name} are a tensor of whole numbers, (b,), a class for each image: not {given}")
    if labels is not None and labels.shape[0] != n:
        raise DataError(f"{labels.shape[0]} labels for {n} images: {name} takes one for each")


def check_z(model: Autoencoder, z: Any, labels: Tensor | None) -> None:
    """Whether the model decodes it.

    Raises:
        DataError: it does not.
    """
    _check_tensor(model, z)
    if not z.is_floating_point():
        hint = "model.bottleneck.lookup(codes)" if "codes" in model.provides else "z.float()"
        raise DataError(f"z is {z.dtype}; {model.spec.name} decodes floats: {hint}")
    own, given = tuple(model.latent_shape), tuple(z.shape[1:])
    if not (given[:1] == own[:1] and len(given) == 3 if model.stride else given == own):
        hint = ": of samples give one draw, z[0]" if tuple(z.shape[2:]) == own else ""
        raise DataError(f"z has shape {tuple(z.shape)}; {model.spec.name} decodes {_batch_of(own)}{hint}")
    _check_device(model, z, "z")
    check_labels(model, labels, z.shape[0])


def check_ending(model: Autoencoder, z: Any) -> None:
    """Whether its shape ends as that of one image's ``z`` does.

    Raises:
        DataError: it does not.
    """
    _check_tensor(model, z)
    own = tuple(model.latent_shape)
    given = tuple(z.shape[-len(own) :]) if own else ()
    if z.ndim <= len(own) or not (given[:1] == own[:1] if model.stride else given == own):
        raise DataError(f"z has shape {tuple(z.shape)}; a latent of {model.spec.name} is {_batch_of(own)}")


def check_latent(latent: Any) -> None:
    """Whether it is one.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(latent, Latent):
        raise DataError(f"a latent is what model.encode(images) gives, not a {type(latent).__name__}")


def by(size: tuple[int, int]) -> str:
    """``"64x48"``."""
    return f"{size[0]}x{size[1]}"


def _check_tensor(model: Autoencoder, z: Any) -> None:
    if not isinstance(z, Tensor):
        hint = "its z is meant: latent.z" if isinstance(z, Latent) else "torch.as_tensor(z) makes a tensor of it"
        raise DataError(f"z is a {type(z).__name__}; {model.spec.name} decodes a tensor: {hint}")


def _check_device(model: Autoencoder, tensor: Tensor, what: str) -> None:
    own, given = model.device.type, tensor.device.type
    if given != own != "meta":  # of weights on meta, a hook may bring those that are elsewhere
        raise DataError(f"{what} on {given}, {model.spec.name} on {own}: {what}.to(model.device)")


def _autocast(tensor: Tensor) -> bool:
    kind = tensor.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"(b, {', '.join(map(str, shape))})"
