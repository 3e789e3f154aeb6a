"""A normalising flow as the prior: a standard normal, bent by an invertible network that is learned."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.errors import CompositionError
from aezoo.modes import in_float32
from aezoo.noise import noise
from aezoo.priors.base import Prior

if TYPE_CHECKING:
    from aezoo.autoencoder import Autoencoder

KINDS = {"maf": "MAF", "nsf": "NSF", "realnvp": "RealNVP"}
"""By the option's value, the flow of zuko: masked autoregressive (Papamakarios et al. 2017, arXiv 1705.07057), neural
splines (Durkan et al. 2019, arXiv 1906.04032), coupling layers (Dinh et al. 2017, arXiv 1605.08803)."""
_MOST, _MOST_WEIGHTS = 2**11, 2**28


class FlowPrior(Prior):
    """A flow of the package zuko. A spline bends what lies within [-5, 5] alone.

    Args:
        latent_shape: of one ``z``.
        kind: one of `KINDS`.
        transforms: one after the other.
        hidden: the width of each layer of their networks.

    Raises:
        CompositionError: zuko is not installed; or the latent has one dimension, and coupling layers need two; or more
            than 2,048, and the masks of the other kinds are of all pairs.
    """

    def __init__(
        self,
        latent_shape: tuple[int, ...],
        *,
        kind: str = "maf",
        transforms: int = 3,
        hidden: tuple[int, ...] = (64, 64),
    ) -> None:
        super().__init__()
        try:
            from zuko import flows
        except ImportError as error:
            raise CompositionError("prior flow needs the package zuko: pip install 'aezoo[flows]'") from error
        features = math.prod(latent_shape)
        if kind == "realnvp" and features < 2:
            raise CompositionError("prior flow(kind='realnvp') couples dimensions: a latent of one has none to couple")
        if kind != "realnvp" and features > _MOST:
            raise CompositionError(
                f"prior flow(kind={kind!r}) has masks of all pairs of dimensions: a latent of {_MOST:,} is the "
                f"largest, and not of {features:,}; kind='realnvp' takes any"
            )
        weights = transforms * sum(a * b for a, b in pairwise((features, *hidden, features)))
        if weights > _MOST_WEIGHTS:  # they are made at once, whoever asks
            raise CompositionError(f"prior flow would have over {weights:,} weights: {_MOST_WEIGHTS:,} are the most")
        self.dims = len(latent_shape)
        with torch.device("cpu"):  # its masks are computed, which no meta tensor is
            made = getattr(flows, KINDS[kind])(features, transforms=transforms, hidden_features=hidden)
        self.transforms = made.transform.transforms.to(torch.get_default_device())

    def log_prob(self, z: Float[Tensor, "*n b ..."], model: Autoencoder) -> Float[Tensor, "*n b"]:
        x = z.flatten(-self.dims).to(model.dtype)  # a latent is float32, a model made half precision as a whole is not
        stretched = x.new_zeros(())
        with in_float32(x):
            for bend in self.transforms:
                x, ladj = bend(None).call_and_ladj(x)
                stretched = stretched + ladj
        return (stretched - 0.5 * (x.square() + math.log(2 * math.pi)).sum(-1)).to(z.dtype)

    def sample(
        self, shape: tuple[int, ...], model: Autoencoder, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n ..."]:
        x = noise(model.latent_mean.new_empty(shape[0], math.prod(shape[1:])), generator)
        with in_float32(x):
            for bend in reversed(self.transforms):
                x = bend(None).inv(x)
        return x.view(shape)
