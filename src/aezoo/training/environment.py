"""What the bytes of a run depend on beside its recipe."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

from aezoo.training import devices
from aezoo.weights.folder import CONFIG, read_config

_PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "pillow", "safetensors")


_LOOKED_AT = 0.3  # seconds; a processor's time is counted in hundredths


def free_threads() -> int:
    """As many threads as torch has by itself, or as many as cores are idle just now, where those are fewer.

    On a core that another process computes on, a thread waits for a time slice of the system at every operation, and
    all others wait for it. Where ``OMP_NUM_THREADS`` says how many, that is how many.
    """
    own = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ or own == 1:
        return own
    loads = psutil.cpu_percent(_LOOKED_AT, percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(loads))
    idle = sum(100 - loads[core] for core in usable if core < len(loads)) / 100
    return max(1, min(own, round(idle)))


def environment(threads: int, device: str, autocast: torch.dtype | None) -> dict[str, Any]:
    """Versions, revision, threads, device, and what the recipe's precision came to there."""
    return {
        "aezoo": metadata.version("aezoo"),
        "revision": _revision(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": threads,
        "device": device,
        "precision": str(autocast or torch.float32).removeprefix("torch."),
        "processes": devices.launched()[1],
    }


def other_packages(folder: Path) -> str:
    """``"torch 2.9.0 (now 2.13.0)"``: what a run was trained with that is another by now; empty where nothing is.

    A folder without a config has trained nothing yet.
    """
    known = _training(folder).get("packages")
    if not isinstance(known, dict):
        return ""
    now = {name: metadata.version(name) for name in _PACKAGES}
    return ", ".join(
        f"{name} {known[name]!s:.20} (now {now[name]})" for name in now if known.get(name, now[name]) != now[name]
    )


def other_ways(folder: Path, now: dict[str, Any]) -> str:
    """``"precision bfloat16 (now float32)"``: how a run was computed that is another by now; empty where nothing is."""
    known = _training(folder)
    ways = [way for way in ("precision", "processes") if known.get(way, now[way]) != now[way]]
    return ", ".join(f"{way} {known[way]!s:.20} (now {now[way]})" for way in ways)


def _training(folder: Path) -> dict[str, Any]:
    """What the config of a run says of its training; nothing where it has trained nothing yet."""
    return (read_config(folder)[1].get("training") or {}) if (folder / CONFIG).is_file() else {}


def _revision() -> str:
    """The git revision of a source checkout, or empty."""
    package = Path(__file__).resolve().parents[1]
    if not (package.parents[1] / ".git").exists():
        return ""
    command = ["git", "-C", str(package), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
