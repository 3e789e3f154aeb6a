"""``aezoo reproduce``: a study's runs, figures and report, grown over as many calls as it takes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import click

from aezoo.cli import console, options
from aezoo.errors import AezooWarning, OptionError, TrainingError, nearest
from aezoo.grammar import parse_component
from aezoo.plugins import registry


@click.command("reproduce")
@click.argument("name", metavar="STUDY", type=options.Name("study"))
@click.option("--out", required=True, type=options.Folder(), help="The study's folder.")
@click.option("--quick", is_flag=True, help="A handful of steps with one seed: see that it runs. No verdicts.")
@click.option("--data", default="", metavar="NAME", help="Other images, where the study has arms for them: toyfaces.")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds of each arm [default: as the study declares].")
@click.option("--only", default="", metavar="PART", help="Train this part alone. The report shows all that is there.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs side by side.")
@click.option(
    "--pictures",
    type=click.Choice(("own", "none")),
    default="own",
    show_default=True,
    help="Show images that were trained and tested on, or none, where those may not be published.",
)
@click.option("--dry-run", is_flag=True, help="Say what there is to do, and do nothing.")
@options.root
@options.device("auto", "Where runs compute.")
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on the CPU, for each job.")
def command(
    name: str,
    out: Path,
    quick: bool,
    data: str,
    seeds: int | None,
    only: str,
    jobs: int,
    pictures: Literal["own", "none"],
    dry_run: bool,
    root: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Train what STUDY needs and is not there yet, measure its claims, draw its figures, write its report.

    \b
    aezoo list studies                                       what can be reproduced
    aezoo reproduce cis680 --quick --out runs/quick          see that everything works
    aezoo reproduce cis680 --only small --out runs/cis680     one part, in full
    aezoo reproduce cis680 --jobs 2 --out runs/cis680        the rest, two runs at a time
    aezoo reproduce cis680 --data toyfaces --out runs/drawn  the same on drawn faces: no download

    It may be stopped at any moment: the same command goes on. Once all runs are there, it only draws and writes.
    """
    asked = parse_component(name)
    registry().find("study", asked.name)
    asked = asked.replace(data=data) if data else asked

    # Only now: a wrong call is answered without waiting for torch.
    from aezoo.cli.studying import Screen, say_plan, show
    from aezoo.studies.report import write_report
    from aezoo.studies.state import look
    from aezoo.studies.study import open_study
    from aezoo.studies.work import carry_out

    study = open_study(str(asked), quick=quick)
    study = study.with_seeds(seeds) if seeds else study
    if only and only not in (parts := [part.name for part in study.parts]):
        raise OptionError(f"--only {only}: {name} has no such part: did you mean {nearest(only, parts)}?")
    state = look(study, out)
    say_plan(state, only, jobs)
    if dry_run:
        return
    place = str(root or "")
    try:
        with Screen(state, jobs) as screen, warnings.catch_warnings():
            # What looks wrong with a run stands in the report, once an arm: here it would be said once a seed.
            warnings.filterwarnings("ignore", r"step \d+: ", AezooWarning)
            carry_out(state, only=only, root=place, device=device, threads=threads or 0, jobs=jobs, watcher=screen)
        console.note("measuring the claims, drawing the figures")
        report = write_report(state, out, pictures=pictures, root=place)
    except TrainingError as error:
        raise type(error)(f"{error}\nwhat is done stays done: the same command goes on with the rest") from error
    except KeyboardInterrupt:
        console.note("stopped; what is done stays done: the same command goes on with the rest")
        raise
    show(state, report, out)
