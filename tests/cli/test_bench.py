import dataclasses
import json

import numpy as np
import pytest

from aezoo.benchmark.results import read_result
from aezoo.benchmark.tasks import TASKS


@pytest.fixture
def bench(aezoo, task, tmp_path):
    """``aezoo bench`` on the small task: a command that ends well."""

    def run(*arguments):
        result = aezoo("bench", *arguments)
        assert result.exit_code == 0, (result.stderr, result.exception)
        return result.stdout

    return run


def test_without_a_task_it_lists_them(aezoo):
    lines = aezoo("bench").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [task.id for task in TASKS]
    assert json.loads(aezoo("bench", "--json").stdout)[0]["sha256"] == TASKS[0].sha256


def test_images_that_are_saved_and_given_back_have_a_skill_of_1(bench, tmp_path):
    bench("few", "--save-images", tmp_path / "images.npy")
    table = bench(
        *("few", "--reconstructions", tmp_path / "images.npy", "--name", "copy", "--floats", 784),
        *("--out", tmp_path / "out", "--json"),
    )
    ((rows, failed),) = [(each["rows"], each["failed"]) for each in json.loads(table)]
    skills = {row["name"]: row["skill"]["estimate"] for row in rows}
    assert (skills["mean-image"], skills["copy"]) == (0, 1)
    assert 0 < skills["pca-11"] < 1  # as many components as twelve images give
    assert failed == {}
    assert np.load(tmp_path / "images.npy").shape == (12, 1, 28, 28)


def test_a_folder_of_images_is_given_back_as_it_is(bench, aezoo, tmp_path):
    bench("few", "--save-images", tmp_path / "images")
    assert {path.name for path in (tmp_path / "images").iterdir()} == {f"{n}.png" for n in range(12)}
    table = bench(
        "few", "--reconstructions", tmp_path / "images", "--name", "copy", "--out", tmp_path / "out", "--json"
    )
    (rows,) = [each["rows"] for each in json.loads(table)]
    assert {row["name"]: row["skill"]["estimate"] for row in rows}["copy"] == 1
    assert "is there already" in aezoo("bench", "few", "--save-images", tmp_path / "images").stderr


def test_baselines_of_an_older_metric_are_scored_again_beside_pictures(bench, tmp_path):
    bench("few", "mean-image", "--out", tmp_path / "out")
    path = tmp_path / "out" / "few@1" / "mean-image.json"
    now = read_result(path)
    dataclasses.replace(now, metrics=("aezoo/mse@0",)).write(tmp_path / "out")
    bench("few", "--save-images", tmp_path / "images.npy")
    bench("few", "--reconstructions", tmp_path / "images.npy", "--name", "copy", "--out", tmp_path / "out")
    assert read_result(path) == now


def test_a_table_for_a_terminal_and_for_a_readme(bench, tmp_path):
    text = bench("few", "mean-image", "--out", tmp_path)
    assert text.splitlines()[0] == "few@1  Few"
    assert text.splitlines()[2].split()[:3] == ["none", "1", "mean-image"]
    assert bench("--table", tmp_path, "--markdown").splitlines()[0] == "few@1"


def test_a_result_that_comes_out_again_and_one_that_does_not(bench, aezoo, tmp_path):
    bench("few", "mean-image", "--out", tmp_path)
    path = tmp_path / "few@1" / "mean-image.json"
    again = aezoo("bench", "--again", path)
    assert (again.exit_code, "as before, within 0.001 of itself" in again.stderr) == (0, True)
    then = read_result(path)
    dataclasses.replace(then, mse=(then.mse[0] * 1.01, *then.mse[1:])).write(tmp_path)
    other = aezoo("bench", "--again", path)
    assert (other.exit_code, "off by more than 0.001 of itself: mse by 0.01" in other.stderr) == (1, True)
    dataclasses.replace(then, floats=16, trained_on="celeba").write(tmp_path)
    other = aezoo("bench", "--again", path)
    assert (other.exit_code, "its trained_on, floats are not as before" in other.stderr) == (1, True)


def test_pictures_need_a_name(aezoo, task, tmp_path):
    result = aezoo("bench", "few", "--reconstructions", tmp_path)
    assert isinstance(result.exception, SystemExit)
    assert "need a --name" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--save-images", "x.npy"), "which TASK are these images of"),
        (("--reconstructions", ".", "--name", "a"), "which TASK are these images of"),
        (("few", "mean-image", "--floats", 3), "are of --reconstructions"),
        (("--table", ".", "--name", "a"), "are of --reconstructions"),
        (("few", "mean-image", "--save-images", "x.npy"), "takes no MODELS"),
    ],
)
def test_what_would_do_nothing_is_refused(aezoo, task, arguments, said):
    result = aezoo("bench", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_failed_model_is_listed_below_the_table(bench, aezoo, folder, tmp_path):
    said = aezoo("bench", "few", folder, "--out", tmp_path / "out")
    assert said.exit_code == 2
    assert "could not be scored: images of 28x28; tiny takes 8x8" in said.stderr
    assert said.stdout.splitlines()[-1].startswith(f"Failed: {folder}: images of 28x28")


def test_a_task_without_results_says_of_which_there_are_some(bench, aezoo, tmp_path):
    bench("few", "mean-image", "--out", tmp_path)
    assert "did you mean few@1" in aezoo("bench", "many", "--table", tmp_path).stderr
