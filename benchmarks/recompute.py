"""The published numbers of the report's three models, computed again by code that shares none with aezoo.

    python benchmarks/recompute.py DATA [--weights FOLDER ...]

It reads the pictures, the raw tensors and what ``metrics.json`` says, runs the networks in float64, with the widths and
kernels of the tensors and the strides of the report's tables, and compares squared error, cross-entropy (of the
posterior's mean) and divergence, each a mean over the test images; ``bce``, of drawn samples, is not among them. Exits
with 1 where one differs by a hundred-thousandth of itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, conv_transpose2d, linear, relu, softplus

ROOT = Path(__file__).resolve().parents[1]
BUILT_IN = ROOT / "src/aezoo/catalog/weights"
LARGE = ROOT / "plugins/aezoo-weights-cis680/src/aezoo_weights_cis680/weights"
FOLDERS = (BUILT_IN / "cis680-ae.cufs", BUILT_IN / "cis680-vae16.cufs", LARGE / "cis680-vae512.celeba")
AGREES = 1e-5
CROP = (12, 22, 76, 86)  # of a picture of 89x109: CelebA's centre of 128x128 in 178x218, at half the size


def main() -> int:
    parser = argparse.ArgumentParser(description="The published numbers, computed by other code.")
    parser.add_argument("data", type=Path, help="the folder that holds cufs and celeba")
    parser.add_argument("--weights", type=Path, nargs="*", default=FOLDERS, help="model folders")
    given = parser.parse_args()
    wrong = 0
    for folder in given.weights:
        published = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        images = torch.cat(list(PICTURES[published["protocol"]["dataset"]](given.data)))
        tensors = {name: tensor.double() for name, tensor in load_file(folder / "model.safetensors").items()}
        for name, value in measure(tensors, images).items():
            said = published["test"][name]
            agrees = abs(value - said) <= AGREES * abs(said)
            wrong += not agrees
            sys.stdout.write(
                f"{folder.name:24} {name:9} published {said:<12.7g} here {value:<12.7g} of {len(images)} test images: "
                f"{'agrees' if agrees else 'DIFFERS'}\n"
            )
    return 1 if wrong else 0


def sketches(data: Path) -> Iterator[Tensor]:
    """CUFS's test sketches, (1, 1, 64, 64) in [0, 1] each."""
    folder = data / "cufs/sketches64"
    for line in (folder / "devkit/test.txt").read_text(encoding="utf-8").splitlines():
        yield values(Image.open(folder / "imgs" / line.split()[0]))


def faces(data: Path) -> Iterator[Tensor]:
    """CelebA's test faces, likewise."""
    for line in (data / "celeba/list_eval_partition.txt").read_text(encoding="utf-8").splitlines():
        name, partition = line.split()
        if partition == "2":
            yield values(Image.open(data / "celeba/img_align_celeba" / name).crop(CROP))


def values(picture: Image.Image) -> Tensor:
    """In grey."""
    return torch.from_numpy(np.array(picture.convert("L")))[None, None] / 255.0


PICTURES = {"cufs": sketches, "celeba": faces}


@torch.no_grad()
def measure(tensors: dict[str, Tensor], images: Tensor) -> dict[str, float]:
    """Means over the images, 64 at a time."""
    sums: dict[str, float] = {}
    for part in images.double().split(64):
        features = stack(part, tensors, "encoder.layers.conv", decodes=False)
        found = {}
        if "bottleneck.mean.weight" in tensors:
            mean, logvar = (
                linear(features.flatten(1), tensors[f"bottleneck.{head}.weight"], tensors[f"bottleneck.{head}.bias"])
                for head in ("mean", "logvar")
            )
            features = mean[:, :, None, None]
            found["kl"] = 0.5 * (logvar.exp() + mean.square() - 1 - logvar).sum(1)
        logits = stack(features, tensors, "decoder.layers.deconv", decodes=True)
        found["mse"] = (logits.sigmoid() - part).square().mean((1, 2, 3))
        found["bce_mean"] = (softplus(logits) - part * logits).sum((1, 2, 3))
        sums = {name: sums.get(name, 0.0) + values.sum().item() for name, values in found.items()}
    return {name: value / len(images) for name, value in sums.items()}


def stack(x: Tensor, tensors: dict[str, Tensor], prefix: str, *, decodes: bool) -> Tensor:
    """The layers ``prefix`` 1, 2, ...: each with batch normalisation and ReLU where it has the former's tensors."""
    number = 1
    channels = 1 if not decodes else 0
    while f"{prefix}{number}.0.weight" in tensors:
        layer = f"{prefix}{number}"
        weight, bias = tensors[f"{layer}.0.weight"], tensors.get(f"{layer}.0.bias")
        if decodes and weight.shape[-1] == 4:
            x = conv_transpose2d(x, weight, bias, stride=2, padding=1)
        else:
            # Tables 1 and 3: where an encoder's channels grow, its side is halved.
            stride = 2 if not decodes and weight.shape[0] > channels else 1
            x, channels = conv2d(x, weight, bias, stride=stride, padding=1), weight.shape[0]
        if f"{layer}.1.running_mean" in tensors:
            moments = (tensors[f"{layer}.1.running_{name}"] for name in ("mean", "var"))
            x = relu(batch_norm(x, *moments, tensors[f"{layer}.1.weight"], tensors[f"{layer}.1.bias"], eps=1e-5))
        number += 1
    return x


if __name__ == "__main__":
    sys.exit(main())
