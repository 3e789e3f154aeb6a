"""SIGKILL and resume, in processes of their own; `benchmarks/kill_and_resume.py` does it ten times."""

import signal
import subprocess
import sys
import time

import pytest

RUN = [
    *("cis680-vae16", "--data", "toyfaces(count=64)", "--steps", "300", "--evaluate-every", "100"),
    *("--precision", "bfloat16", "--threads", "2"),
]


def train(*arguments):
    command = [sys.executable, "-m", "aezoo", "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def until(condition, process):
    """Wait for a moment in the life of a run."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bytes(tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    finish(train(*RUN, "--out", whole))
    begun = train(*RUN, "--out", torn)
    until((torn / "training" / "run.json").exists, begun)
    kill(begun)  # before the first checkpoint
    again = train("--resume", torn)
    until(lambda: list((torn / "training").glob("step-*.pt")), again)
    kill(again)  # after it
    finish(train("--resume", torn))
    assert (torn / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
