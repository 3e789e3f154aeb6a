"""Seeds from words: whatever draws at random says in whole numbers what the draw is for."""

from __future__ import annotations

import numpy as np


def seed_of(*words: int) -> int:
    """A 63-bit seed from whole numbers, well mixed: neighbouring words give unrelated seeds."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
