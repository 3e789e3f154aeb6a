"""The Bernoulli likelihood of binary images, which the CIS 680 report uses on grey ones too."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.likelihoods.base import Likelihood
from aezoo.losses.reconstruction import cross_entropy
from aezoo.noise import uniform


class Bernoulli(Likelihood):
    """Each value is 1 with probability ``sigmoid(logit)``. The reconstruction is that probability.

    On images that are not binary the cross-entropy is no likelihood.
    """

    support = "binary"

    def reconstruction(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"]:
        return torch.sigmoid(params)

    def logits(self, params: Float[Tensor, "b p h w"]) -> Float[Tensor, "b c h w"]:
        return params

    def log_prob(self, params: Float[Tensor, "b p h w"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        return -cross_entropy(params, images)

    def sample(
        self, params: Float[Tensor, "b p h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b c h w"]:
        chances = torch.sigmoid(params)
        return (uniform(chances, generator) < chances).to(chances)
