"""``aezoo package``: a finished run becomes weights that a package brings."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import console


@click.command("package")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--tag", default="", metavar="NAME", help="Of the model [default: the one with the run's recipe].")
@click.option("--half", is_flag=True, help="Store float16, if bce, mse and nll change by at most a thousandth.")
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), help="Where the datasets lie, for --half.")
@click.option("--replace", is_flag=True, help="Replace other weights of this tag, which nobody has yet.")
def command(run: Path, directory: Path, tag: str, half: bool, root: Path | None, replace: bool) -> None:
    """Put the weights of RUN, a finished run, into DIRECTORY, a package's folder 'weights'.

    RUN has to be one of a tag: 'aezoo train MODEL.TAG'. Writes DIRECTORY/MODEL.TAG/ and its record,
    DIRECTORY/MODEL.TAG.json. Weights that are published are never replaced: declare a new tag.

    \b
    aezoo train cis680-ae.toyfaces --out runs/ae
    aezoo package runs/ae src/my_package/weights
    """
    from aezoo.cli.measured import show
    from aezoo.cli.screen import Screen
    from aezoo.training.package import package

    with Screen() as screen:
        done = package(run, directory, tag, half=half, replace=replace, root=root, report=screen.working)
    show({done.spec.name: done.metrics})
    spec = done.spec
    console.facts(
        (
            ("weights", f"{spec.name}, {console.size(spec.size)} of {spec.precision}, sha256 {spec.sha256}"),
            ("halving", ", ".join(f"test {name} {value:+.2g}" for name, value in done.cost.items())),
            ("terms", f"{spec.licence} ({spec.spdx})" if spec.spdx else spec.licence),
            ("folder", str(done.folder)),
        )
    )
