"""Which backbones of timm work as ``encoder="timm:NAME"``, and why the others do not.

    python benchmarks/timm_encoders.py --seeds 0 1 2 --out own.jsonl
    python benchmarks/timm_encoders.py --seeds 3 --size 64 --out small.jsonl

For each seed, names are drawn from ``timm.list_models()`` until so many were tried; one with more parameters than
``--most`` is passed over. ``cis680-vae16`` is built with each, with random weights, and reconstructs an image in
``eval()``, at the size that the backbone was made for or at ``--size``: it works where what comes out is finite and of
the image's shape. Each runs in a process of its own, so that one that crashes, takes too long or wants too much memory
costs its row alone. Rows are added to ``--out`` as they are made, and what stands there is not tried again. At the end
the failures are printed as a table, by cause. Exits with 1 where more than a twentieth fail at their own size, or one
at ``--size`` says why in anything but one line.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import resource
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # read as torch and the hub are imported

import torch

import aezoo
from aezoo._torchvision import import_timm
from aezoo.factory import build

SHARE = 1 / 20
"""Of the failures that are let pass at a backbone's own size."""


def main() -> int:
    """Draw, try, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=60, help="names of each seed")
    parser.add_argument("--size", type=int, default=0, help="pixels of a side; by default the backbone's own")
    parser.add_argument("--most", type=float, default=2.0, help="GB of parameters")
    parser.add_argument("--memory", type=float, default=16.0, help="GB that one may use")
    parser.add_argument("--patience", type=float, default=600, help="seconds of the processor that one may take")
    parser.add_argument("--out", type=Path, required=True, help="the rows, JSON, one a line")
    given = parser.parse_args()

    known = {}
    if given.out.exists():
        known = {row["name"]: row for row in map(json.loads, given.out.read_text(encoding="utf-8").splitlines())}
    tried: list[dict[str, Any]] = []
    for seed in given.seeds:
        counted = 0
        for name in drawn(seed):
            if counted == given.count:
                break
            if name not in known:
                known[name] = in_a_process(name, given)
                with given.out.open("a", encoding="utf-8") as rows:
                    rows.write(json.dumps(known[name]) + "\n")
            row = known[name]
            if row["status"] != "skipped":
                counted += 1
                tried.append(row)
            said = row.get("error", "").splitlines()[:1]
            print(f"seed {seed} {counted:3}/{given.count} {name:50} {row['status']:8}", *said, flush=True)
    return conclude(tried, given)


def drawn(seed: int) -> list[str]:
    """The names of timm in random order."""
    names = import_timm().list_models()
    return random.Random(seed).sample(names, len(names))


def in_a_process(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """The row of a name, whatever becomes of the process."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=report, args=(theirs, name, given))
    start = time.perf_counter()
    child.start()
    theirs.close()
    try:
        row = ours.recv()
    except EOFError:
        child.join()
        row = {"status": "failed", "error": f"the process ended with {child.exitcode}"}
    child.join()
    return {"name": name, "seconds": round(time.perf_counter() - start, 1), "one_line": False} | row


def report(pipe: Connection, name: str, given: argparse.Namespace) -> None:
    """Try a name and send its row, which says of a failure whether it is an error of aezoo's of one line."""
    for what, limit in ((resource.RLIMIT_AS, given.memory * 1e9), (resource.RLIMIT_CPU, given.patience)):
        resource.setrlimit(what, (int(limit), int(limit)))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", aezoo.AezooWarning)  # that the decoder is one of grey images
    try:
        row = attempt(name, given.size, given.most)
    except aezoo.AezooError as error:
        row = {"status": "failed", "error": str(error), "one_line": "\n" not in str(error)}
    except Exception as error:  # whatever a backbone raises is what is looked for here
        row = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    pipe.send(row)


def attempt(name: str, size: int, most: float) -> dict[str, Any]:
    """Build a model with a backbone, and reconstruct an image."""
    height, width = (size, size) if size else import_timm().get_pretrained_cfg(name).input_size[1:]
    spec = aezoo.describe("cis680-vae16", encoder=f"timm:{name}", image_size=(height, width), channels=3)
    parameters = sum(parameter.numel() for parameter in build(spec, device="meta").encoder.parameters())
    if 4 * parameters > most * 1e9:
        return {"status": "skipped", "parameters": parameters}
    model = aezoo.create(spec)
    images = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        again = model(images).reconstruction
    row = {"parameters": parameters, "size": (height, width)}
    if again.shape != images.shape or not again.isfinite().all():
        return {"status": "failed", "error": f"it gives {tuple(again.shape)}, or what is not finite", **row}
    return {"status": "works", **row}


def conclude(tried: list[dict[str, Any]], given: argparse.Namespace) -> int:
    """Print the failures by cause, and say whether they are as few and as clear as they should be."""
    failed = [row for row in tried if row["status"] == "failed"]
    causes: dict[str, list[str]] = {}
    for row in failed:
        causes.setdefault(cause_of(row), []).append(row["name"])
    where = f"{given.size}x{given.size}" if given.size else "its own size"
    print(f"\n{len(failed)} of {len(tried)} fail at {where} (timm {import_timm().__version__})\n")
    print("| cause | backbones | |\n|---|---|---|")
    for cause, names in sorted(causes.items(), key=lambda item: -len(item[1])):
        print(f"| {cause} | {len(names)} | {', '.join(f'`{name}`' for name in sorted(set(names)))} |")
    long = [row["name"] for row in failed if not row["one_line"]]
    if long:
        print(f"\nnot said in one line: {', '.join(long)}")
    return int(bool(long) if given.size else len(failed) > SHARE * len(tried))


def cause_of(row: dict[str, Any]) -> str:
    """Its error without the name, and without the numbers that differ from one backbone to the next."""
    said = " ".join(row["error"].split()).replace(row["name"], "NAME")
    return re.sub(r"\d+(?:\.\d+)?", "#", said)[:160].replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main())
