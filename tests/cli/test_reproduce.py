import json
import os
import signal

import pytest

PLUGIN = """
import aezoo


@aezoo.hookimpl
def aezoo_specs():
    yield aezoo.StudySpec(name="room", summary="More room, smaller errors?", implementation="room_study:study")
"""
STUDY = """
import aezoo
from aezoo.studies import Arm, Claim, Part, Region, Study, Values, difference, gap

DATA = "toyfaces(count=8, size=28)"


def study(*, quick):
    recipe = aezoo.Recipe(dataset=DATA, steps=3, batch_size=4, evaluate_every=1)

    def arm(dim, part="faces"):
        parts = {"encoder": "mlp(hidden=(8,))", "decoder": "mlp(hidden=(8,))", "bottleneck": f"gaussian(dim={dim})"}
        spec = aezoo.describe("cis680-vae16", image_size=28, **parts)
        return Arm(name=f"dim{dim}", part=part, spec=spec, recipe=recipe)

    claims = (
        Claim(number=1, says="It overfits", rule="", rows=(gap("dim2", "mse", case="", region=Region(low=0)),)),
        Claim(number=2, says="So does more", rule="", rows=(gap("dim4", "mse", case="", region=Region(low=0)),)),
    )
    parts = (Part(name="faces", dataset=DATA, cost="a second"), Part(name="more", dataset=DATA))
    arms = (arm(2), arm(3), arm(4, "more"))
    return Study(name="room", title="Room", parts=parts, arms=arms, claims=claims, quick=quick)
"""


@pytest.fixture(autouse=True)
def _installed(site, tmp_path, monkeypatch):
    site.install("aezoo-room", code=PLUGIN)
    (site.path / "room_study.py").write_text(STUDY)
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def reproduce(aezoo, tmp_path):
    return lambda *more: aezoo("reproduce", "room", "--quick", "--only", "faces", "--out", tmp_path / "out", *more)


def test_it_says_what_there_is_to_do_and_what_came_of_it(reproduce, tmp_path):
    result = reproduce()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("faces: 2 runs, 0 of them there; all of them take a second with one thread\n")
    assert "[1/2] dim2, seed 0: " in result.stderr
    assert "; about " in result.stderr.split("[1/2]")[1].splitlines()[0]
    assert "[2/2] dim3, seed 0: " in result.stderr
    assert "dead decoder" not in result.stderr
    assert "It overfits" in result.stdout
    assert "So does more" in result.stdout
    assert "not run yet" in result.stdout
    assert "dim4" not in result.stdout  # where nothing of a claim was run, one line says so
    assert f"report   {tmp_path / 'out/report.md'}" in result.stdout
    assert json.loads((tmp_path / "out/report.json").read_text())["quick"] is True


def test_a_second_call_only_draws(reproduce, tmp_path):
    reproduce()
    records = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/runs").glob("*/trial.json")}
    (tmp_path / "out/report.md").unlink()
    result = reproduce("--pictures", "none")
    assert result.stdout.startswith("faces: 2 runs, 2 of them there; nothing to train\n")
    assert "[1/" not in result.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/runs").glob("*/trial.json")} == records
    assert (tmp_path / "out/report.md").exists()


def test_other_images_are_asked_for_where_the_study_has_arms_for_them(reproduce):
    answer = reproduce("--data", "toyfaces")
    assert answer.exit_code == 2
    assert "has no option 'data'" in answer.stderr


def test_it_grows(reproduce):
    reproduce()
    result = reproduce("--seeds", "2", "--dry-run")
    assert result.stdout.startswith("faces: 4 runs, 2 of them there; the rest takes about ")


def test_a_dry_run_does_nothing(reproduce, tmp_path):
    result = reproduce("--dry-run")
    assert result.stdout == "faces: 2 runs, 0 of them there; all of them take a second with one thread\n"
    assert result.exit_code == 0
    assert not (tmp_path / "out").exists()


def test_stopped_it_says_how_to_go_on(reproduce, monkeypatch):
    from aezoo.cli.studying import Screen

    def stop(self, job, done, steps, values):
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Screen, "step", stop)
        result = reproduce()
    assert result.exit_code == 130
    assert "stopped at step 2 of 3\n" in result.stderr
    assert result.stderr.endswith("the same command goes on with the rest\n")
    assert reproduce().exit_code == 0


def test_ctrl_c_between_runs_is_quiet_too(reproduce, monkeypatch):
    from aezoo.cli.studying import Screen

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Screen, "ends", stop)
    result = reproduce()
    assert result.exit_code == 130
    assert result.stderr.strip() == "stopped; what is done stays done: the same command goes on with the rest"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("romo",), "error: no study 'romo': did you mean room"),
        (("room", "--only", "face"), "error: --only face: room has no such part: did you mean faces or more?\n"),
        (("room(dim=3)",), "error: study room has no option 'dim' (it has none)\n"),
    ],
)
def test_what_cannot_be_done(aezoo, tmp_path, arguments, said):
    result = aezoo("reproduce", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_package_of_ours_that_is_missing_is_named(aezoo, tmp_path, monkeypatch):
    from aezoo.plugins import forget

    monkeypatch.setenv("AEZOO_PLUGINS", "")
    forget()
    result = aezoo("reproduce", "cis680", "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: no study 'cis680': none is registered\n")
    assert result.stderr.endswith(
        "pip install aezoo-study-cis680 (from a clone: pip install ./plugins/aezoo-study-cis680)\n"
    )


def test_two_at_a_time(reproduce, tmp_path):
    result = reproduce("--jobs", "2")
    assert result.exit_code == 0, result.stderr
    assert "[1/2] dim" in result.stderr
    assert "[2/2] dim" in result.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "out/runs").glob("*/config.json")]
    assert [record["training"]["threads"] for record in records] == [1, 1]


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


def test_studies_complete(site, python):
    environment = {"COMP_WORDS": "aezoo reproduce ro", "COMP_CWORD": "2", "_AEZOO_COMPLETE": "bash_complete"}
    result = python("-c", "from aezoo.cli import main; main()", path=site.path, **environment)
    assert result.stdout.split() == ["plain,room"]


def test_a_study_is_explained(aezoo):
    assert aezoo("info", "room").stdout.startswith("room  study of aezoo-room 1.0\nMore room, smaller errors?\n")
    [listed] = json.loads(aezoo("list", "all", "room", "--json").stdout)
    assert (listed["kind"], listed["cost"], listed["qualified_name"]) == ("study", "", "aezoo-room/room")
