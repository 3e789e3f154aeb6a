"""A study's report for a reader: parts, verdicts, claims, figures, every arm, searches, protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from aezoo.recipe import Recipe
from aezoo.studies import statistics
from aezoo.studies.drawings import Drawn
from aezoo.studies.state import State
from aezoo.studies.study import Part
from aezoo.studies.text import bounds, duration, mean_sd, measured, number, plural, table, verdict
from aezoo.studies.trials import BASELINES, Finished
from aezoo.studies.verdicts import Found, Judged

_SHOWN = ("mse", "gradient", "bce", "kl")


def markdown(state: State, judged: Judged, figures: Iterable[Drawn], numbers: str) -> str:
    """The text of a report.

    Args:
        state: what is there.
        judged: the claims.
        figures: that were drawn.
        numbers: the file that has them all.
    """
    study = state.study
    sections = [
        _introduction(state),
        "" if study.quick else _summary(state, judged),
        _claims(state, judged),
        *(f"![{figure.caption}](figures/{figure.file})\n\n*{figure.caption}*" for figure in figures),
        *(_arms(state, part) for part in study.parts),
        *(section(state) for section in study.sections),
        _searches(state),
        _protocol(state, numbers),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _introduction(state: State) -> str:
    study = state.study
    lines = [f"# {study.title}", ""]
    if study.quick:
        lines += ["**A quick look: a handful of steps. It shows that everything runs; no verdicts.**", ""]
    lines += [
        f"{study.introduction} Where a verdict is given, it is computed from the numbers beside it.".strip(),
        "",
        "| part | images | measured: training | test | runs | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for part in study.parts:
        arms = study.arms_of(part.name)
        there = sum(1 for _ in state.finished(part.name))
        counts = _counts(state, part)
        wanted = sum(arm.seeds + len(arm.search) for arm in arms)
        seeds = max((arm.seeds for arm in arms), default=0)
        lines.append(
            f"| {part.name} | {part.says} | {counts.get('train', '')} | {counts.get('test', '')} | "
            f"{there} of {wanted or 'none'} | {seeds or ''} |"
        )
    return "\n".join([*lines, "", study.remarks]).rstrip()


def _summary(state: State, judged: Judged) -> str:
    """A line a claim: its verdicts, and of which cases each is."""
    if not judged:
        return ""
    rows = []
    for claim, found in judged:
        said = {each.row.case: verdict(state, each) for each in found}
        texts = list(dict.fromkeys(said.values()))
        cases = {text: "; ".join(together([case for case, each in said.items() if each == text])) for text in texts}
        whole = [f"**{text}**" if len(texts) == 1 else f"**{text}**: {cases[text]}" for text in texts]
        rows.append([str(claim.number), claim.says, "<br>".join(whole)])
    return f"## In short\n\n{table(['#', 'claim', 'verdict'], rows)}"


def together(cases: Sequence[str]) -> list[str]:
    """The cases, one name for those on training and on test images where both are there."""
    names = {case: case.removesuffix(", train").removesuffix(", test") for case in cases}
    both = {name for name in names.values() if {f"{name}, train", f"{name}, test"} <= set(cases)}
    return list(dict.fromkeys(name if name in both else case for case, name in names.items()))


def _claims(state: State, judged: Judged) -> str:
    if not judged:
        return ""
    lines = ["## Claims", "", "| # | claim, case | measured | claimed | p | verdict |", "|---|---|---|---|---|---|"]
    for claim, found in judged:
        waits = all(each.missing for each in found)
        lines.append(f"| **{claim.number}** | **{claim.says}** | {claim.rule} | | | {'not run yet' if waits else ''} |")
        if not waits:
            lines += [
                f"| | {each.row.case} | {_measured(each)} | {each.row.region} | {_p(each)} | {verdict(state, each)} |"
                for each in found
            ]
    family = sum(len(found) for _, found in judged)
    lines += [
        "",
        f"In brackets: the {100 * statistics.COVERS:.0f} % interval by Student's t, over seeds and images (over seeds "
        "alone, of what all images have one value of), paired over both. Where a row says in how many groups its "
        "images are, say of persons, each group counts as one. p is that of the number being on the bound of "
        f"what is claimed, adjusted for all {plural(family, 'row')} of the study, with or without a p (Holm). A claim "
        f"*holds*, or *does not hold*, where p is at most {1 - statistics.COVERS:.2g}, and is *undecided* otherwise: "
        "so the chance that any verdict of the table is luck is at most that, as far as the intervals cover. Seeds of "
        "which a run ended with a dead decoder are left out; beside such a number stands what it would be with them.",
    ]
    return "\n".join(lines)


def _p(found: Found) -> str:
    """``"0.012"``, ``"< 0.001"``; empty where nothing is said."""
    if math.isnan(found.p):
        return ""
    return f"{found.p:.2g}" if found.p >= 0.001 else "< 0.001"


def _measured(found: Found) -> str:
    """A row's number in a line: the means that it is of, the number, and on what."""
    if not found.seeds:
        return measured(found)
    means = ", ".join(f"{name} {number(value)}" for name, value in found.means.items())
    means = f"{means}; " if len(found.means) > 1 else ""
    of = {split: f" in {n:,} groups" for split, n in found.groups.items()}
    images = " and ".join(f"{n:,} {split}{of.get(split, '')}" for split, n in found.images.items())
    on = ", ".join(filter(None, (found.part, images, plural(len(found.seeds), "seed"))))
    if found.dead:
        on += f"; with {found.dead} more, of a dead decoder, it would be {bounds(found.with_dead)}"
    if found.diverged:
        on += f"; {found.diverged} diverged"
    return f"{means}{measured(found)} ({on})"


def _arms(state: State, part: Part) -> str:
    """Every arm's numbers at its last step, beside those of the mean image and the constant grey."""
    arms = [arm for arm in state.study.arms_of(part.name) if state.arms.get(arm.name) or state.diverged.get(arm.name)]
    if not arms:
        return ""
    columns = [(split, name) for name in _SHOWN for split in ("train", "test")]
    heads = [f"{name} {split}" for split, name in columns]
    rows = []
    for arm in arms:
        runs, dead = state.arms.get(arm.name, {}), state.dead(arm.name)
        alive = [run for seed, run in runs.items() if seed not in dead] or [*runs.values()]
        cells = [
            mean_sd([run.values(*column, whole=True).mean() for run in alive if column[1] in run.measures()])
            for column in columns
        ]
        lost = len(state.diverged.get(arm.name, {}))
        flags = ", ".join(filter(None, (_flags(runs.values()), f"diverged: {lost}" if lost else "")))
        rows.append([arm.label, f"{arm.recipe.steps:,}", str(len(runs)), *cells, flags])
    for some in [run for arm in arms for run in state.arms.get(arm.name, {}).values()][:1]:  # all saw the same images
        for baseline in BASELINES:
            known = [f"{baseline}/{name}" for _, name in columns]
            cells = [
                number(some.values(split, name, whole=True).mean()) if name in some.measures() else ""
                for (split, _), name in zip(columns, known, strict=True)
            ]
            rows.append([baseline, "", "", *cells, ""])
    whole = table(["arm", "steps", "seeds", *heads, "warnings"], rows)
    counts = " and ".join(f"{n:,} {split}" for split, n in _counts(state, part).items())
    return (
        f"## All arms: {part.name}\n\n{whole}\n\n"
        f"At the last step, {counts} images of {part.dataset}: mean over images and seeds, with the standard deviation "
        "over seeds. `mse` and `gradient` (gradient energy of the output over the input's, mean over images) are from "
        "the posterior's mean; `bce`, in nats an image, from seeded samples; `kl` is in nats an image. *Collapsed*: "
        "KL is near 0, z says nothing of the image. *Dead*: the output is constant in z, which is another fault; such "
        "a decoder draws the constant grey. Behind each, how many runs show it; dead ones are in no mean, where any is "
        "alive. *Diverged*: the loss ceased to be finite, and the run, which ended there, has no numbers."
    )


def _flags(runs: Iterable[Finished]) -> str:
    """Which failures how many runs show."""
    kinds = [kind for run in runs for kind in run.warnings]
    return ", ".join(f"{kind}: {kinds.count(kind)}" for kind in dict.fromkeys(kinds))


def _counts(state: State, part: Part) -> dict[str, int]:
    """The number of images of each split."""
    for arm in state.study.arms_of(part.name):
        for run in state.arms.get(arm.name, {}).values():
            return {split: len(run.values(split, "mse", whole=True)) for split in ("train", "test")}
    return {}


def _searches(state: State) -> str:
    searched = [arm for arm in state.study.arms if state.searches.get(arm.name)]
    if not searched:
        return ""
    rows = [
        [arm.label, f"{lr:g}", mean_sd(losses), str(len(losses)), "chosen" if state.rate(arm) == lr else ""]
        for arm in searched
        for lr, losses in state.validation_losses(arm).items()
    ]
    recipes = [each.trial.recipe for arm in searched for each in state.searches[arm.name]]
    steps, seeds = (_several(getattr(recipe, name) for recipe in recipes) for name in ("steps", "seed"))
    shares = _several(100 * recipe.validation for recipe in recipes)
    whole = table(["arm", "lr", "validation loss", "folds", ""], rows)
    return (
        f"## Learning rates\n\n{whole}\n\nAfter {steps} steps, seed {seeds}; {shares} % of the training images are "
        "held out in a fold, by person where the dataset knows persons. Mean and standard deviation over the folds."
    )


def _protocol(state: State, numbers: str) -> str:
    runs = [run for part in state.study.parts for run in state.finished(part.name)]
    if not runs:
        return ""
    seconds = sum(run.seconds for run in runs)
    threads = sorted({run.training["threads"] for run in runs if not run.diverged})
    recipes = [run.trial.recipe for run in runs]
    fixed = [arm.recipe for arm in state.study.arms if not arm.search]
    lines = [
        f"- {_optimised(recipes, fixed)} Arms of the same seed see the same order of images.",
        f"- {_chosen(recipes)} Images are measured in float32; before the last "
        "step no more training images than there are test images, drawn once, and at the last all.",
        f"- {_trained_in(state)}",
        "- Differences are paired seed by seed and, where a number is of each image, image by image.",
        f"- {plural(len(runs), 'run')} took {duration(seconds)} with {' or '.join(map(str, threads))} "
        f"thread{'s'[: threads != [1]]} of torch.",
        f"- Every number, each seed's included, is in [{numbers}]({numbers}).",
    ]
    return "\n".join(["## Protocol", "", *lines])


def _chosen(recipes: list[Recipe]) -> str:
    """What decides which weights count."""
    if any(recipe.patience for recipe in recipes):
        return "A run may end when its validation images say so."
    best = any(recipe.keep == "best" for recipe in recipes)
    return "Steps are fixed beforehand" + ("; some runs keep the weights best on validation images." if best else ".")


def _trained_in(state: State) -> str:
    """In which precision each part was trained, and by which versions."""
    training = {
        part.name: [run.training for run in state.finished(part.name) if not run.diverged] for part in state.study.parts
    }
    precisions = [
        f"{name} in {_several(each['precision'] for each in found)}" for name, found in training.items() if found
    ]
    every = [each for found in training.values() for each in found]
    torches = _several(each["packages"]["torch"] for each in every)
    revisions = {each["revision"] for each in every}
    return (
        f"Trained: {', '.join(precisions)}; with torch {torches}, by {plural(len(revisions), 'revision')} of aezoo, "
        "named beside each run."
    )


def _optimised(recipes: list[Recipe], fixed: list[Recipe]) -> str:
    """How, in a sentence: of all runs, and the rate of those that no search chose it for."""
    optimizers = _several(recipe.optimizer.capitalize() for recipe in recipes)
    betas = " or ".join(sorted({f"{first:g} and {second:g}" for first, second in (r.betas for r in recipes)}))
    batches = ", ".join(map(str, sorted({recipe.batch_size for recipe in recipes})))
    schedules = _several(recipe.schedule for recipe in recipes)
    rates = f" of {_several(recipe.lr for recipe in fixed)} where none is named" if fixed else ""
    return f"{optimizers} with betas {betas}, batch {batches}, a {schedules} rate{rates}."


def _several(values: Iterable[float | str]) -> str:
    """``"0.001 or 0.003"``."""
    return " or ".join(str(value) if isinstance(value, str) else f"{value:g}" for value in sorted(set(values)))
