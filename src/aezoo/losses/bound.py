"""Bounds of ``ln p(x)`` that are a loss of their own: they hold the likelihood and the divergence in one."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.latent import Latent, Output
from aezoo.losses.context import Context
from aezoo.losses.reconstruction import negative_log_likelihood


def iwae(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, samples: int = 5
) -> Float[Tensor, " b"]:
    """``-ln (1/s) sum over s samples of p(x | z) p(z) / q(z | x)``, in nats (Burda et al. 2016, arXiv 1509.00519).

    With one sample it is ``nll + kl``, the divergence estimated. The first sample is the one that the model decoded;
    the others are decoded as one batch.
    """
    model, latent, b = context.model, output.latent, len(images)
    z = latent.z[None]
    likelihood = -negative_log_likelihood(model, output, images)[None]
    if samples > 1:
        drawn = model.bottleneck.sample(latent, samples - 1, context.generator)
        labels = model.labels_of(context.batch)
        whole = model.output(Latent(drawn.flatten(0, 1)), None if labels is None else labels.repeat(samples - 1))
        others = -negative_log_likelihood(model, whole, images.repeat(samples - 1, 1, 1, 1))
        z, likelihood = torch.cat([z, drawn]), torch.cat([likelihood, others.view(-1, b)])
    weight = likelihood + model.log_prior(z) - model.bottleneck.log_posterior(z, latent)
    return math.log(samples) - weight.logsumexp(0)
