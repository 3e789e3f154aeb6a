"""What the bytes of a run depend on beside its recipe."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "pillow", "safetensors")


def environment(threads: int, device: str) -> dict[str, Any]:
    """Versions, revision, threads, device."""
    return {
        "aezoo": metadata.version("aezoo"),
        "revision": _revision(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": threads,
        "device": device,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }


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
