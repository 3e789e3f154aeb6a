import json

import pytest

from aezoo.composition import describe
from aezoo.recipe import Recipe
from aezoo.training import run

pytestmark = pytest.mark.filterwarnings("ignore:.*:aezoo.AezooWarning")


@pytest.fixture
def trained(tiny, tmp_path):
    """The folder of a run with another seed, loss, ...; deleted as by a stop where it is not to have ended."""

    def train(name, ended=True, **changes):
        how = {
            "dataset": "toyfaces(count=40)",
            "steps": 4,
            "batch_size": 4,
            "evaluate_every": 2,
            "loss": "l2",
            **changes,
        }
        folder = tmp_path / name
        run.start(run.Job(spec=describe(tiny), recipe=Recipe(**how), figures=False), folder)
        if not ended:
            for file in ("config.json", "metrics.json", "model.safetensors"):
                (folder / file).unlink()
        return folder

    return train


def test_numbers_and_settings_stand_side_by_side(aezoo, trained, tmp_path):
    first, second = trained("a"), trained("b", seed=1)
    result = aezoo("compare", first, second, "--out", tmp_path / "ab.png")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines[1:3]] == [[str(first), "4"], [str(second), "4"]]
    assert lines[3][0] == "mean-image"
    assert [line[1] for line in lines[5:7]] == ["seed=0", "seed=1"]
    assert (tmp_path / "ab.png").is_file()
    assert result.stderr == ""


def test_a_run_that_has_not_ended_shows_its_last_point(aezoo, trained):
    first, second = trained("a"), trained("b", ended=False)
    later = '{"step": 5, "split": "batch", "loss": 1}\n{"step": 6, "spl'
    (second / "metrics.jsonl").write_text((second / "metrics.jsonl").read_text() + later)
    data = json.loads(aezoo("compare", first, second, "--json").stdout)
    assert [(each["step"], each["state"]) for each in data["runs"]] == [(4, ""), (4, "unfinished")]
    assert data["runs"][1]["metrics"]["test"]["mse"] == pytest.approx(data["runs"][0]["metrics"]["test"]["mse"])
    assert data["differences"] == {}
    assert "4, unfinished" in aezoo("compare", first, second).stdout


def test_a_run_that_has_not_ended_is_known_by_its_images(aezoo, trained):
    first, second = trained("a", ended=False), trained("b")
    said = aezoo("compare", first, second).stderr
    assert "other images" not in said
    assert f"not ended: {first}; numbers of at most 512 images" in said


def test_another_revision_of_a_metric_is_said(aezoo, trained):
    first, second = trained("a"), trained("b")
    metrics = second / "metrics.json"
    metrics.write_text(metrics.read_text().replace("aezoo/mse@1", "aezoo/mse@2"))
    assert "another revision of mse in some runs" in aezoo("compare", first, second).stderr
    other = trained("c", ended=False, dataset="toyfaces(count=20)")
    assert f"measured on other images than {second}: {other}" in aezoo("compare", second, other).stderr


def test_numbers_of_other_images_are_said_to_be(aezoo, trained):
    first, second = trained("a"), trained("b", dataset="toyfaces(count=20)")
    result = aezoo("compare", first, second, "cis680-ae.toyfaces")
    assert f"measured on other images than {first}: {second}, cis680-ae.toyfaces" in result.stderr
    assert "mean-image" not in result.stdout


def test_images_are_held_against_those_of_the_first_that_has_any(aezoo, trained):
    none, first, second = trained("a"), trained("b", validation=0.2), trained("c", validation=0.2)
    assert "other images" not in aezoo("compare", none, first, second, "--split", "validation").stderr


def test_sums_of_other_terms_are_not_drawn_as_one_loss(aezoo, trained, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("aezoo.figures.comparison", lambda runs, names, split: shown.append(names))
    monkeypatch.setattr("aezoo.figures.save", lambda made, out: None)
    for losses in (("l2", "l2"), ("l2", "aezoo/l2 + 4*aezoo/kl")):
        folders = [trained(f"{number}-{len(losses[1])}", loss=loss, steps=1) for number, loss in enumerate(losses)]
        assert aezoo("compare", *folders, "--out", tmp_path / "x.png").exit_code == 0
    assert shown == [["loss", "l2", "mse"], ["l2", "kl", "mse"]]


def test_folders_that_hold_no_run_are_left_out(aezoo, trained, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("aezoo.cli.compare.warn", said.append)
    first, second = trained("a"), trained("b", seed=1)
    (tmp_path / "benchmark").mkdir()
    result = aezoo("compare", first, tmp_path / "benchmark", second)
    assert result.exit_code == 0, result.stderr
    assert said == [f"left out, for they hold no run: {tmp_path / 'benchmark'}"]
    assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == [str(first), str(second)]


def test_errors(aezoo, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (("nix",), "nix is no folder of a run, and no model 'nix'"),
        ((tmp_path / "empty",), "is no run: it has no config.json"),
        (("cis680-ae.toyfaces", "--split", "tset"), "--split tset: none of the runs was measured on it"),
        (("cis680-ae.toyfaces", "--out", tmp_path / "x.png"), "no curve to compare"),
        ((folder,), "--split test: none of the runs was measured on it"),
    ):
        result = aezoo("compare", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), (arguments, result.stderr)


def test_what_comes_to_the_same_is_no_difference(aezoo, trained):
    first, second = trained("a", steps=20, evaluate_every=0), trained("b", steps=20, evaluate_every=1)
    assert json.loads(aezoo("compare", first, second, "--json").stdout)["differences"] == {}
