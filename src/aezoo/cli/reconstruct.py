"""``aezoo reconstruct``: images above what a trained model makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import console, options
from aezoo.errors import AezooWarning, DataError, OptionError

if TYPE_CHECKING:
    from torch import Tensor

    from aezoo.autoencoder import Autoencoder


@click.command("reconstruct")
@click.argument("model", type=options.Name("model", paths=True))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@options.data
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Of the dataset.")
@click.option("--count", default=8, show_default=True, type=click.IntRange(min=1), help="Images of the dataset.")
@click.option(
    "--tile",
    metavar="PIXELS",
    type=click.IntRange(min=1),
    help="One large image file at its own size, computed in tiles of this side.",
)
@click.option(
    "--out", required=True, metavar="PNG", type=click.Path(dir_okay=False, path_type=Path), help="The picture."
)
def command(
    model: str, images: tuple[Path, ...], data: options.Data, split: str, count: int, tile: int | None, out: Path
) -> None:
    """Draw images above their reconstructions.

    MODEL is a model folder, such as a run of 'aezoo train', or a name with weights. IMAGES are files; --data takes them
    from a dataset instead.

    \b
    aezoo reconstruct runs/vae16 me.jpg you.jpg --out faces.png
    aezoo reconstruct runs/vae16 --data toyfaces --out faces.png
    aezoo reconstruct runs/maps poster.jpg --tile 512 --out poster.png
    """
    if bool(images) == bool(data.request):
        raise OptionError("give either images or --data: 'aezoo reconstruct MODEL me.jpg --out faces.png'")
    if out.suffix.lower() != ".png":
        raise OptionError(f"--out {out}: the picture is a PNG, name it so: {out.with_suffix('.png')}")
    if images and (data.binarize or data.root):
        raise OptionError("--root and --binarize go with --data, not with image files")
    if tile:
        from aezoo.cli import tiled

        tiled.reconstruct(model, images, tile, out)
        return

    from aezoo.datasets.image_array import ImageArray
    from aezoo.datasets.pipeline import open_dataset, read_picture
    from aezoo.factory import create
    from aezoo.figures import Row, reconstructions
    from aezoo.metrics.evaluation import evaluate

    built = create(model, pretrained=True)
    if data.request:
        dataset = open_dataset(data.request, split, root=data.root)
        pixels = _read(dataset.__getitem__, range(min(count, len(dataset))), built)
    else:
        pixels = _read(read_picture, images, built)
    chosen = ImageArray(pixels, data.binarize or "")
    inputs = chosen.batch(range(len(chosen))).images
    reconstructions([Row(data.request or "", inputs, _answer(built, inputs))], out)
    measured = evaluate(built, chosen, metrics=("mse", "psnr"))
    console.facts(
        (
            ("images", str(len(chosen))),
            ("mse", f"{measured['mse']:.4f}"),
            ("psnr", f"{measured['psnr']:.2f} dB"),
            ("picture", str(out)),
        )
    )


def _read(open_picture: Callable[[Any], Tensor], pictures: Iterable[Any], model: Autoencoder) -> Tensor:
    """Pictures fitted to a model, uint8 (n, c, h, w); those that cannot be read are left out with a warning.

    Raises:
        DataError: none can be read.
    """
    import torch

    from aezoo.datasets.pipeline import fit

    fitted: list[Tensor] = []
    unreadable: list[DataError] = []
    for picture in pictures:
        try:
            fitted.append(fit(open_picture(picture), model.image))
        except DataError as error:
            unreadable.append(error)
    if not fitted:
        raise DataError(f"none of the images can be read; the first: {unreadable[0]}" if unreadable else "no image")
    for error in unreadable:
        warnings.warn(f"left out: {error}", AezooWarning, stacklevel=2)
    return torch.stack(fitted)


def _answer(model: Autoencoder, images: Tensor) -> Tensor:
    import torch

    with torch.inference_mode():
        return torch.cat([model(batch).reconstruction for batch in images.split(64)])
