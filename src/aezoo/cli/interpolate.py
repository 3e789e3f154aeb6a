"""``aezoo interpolate``: what a trained model sees between two images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from aezoo.cli import console, options


@click.command("interpolate")
@click.argument("model", type=options.Name("model", paths=True))
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--steps", default=8, show_default=True, type=click.IntRange(min=2), help="Decoded images, ends included."
)
@click.option(
    "--how",
    type=click.Choice(("linear", "slerp")),
    default="linear",
    show_default=True,
    help="From one latent to the other: straight, or along the arc between them.",
)
@options.label(help="The class of both, of a conditional model.", multiple=False)
@options.picture(required=True, help="The picture.")
def command(
    model: str, a: Path, b: Path, steps: int, how: Literal["linear", "slerp"], label: int | None, out: Path
) -> None:
    """Draw a strip from image A to image B: both as they are, and between them what MODEL decodes on the way.

    MODEL is a model folder, such as a run of 'aezoo train', or a name with weights; A and B are files.

    \b
    aezoo interpolate cis680-vae512.celeba me.jpg you.jpg --out us.png
    """
    import torch

    from aezoo.factory import create
    from aezoo.figures import grid, save
    from aezoo.latent import interpolate

    built = create(model, pretrained=True)
    if "codes" in built.provides:
        console.note(f"between the codes of {model} lie points that are none, of which its decoder has seen none")
    images = built.preprocess([a, b])
    with torch.inference_mode():
        of_one = () if label is None else (label,)
        ends = built.encode(images, options.turns(of_one, 2)).z
        between = built.decode(interpolate(ends[0], ends[1], steps, how), options.turns(of_one, steps))
    shares = [f"{index / (steps - 1):.2f}" for index in range(steps)]
    strip = torch.cat([images[:1], between, images[1:]])
    save(grid(strip, columns=len(strip), captions=["A", *shares, "B"]), out)
    distance = (ends[0] - ends[1]).norm().item()
    console.facts(
        (
            ("images", f"{a} and {b}, {steps} steps, {how}"),
            ("distance", f"{distance:.4g} between their latents"),
            ("picture", str(out)),
        )
    )
