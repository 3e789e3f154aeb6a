"""Every check of the repository in one command, ``python tests/check.py``: it exits with 1 if one of them fails.

It needs the extras ``test`` and ``docs``, and the plugins of this repository: the README's second command installs all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))

CHECKS = {
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("pyright", "--pythonpath", sys.executable),
    "imports": ("lint-imports",),
    "tests": ("pytest", "-n", "2", "-m", "not slow"),
    "docs": ("sphinx-build", "-W", "--keep-going", "-n", "-E", "docs", "docs/_build/html"),
}


def main() -> int:
    """Run the checks one after the other, then say of each whether it passed, and what it said last."""
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
    # Two processes on two cores: threads of torch's would only get in each other's way.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    summary = []
    failed = 0
    for name, command in CHECKS.items():
        say(f"\n--- {name}: {' '.join(Path(word).name for word in command)}\n")
        began = time.monotonic()
        code, last = run(command, environment)
        failed += code != 0
        summary.append(f"{name:8} {'FAILED' if code else 'ok':6} {time.monotonic() - began:5.0f} s  {last}\n")
    say("\n" + "".join(summary))
    return 1 if failed else 0


def run(command: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code of a command and the last line that it printed; all of them are shown as they come."""
    tool = str(SCRIPTS / command[0])
    process = subprocess.Popen(
        [tool, *command[1:]], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = ""
    assert process.stdout
    for line in process.stdout:
        say(line)
        last = line.strip() or last
    return process.wait(), last


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
