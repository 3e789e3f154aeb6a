"""Random numbers hashed from counters: integers only, so equal on every machine, in any order, for any batch."""

from __future__ import annotations

import numpy as np


def mix(key: np.ndarray | np.uint64, counter: np.ndarray | np.uint64) -> np.ndarray:
    """Hash ``counter`` under ``key``, both uint64 (the finaliser of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):  # wrapping around is what it is made of
        bits = np.asarray(key + (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))


def uniform(key: np.ndarray | np.uint64, counter: np.ndarray | np.uint64) -> np.ndarray:
    """Numbers in [0, 1), float64, hashed from ``counter`` under ``key``."""
    return (mix(key, counter) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hash_rows(values: np.ndarray) -> np.ndarray:
    """One uint64 for each row of float64 ``values`` (n, d): equal rows, equal numbers."""
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)  # + 0.0: minus zero equals zero
    key = np.zeros(len(values), np.uint64)
    for column in bits.T:
        key = mix(key, column)
    return key


def smooth_noise(key: np.ndarray, knots: int, size: int) -> np.ndarray:
    """Smooth noise in [-1, 1], float32 (n, size, size), between ``knots`` by ``knots`` values hashed from ``key``."""
    values = uniform(key[:, None], np.arange(knots * knots, dtype=np.uint64)).astype(np.float32)
    values = values.reshape(-1, knots, knots) * 2 - 1
    at = np.clip((np.arange(size) + 0.5) / size * knots - 0.5, 0, knots - 1)
    low = np.minimum(at.astype(np.int64), knots - 2)
    weight = (at - low).astype(np.float32)
    weight = weight * weight * (3 - 2 * weight)  # no creases at the knots
    rows = values[:, low] + weight[:, None] * (values[:, low + 1] - values[:, low])
    return rows[:, :, low] + weight * (rows[:, :, low + 1] - rows[:, :, low])
