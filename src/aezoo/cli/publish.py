"""``aezoo publish``: a trained model goes to the Hugging Face Hub, with a card whose numbers were measured."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import click

from aezoo.cli import console, options
from aezoo.embedded import folder_of
from aezoo.errors import OptionError


@click.command("publish")
@click.argument("model", type=options.Name("model", paths=True))
@click.argument("repo", metavar="OWNER/NAME", required=False)
@click.option("--private", is_flag=True, help="Make a new repository private; into a public one nothing is sent.")
@click.option("--revision", default="", metavar="BRANCH", help="The branch to commit to [default: main].")
@click.option("--tag", default="", metavar="NAME", help="Give the commit a tag.")
@click.option("--sign", "key", type=click.Path(dir_okay=False, path_type=Path), help="Sign it with a private key.")
@options.password
@click.option("--dry-run", is_flag=True, help="Write the folder, say what would be sent, and send nothing.")
@click.option("--data", default="", metavar="PATH", help="The images that a run names by their path, said again.")
@options.root
@click.option("--all-pretrained", is_flag=True, help="All weights of installed packages, as OWNER/MODEL.TAG.")
def command(
    model: str,
    repo: str | None,
    private: bool,
    revision: str,
    tag: str,
    key: Path | None,
    password: str,
    dry_run: bool,
    data: str,
    root: Path | None,
    all_pretrained: bool,
) -> None:
    """Publish MODEL (a run, a model folder or a name with weights) as OWNER/NAME on the Hugging Face Hub.

    It is measured again on its own images, sent in one commit, brought back and compared. Anyone then has it by
    aezoo.create("hf-hub:OWNER/NAME", pretrained=True). 'hf auth login' or HF_TOKEN says who you are.

    \b
    aezoo publish runs/mine me/my-autoencoder --dry-run
    aezoo publish runs/mine me/my-autoencoder --private --tag v1
    aezoo publish --all-pretrained me
    """
    from aezoo.cli.measured import show
    from aezoo.cli.screen import Screen
    from aezoo.training.publish import draft, installed, pin, publish
    from aezoo.weights.hub import Repo
    from aezoo.weights.signing import sign, signer

    if all_pretrained:
        if repo or "/" in model:
            raise OptionError("--all-pretrained takes the owner alone: 'aezoo publish --all-pretrained me'")
        tasks = [(weights.name, Repo(f"{model}/{weights.name}", revision), weights) for weights in installed()]
        for place in () if dry_run else dict.fromkeys(folder_of(weights).parent for _, _, weights in tasks):
            if not os.access(place, os.W_OK):
                raise OptionError(f"{place} cannot be written, where the commits would be pinned: nothing was sent")
    elif not repo:
        raise OptionError(f"where to? 'aezoo publish {model} OWNER/NAME'")
    else:
        place = Repo.of(repo)
        if revision and place.revision:
            raise OptionError(f"{repo} says a revision, and --revision {revision} another: say one")
        tasks = [(model, Repo(place.name, place.revision or revision), None)]
    if key:
        signer(key, password)  # one that cannot be used is said before anything is measured
    for name, place, weights in tasks:
        with contextlib.ExitStack() as stack:
            kept = tempfile.mkdtemp(prefix="aezoo-") if dry_run else None
            made_in = Path(kept or stack.enter_context(tempfile.TemporaryDirectory()))
            folder = made_in / place.name.rpartition("/")[2]
            folder.mkdir()
            with Screen() as screen:
                made = draft(name, place, folder, data=data, root=root, report=screen.working)
            if key:
                signature = sign(made.folder, key, password)
                made.files[signature.name] = signature.stat().st_size
            show({name: made.metrics})
            columns = (console.Column("file"), console.Column("size", right=True))
            console.table(columns, [[file, console.size(size)] for file, size in made.files.items()])
            if dry_run:
                console.facts((("would go to", f"hf-hub:{place}"), ("folder", str(folder))))
                continue
            commit = publish(made, place, private=private, tag=tag)
            record = str(pin(weights, place, commit)) if weights else ""
            console.facts((("published", f"hf-hub:{place.name}@{commit}"), ("pinned in", record)))
