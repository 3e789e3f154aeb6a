"""What several checks ask of tensors, latents and outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.autoencoder import Autoencoder
from aezoo.latent import Batch, Latent, Output


def named_tensors(answer: Output | Latent) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of an answer, named."""
    for field in dataclasses.fields(answer):
        value = getattr(answer, field.name)
        if isinstance(value, Latent):
            yield from named_tensors(value)
        elif isinstance(value, dict):
            yield from value.items()
        elif value is not None:
            yield field.name, value


def check_output(model: Autoencoder, output: Output, batch: Batch) -> None:
    """It has the shapes, types and facts that the model says, and every number is finite."""
    images, size = batch.images, tuple(batch.images.shape[2:])
    for name, tensor in named_tensors(output):
        assert tensor.shape[:1] == (len(images),), f"{name} is {tuple(tensor.shape)} for {len(images)} images"
        if name != "codes":
            assert tensor.dtype == torch.float32, f"{name} is {tensor.dtype}"
            assert tensor.isfinite().all(), f"{name} is not finite"
    check_images(output.reconstruction, tuple(images.shape), "the reconstruction")
    expected = (len(images), *model.latent_shape_at((size[0], size[1])))
    assert output.latent.z.shape == expected, f"z is {tuple(output.latent.z.shape)}, not {expected}"
    if output.params is not None:
        torch.testing.assert_close(model.likelihood.reconstruction(output.params), output.reconstruction)
    if output.logits is not None:
        torch.testing.assert_close(output.logits.sigmoid(), output.reconstruction)
    given = {
        "logits": output.logits is not None,
        "nll": output.params is not None,
        "codes": output.latent.codes is not None,
        "kl": "kl" in output.latent.terms,
    }
    for fact, is_given in given.items():
        assert is_given or fact not in model.provides, f"it provides {fact} and gives none"
    if "kl" in output.latent.terms:
        shape = tuple(output.latent.terms["kl"].shape)
        assert len(shape) == 2, f"kl is {shape}, not (b, d)"


def check_images(images: Tensor, shape: tuple[int, ...], what: str) -> None:
    """They have this shape and lie in [0, 1]."""
    assert images.shape == shape, f"{what} is {tuple(images.shape)}, not {shape}"
    assert images.isfinite().all(), f"{what} is not finite"
    assert images.min() >= 0, f"{what} falls below 0"
    assert images.max() <= 1, f"{what} exceeds 1"


def check_numbers(values: Any, shape: tuple[int, ...], what: str) -> None:
    """They have this shape and are finite."""
    assert isinstance(values, Tensor), f"{what} is a {type(values).__name__}, not a tensor"
    assert values.shape == shape, f"{what} is {tuple(values.shape)}, not {shape}"
    assert values.isfinite().all(), f"{what} is not finite"


def check_close(one: Output | Latent, other: Output | Latent, tolerance: float | None = None) -> None:
    """The same numbers; where no tolerance is given, up to torch's own for the type."""
    mine, theirs = dict(named_tensors(one)), dict(named_tensors(other))
    torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def check_equal(one: Output | Latent, other: Output | Latent) -> None:
    """The same numbers to the bit."""
    check_close(one, other, tolerance=0.0)


def check_same_state(one: nn.Module, other: nn.Module) -> None:
    """The same parameters and buffers to the bit."""
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert tensor.dtype == theirs[name].dtype, f"{name} is {tensor.dtype}"
        assert torch.equal(tensor, theirs[name]), f"{name} differs"


def check_learns(module: nn.Module, what: str = "") -> None:
    """Every parameter that is trained got a gradient, finite and not zero."""
    for name, parameter in module.named_parameters(what):
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} takes no part in the loss"
            assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
            assert parameter.grad.any(), f"the gradient of {name} is zero"
