"""What other libraries call the arguments of `aezoo.create` and `aezoo.train`, for who types it here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aezoo.errors import OptionError, nearest, shown

_ELSEWHERE = {
    "channels": ("in_chans", "in_channels", "num_channels", "n_channels", "input_channels"),
    "image_size": ("img_size", "input_size", "resolution", "sample_size", "size"),
    "bottleneck='gaussian(dim=16)'": (
        "latent_dim",
        "latent_channels",
        "latent_size",
        "z_dim",
        "z_channels",
        "embed_dim",
    ),
    "pretrained": ("weights", "checkpoint_path"),
    "begin_with": ("pretrained", "weights", "checkpoint_path", "start", "from_", "init_from"),
    "device": ("device_map",),
    "dtype": ("torch_dtype",),
    "data": ("dataset",),
    "lr": ("learning_rate",),
    "loss='bce + 4*kl'": ("beta", "kl_weight"),
    "steps": ("max_steps", "iterations"),
    "epochs": ("num_epochs", "max_epochs"),
    "out": ("output_dir", "out_dir"),
}
"""By what it is here."""


def meant(name: str, known: Iterable[str]) -> str:
    """Which of the arguments that are known another is: ``"here it is lr"``, or ``"did you mean ..."``."""
    known = [*known]
    for own in elsewhere(name):
        if own.partition("=")[0] in known:
            return f"here it is {own}"
    return f"did you mean {nearest(name, known)}?"


def elsewhere(name: str) -> list[str]:
    """What the arguments are called here that other libraries call so."""
    return [own for own, theirs in _ELSEWHERE.items() if name in theirs]


def refuse_unknown(others: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse arguments that a model does not have.

    Raises:
        OptionError: there is one; it says what it is called here.
    """
    for name in others:
        raise OptionError(f"a model has no argument {shown(name)}: {meant(name, known)}")
