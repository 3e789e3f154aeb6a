"""The table of a task: results by the size of their latents, and within each size by what they keep of the images.

A row's skill is ``1 - mse / mse of a baseline``, of means over the images: 0 is the baseline, 1 is every image exactly.
Its interval is that of a paired bootstrap over the images (Efron & Tibshirani 1993, chapter 13: percentiles): all
rows are resampled alike. Training seeds are not in it. Rows share a rank where the interval of the difference to
the first of them holds 0.

Shapes: n images, k resamples.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from aezoo.benchmark.results import MEAN_IMAGE, Result, clash
from aezoo.benchmark.tasks import Task
from aezoo.errors import DataError

BITS = 32
"""Of a number, where codes are held against numbers."""
RESAMPLES = 2000
COVERS = 0.95
_LEAST_MSE = 1e-10  # as of the metric psnr
_STEP = 4  # by how much the limits of tracks grow
_TRACK, _CODES = 16, 1024  # the least limits: numbers, bits
By = Literal["latent", "parameters", "macs"]
"""What a table's tracks are budgets of: the latent of an image, the model's parameters, what an image costs."""
_BUDGETS = {"parameters": (250_000, "M parameters"), "macs": (16_000_000, "MMACs")}  # the least limits; in millions


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the ends of its interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table.

    Attributes:
        result: what it is of.
        track: among latents, or models, of which size it stands.
        rank: its place there, ``"=2"`` where it shares it.
        skill: against the mean image, where that is among the results and makes an error.
        pca_skill: against PCA of as many numbers, on the same terms.
        psnr: the mean over the images, in decibels.
        ssim: the mean over the images.
        is_own: whether it was trained on the task's dataset.
    """

    result: Result
    track: str
    rank: str
    skill: Interval | None
    pca_skill: Interval | None
    psnr: float
    ssim: float
    is_own: bool


def rows(task: Task, results: Sequence[Result], by: By = "latent") -> list[Row]:
    """The rows of a table, in its order: tracks from small latents to large ones, then those of codes, then those of
    which the size is not known. Results with an error have none.

    Args:
        task: what was scored.
        results: of it.
        by: of what the tracks are budgets; of another one than the latent a baseline has no size.

    Raises:
        DataError: two results do not compare.
    """
    scored = [result for result in results if not result.error]
    if both := clash(scored):
        raise DataError(f"{task.id}: {both}\nscore the older one again")
    by_name = {result.name: result for result in scored if result.kind == "baseline"}
    found = []
    placed = sorted(scored, key=lambda result: (*_track(result, by), float(np.mean(result.mse)), result.name))
    for (*_, track), group in groupby(placed, key=lambda result: _track(result, by)):
        own = list(group)
        for result, rank in zip(own, ranks([np.array(each.mse) for each in own], task.seed), strict=True):
            mse = np.array(result.mse)
            found.append(
                Row(
                    result=result,
                    track=track,
                    rank=rank,
                    skill=_against(task, result, by_name.get(MEAN_IMAGE)),
                    pca_skill=_against(task, result, by_name.get(pca_of(task, result))),
                    psnr=float(np.mean(-10 * np.log10(mse.clip(min=_LEAST_MSE)))),
                    ssim=float(np.mean(result.ssim)),
                    is_own=result.kind == "baseline" or task.trains(result.trained_on),
                )
            )
    return found


def pca_of(task: Task, result: Result) -> str:
    """The name of the PCA of as many numbers as a result's latent has, or as its codes fill, or as the training images
    give; empty where its size is not known.
    """
    numbers = math.ceil(result.bits / BITS) if result.bits else result.floats
    return f"pca-{min(numbers, task.training_images - 1, math.prod(task.image.shape))}" if numbers else ""


def skill(mse: np.ndarray, baseline: np.ndarray, seed: int = 0) -> Interval:
    """``1 - mse / mse of a baseline`` of the errors (n,) of the same images, with its interval."""
    shares = _resamples(len(mse), seed)
    drawn = 1 - (shares @ mse) / (shares @ baseline)
    return Interval(float(1 - mse.mean() / baseline.mean()), *_ends(drawn))


def ranks(mse: Sequence[np.ndarray], seed: int = 0) -> list[str]:
    """The ranks of errors (n,) of the same images, the lowest mean first.

    A row shares the rank of the first one above it that it is not told apart from, in order.
    """
    shares, places = _resamples(len(mse[0]), seed), []
    for place, errors in enumerate(mse):
        first = places[-1] if places else 0
        low, high = _ends(shares @ (errors - mse[first]))
        places.append(first if low <= 0 <= high else place)
    return [f"{'=' if places.count(place) > 1 else ''}{place + 1}" for place in places]


HEAD = (
    "track", "rank", "model", "latent", "parameters", "MMACs", "skill", "over PCA", "PSNR (dB)", "SSIM", "factors kept",
    "fd", "time (ms)",
)  # fmt: skip
TEXTS = (0, 2)
"""Which columns are of words."""


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """The cells of each row, as text, under `HEAD`; a track stands in its first row."""
    lines = []
    for above, row in zip((None, *rows), rows, strict=False):
        result = row.result
        bits, floats, mark = result.bits, result.floats, row.is_own and result.kind == "model"
        ratio = result.ms / result.reference_ms if result.ms and result.reference_ms else None
        lines.append(
            [
                "" if above and above.track == row.track else row.track,
                row.rank,
                result.name + " \N{DAGGER}" * mark,
                f"{bits:,.0f} bits" if bits else "" if floats is None else f"{floats:,}",
                "" if result.parameters is None else f"{result.parameters:,}",
                "" if result.macs is None else f"{result.macs / 1e6:,.1f}",
                str(row.skill or ""),
                str(row.pca_skill or ""),
                f"{row.psnr:.2f}",
                f"{row.ssim:.3f}",
                *("" if value is None else f"{value:.3f}" for value in (result.factor_retention, result.fd)),
                f"{ratio:.2f} ({result.ms:.1f})" if ratio else "",
            ]
        )
    return lines


def notes(rows: Sequence[Row], results: Sequence[Result]) -> list[str]:
    """What stands below a table: what the mark means, and what could not be scored."""
    marked = any(row.is_own and row.result.kind == "model" for row in rows)
    failed = [f"Failed: {result.name}: {result.error}" for result in results if result.error]
    return ["\N{DAGGER} trained on this dataset."] * marked + failed


def markdown(task: Task, results: Sequence[Result], by: By = "latent") -> str:
    """The table as Markdown, without empty columns, and what stands below it."""
    found = rows(task, results, by)
    lines = cells(found)
    used = [at for at in range(len(HEAD)) if any(line[at] for line in lines)]
    sides = ["---" if at in TEXTS else "--:" for at in range(len(HEAD))]
    escaped = [[_as_text(cell) if at in TEXTS else cell for at, cell in enumerate(line)] for line in lines]
    written = ["| " + " | ".join(line[at] for at in used) + " |" for line in (HEAD, sides, *escaped)]
    return "\n".join([*written, *(f"\n{_as_text(note)}" for note in notes(found, results))])


def _as_text(text: str) -> str:
    """What anyone may have written, as Markdown that shows it: no link, no mark-up, no new cell."""
    return re.sub(r"([\\`<>\[\]|*_~$&]|(?<=:)//|(?<=www)\.)", r"\\\1", text)


def to_json(task: Task, results: Sequence[Result], by: By = "latent") -> dict[str, Any]:
    """The table as what ``json.dumps`` takes, numbers in full."""
    known = ("name", "kind", "floats", "bits", "parameters", "macs", "factor_retention", "fd", "ms", "reference_ms")
    own = ("track", "rank", "psnr", "ssim", "is_own")
    lines = [
        {name: getattr(row.result, name) for name in known}
        | {name: getattr(row, name) for name in own}
        | {name: of and asdict(of) for name, of in (("skill", row.skill), ("pca_skill", row.pca_skill))}
        for row in rows(task, results, by)
    ]
    return {"task": task.id, "rows": lines, "failed": {each.name: each.error for each in results if each.error}}


def _track(result: Result, by: By) -> tuple[int, float, str]:
    """Its place among the tracks, and what it is called."""
    if by != "latent":
        size, (least, unit) = getattr(result, by), _BUDGETS[by]
        limit = 0 if size is None else _limit(size, least)
        return (0, limit, f"up to {limit / 1e6:,g} {unit}") if limit else (2, 0, "not known")
    if result.bits:
        limit = _limit(result.bits, _CODES)
        return 1, limit, f"up to {limit:,} bits"
    if result.floats is None:
        return 2, 0, "not known"
    limit = _limit(result.floats, _TRACK) if result.floats else 0
    return 0, limit, f"up to {limit:,} numbers" if limit else "none"


def _limit(size: float, least: int) -> int:
    """The least limit of a track that holds a size."""
    limit = least
    while limit < size:
        limit *= _STEP
    return limit


def _against(task: Task, result: Result, baseline: Result | None) -> Interval | None:
    """Its skill, where there is a baseline that makes an error."""
    if baseline is None or not any(baseline.mse):
        return None
    return skill(np.array(result.mse), np.array(baseline.mse), task.seed)


@functools.cache
def _resamples(n: int, seed: int) -> np.ndarray:
    """The share that each of n images has in each resample, (k, n): rows sum to 1."""
    # Raw words of Philox: unlike the distributions built on them, numpy promises never to change these.
    drawn = np.random.Philox(key=seed).random_raw(RESAMPLES * n).reshape(RESAMPLES, n) % np.uint64(n)
    places = drawn.astype(np.int64) + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n) / n


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    """The ends of the interval of numbers (k,) of the resamples."""
    low, high = np.quantile(drawn, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return float(low), float(high)
