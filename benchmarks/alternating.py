"""Contenders measured in turn, which is how the benchmarks of this folder answer their questions.

A case is one thing to do; aezoo, its first contender, does it, and so do the others. In a round each of them does it
once, in a process of its own, each time another of them first: a machine whose speed drifts treats all alike, and what
one asks of its process does not help another. aezoo's lead over a contender is paired, of the same round. A peer that
is not installed is a row that says so. Printed are Markdown tables; ``--json`` writes every round and what the machine
was, of which ``docs/benchmarks.py`` makes a page.

A benchmark's docstring is its question, how it is answered, and the rest, a paragraph each.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scipy.special import stdtrit

MARK = "measured: "


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One that does what a case asks for.

    Args:
        run: a round, told its number: a number for each of the case's ``measures``.
        about: how it does it.
        needs: the distributions that have to be installed.
        why: why it may be ahead of aezoo, said where it is.
    """

    run: Callable[[int], Mapping[str, float]]
    about: str = ""
    needs: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to do.

    Args:
        title: what.
        measures: what is measured, with its unit.
        less: whether less of it is better.
        contenders: by name, aezoo first.
    """

    title: str
    measures: tuple[str, ...]
    less: bool = False
    contenders: Mapping[str, Contender]


def parser(doc: str, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help=f"[default: {rounds}]")
    made.add_argument("--without", nargs="*", default=[], metavar="NAME", help="contenders to leave out")
    made.add_argument("--json", type=Path, metavar="FILE")
    made.add_argument("--round", nargs=3, help=argparse.SUPPRESS)
    return made


def answer(doc: str, cases: Sequence[Case], asked: argparse.Namespace) -> None:
    """Run all rounds and print what they say; or the one round that this process is for."""
    if asked.round:
        title, name, number = asked.round
        contender = next(case.contenders[name] for case in cases if case.title == title)
        print(f"\n{MARK}{json.dumps(dict(contender.run(int(number))))}")
        return
    question, how, *_ = doc.split("\n\n")
    found: list[dict[str, Any]] = []
    began, before = time.monotonic(), _others()
    for case in cases:
        rows = {
            name: {"about": contender.about, "why": contender.why, "rounds": []}
            for name, contender in case.contenders.items()
            if name not in asked.without
        }
        there = [name for name in rows if all(map(_version, case.contenders[name].needs))]
        for number in range(asked.rounds):
            for name in _turned(there, number):
                rows[name]["rounds"].append(_round(case.title, name, number))
        found.append({"title": case.title, "measures": case.measures, "less": case.less, "contenders": rows})
        print(f"{section(found[-1], comparisons(cases))}\n", flush=True)
    others = (_others() - before) / (time.monotonic() - began)
    result = {"question": question, "how": " ".join(how.split()), "rounds": asked.rounds, "machine": _machine(cases)}
    result |= {"date": datetime.date.today().isoformat(), "seconds": round(time.monotonic() - began)}
    result |= {"revision": _revision(), "others": round(others, 2), "cases": found}
    print(conditions(result))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _turned(names: list[str], number: int) -> list[str]:
    """The names from another one on, round by round."""
    first = number % max(1, len(names))
    return names[first:] + names[:first]


def _round(title: str, name: str, number: int) -> dict[str, float]:
    command = [sys.executable, *sys.argv, "--round", title, name, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.rpartition(MARK)[2])


def _revision() -> str:
    """The commit that is measured; empty where this is none's checkout."""
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _version(distribution: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _machine(cases: Sequence[Case]) -> dict[str, Any]:
    import psutil
    import torch

    model = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    needed = {each for case in cases for contender in case.contenders.values() for each in contender.needs}
    versions = {name: _version(name) for name in ("aezoo", "torch", *sorted(needed))}
    return {
        "processor": model[0].partition(": ")[2] if model else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        "cores": psutil.cpu_count(),
        "memory": round(psutil.virtual_memory().total / 1e9),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
        "versions": {"Python": platform.python_version()} | {name: each for name, each in versions.items() if each},
    }


def peak_memory() -> float:
    """The most memory that this process has had resident, in MB.

    Linux alone: what ``getrusage`` says begins with what the parent had.
    """
    return next(int(line.split()[1]) * 1024 / 1e6 for line in _lines("/proc/self/status") if line.startswith("VmHWM"))


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if os.path.exists(path) else []


def _others() -> float:
    """Seconds of processor that all but this process and its children had since the machine began."""
    import psutil

    times = psutil.cpu_times()._asdict()
    everything = sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
    return everything - sum(os.times()[:4])


def leads(case: Mapping[str, Any], name: str, measure: str) -> list[float]:
    """How many times as good as a contender aezoo is, in each round: over 1 where it is ahead."""
    pairs = zip(case["contenders"]["aezoo"]["rounds"], case["contenders"][name]["rounds"], strict=True)
    ratios = [ours[measure] / theirs[measure] for ours, theirs in pairs]
    return [1 / ratio for ratio in ratios] if case["less"] else ratios


def comparisons(cases: Sequence[Case | Mapping[str, Any]]) -> int:
    """How many leads a question has: each is judged as one of so many."""
    every = [case if isinstance(case, Mapping) else vars(case) for case in cases]
    return sum((len(case["contenders"]) - 1) * len(case["measures"]) for case in every)


def section(case: Mapping[str, Any], judged: int) -> str:
    """A case as Markdown: the table, and what it says; its leads are some of ``judged`` many."""
    head = " | ".join(f"{measure} | aezoo's lead" for measure in case["measures"])
    lines = [f"| {case['title']} | {head} |", "|---|" + "--:|" * (2 * len(case["measures"]))]
    for name, row in case["contenders"].items():
        cells = [f"{name}: {row['about']}" if row["about"] else name]
        for measure in case["measures"]:
            values = [each[measure] for each in row["rounds"]]
            lead = _spread(leads(case, name, measure)) if values and name != "aezoo" else ""
            cells += [_spread(values) if values else "not installed", lead]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *(f"\n{verdict(case, measure, judged)}" for measure in case["measures"])])


def place(lead: Sequence[float], judged: int) -> str:
    """``"ahead of"`` or ``"behind"`` where Student's 95 % interval of the mean logarithm of the leads, adjusted for the
    number of comparisons (Bonferroni), leaves out 0; else ``"not told apart from"``.
    """
    logs = [math.log(each) for each in lead]
    if len(logs) < 2:
        return "not told apart from"
    reach = stdtrit(len(logs) - 1, 1 - 0.025 / judged) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return "ahead of" if mean > reach else "behind" if mean < -reach else "not told apart from"


def verdict(case: Mapping[str, Any], measure: str, judged: int) -> str:
    """What the rounds say of aezoo by one measure, as one of ``judged`` many comparisons."""
    groups: dict[str, list[str]] = {"ahead of": [], "not told apart from": [], "behind": []}
    for name, row in case["contenders"].items():
        if name == "aezoo" or not row["rounds"]:
            continue
        lead = leads(case, name, measure)
        where = place(lead, judged)
        why = f", {row['why']}" if row["why"] and statistics.median(lead) < 1 else ""
        groups[where].append(f"{name} ({_number(statistics.median(lead))} times{why})")
    said = [f"{place} {', '.join(names)}" for place, names in groups.items() if names]
    return f"**{measure}**: aezoo is {'; '.join(said) or 'alone'}."


def conditions(result: Mapping[str, Any]) -> str:
    """When, on what and with what a result was measured, in a sentence or two."""
    on = result["machine"]
    parts = [f"{on['cores']} cores of {on['processor']} ({on['instructions']})", on["gpu"], f"{on['memory']} GB"]
    parts += [on["system"], f"torch with {on['threads']} threads unless said"]
    versions = ", ".join(f"{name} {each}" for name, each in on["versions"].items())
    took = f", in {result['seconds'] / 60:.0f} minutes at {result['revision']}" if "seconds" in result else ""
    return (
        f"{result['rounds']} rounds on {result['date']}{took}: {', '.join(filter(None, parts))}; {versions}. "
        f"Other processes took {result['others']:.2f} cores meanwhile."
    )


def _spread(values: Sequence[float]) -> str:
    """Median, smallest and largest."""
    return f"{_number(statistics.median(values))} [{_number(min(values))} to {_number(max(values))}]"


def _number(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.{2 if value < 10 else 1}f}"
