"""``aezoo sign`` and ``aezoo verify``: whose a model folder is."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import console, options

_key = click.Path(dir_okay=False, path_type=Path)


@click.command("sign")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--key", required=True, type=_key, help="Your private key: PEM, of an elliptic curve.")
@options.password
def sign(folder: Path, key: Path, password: str) -> None:
    """Sign FOLDER, a model folder with weights: writes FOLDER/model.sig, in the OpenSSF's format.

    Needs the package model-signing: pip install 'aezoo[signing]'.

    \b
    openssl ecparam -name prime256v1 -genkey -noout -out key.pem
    openssl ec -in key.pem -pubout -out key.pub
    aezoo sign runs/mine --key key.pem
    """
    from aezoo.weights import signing

    console.facts((("signature", str(signing.sign(folder, key, password))),))


@click.command("verify")
@click.argument("model", type=options.Name("model", paths=True))
@click.option("--key", required=True, type=_key, help="The public key of who signed it: PEM.")
def verify(model: str, key: Path) -> None:
    """Check that MODEL, a model folder, hf-hub:OWNER/NAME or a name with weights, is what the owner of a key signed.

    Exits with 2 where it is not. Needs the package model-signing: pip install 'aezoo[signing]'.

    \b
    aezoo verify runs/mine --key key.pub
    aezoo verify hf-hub:me/my-autoencoder@v1 --key key.pub
    """
    from aezoo.composition import resolve, stored
    from aezoo.weights import hub, signing

    source = resolve(model)
    folder, record = stored(source)
    repo = hub.Repo(record.repo, record.revision) if record and not record.path else source.repo
    files = signing.verify(folder, key, repo)
    console.facts((("as signed", ", ".join(files)), ("folder", str(folder))))
