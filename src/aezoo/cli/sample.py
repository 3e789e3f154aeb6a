"""``aezoo sample``: new images of a trained model's prior."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import console, options

_AT_ONCE = 64  # images that are decoded together


@click.command("sample")
@click.argument("model", type=options.Name("model", paths=True))
@click.option("--n", default=16, show_default=True, type=click.IntRange(min=1), help="Images.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of the noise.")
@click.option("--size", type=options.ImageSize(), metavar="N|HxW", help="Of a model that makes images of any size.")
@options.label(help="The class, of a conditional model; several take turns.")
@options.picture(required=True, help="The picture.")
def command(
    model: str, n: int, seed: int, size: int | tuple[int, int] | None, label: tuple[int, ...], out: Path
) -> None:
    """Draw a grid of new images from MODEL, a model folder or a name with weights.

    z is drawn from the model's prior; without one, from a Gaussian fitted to the latents of its training images. The
    same seed draws the same images.

    \b
    aezoo sample cis680-vae16.toyfaces --out faces.png
    aezoo sample runs/mine --n 64 --seed 3 --out many.png
    """
    import torch

    from aezoo.factory import create
    from aezoo.figures import grid, save

    built = create(model, pretrained=True)
    asked = (size, size) if isinstance(size, int) else size
    labels = options.turns(label, n)
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for at in range(0, n, _AT_ONCE):
        own = None if labels is None else labels[at : at + _AT_ONCE]
        parts.append(built.sample(min(_AT_ONCE, n - at), generator, size=asked, labels=own))
    images = torch.cat(parts)
    save(grid(images), out)
    prior = str(built.spec.prior or "of its own").removeprefix("aezoo/")
    console.facts(
        (
            ("images", f"{n} of {images.shape[2]}x{images.shape[3]}, seed {seed}"),
            ("from", f"the prior {prior}" if built.prior else "a Gaussian fitted to the training latents"),
            ("picture", str(out)),
        )
    )
