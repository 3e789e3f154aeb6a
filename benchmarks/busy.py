"""How much slower training gets beside one busy process, by how many threads it has and how they wait.

    python benchmarks/busy.py cis680-vae16 cis680-vae512 --rounds 7 --json busy.json

For each way a process trains with aezoo's engine and pauses between windows of a few seconds; "aezoo" chooses its
threads before each window as a run does before it begins. The windows alternate, alone and beside a process that
computes without a pause, so that a machine whose speed drifts treats all alike. What all other processes took of the
processor in a window is taken down ("others", in cores); where it was more than ``--quiet``, the window is measured
again, for ``--patience`` seconds, and the quietest counts. Printed are medians over the rounds as a Markdown table, in
brackets the smallest and largest: images a second alone and beside, their ratio, which is to be at most 2.5, and the
rate alone over that of as many threads as torch takes, which is to be about 1. ``--json`` writes every window too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

WARM = 10
BATCH = 64
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
WAYS: dict[str, dict[str, str]] = {
    "aezoo": {},
    "torch's own": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def train(model: str, way: str) -> None:
    """Train; after the first steps, for as many seconds as each line of the standard input says."""
    import torch

    from aezoo.composition import describe
    from aezoo.factory import build
    from aezoo.recipe import Recipe
    from aezoo.training import engine
    from aezoo.training.data import load_splits
    from aezoo.training.environment import free_threads

    own = torch.get_num_threads()

    class Paced(engine.Watcher):
        began, first, seconds = 0.0, WARM, 0.0

        def step(self, done: int, steps: int, values: dict[str, float]) -> None:
            taken = time.perf_counter() - self.began
            if done < WARM or taken < self.seconds:
                return
            print((done - self.first) * BATCH / taken, flush=True)
            line = sys.stdin.readline()
            if not line:
                sys.exit()
            if way == "aezoo":
                torch.set_num_threads(own)
                torch.set_num_threads(free_threads())
            self.began, self.first, self.seconds = time.perf_counter(), done, float(line)

    spec = describe(model)
    recipe = Recipe(dataset="toyfaces(count=200)", steps=10**6, batch_size=BATCH)
    splits = load_splits(recipe, spec.image)
    with tempfile.TemporaryDirectory() as folder:
        engine.run(build(spec), recipe, splits, Path(folder), checkpoint_every=10**6, watcher=Paced())


class Trainer:
    """A process that trains when told to."""

    def __init__(self, model: str, way: str, settings: dict[str, str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SETTINGS} | settings
        command = [sys.executable, __file__, model, "--train", way]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen(command, env=environment, **pipes)
        self._answer()

    def rate(self, seconds: float) -> float:
        """Images a second over so many seconds."""
        assert self.process.stdin
        self.process.stdin.write(f"{seconds}\n")
        return self._answer()

    def _answer(self) -> float:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended")
        return float(line)


@contextmanager
def busy() -> Iterator[subprocess.Popen]:
    """A process that never waits."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    time.sleep(0.2)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def taken(*processes: subprocess.Popen) -> float:
    """Seconds of processor that all but these processes had since the machine began."""
    times = psutil.cpu_times()._asdict()
    everything = sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
    return everything - sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)


def window(trainer: Trainer, seconds: float, beside: bool) -> dict[str, float]:
    """The rate of one window, and what others took in it."""
    if not beside:
        return measured(trainer, seconds, trainer.process)
    with busy() as other:
        return measured(trainer, seconds, trainer.process, other)


def measured(trainer: Trainer, seconds: float, *known: subprocess.Popen) -> dict[str, float]:
    began, before = time.perf_counter(), taken(*known)
    rate = trainer.rate(seconds)
    return {"rate": rate, "others": max(0.0, (taken(*known) - before) / (time.perf_counter() - began))}


def quietest(trainer: Trainer, seconds: float, beside: bool, quiet: float, patience: float) -> dict[str, float]:
    """The window in which others took least, of as many as it takes to find a quiet one."""
    found: list[dict[str, float]] = []
    end = time.monotonic() + patience
    while not found or (found[-1]["others"] > quiet and time.monotonic() < end):
        while time.monotonic() < end and not is_quiet(quiet):
            pass
        found.append(window(trainer, seconds, beside))
    return min(found, key=lambda each: each["others"])


def is_quiet(quiet: float) -> bool:
    """Whether others take no more than so many cores just now."""
    before = taken()
    time.sleep(0.5)
    return (taken() - before) / 0.5 <= quiet


def middle(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}} to {max(values):{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["cis680-vae16", "cis680-vae512"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a window")
    parser.add_argument("--quiet", type=float, default=0.1, help="cores that others may take in a window")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds to wait for a quiet window")
    parser.add_argument("--spin", nargs="*", default=[], metavar="N", help="measure GOMP_SPINCOUNT=N too")
    parser.add_argument("--without", nargs="*", default=[], choices=list(WAYS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--train", metavar="WAY", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.train:
        train(asked.models[0], asked.train)
    ways = {way: settings for way, settings in WAYS.items() if way not in asked.without}
    ways |= {f"GOMP_SPINCOUNT={count}": {"GOMP_SPINCOUNT": count} for count in asked.spin}
    windows: dict[str, dict[str, list[dict[str, dict[str, float]]]]] = {}
    for model in asked.models:
        trainers = {way: Trainer(model, way, settings) for way, settings in ways.items()}
        rounds: dict[str, list[dict[str, dict[str, float]]]] = {way: [] for way in ways}
        for _ in range(asked.rounds):
            for way, trainer in trainers.items():
                pair = {
                    name: quietest(trainer, asked.seconds, name == "beside", asked.quiet, asked.patience)
                    for name in ("alone", "beside")
                }
                rounds[way].append(pair)
        for trainer in trainers.values():
            trainer.process.communicate()
        windows[model] = rounds
        print(f"\n{model}, {psutil.cpu_count()} cores, images a second of {asked.rounds} rounds\n", flush=True)
        print("| threads | alone | beside one | times slower | alone, of torch's own | others, cores |")
        print("|---|---|---|---|---|---|")
        for way, pairs in rounds.items():
            alone, beside = ([pair[name]["rate"] for pair in pairs] for name in ("alone", "beside"))
            slower = [a / b for a, b in zip(alone, beside, strict=True)]
            own = [pair["alone"]["rate"] for pair in rounds.get("torch's own", pairs)]
            against = [a / b for a, b in zip(alone, own, strict=True)]
            others = [each["others"] for pair in pairs for each in pair.values()]
            cells = [middle(alone, ".0f"), middle(beside, ".0f"), middle(slower, ".2f"), middle(against, ".2f")]
            print(f"| {' | '.join([way, *cells, middle(others, '.2f')])} |", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"cores": psutil.cpu_count(), "windows": windows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
