"""What every bottleneck answers; one without a distribution inherits the refusals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from aezoo.errors import CompositionError, DataError
from aezoo.latent import Latent
from aezoo.noise import Generators, check_count, is_collecting


class Bottleneck(nn.Module):
    """Features ``(b, *feature_shape)`` to a `Latent`. Subclasses set ``latent_shape`` and define ``forward``.

    Here everything is a point: the posterior is a spike at the mean.

    Attributes:
        latent_shape: of one image's ``z``.
        spatial: whether ``z`` is a map ``(d, h, w)`` as large as the features, whatever their size.
        codebook_sizes: how many codes each codebook has; empty: there are no codes. Codes are whole numbers from 0 on,
            one for each position of ``z``: ``(b, *latent_shape[1:])``, of several codebooks
            ``(b, len(codebook_sizes), *latent_shape[1:])``.
    """

    latent_shape: tuple[int, ...]
    spatial = False
    codebook_sizes: tuple[int, ...] = ()

    @property
    def statistics_shape(self) -> tuple[int, ...]:
        """Of the stored mean and deviation of ``z``; of a map one a channel, as latent diffusion scales it."""
        return (self.latent_shape[0], 1, 1) if self.spatial else self.latent_shape

    @property
    def bits(self) -> float:
        """Bits that the codes of one image take, each code being as likely; 0 where there are none."""
        return math.prod(self.latent_shape[1:]) * sum(map(math.log2, self.codebook_sizes))

    def forward(self, features: Tensor) -> Latent:
        """The latent of features, the same in ``train()`` and ``eval()``: its ``z`` is the posterior's mean."""
        raise NotImplementedError

    def draw(self, latent: Latent) -> Latent:
        """The latent that is decoded in a training step: with a sample for its ``z``, where the posterior has any."""
        return latent

    def at(self, latent: Latent, z: Float[Tensor, "b ..."]) -> Latent:
        """The latent of the same images at another ``z``, a sample of the posterior.

        A bottleneck whose own terms depend on the sample computes them anew; the divergence is the model's business.
        """
        return dataclasses.replace(latent, z=z, terms=dict(latent.terms))

    def sample(self, latent: Latent, n: int = 1, generator: Generators = None) -> Float[Tensor, "n b ..."]:
        """``n`` samples of each image's posterior, ``(n, b, *latent_shape)``.

        Raises:
            OptionError: ``n`` is no whole number from 0 on.
        """
        check_count(n)
        mean = latent.z if latent.mean is None else latent.mean
        return mean.expand(n, *mean.shape)

    def log_posterior(self, z: Float[Tensor, "*n b ..."], latent: Latent) -> Float[Tensor, "*n b"]:
        """log q(z | x) in nats, summed over the latent's dimensions."""
        raise CompositionError(f"{type(self).__name__} has no posterior density")

    def lookup(self, codes: Tensor) -> Tensor:
        """The ``z`` of codes.

        Raises:
            CompositionError: there are none.
            DataError: they are no whole numbers, of another shape than a latent's, or beyond the codebook's size, at
                which a compiled or exported graph does not look.
        """
        name, sizes = type(self).__name__, self.codebook_sizes
        if not sizes:
            raise CompositionError(f"{name} has no codebook")
        if not isinstance(codes, Tensor) or codes.dtype not in (torch.int64, torch.int32):
            given = codes.dtype if isinstance(codes, Tensor) else type(codes).__name__
            raise DataError(f"codes are {given}; {name} looks up whole numbers: torch.as_tensor(codes).long()")
        several = len(sizes) > 1
        own, given = (*[len(sizes)] * several, *self.latent_shape[1:]), tuple(codes.shape[1:])
        is_map = self.spatial and len(given) == len(own) and given[:-2] == own[:-2]  # of any height and width
        if codes.ndim == 0 or not (is_map or given == own):  # in this order: a graph of any size compares no size
            looks = ", ".join(map(str, ("b", *own)))
            raise DataError(f"codes have shape {tuple(codes.shape)}; {name} looks up ({looks})")
        if not (codes.is_meta or torch.compiler.is_compiling()) and codes.numel():
            for size, each in zip(sizes, codes.unbind(1) if several else [codes], strict=True):
                if each.min() < 0 or each.max() >= size:
                    given = f"{each.min()} to {each.max()}"
                    raise DataError(f"codes are from {given}; those of {name} from 0 to {size - 1}")
        return self.embed(codes)

    def embed(self, codes: Tensor) -> Tensor:
        """`lookup`, of codes that are known to be of this bottleneck: what one of codes defines."""
        raise NotImplementedError

    def diagnose(self, latent: Latent) -> dict[str, str]:
        """Warnings by kind about the latents of a few images in ``eval()``; a run says each kind once.

        They name what goes wrong quietly in training, and what may help.
        """
        return {}

    @property
    def collects(self) -> bool:
        """True in a pass of a training step, of which what is seen may move the bottleneck's own state (`step`)."""
        return self.training and is_collecting()

    def step(self, total: Callable[[Tensor], Tensor]) -> None:
        """Move the state that no gradient moves (a codebook's averages, a counter, a temperature).

        The engine calls it once an optimiser step, after all parts of the batch; ``forward`` only adds up what it saw
        where `collects` says so. ``total(x)`` is the sum of ``x`` over all processes.
        """
