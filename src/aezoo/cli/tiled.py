"""``aezoo reconstruct --tile``: a large picture at its own size, computed in tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aezoo.cli import console, options
from aezoo.errors import OptionError


def reconstruct(model: str, images: Sequence[Path], tile: int, label: tuple[int, ...], out: Path) -> None:
    """Write a picture above what a model makes of it, pixel for pixel, its edges cut to multiples of the stride.

    Raises:
        OptionError: not one image file.
        DataError: it cannot be read, or the model takes one size alone.
        CompositionError: the model cannot work in tiles.
    """
    if len(images) != 1:
        raise OptionError("--tile takes one image file: 'aezoo reconstruct MODEL big.jpg --tile 512 --out again.png'")
    import torch
    from PIL import Image
    from torch.nn.functional import mse_loss

    from aezoo.factory import create
    from aezoo.files import write_whole
    from aezoo.metrics.reconstruction import decibels

    built = create(model, pretrained=True)
    with torch.inference_mode():
        inputs, labels = built.preprocess(images[0], size="own"), options.turns(label, 1)
        again = built.decode(built.encode(inputs, labels, tile=tile).z, labels, tile=tile)
        mse, psnr = mse_loss(again, inputs).item(), decibels(again, inputs).item()
    above, below = (built.to_images(x)[0] for x in (inputs, again))
    both = Image.new(above.mode, (above.width, 2 * above.height))
    both.paste(above)
    both.paste(below, (0, above.height))
    with write_whole(out) as draft:
        both.save(draft, format="PNG")
    console.facts(
        (
            ("pixels", f"{above.width}x{above.height}"),
            ("mse", f"{mse:.4f}"),
            ("psnr", f"{psnr:.2f} dB"),
            ("picture", str(out)),
        )
    )
