"""Train the regressors of the metric ``factor_retention``: ``python -m aezoo_factors.train STYLE FOLDER``.

One to two minutes of one thread for a style, and as long to draw its faces. These are of the training stream of
toyfaces, the last thousand of them held out; no test image is looked at. Half of the images of every batch are blurred,
so that what is lost where a reconstruction is soft is what cannot be seen, not the habit of sharp edges.
"""

from __future__ import annotations

import hashlib
import time
from importlib import metadata
from pathlib import Path

import click
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from aezoo.datasets.pipeline import load_images
from aezoo.files import write_json
from aezoo.weights.folder import write_state
from aezoo_factors.regressor import IMAGES, Regressor, r2

STEPS = {"sketch": 1200, "shaded": 1800, "colour": 800}
TRAINED, HELD_OUT = 8000, 1000
BATCH, LR, SEED = 64, 0.004, 0
BLUR = 2.0
"""The largest sigma, in pixels; each batch draws its own."""


def train(style: str, folder: Path) -> dict[str, float]:
    """Train the regressor of a style, write it and its record, and return the R2 of each factor on held-out images.

    Adam, whose rate rises over a tenth of the steps and falls to zero, on the squared errors of standardised factors.
    """
    torch.manual_seed(SEED)
    faces = load_images(f"toyfaces(style={style!r}, count={TRAINED + HELD_OUT})", "train", IMAGES[style])
    assert faces.factors is not None
    known = faces.factors[:TRAINED]
    model = Regressor(IMAGES[style].channels, known.shape[1])
    model.mean, model.deviation = known.mean(0), known.std(0)
    optimizer = torch.optim.Adam(model.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LR, total_steps=STEPS[style], pct_start=0.1, cycle_momentum=False
    )
    start, order = time.process_time(), torch.empty(0, dtype=torch.int64)
    for step in range(1, STEPS[style] + 1):
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(TRAINED)])
        chosen, order = order[:BATCH], order[BATCH:]
        batch = faces.batch(chosen)
        batch.images[::2] = blurred(batch.images[::2], torch.rand(()).item() * BLUR)
        loss = ((model(batch.images) - faces.factors[chosen]) / model.deviation).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step % 100 == 0:
            click.echo(f"{style} step {step}: {loss.item():.4f}, {time.process_time() - start:.0f} s")
    seconds = round(time.process_time() - start)
    # Kernels as halves; what normalises stays float32.
    state = {name: x.half() if "layers" in name and x.ndim > 1 else x for name, x in model.state_dict().items()}
    path = folder / f"{style}.safetensors"
    write_state(path, state, style=style)
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        parts = torch.arange(TRAINED, TRAINED + HELD_OUT).split(250)
        read = torch.cat([model(faces.batch(part).images) for part in parts])
    scores = r2(read.double(), faces.factors[TRAINED:].double())
    found = {name: round(score, 4) for name, score in zip(faces.factor_names, scores.tolist(), strict=True)}
    recipe = {
        "style": style, "trained": TRAINED, "held_out": HELD_OUT, "steps": STEPS[style], "batch": BATCH, "lr": LR,
        "blur": BLUR, "seed": SEED, "seconds": seconds,
    }  # fmt: skip
    record = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "validation": found,
        "recipe": recipe,
        "packages": {name: metadata.version(name) for name in ("aezoo", "torch", "numpy")},
    }
    write_json(folder / f"{style}.json", record)
    return found


def blurred(images: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Images under a Gaussian blur of ``sigma`` pixels, continued beyond their edges by the last pixel."""
    if not sigma:
        return images
    radius = max(1, round(3 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    for edges in ((radius, radius, 0, 0), (0, 0, radius, radius)):
        images = F.conv2d(F.pad(images, edges, mode="replicate"), kernel, groups=images.shape[1])
        kernel = kernel.mT
    return images


@click.command
@click.argument("style", type=click.Choice([*IMAGES]))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(style: str, folder: Path) -> None:
    """Train the regressor of a STYLE of toyfaces, and write it and its record into FOLDER."""
    torch.set_num_threads(1)  # more of them add up in another order
    for name, score in train(style, folder).items():
        click.echo(f"{name:20} {score:.4f}")


if __name__ == "__main__":
    main()
