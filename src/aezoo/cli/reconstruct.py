"""``aezoo reconstruct``: images above what a trained model makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import console, options
from aezoo.errors import DataError, OptionError, warn

if TYPE_CHECKING:
    from torch import Tensor

    from aezoo.autoencoder import Autoencoder
    from aezoo.datasets.image_array import ImageArray


@click.command("reconstruct")
@click.argument("model", type=options.Name("model", paths=True))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@options.data
@click.option(
    "--split",
    metavar="NAME",
    help="Of the dataset; all: a folder or array as it is [default: test; all of images at a path that MODEL was not "
    "trained on].",
)
@click.option(
    "--count", default=8, show_default=True, type=click.IntRange(min=1), help="Images of a dataset or folder, at most."
)
@click.option(
    "--tile",
    metavar="PIXELS",
    type=click.IntRange(min=1),
    help="One large image file at its own size, computed in tiles of this side.",
)
@options.label(help="The class, of a conditional model; several take turns [default: that of each image of --data].")
@options.picture(required=True, help="The picture.")
def command(
    model: str,
    images: tuple[Path, ...],
    data: options.Data,
    split: str | None,
    count: int,
    tile: int | None,
    label: tuple[int, ...],
    out: Path,
) -> None:
    """Draw images above their reconstructions.

    MODEL is a model folder, such as a run of 'aezoo train', or a name with weights. IMAGES are files, or folders, of
    which the first --count files are read; --data takes them from a dataset instead.

    \b
    aezoo reconstruct runs/vae16 me.jpg you.jpg --out faces.png
    aezoo reconstruct runs/vae16 ./photos --out faces.png
    aezoo reconstruct runs/vae16 --data toyfaces --out faces.png
    aezoo reconstruct runs/maps poster.jpg --tile 512 --out poster.png
    """
    if bool(images) == bool(data.request):
        raise OptionError("give either images or --data: 'aezoo reconstruct MODEL me.jpg --out faces.png'")
    if images and (data.binarize or data.root or split):
        raise OptionError("--root, --binarize and --split go with --data, not with image files")
    if tile:
        from aezoo.cli import tiled

        tiled.reconstruct(model, images, tile, label, out)
        return

    import numpy as np
    import torch

    from aezoo.composition import recipe_of, resolve
    from aezoo.datasets.folder import ALL, open_folder
    from aezoo.datasets.image_array import ImageArray
    from aezoo.datasets.pictures import read_picture
    from aezoo.datasets.pipeline import confirms, is_path, known_of, open_dataset
    from aezoo.datasets.sources import ImageFiles
    from aezoo.factory import create
    from aezoo.figures import Row, reconstructions, save
    from aezoo.metrics.evaluation import evaluate

    built, known = create(model, pretrained=True), None
    if data.request:
        foreign = is_path(data.request) and not confirms(data.request, recipe_of(resolve(model)).dataset)
        dataset = open_dataset(data.request, split or (ALL if foreign else "test"), root=data.root)
        read = _read(dataset.__getitem__, range(min(count, len(dataset))), built)
        if built.conditional and not label:
            known = known_of("labels", dataset, np.array([index for index, _ in read]), data.request)
        _say_skipped(data.request, getattr(dataset, "skipped", {}))
    else:
        files: list[Path] = []
        for path in images:
            within = open_folder(ALL, path) if path.is_dir() else None
            if isinstance(within, ImageFiles):
                files += [path / name for name in within.names[:count]]
                _say_skipped(str(path), within.skipped)
            else:
                files.append(path)
        read = _read(read_picture, files, built)
    labels = options.turns(label, len(read)) if known is None else torch.from_numpy(known)
    chosen = ImageArray(torch.stack([image for _, image in read]), data.binarize or "", labels=labels)
    inputs = chosen.batch(range(len(chosen))).images
    save(reconstructions([Row(data.request or "", inputs, _answer(built, chosen))]), out)
    measured = evaluate(built, chosen, metrics=("mse", "psnr"))
    console.facts(
        (
            ("images", str(len(chosen))),
            ("mse", f"{measured['mse']:.4f}"),
            ("psnr", f"{measured['psnr']:.2f} dB"),
            ("picture", str(out)),
        )
    )


def _read(
    open_picture: Callable[[Any], Tensor], pictures: Iterable[Any], model: Autoencoder
) -> list[tuple[Any, Tensor]]:
    """Pictures, each with itself fitted to a model, uint8 (c, h, w). What cannot be read is left out with a warning.

    Raises:
        DataError: none can be read.
    """
    from aezoo.datasets.pictures import fit

    fitted: list[tuple[Any, Tensor]] = []
    unreadable: list[DataError] = []
    for picture in pictures:
        try:
            fitted.append((picture, fit(open_picture(picture), model.image)))
        except DataError as error:
            unreadable.append(error)
    if not fitted:
        raise DataError(f"none of the images can be read; the first: {unreadable[0]}" if unreadable else "no image")
    for error in unreadable:
        warn(f"left out: {error}")
    return fitted


def _say_skipped(where: str, skipped: Mapping[str, str]) -> None:
    from aezoo.datasets.folder import named_by_kind

    if skipped:
        warn(f"{where}: not read: {named_by_kind(skipped)}")


def _answer(model: Autoencoder, images: ImageArray) -> Tensor:
    import torch

    parts = torch.arange(len(images)).split(64)
    with torch.inference_mode():
        return torch.cat([model(images.batch(part)).reconstruction for part in parts])
