import dataclasses
import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from aezoo.studies import cis680

ARMS = {"ae", "vae16"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Four noisy sketches to train and four to test, and a quick study of two arms on them."""
    folder = tmp_path / "data/cufs/sketches64"
    (folder / "imgs").mkdir(parents=True)
    (folder / "devkit").mkdir()
    for index in range(8):
        noise = np.random.default_rng(index).integers(0, 2, (64, 64), np.uint8)
        Image.fromarray(255 * noise).save(folder / f"imgs/{index}.png")
    for split, names in (("train", range(4)), ("test", range(4, 8))):
        (folder / f"devkit/{split}.txt").write_text("".join(f"{name}.png 0\n" for name in names))
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cis680, "QUICK", dataclasses.replace(cis680.QUICK, reported=3, every=1))
    whole = cis680._cufs
    monkeypatch.setattr(cis680, "_cufs", lambda *given: tuple(arm for arm in whole(*given) if arm.name in ARMS))
    return tmp_path / "data"


@pytest.fixture
def reproduce(aezoo, root, tmp_path):
    def run(*more):
        return aezoo(
            "reproduce", "cis680", "--quick", "--only", "cufs", "--root", root, "--out", tmp_path / "out", *more
        )

    return run


def test_it_says_what_there_is_to_do_and_what_came_of_it(reproduce, tmp_path):
    result = reproduce()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(
        "cufs: 2 runs, 0 of them there; all of them take about half a minute with one thread\n"
    )
    assert "[1/2] ae, seed 0: " in result.stderr
    assert "; about " in result.stderr.split("[1/2]")[1].splitlines()[0]
    assert "[2/2] vae16, seed 0: " in result.stderr
    assert "dead decoder" not in result.stderr
    assert "The autoencoder overfits" in result.stdout
    assert "A residual network mends that" in result.stdout
    assert "not run yet" in result.stdout
    assert "residual-4" not in result.stdout  # where nothing of a claim was run, one line says so
    assert f"report   {tmp_path / 'out/report.md'}" in result.stdout
    assert str(tmp_path / "out/figures/2-ae.png") in result.stdout
    assert json.loads((tmp_path / "out/report.json").read_text())["quick"] is True


def test_a_second_call_only_draws(reproduce, tmp_path):
    reproduce()
    records = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/runs").glob("*/trial.json")}
    (tmp_path / "out/report.md").unlink()
    result = reproduce("--pictures", "toyfaces")
    assert result.stdout.startswith("cufs: 2 runs, 2 of them there; nothing to train\n")
    assert "[1/" not in result.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/runs").glob("*/trial.json")} == records
    assert (tmp_path / "out/report.md").exists()


def test_it_grows(reproduce):
    reproduce()
    result = reproduce("--seeds", "2", "--dry-run")
    assert result.stdout.startswith("cufs: 4 runs, 2 of them there; the rest takes about ")


def test_a_dry_run_does_nothing(reproduce, tmp_path):
    result = reproduce("--dry-run")
    assert result.stdout == "cufs: 2 runs, 0 of them there; all of them take about half a minute with one thread\n"
    assert result.exit_code == 0
    assert not (tmp_path / "out").exists()


def test_stopped_it_says_how_to_go_on(reproduce, monkeypatch):
    from aezoo.cli.studying import Screen

    def stop(self, done, steps, values):
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Screen, "step", stop)
        result = reproduce()
    assert result.exit_code == 2
    assert "stopped at step 2 of 3\n" in result.stderr
    assert result.stderr.endswith("the same command goes on with the rest\n")
    assert reproduce().exit_code == 0


def test_ctrl_c_between_runs_is_quiet_too(reproduce, monkeypatch):
    from aezoo.cli.studying import Screen

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Screen, "trial_ends", stop)
    result = reproduce()
    assert result.exit_code == 130
    assert result.stderr.strip() == "stopped; what is done stays done: the same command goes on with the rest"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cis68",), "error: no study 'cis68': did you mean cis680?\n"),
        (("cis680", "--only", "mnist"), "error: --only mnist: cis680 has the parts cufs and celeba\n"),
        (("cis680", "--only", "cufs", "--root", "nowhere"), "error: cufs: no nowhere/cufs/sketches64"),
    ],
)
def test_what_cannot_be_done(aezoo, root, tmp_path, arguments, said):
    result = aezoo("reproduce", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_help_and_wrong_names_import_no_tensor_library(python):
    for arguments, status in ((["--help"], 0), (["nothing", "--out", "x"], 2)):
        code = (
            "import sys, aezoo.cli\n"
            f"sys.argv = ['aezoo', 'reproduce', *{arguments!r}]\n"
            "try: aezoo.cli.main()\n"
            f"except SystemExit as end: assert end.code == {status}\n"
            "print('torch' in sys.modules)"
        )
        assert python("-c", code).stdout.splitlines()[-1] == "False"


def test_studies_complete(python):
    environment = {"COMP_WORDS": "aezoo reproduce ci", "COMP_CWORD": "2", "_AEZOO_COMPLETE": "bash_complete"}
    result = python("-c", "from aezoo.cli import main; main()", AEZOO_PLUGINS="", **environment)
    assert result.stdout.split() == ["plain,cis680"]
