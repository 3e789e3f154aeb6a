"""How long things are trained, in full and to see that everything runs, and what is varied."""

from __future__ import annotations

from dataclasses import dataclass

MODEL, PUBLISHED = "cis680-vae512", "published weights"
"""The big VAE, and what its published weights are called among the arms."""
DIMENSIONS = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 2, 4)
KINDS = {"plain": False, "residual": True}
RATES = (1e-3, 3e-4)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How long things are trained.

    Attributes:
        reported: steps on CUFS: the report's.
        long: steps to see the loss turn.
        equal: steps on CelebA at which depths are compared; what they cost the deepest network is what each may spend.
        search: steps to choose a learning rate by.
        every, long_every, celeba_every: steps between measurements.
        batch: images a step on CelebA.
        celeba: the images of that part.
    """

    reported: int
    long: int
    equal: int
    search: int
    every: int
    long_every: int
    celeba_every: int
    batch: int
    celeba: str


FULL = Scale(
    reported=1299,
    long=5000,
    equal=700,
    search=350,
    every=50,
    long_every=100,
    celeba_every=100,
    batch=64,
    celeba="celeba",
)
QUICK = Scale(
    reported=20,
    long=40,
    equal=4,
    search=2,
    every=5,
    long_every=10,
    celeba_every=2,
    batch=8,
    celeba="toyfaces(style='shaded', count=32)",
)
