"""What came of the rows of a study's claims: each number with its interval, and what that says."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field

import numpy as np

from aezoo.studies.claims import Claim, PerRun, Row, Source, Values
from aezoo.studies.state import State
from aezoo.studies.statistics import Interval, Sample, Verdict, holm, interval, verdict


@dataclass(frozen=True)
class Found:
    """What came of a row.

    Attributes:
        row: that was asked.
        missing: the arms that have no run in common yet.
        means: of the sources, by their names.
        by_seed: the number from each seed alone.
        interval: of the number.
        seeds: that there were, of all arms, and ended with a live decoder.
        dead: how many seeds are left out because a run of theirs has a dead one, and ``with_dead`` the interval with
            those; nothing is judged by it.
        diverged: of how many seeds a run diverged; they have no numbers.
        images: by split, and by arm where arms have not the same, how many there were; ``groups`` of how many things,
            where that is known.
        part: of the study.
        p: of the number being on the edge of the row's region; of what `judge_all` returns adjusted for all rows.
            NaN where nothing is said: with too few seeds, in a quick study, and of a number that is not finite.
        verdict: empty where nothing is said.
    """

    row: Row
    missing: tuple[str, ...] = ()
    means: dict[str, float] = field(default_factory=dict)
    by_seed: tuple[float, ...] = ()
    interval: Interval = Interval(np.nan)
    seeds: tuple[int, ...] = ()
    dead: int = 0
    with_dead: Interval = Interval(np.nan)
    diverged: int = 0
    images: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    part: str = ""
    p: float = math.nan
    verdict: Verdict = ""


Judged = tuple[tuple[Claim, tuple[Found, ...]], ...]
"""Every claim with what came of its rows."""


def judge_all(state: State) -> Judged:
    """What the finished trials say of every claim of the study. All rows are one family, those still to come too: so no
    verdict is lost by what is finished later.
    """
    found = [[judge(row, state) for row in claim.rows] for claim in state.study.claims]
    family = [(rows, at) for rows in found for at, each in enumerate(rows) if not math.isnan(each.p)]
    adjusted = holm([rows[at].p for rows, at in family], sum(map(len, found)))
    for (rows, at), p in zip(family, adjusted, strict=True):
        said = verdict(rows[at].interval, rows[at].row.region, p)
        rows[at] = dataclasses.replace(rows[at], p=p, verdict=said)
    return tuple((claim, tuple(rows)) for claim, rows in zip(state.study.claims, found, strict=True))


def judge(row: Row, state: State) -> Found:
    """What the finished trials say of a row by itself, over the seeds that all its arms have: no verdict yet.

    Where a decoder is dead, which training images show, every image gets one picture: that is no blur, no overfitting
    and no reconstruction. Such seeds are counted and left out: a mean of live and dead runs says nothing of either, and
    no Student's interval covers it. Of a quick study, whose decoders have learnt nothing yet, all are shown.
    """
    arms = row.arms
    finished = set.intersection(*map(state.seeds, arms))
    seeds = sorted(finished if state.study.quick else finished - set.union(*map(state.dead, arms)))
    part, diverged = state.study.part_of(arms[0]), len(set().union(*(state.diverged.get(arm, {}) for arm in arms)))
    if not finished and not diverged:
        return Found(row, missing=tuple(arm for arm in arms if not state.seeds(arm)) or arms)
    if not seeds:
        return Found(row, dead=len(finished), diverged=diverged, part=part.name)
    samples = _samples(row, state, seeds)
    number = interval(samples, row.statistic)
    # What was not trained here is one run, and what is said is said of that run: its interval is over images.
    enough = len(seeds) >= part.needed or set(arms) <= state.others.keys()
    said = enough and not state.study.quick and math.isfinite(number.estimate)
    return Found(
        row,
        means={name: float(sample.values.mean()) for name, sample in zip(row.names, samples, strict=True)},
        by_seed=tuple(row.statistic(*(sample.values.mean(1) for sample in samples)).tolist()),
        interval=number,
        seeds=tuple(seeds),
        dead=len(finished) - len(seeds),
        with_dead=number
        if len(seeds) == len(finished)
        else interval(_samples(row, state, sorted(finished)), row.statistic),
        diverged=diverged,
        images={sample.images: sample.values.shape[1] for sample in samples if sample.images != "runs"},
        groups={sample.images: len(np.unique(sample.groups)) for sample in samples if sample.groups is not None},
        part=part.name,
        p=number.p(row.region) if said else math.nan,
    )


def _samples(row: Row, state: State, seeds: list[int]) -> list[Sample]:
    """Of all images where every source is at its last step and measured on all, else of the first ones, which are
    measured at every mark. Images are the same ones where their hash is.
    """
    whole = all(isinstance(source, PerRun) or source.mark is None for source in row.sources)
    taken = [take(source, state, seeds, whole=whole) for source in row.sources]
    images = [_images(source, row, state, seeds[0]) for source in row.sources]
    least = {name: _least([values for values, of in zip(taken, images, strict=True) if of == name]) for name in images}
    groups = {name: _groups(row, images, name, state, seeds, whole, least[name]) for name in images}
    return [
        Sample(values[:, : least[name]], name, groups[name]) if values.shape[1] > 1 else Sample(values, "runs")
        for values, name in zip(taken, images, strict=True)
    ]


def _groups(
    row: Row, images: list[str], name: str, state: State, seeds: list[int], whole: bool, n: int
) -> np.ndarray | None:
    """Which of the first n images are of one thing, where every run that is of them says so."""
    known = [
        state.groups(source.arm, seed, source.split, source.mark, whole=whole)
        for source, of in zip(row.sources, images, strict=True)
        if of == name and isinstance(source, Values)
        for seed in seeds
    ]
    there = [each for each in known if each is not None]
    return there[0][:n] if there and len(there) == len(known) else None


def _images(source: Source, row: Row, state: State, seed: int) -> str:
    """Which images a source is of: its split, and whose, where not all of the row that are of it have the same."""
    if isinstance(source, PerRun):
        return "runs"
    arms = [each.arm for each in row.sources if isinstance(each, Values) and each.split == source.split]
    hashes = {arm: state.images(arm, seed, source.split) for arm in arms}
    first = next(arm for arm in arms if hashes[arm] == hashes[source.arm])
    return source.split if len({*hashes.values()}) == 1 else f"{source.split} of {first}"


def take(source: Source, state: State, seeds: list[int], *, whole: bool = False) -> np.ndarray:
    """The values (s, n) of these seeds: of a number of each run, from its log or of a whole set, one "image" each."""
    if isinstance(source, PerRun):
        return np.array([[source.read(state.arms[source.arm][seed])] for seed in seeds])
    parts = [state.values(source.arm, seeds, source.split, name, source.mark, whole=whole) for name in source.measures]
    n = _least(parts)
    return sum((part[:, :n] for part in parts), np.zeros(()))


def _least(values: list[np.ndarray]) -> int:
    """Of how many images all of them are that are of images."""
    return min((each.shape[1] for each in values if each.shape[1] > 1), default=1)
