"""The continuous Bernoulli likelihood of grey images (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.likelihoods.bernoulli import Bernoulli
from aezoo.losses.reconstruction import continuous_bernoulli_log_normaliser, wide
from aezoo.noise import uniform

# A logit nearer to 0 is taken for this one: the distribution's function moves by less than float32 shows.
_LEAST_LOGIT = 1e-6


class ContinuousBernoulli(Bernoulli):
    """The Bernoulli's maps and pictures with a density on [0, 1] that integrates to 1.

    The reconstruction stays ``sigmoid(logits)``, the distribution's parameter, which is not its mean.
    """

    support = "grey"

    def log_prob(self, params: Float[Tensor, "b p h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        return super().log_prob(params, images) + continuous_bernoulli_log_normaliser(params).flatten(1).sum(1)

    def sample(
        self, params: Float[Tensor, "b p h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        logits = wide(params)
        # The inverse of F(x) = expm1(l x) / expm1(l), for l < 0, where nothing overflows; for l > 0 it is the mirror
        # image.
        slope = -logits.abs().clamp(min=_LEAST_LOGIT)
        drawn = torch.log1p(uniform(slope, generator) * torch.expm1(slope)) / slope
        return torch.where(logits > 0, 1 - drawn, drawn).clamp(0, 1)
