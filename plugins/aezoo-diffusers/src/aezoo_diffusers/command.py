"""``aezoo import-diffusers``: an autoencoder of diffusers becomes a model folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import-diffusers")
@click.argument("source")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--subfolder", default="", metavar="NAME", help="Where in SOURCE it lies; of a whole pipeline: vae.")
@click.option("--image-size", type=int, metavar="N", help="Of the model [default: what its config says, else 64].")
def command(source: str, folder: Path, subfolder: str, image_size: int | None) -> None:
    """Make FOLDER, a model folder, of SOURCE, an autoencoder of diffusers.

    SOURCE is a folder, or a repository of the Hugging Face Hub: owner/name or owner/name@revision. Its terms hold for
    FOLDER too.

    \b
    aezoo import-diffusers stabilityai/sd-vae-ft-mse sd-vae
    aezoo eval ./sd-vae --data photos
    """
    from aezoo_diffusers import load

    model = load(source, subfolder=subfolder, image_size=image_size)
    model.save_pretrained(folder)
    click.echo(f"{folder}: {model.spec.name}, latent {model.latent_shape} of images {model.image}")
