"""What passes through the house: a `Batch` of images, the `Latent` of each, the `Output` of a model.

Shapes: b images, c channels, h height, w width; ``latent_shape`` is that of one image's ``z``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from aezoo.errors import DataError, OptionError, shown


@dataclass(slots=True)
class Batch:
    """What a dataset gives, and everything passes on.

    Attributes:
        images: ``(b, c, h, w)``, floats in [0, 1].
        labels: int64, ``(b,)`` the class of each image, or ``(b, k)`` k attributes; None where there are none.
        factors: float32 ``(b, f)``, what each image was made from, where that is known.
        index: int64 ``(b,)``, the place of each image in its split.
    """

    images: Float[Tensor, "b c h w"]
    labels: Int[Tensor, "b ..."] | None = None
    factors: Float[Tensor, "b f"] | None = None
    index: Int[Tensor, " b"] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(
        self,
        device: torch.device | str,
        layout: torch.memory_format = torch.preserve_format,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """The batch on a device, its images laid out as asked, and of a type."""
        # Elsewhere what a copy gives may be read before it is there.
        early = torch.device(device).type == "cuda"
        rest = [None if part is None else part.to(device, non_blocking=early) for part in self._rest()]
        images = self.images.to(device, dtype, memory_format=layout, non_blocking=early)
        return type(self)(images, *rest)

    def chunk(self, n: int) -> list[Self]:
        """``n`` parts of the batch, in order, as equal as can be.

        Raises:
            OptionError: ``n`` is no whole number from 1 on.
        """
        if type(n) is not int or n < 1:
            raise OptionError(f"a batch has no {shown(n)} parts: give a whole number from 1 on")
        rest = [[None] * n if part is None else part.tensor_split(n) for part in self._rest()]
        return [type(self)(*parts) for parts in zip(self.images.tensor_split(n), *rest, strict=True)]

    def _rest(self) -> list[Tensor | None]:
        return [getattr(self, item.name) for item in fields(self)[1:]]


@dataclass(slots=True)
class Latent:
    """What the bottleneck makes of the features. Every tensor is float32, whatever autocast says.

    Attributes:
        z: ``(b, *latent_shape)``, what the decoder takes: the mean in ``eval()``, a sample in ``train()``.
        mean: of the posterior, ``(b, *latent_shape)``.
        logvar: logarithm of the posterior's variance, ``(b, *latent_shape)``, or None.
        codes: indices into a codebook, where there is one.
        terms: what losses and metrics need, unsummed, of this very ``z``: ``kl`` is ``(b, d)`` in nats.
    """

    z: Tensor
    mean: Tensor | None = None
    logvar: Tensor | None = None
    codes: Int[Tensor, "b ..."] | None = None
    terms: dict[str, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Output:
    """What a model answers. Every tensor is float32.

    Attributes:
        reconstruction: ``(b, c, h, w)`` in [0, 1].
        logits: ``(b, c, h, w)`` with ``reconstruction == sigmoid(logits)``, or None where the likelihood has none.
        latent: the `Latent` that was decoded.
        params: ``(b, c * maps, h, w)``, what the decoder gave and the likelihood reads.
    """

    reconstruction: Float[Tensor, "b c h w"]
    logits: Float[Tensor, "b c h w"] | None
    latent: Latent
    params: Float[Tensor, "b p h w"] | None = None

    def detach(self) -> Self:
        """The same numbers, cut off from what they were computed from."""
        return tree_map(torch.Tensor.detach, self)


def cat(parts: Sequence[Any]) -> Any:
    """Batches, latents or outputs one after the other, as one."""
    flat, form = zip(*map(tree_flatten, parts), strict=True)
    return tree_unflatten([torch.cat(tensors) for tensors in zip(*flat, strict=True)], form[0])


# Registered with a serialised name, so that all cross torch.compile, torch.export, torch.func and DDP.
for _kind in (Batch, Latent, Output):
    torch.export.register_dataclass(_kind, serialized_type_name=f"aezoo.{_kind.__name__}")


def interpolate(
    a: Float[Tensor, " *latent"], b: Float[Tensor, " *latent"], steps: int, how: Literal["linear", "slerp"] = "linear"
) -> Float[Tensor, " steps *latent"]:
    """Latents evenly from ``a`` to ``b``, both included.

    ``"linear"`` goes straight. ``"slerp"`` goes along the arc between them (Shoemake 1985; for latents White 2016):
    under a Gaussian prior of many dimensions, half way on the straight line is nearer to zero than any sample.

    >>> z = model.encode(images).z
    >>> strip = model.decode(interpolate(z[0], z[1], 8))

    Raises:
        OptionError: fewer than two steps, or another way.
        DataError: ``a`` and ``b`` are no tensors of one shape.
    """
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape):
        given = " to ".join(str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__ for x in (a, b))
        raise DataError(f"from {given}: give the z of one image each, model.encode(images).z[0]")
    if how not in ("linear", "slerp"):
        raise OptionError(f"how={shown(how)}: from one latent to another it goes 'linear' or 'slerp'")
    if type(steps) is not int or steps < 2:
        raise OptionError(f"{shown(steps)} steps from one latent to another: give at least 2")
    shares = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device).view(-1, *[1] * a.ndim)
    straight = torch.lerp(a, b, shares)
    if how == "linear":
        return straight
    cosine = torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0).clamp(-1, 1)
    angle = cosine.acos()
    if angle.sin() < 1e-4:  # parallel: the arc is the line; opposite: there are many arcs
        return straight
    return (((1 - shares) * angle).sin() * a + (shares * angle).sin() * b) / angle.sin()
