"""``aezoo reproduce``: a study's runs, figures and report, grown over as many calls as it takes."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from aezoo.cli import console, options
from aezoo.errors import AezooWarning, OptionError, TrainingError, UnknownNameError, nearest
from aezoo.studies import STUDIES


class _StudyName(click.ParamType):
    name = "study"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in STUDIES if name.startswith(incomplete)]


@click.command("reproduce")
@click.argument("name", metavar="STUDY", type=_StudyName())
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The study's folder.")
@click.option("--quick", is_flag=True, help="A handful of steps with one seed: see that it runs. No verdicts.")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds of each arm [default: what a verdict needs].")
@click.option("--only", default="", metavar="PART", help="Train this part alone. The report shows all that is there.")
@click.option(
    "--pictures",
    type=click.Choice(("own", "toyfaces")),
    default="own",
    show_default=True,
    help="Of the study's images, or of drawn faces, which may be published.",
)
@click.option("--dry-run", is_flag=True, help="Say what there is to do, and do nothing.")
@options.root
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on the CPU.")
def command(
    name: str,
    out: Path,
    quick: bool,
    seeds: int | None,
    only: str,
    pictures: str,
    dry_run: bool,
    root: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Train what STUDY needs and is not there yet, measure its claims, draw its figures, write its report.

    \b
    aezoo reproduce cis680 --quick --out runs/quick          see that everything works
    aezoo reproduce cis680 --only cufs --out runs/cis680     one part, in full
    aezoo reproduce cis680 --out runs/cis680                 the rest

    It may be stopped at any moment: the same command goes on. Once all runs are there, it only draws and writes.
    """
    if name not in STUDIES:
        raise UnknownNameError(f"no study {name!r}: did you mean {nearest(name, STUDIES)}?")
    module, _, function = STUDIES[name].partition(":")

    # Only now: a wrong call is answered without waiting for torch.
    from aezoo.cli.studying import Screen, say_plan, show
    from aezoo.studies.report import write_report
    from aezoo.studies.study import carry_out, look

    study = getattr(importlib.import_module(module), function)(quick=quick, seeds=seeds or 0, only=only)
    if only and only not in [part.name for part in study.parts]:
        raise OptionError(f"--only {only}: {name} has the parts {' and '.join(part.name for part in study.parts)}")
    state = look(study, out)
    say_plan(state, only)
    if dry_run:
        return
    place = str(root or "")
    try:
        with Screen(state) as screen, warnings.catch_warnings():
            # What looks wrong with a run stands in the report, once an arm: here it would be said once a seed.
            warnings.filterwarnings("ignore", r"step \d+: ", AezooWarning)
            carry_out(
                state,
                only=only,
                root=place,
                device=device,
                threads=threads or 0,
                watcher=screen,
                begins=screen.trial_begins,
                ends=screen.trial_ends,
            )
        console.note("measuring the claims, drawing the figures")
        report = write_report(state, out, pictures=pictures, root=place)
    except TrainingError as error:
        raise TrainingError(f"{error}\nwhat is done stays done: the same command goes on with the rest") from error
    except KeyboardInterrupt:
        console.note("stopped; what is done stays done: the same command goes on with the rest")
        raise
    show(state, report, out)
