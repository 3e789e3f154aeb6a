"""Kill a run with SIGKILL at random moments, resume it each time, and compare its weights with an uninterrupted run's.

    python benchmarks/kill_and_resume.py cis680-vae16 --steps 2000 -- --data toyfaces --checkpoint-every 20

Everything after ``--`` goes to ``aezoo train``. Exits with 1 unless the two ``model.safetensors`` are the same bytes,
and unless a checkpoint lay there at half of the kills: a run that only ever starts again shows nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = [sys.executable, "-m", "aezoo", "train"]


def digest(folder: Path) -> str:
    """The sha256 of a run's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def killed(command: list[str], after: float) -> bool:
    """Run a command; kill it after so many seconds unless it ends before. Whether it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors}")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    train = sys.argv[end + 1 :]
    asked = parser.parse_args(sys.argv[1:end])
    # What a run's record may not name for itself is said again.
    where = [word for flag in ("--data", "--root") if flag in train for word in train[train.index(flag) :][:2]]
    moments = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as place:
        whole, torn = Path(place, "whole"), Path(place, "torn")
        run = [asked.model, "--steps", str(asked.steps), *train]
        began = time.monotonic()
        subprocess.run([*TRAIN, *run, "--out", str(whole)], check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - began
        record = json.loads((whole / "training" / "run.json").read_text())
        again = [*run, "--threads", str(record["job"]["threads"]), "--out", str(torn)]
        print(f"uninterrupted: {took:.1f} s, {digest(whole)}", flush=True)
        kills = resumed = 0
        while True:
            begun = (torn / "training" / "run.json").exists()
            command = [*TRAIN, "--resume", str(torn), *where] if begun else [*TRAIN, *again]
            # Two seconds or three of it are start-up; so short that as many kills as are asked for fall into one run.
            after = moments.uniform(2, 2 + 1.5 * took / asked.kills) if kills < asked.kills else 3600
            if not killed(command, after):
                break
            kills += 1
            saved = sorted(path.name.split("-")[1] for path in (torn / "training").glob("step-*.pt"))
            resumed += bool(saved)
            print(f"kill {kills} after {after:.1f} s; checkpoints of steps {saved}", flush=True)
        same = digest(torn) == digest(whole)
        told = f"{kills} kills, {resumed} with a checkpoint to go on from"
        print(f"{told}: {digest(torn)}, {'the same bytes' if same else 'OTHER BYTES'}")
    sys.exit(0 if same and kills == asked.kills and 2 * resumed >= kills else 1)


if __name__ == "__main__":
    main()
