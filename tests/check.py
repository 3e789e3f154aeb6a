"""Every check of the repository in one command, ``python tests/check.py``: it exits with 1 if one of them fails.

It needs the extras ``test`` and ``docs``, and the plugins of this repository: the README's second command installs all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))

CHECKS = {
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("pyright", "--pythonpath", sys.executable),
    "imports": ("lint-imports",),
    "docs": ("sphinx-build", "-W", "--keep-going", "-n", "-E", "docs", "docs/_build/html"),
    "tests": ("pytest", "-n", "2", "-m", "not slow"),
}


def main() -> int:
    """Run the checks, those of one process two at a time, and say of each whether it passed and what it said last."""
    *single, tests = CHECKS
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, single))
    results.append(run(tests, live=True))
    say("\n" + "".join(line for _, line in results))
    return 1 if any(code for code, _ in results) else 0


def run(name: str, *, live: bool = False) -> tuple[int, str]:
    """The exit code of a check and its line of the summary. What it prints is shown when it ends, or ``live``."""
    tool, *arguments = CHECKS[name]
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
    # Two processes on two cores: threads of torch's would only get in each other's way.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    process = subprocess.Popen(
        [str(SCRIPTS / tool), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown = [f"\n--- {name}: {tool} {' '.join(Path(word).name for word in arguments)}\n"]
    last = ""
    assert process.stdout
    for line in process.stdout:
        shown.append(line)
        last = line.strip() or last
        if live:
            say("".join(shown))
            shown.clear()
    say("".join(shown))
    code = process.wait()
    return code, f"{name:8} {'FAILED' if code else 'ok':6} {time.monotonic() - began:5.0f} s  {last}\n"


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
