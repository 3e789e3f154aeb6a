"""The pictures of these pages that commands draw, drawn again: ``python docs/pictures.py``, two minutes.

All are of drawn faces, and of weights that a wheel brings or that are trained here, so they may be shown.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import aezoo

STATIC = Path(__file__).parent / "_static"
COLOUR = "toyfaces(style='colour')"
SHORT = "--data toyfaces --steps 150 --seed 0"
COMMANDS = (
    "train cis680-vae16 --data toyfaces --steps 600 --out first",
    f"train cis680-vae16 {SHORT} --out a",
    f"train cis680-vae16 {SHORT} --bottleneck gaussian(dim=32) --lr 0.003 --out b",
    f"reconstruct kl-f8-tiny.toyfaces --data {COLOUR} --out reconstruct.png",
    "sample vae128-tiny.toyfaces --n 16 --seed 3 --out sample.png",
    "interpolate vae128-tiny.toyfaces me.png you.png --out interpolate.png",
    "compare a b --out compare.png",
)
DRAWN = {
    "train.png": "first/figures/progress.png",
    **{name: name for name in ("reconstruct.png", "sample.png", "interpolate.png", "compare.png")},
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = aezoo.create("vae128-tiny")
        two = aezoo.dataset(COLOUR, "test", model=model).batch([0, 5]).images
        for picture, name in zip(model.to_images(two), ("me", "you"), strict=True):
            picture.save(Path(folder, f"{name}.png"))
        for command in COMMANDS:
            subprocess.run([sys.executable, "-m", "aezoo", *command.split()], cwd=folder, check=True)
        for name, drawn in DRAWN.items():
            shutil.copyfile(Path(folder, drawn), STATIC / name)


if __name__ == "__main__":
    main()
