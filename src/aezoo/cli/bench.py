"""``aezoo bench``: score models and others' reconstructions on a pinned task, and show the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aezoo.cli import console, options
from aezoo.errors import OptionError

if TYPE_CHECKING:
    from aezoo.benchmark.table import By


@click.command("bench")
@click.argument("task", required=False)
@click.argument("models", nargs=-1, type=options.Name("model", paths=True))
@click.option(
    "--out",
    type=options.Folder(),
    default="runs/benchmark",
    show_default=True,
    help="Where results are kept, a file a row, in a folder of the task.",
)
@click.option(
    "--reconstructions",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Score these: a folder of pictures, named as the images or, of images without names, by number; or a .npy "
    "or .npz file of all in order.",
)
@click.option(
    "--name",
    metavar="TEXT",
    help="What the row of --reconstructions is called; with --again, the row's path, said again.",
)
@click.option("--floats", type=click.IntRange(min=1), help="How many numbers they were made from.")
@click.option("--bits", type=click.FloatRange(min=0, min_open=True), help="How many bits their codes take.")
@click.option(
    "--save-images",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the images of TASK, to be reconstructed elsewhere: x.npy, uint8 (n, c, h, w), or a new folder of PNGs.",
)
@click.option("--table", type=options.Folder(), metavar="FOLDER", help="Show the tables of the results in a folder.")
@click.option(
    "--by",
    type=click.Choice(["latent", "parameters", "macs"]),
    default="latent",
    show_default=True,
    help="What the table's tracks are budgets of: numbers or bits of an image's latent, the model's parameters, or "
    "multiply-accumulates for one image.",
)
@click.option(
    "--again",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JSON",
    help="Score the row of a result again; exit with 1 where it is another now.",
)
@click.option("--markdown", "form", flag_value="markdown", help="Print the table for a README.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@options.root
@options.device(
    "cpu", "Where models compute; others round more coarsely than a CPU. Time is always that of one core of it."
)
def command(
    task: str | None,
    models: tuple[str, ...],
    out: Path,
    reconstructions: Path | None,
    name: str | None,
    floats: int | None,
    bits: float | None,
    save_images: Path | None,
    table: Path | None,
    by: By,
    again: Path | None,
    form: str | None,
    root: Path | None,
    device: str,
) -> None:
    """Score MODELS on TASK, by default all that have weights and take its images, beside its baselines.

    Without TASK, lists the tasks. A model is a name with weights or a model folder; mean-image and pca-16 are
    baselines. Exits with 2 where one of MODELS could not be scored.

    \b
    aezoo bench faces-colour                       every model with weights of such images
    aezoo bench faces-colour runs/mine             your own
    aezoo bench cufs --save-images images.npy      for one that is not aezoo's
    aezoo bench cufs --reconstructions again.npy --name theirs --floats 32
    aezoo bench --table benchmarks/results         all tables
    aezoo bench --table results cufs --by macs     among models of equal cost
    aezoo bench --again runs/benchmark/faces-colour@2/runs-mine.json --name runs/mine
    """
    if not reconstructions and (floats or bits or (name and not again)):
        raise OptionError("--name, --floats and --bits are of --reconstructions: say where these are")
    if (reconstructions or save_images) and not (task or again):
        raise OptionError("which TASK are these images of? 'aezoo bench' lists them")
    if save_images and models:
        raise OptionError("--save-images writes the images of TASK alone, and takes no MODELS")
    if table:
        _show(table, task, form, by)
    elif again:
        _again(again, name or "", reconstructions, root, device)
    elif not task:
        _list(form)
    elif save_images:
        _save(task, root, save_images)
    elif reconstructions:
        if not name or models:
            raise OptionError("--reconstructions are scored alone, and need a --name for their row")
        _score_pictures(task, out, reconstructions, name, floats, bits, root)
        _show(out, task, form, by)
    else:
        failed = _score(task, models, out, root, device)
        _show(out, task, form, by)
        if models and failed:  # of what is scored by default, the table's last line says it
            click.get_current_context().exit(2)


def _list(form: str | None) -> None:
    from aezoo.benchmark.tasks import TASKS
    from aezoo.plain import to_json

    if form == "json":
        console.print_json([{"id": task.id, **to_json(task)} for task in TASKS])
        return
    columns = [console.Column("task", style="cyan"), console.Column("images", right=True), console.Column("size")]
    rows = [[task.id, f"{task.images:,}", str(task.image), task.summary] for task in TASKS]
    console.table([*columns, console.Column("summary", wraps=True)], rows)


def _save(name: str, root: Path | None, path: Path) -> None:
    import numpy as np
    from PIL import Image

    from aezoo.benchmark.pictures import picture_keys
    from aezoo.benchmark.tasks import find_task
    from aezoo.files import write_folder, write_whole

    images = find_task(name).load(root=root)
    pixels = images.pixels.numpy()
    if path.suffix == ".npy":
        with write_whole(path) as draft, draft.open("wb") as file:
            np.save(file, pixels, allow_pickle=False)
    elif path.exists():
        raise OptionError(f"{path} is there already: name a new folder, or a file x.npy")
    else:
        with write_folder(path) as draft:
            for each, picture in zip(picture_keys(images), pixels, strict=True):
                Image.fromarray(np.moveaxis(picture, 0, 2).squeeze()).save(draft / f"{each}.png")
    console.facts([("images", f"{len(images)} of {name}, uint8"), ("path", str(path))])


def _score(name: str, models: tuple[str, ...], out: Path, root: Path | None, device: str) -> bool:
    """Whether one could not be scored."""
    from aezoo.benchmark.results import read_results
    from aezoo.benchmark.scoring import fitting, score
    from aezoo.benchmark.tasks import find_task
    from aezoo.cli.screen import Screen
    from aezoo.training.devices import check

    check(device)
    task = find_task(name)
    there = out / task.id
    known = read_results(there).get(task, []) if any(there.glob("*.json")) else []
    failed = False
    with Screen() as screen:
        for result in score(task, models or fitting(task), known, root=root, device=device, report=screen.working):
            path = result.write(out)
            if result.error:
                failed = True
                console.warn(f"{result.name} could not be scored: {result.error}")
            else:
                console.note(f"{result.name} -> {path}")
    return failed


def _score_pictures(
    name: str, out: Path, pictures: Path, row: str, floats: int | None, bits: float | None, root: Path | None
) -> None:
    from aezoo.benchmark.results import read_results
    from aezoo.benchmark.scoring import score, score_pictures
    from aezoo.benchmark.tasks import find_task
    from aezoo.cli.screen import Screen

    task = find_task(name)
    with Screen() as screen:
        images = task.load(root=root, progress=lambda done, total: screen.working("reading test", done, total))
        made = score_pictures(task, images, pictures, row, floats=floats, bits=bits or 0.0, report=screen.working)
        known = [each for each in read_results(made.write(out).parent)[task] if each.name != made.name]
        for baseline in score(task, (), known, fresh=(made,), root=root, report=screen.working):
            console.note(f"{baseline.name} -> {baseline.write(out)}")


def _show(folder: Path, name: str | None, form: str | None, by: By) -> None:
    from aezoo.benchmark import table
    from aezoo.benchmark.results import read_results
    from aezoo.benchmark.tasks import find_task

    found = read_results(folder)
    if name:
        task = find_task(name)
        if task not in found:
            raise OptionError(f"no results of {task.id} in {folder}; there are {', '.join(each.id for each in found)}")
        found = {task: found[task]}
    if form == "json":
        console.print_json([table.to_json(task, results, by) for task, results in found.items()])
        return
    for number, (task, results) in enumerate(found.items()):
        if form == "markdown":
            click.echo(f"{'' if not number else chr(10)}{task.id}\n\n{table.markdown(task, results, by)}")
            continue
        if number:
            click.echo()
        console.title(task.id, task.summary)
        rows = table.rows(task, results, by)
        columns = [console.Column(title, right=at not in table.TEXTS) for at, title in enumerate(table.HEAD)]
        if rows:
            console.table(columns, table.cells(rows), keys=3)
        for note in table.notes(rows, results):
            console.text(note)


def _again(path: Path, model: str, pictures: Path | None, root: Path | None, device: str) -> None:
    from aezoo.benchmark.results import TOLERANCE, changed, drifts, read_result
    from aezoo.benchmark.scoring import score_again
    from aezoo.cli.screen import Screen

    then = read_result(path)
    with Screen() as screen:
        now = score_again(then, model=model, pictures=pictures, root=root, device=device, report=screen.working)
    moved = drifts(then, now)
    said = ", ".join(f"{name} by {share:.1g}" for name, share in moved.items())
    wrong = [name for name, share in moved.items() if not share <= TOLERANCE]
    if others := changed(then, now):
        console.fail(f"{then.name}: its {', '.join(others)} {'is' if len(others) == 1 else 'are'} not as before")
    elif bool(then.error) != bool(now.error):
        console.fail(f"{then.name}: {now.error or 'it failed, and now has scores'}")
    elif wrong:
        console.fail(f"{then.name} on {then.task}: off by more than {TOLERANCE:g} of itself: {said}")
    else:
        console.note(f"{then.name} on {then.task}: as before, within {TOLERANCE:g} of itself: {said or then.error}")
        return
    click.get_current_context().exit(1)
