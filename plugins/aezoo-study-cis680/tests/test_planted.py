"""Two planted studies: in one every claim is true, in the other every one is false, and what is measured is noisy.

Worlds are written down from what the claims say, not from their rows: a row that compares other arms, turns its region
round or takes another end of a curve than its claim is about is judged wrong in one of them. That each reads its own
split and mark is held by the rows themselves, ``rows.txt``.
"""

import re

import numpy as np
import pytest
import torch

from aezoo.studies.state import Other, State
from aezoo.studies.verdicts import judge_all
from aezoo_study_cis680 import big, small
from aezoo_study_cis680.scale import FULL
from aezoo_study_cis680.study import study

IMAGES = {"train": 40, "test": 30}
DATA = {"train": "these", "test": "those"}
RANKS = {"residual-4": 1, "residual-1": 2, "plain-1": 3, "narrow-1": 4, "plain-4": 5}


class World:
    """Where every claim is true (or none): the level of each measure, and the curves of the runs."""

    def __init__(self, true):
        self.true = true

    def level(self, arm, split, name, mark=None):
        arm = re.sub("-wide|-report(-default)?", "", arm)  # all recipes and decoders are of the same world
        arm = small.VAE if arm == "vae16" else arm
        if name == "mean-image/mse":
            return 0.13 * (1.15 if split == "test" else 1)  # the harder images
        if name in ("gradient", "sharpness"):
            # Of test images: on training images it would be the other way round.
            blurred = arm.startswith("vae") == (self.true == (split == "test"))
            return 0.1 if blurred else 0.4
        if name == "mse":
            return self.mse(arm, split, mark)
        return self.nats(arm, split, name, mark)

    def mse(self, arm, split, mark):
        test = split == "test"
        overfits = (0.01 if self.true else 0.4) * test
        if arm == big.PUBLISHED or (arm == big.REPORTED and mark in (None, FULL.big_long)):
            return (0.02 if self.true else 0.08) * (1 + overfits)
        if arm in RANKS:
            early = 0.1 * (mark == min(FULL.budgets))  # far from what comes later: nothing compares the two
            return 0.01 * (RANKS[arm] if self.true else 7 - RANKS[arm]) * (1 + overfits) + early
        if arm == "ae-vector":
            return 0.055 if self.true else 0.07
        if arm.startswith("ae"):
            return (0.05 if test else 0.02) if self.true else (0.08 if test else 0.1)
        if arm == "vae16-long" and mark is None:
            return 0.05 if self.true else 0.07
        if arm == "vae16-nosampling":
            return 0.06
        return 0.07 if self.true else 0.05

    def nats(self, arm, split, name, mark):
        test = split == "test"
        if name == "kl":
            return (10 if self.true else 80) + (5 * self.true if arm == big.REPORTED else 0)
        if name == "bce_excess":
            return 300
        if arm.startswith("ae"):
            return 300 if self.true else 700
        gap = {"vae4": 30, "vae8": 40, small.VAE: 50, "vae16-long": 50, "vae32": 65, "vae64": 75, "vae128": 90}.get(
            arm, 0
        )
        gap = 80 if arm == "vae16-nosampling" else gap
        if not self.true:
            gap = 100 - gap
        level = 400 + gap * test
        if arm.endswith("-long") and mark is None:
            level += 200 if self.true else -200
        return level

    def curve(self, split, name, seed):
        steps, apart = list(range(0, 5001, 100)), 200 * (seed % 2)
        if name == "kl":
            assert split == "train"
            # It goes its way in a fifth of the shortest run, or in all of the longest, up from zero.
            return steps, [20 * min(1.0, step / ((100 if self.true else 4800) + apart)) for step in steps]
        assert (split, name) == ("test", "bce")
        turn = (1200 if self.true else 4400) + apart
        return steps, [abs(step - turn) for step in steps]


class Run:
    """A finished trial of a world: levels, and a little of the seed, the image and both."""

    warnings, training = {}, {"data": DATA}

    def __init__(self, world, arm, seed):
        self.world, self.arm, self.seed, self.rng = world, arm, seed, np.random.default_rng(seed)

    def groups(self, split, mark=None, *, whole=False):
        return None

    def values(self, split, name, mark=None, *, whole=False):
        level = self.world.level(self.arm, split, name, mark)
        of_image = np.random.default_rng(len(split)).normal(size=IMAGES[split])
        noise = self.rng.normal() + of_image + self.rng.normal(size=IMAGES[split])
        return level * (1 + 0.0002 * noise)

    def curve(self, split, name):
        return self.world.curve(split, name, self.seed)


def judged(true):
    world, made = World(true), study()
    arms = {arm.name: {seed: Run(world, arm.name, seed) for seed in range(arm.seeds)} for arm in made.arms}
    state = State(made, None, arms=arms)
    run = Run(world, big.PUBLISHED, 0)
    names = ("mse", "mean-image/mse")
    values = {f"{split}/{name}": torch.from_numpy(run.values(split, name)) for split in IMAGES for name in names}
    state.others[big.PUBLISHED] = Other(None, values, DATA)
    return judge_all(state)


@pytest.mark.parametrize(("true", "said"), [(True, "holds"), (False, "does not hold")])
def test_every_row_of_a_planted_study_is_judged_right(true, said):
    wrong = [
        (claim.number, each.row.case, each.verdict, each.interval)
        for claim, found in judged(true)
        for each in found
        if each.verdict != said
    ]
    assert not wrong
