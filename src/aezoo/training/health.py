"""What goes wrong quietly in training an autoencoder, told apart and named once."""

from __future__ import annotations

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.latent import Batch

COLLAPSED_KL = 0.1
"""Nats an image, over all dimensions, below which the posterior tells nothing of the image."""
DEAD_SPREAD = 1 / 255
"""The largest change of any pixel with ``z`` below which the decoder ignores it: one grey level."""
EXPLODING_KL = 100.0
"""Nats a latent dimension: exp(100) times less likely under the prior than under the posterior."""
TURNED = 0.01
"""The share by which a validation loss lies above its lowest value when it is said to have turned."""


@torch.no_grad()
def diagnose(model: Autoencoder, batch: Batch, kl: float | None) -> dict[str, str]:
    """Warnings by kind about a model in ``eval()``.

    Args:
        model: the model.
        batch: a few images, at least two.
        kl: its mean divergence in nats an image, where it has one.
    """
    found = {}
    latent = model.encode(batch)
    if kl is not None and kl < COLLAPSED_KL:
        found["collapsed"] = (
            f"posterior collapsed: KL is {kl:.3g} nats an image, z says nothing of the image; "
            "a smaller weight of kl, kl(warmup=1000) or kl(free_bits=0.1) may help"
        )
    if kl is not None and kl > EXPLODING_KL * latent.z[0].numel():
        found["exploding"] = f"KL is {kl:.3g} nats an image: the posterior leaves the prior; a smaller --lr may help"
    # Two scales of z that a live decoder must tell apart: those of the images, and those of the prior.
    # One label for all: what changes with the label says nothing of z.
    labels = batch.labels[:1].expand_as(batch.labels) if model.conditional and batch.labels is not None else None
    spread = _spread(model, latent.z, labels)
    if model.prior is not None:
        drawn = model.prior.sample(tuple(latent.z.shape), model, torch.Generator(model.device).manual_seed(0))
        spread = max(spread, _spread(model, drawn, labels))
    if spread < DEAD_SPREAD:
        found["dead"] = (
            f"dead decoder: no pixel changes by more than {spread:.2g} with z, every image gets the same picture; "
            "batch normalisation, a smaller --lr or another seed may help"
        )
    return found | model.bottleneck.diagnose(latent)


def turned(history: list[dict]) -> dict[str, str]:
    """A warning where the validation loss of a run's history has turned."""
    losses = [(entry["loss"], entry["step"]) for entry in history if entry["split"] == "validation"]
    if len(losses) < 3:
        return {}
    lowest, step = min(losses)
    last = losses[-1][0]
    if losses[-2][0] > lowest and last > lowest + TURNED * abs(lowest):
        return {
            "turned": f"validation loss has turned: {lowest:.4g} at step {step}, {last:.4g} now; --keep best keeps it"
        }
    return {}


def _spread(model: Autoencoder, z: torch.Tensor, labels: torch.Tensor | None) -> float:
    pictures = model.decode(z, labels)
    return (pictures.amax(0) - pictures.amin(0)).max().item()
