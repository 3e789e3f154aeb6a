"""How long things are trained, over how many seeds, and what is varied: in full, and to see that everything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

NORMS = ("batch", "none")
INITS = ("default", "dcgan")
"""Where weights begin: as PyTorch has them, or as DCGAN, N(0, 0.02)."""
DIMENSIONS = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 4)
KINDS = {"plain": False, "residual": True}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How long things are trained.

    Attributes:
        folds, rates: that the small models choose a learning rate by; ``big_rates`` the big ones, which without any
            take the rate that was chosen on CelebA.
        reported: steps of the small models: the report's.
        long: steps to see the loss turn, and ``turn``, the measurement among them that is nearest to the reported.
        every, long_every: steps between measurements of them.
        seeds: of the small models; ``some`` of those that are trained long, by the report's recipe, or with a latent
            of another size.
        budgets: two numbers of steps at which depths are compared; what the second costs the deepest network is what
            each may spend.
        search: steps to choose a learning rate of those by.
        big_long: steps of the report's network among those, to see test leave train.
        big_every: steps between measurements of the big models.
        big_seeds: of them.
        batch: images a step of them.
    """

    folds: int
    rates: tuple[float, ...]
    big_rates: tuple[float, ...]
    reported: int
    long: int
    turn: int
    every: int
    long_every: int
    seeds: int
    some: int
    budgets: tuple[int, int]
    search: int
    big_long: int
    big_every: int
    big_seeds: int
    batch: int


FULL = Scale(
    folds=5,
    rates=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    big_rates=(1e-4, 3e-4, 1e-3, 3e-3),
    reported=1299,
    long=5000,
    turn=1300,
    every=50,
    long_every=100,
    seeds=15,
    some=10,
    budgets=(500, 1000),
    search=300,
    big_long=3600,
    big_every=100,
    big_seeds=5,
    batch=32,
)
DRAWN = replace(FULL, long=3000, seeds=8, some=6, big_rates=(), budgets=(200, 400), big_long=1500, big_seeds=4)
"""On drawn faces: rates chosen on the real ones, fewer seeds, shorter runs."""
QUICK = Scale(
    folds=2,
    rates=(1e-3,),
    big_rates=(1e-3, 3e-4),
    reported=20,
    long=40,
    turn=20,
    every=5,
    long_every=10,
    seeds=1,
    some=1,
    budgets=(2, 4),
    search=2,
    big_long=14,
    big_every=2,
    big_seeds=1,
    batch=8,
)
QUICK_DRAWN = replace(QUICK, big_rates=())
