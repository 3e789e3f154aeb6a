"""The metric ``nll_is``: the likelihood of images, not a bound of it, by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.reconstruction import negative_log_likelihood
from aezoo.metrics.measured import generators

FEWEST = 10
"""Effective samples of an image below which their error is not known: it would be far too small."""
FEW = 0.05
"""The share of images of which that may be so."""


class ImportanceNll:
    """``-ln (1/s) sum over s samples of w``, ``w = p(x | z) p(z) / q(z | x)``, z from the posterior q, in nats (Burda
    et al. 2016, arXiv 1509.00519, equation 8). On average it is too high, and the less so the more samples.

    Beside it, it gives

    - ``ess``: the effective sample size of each image, ``(sum of w)^2 / sum of w^2``: s where q is exact, 1 where one
      sample has all the weight and the number says little;
    - ``mc_error``: the standard error that the samples leave in the mean, by the delta method: of each image's number
      it is ``sd(w) / (mean(w) sqrt(s))``;
    - ``image_error``: the standard error that the choice of images leaves in it.

    Samples are drawn and decoded one after the other, in the memory of one.

    Args:
        samples: s.
    """

    def __init__(self, *, samples: int = 200) -> None:
        self.samples = samples
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.parts: list[Tensor] = []

    def update(self, batch: Batch, mean: Output, model: Autoencoder, seeds: Sequence[int]) -> None:
        """Take a batch in."""
        bottleneck, latent = model.bottleneck, mean.latent
        labels = model.labels_of(batch)
        drawing, weights = generators(seeds), []
        for _ in range(self.samples):
            z = bottleneck.sample(latent, 1, drawing)[0]
            output = model.output(Latent(z), labels)
            likelihood = -negative_log_likelihood(model, output, batch.images)
            weight = likelihood + model.log_prior(z) - bottleneck.log_posterior(z, latent)
            weights.append(weight.cpu().double())
        log_weights = torch.stack(weights)  # (samples, b)
        total = log_weights.logsumexp(0)
        squares = (2 * (log_weights - total)).logsumexp(0).exp()  # sum of the squared shares
        variance = (squares - 1 / self.samples).clamp(min=0) * self.samples / max(1, self.samples - 1)
        self.parts.append(torch.stack([math.log(self.samples) - total, 1 / squares, variance]))  # (3, b)

    def compute(self) -> dict[str, Tensor | float]:
        """Of each image that was taken in, and the errors of their mean. Of one sample, or of one image, there is no
        error to tell; nor where more than `FEW` of the images have less than `FEWEST` effective samples: where a few
        have all the weight, the others never saw what they miss.
        """
        nll, ess, variance = torch.cat(self.parts, dim=1)
        n = len(nll)
        found: dict[str, Tensor | float] = {"": nll, "ess": ess}
        if self.samples > 1 and (ess < FEWEST).double().mean() <= FEW:
            found["mc_error"] = variance.sum().sqrt().item() / n
        if n > 1:
            found["image_error"] = nll.std().item() / math.sqrt(n)
        return found
