"""What a latent is worth: every pretrained model beside PCA of as many numbers, on the test images of its own tag.

    AEZOO_DATA=... python benchmarks/latents.py [NAME ...] [--out FOLDER]

Models are measured as they are used: the mean of the latent decoded, images clamped to [0, 1], in float32. PCA is
fitted to the training images that the tag was trained on, and clamped too. PSNR is the mean over images, SSIM is
torchmetrics' with a Gaussian window of 11 and sigma 1.5. Milliseconds are those of encoding and decoding one image of a
batch of 16, with one thread, the median of seven. Needs ``pip install torchmetrics``.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import aezoo
from aezoo.autoencoder import Autoencoder
from aezoo.composition import recipe_of, resolve
from aezoo.metrics.pca import Pca
from aezoo.metrics.reconstruction import decibels
from aezoo.plugins import registry
from aezoo.summary import summarize
from aezoo.training.data import load_splits

COLUMNS = {
    "model": "{}", "numbers": "{:,}", "parameters": "{:,}", "mse": "{:.4f}", "psnr": "{:.2f}", "pca_psnr": "{:.2f}",
    "gain": "{:+.2f}", "ssim": "{:.3f}", "pca_ssim": "{:.3f}", "milliseconds": "{:.1f}",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of weights; by default all that are installed")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = given.names or [entry.name for entry in registry().entries("weights")]
    rows = []
    for name in names:
        rows.append(row(name))
        print(line(COLUMNS[key].format(rows[-1][key]) for key in COLUMNS), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread"
    (given.out / "latents.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    table = [line(COLUMNS), line("---" for _ in COLUMNS)]
    table += [line(COLUMNS[key].format(each[key]) for key in COLUMNS) for each in rows]
    (given.out / "latents.md").write_text("\n".join([*table, "", machine, ""]))


def row(name: str) -> dict[str, object]:
    """The numbers of one set of weights."""
    model = aezoo.create(name, pretrained=True)
    source = resolve(name)
    splits = load_splits(recipe_of(source), model.image)
    test = splits.test.batch(range(len(splits.test))).images
    numbers = torch.Size(model.latent_shape).numel()
    beside = Pca.fit(splits.train, numbers)
    ours, theirs = (scores(reconstructed(each, test), test) for each in (model, beside))
    entry = registry().find("weights", f"{source.spec.name}.{source.tag}")
    return {
        "model": entry.name,
        "test_images": len(test),
        "numbers": numbers,
        "parameters": summarize(model).parameters,
        **ours,
        "pca_psnr": theirs["psnr"],
        "pca_ssim": theirs["ssim"],
        "gain": ours["psnr"] - theirs["psnr"],
        "milliseconds": milliseconds(model, test[:16]),
    }


@torch.no_grad()
def reconstructed(model: Autoencoder, images: Tensor) -> Tensor:
    return torch.cat([model.decode(model.encode(part).z) for part in images.split(100)]).clamp(0, 1)


def scores(made: Tensor, images: Tensor) -> dict[str, float]:
    """Means over the images."""
    similarity = structural_similarity()
    pairs = list(zip(made.split(100), images.split(100), strict=True))
    errors = torch.cat([(a - b).square().flatten(1).mean(1) for a, b in pairs])
    psnr = torch.cat([decibels(a, b) for a, b in pairs])  # of equal images 100
    similar = sum(similarity(a, b) * len(a) for a, b in pairs)
    return {
        "mse": errors.mean().item(),
        "psnr": psnr.mean().item(),
        "ssim": float(similar) / len(images),
    }


def structural_similarity() -> Callable[[Tensor, Tensor], Tensor]:
    """torchmetrics', which imports torchvision: ours mends that where it is of another build than torch."""
    importlib.import_module("aezoo._torchvision")
    measure = importlib.import_module("torchmetrics.functional.image").structural_similarity_index_measure
    return functools.partial(measure, gaussian_kernel=True, sigma=1.5, kernel_size=11, data_range=1.0)


@torch.no_grad()
def milliseconds(model: Autoencoder, images: Tensor) -> float:
    def once() -> float:
        start = time.perf_counter()
        model.decode(model.encode(images).z)
        return 1000 * (time.perf_counter() - start) / len(images)

    once()
    return statistics.median(once() for _ in range(7))


def line(cells: object) -> str:
    return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
