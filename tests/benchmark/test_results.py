import dataclasses
import json

import pytest

from aezoo.benchmark import table
from aezoo.benchmark.results import Result, changed, drifts, read_result, read_results, rounded
from aezoo.errors import DataError


@pytest.fixture
def result(task):
    return Result(
        task=task.id, images=task.sha256, name="mine", kind="model", mse=(0.01,) * 12, ssim=(0.5,) * 12, floats=4,
        parameters=10, macs=20, ms=1.5, reference_ms=3.0, versions=("aezoo 0.1.0",),
    )  # fmt: skip


def test_what_is_written_is_read_again(result, task, tmp_path):
    path = result.write(tmp_path)
    assert path == tmp_path / "few@1" / "mine.json"
    assert read_result(path) == result
    assert read_results(tmp_path) == read_results(tmp_path / "few@1") == {task: [result]}


def test_a_result_takes_no_other_s_place(result, tmp_path):
    result.write(tmp_path)
    dataclasses.replace(result, mse=(0.02,) * 12).write(tmp_path)
    with pytest.raises(DataError, match="is the result of model mine, not of pictures mine"):
        dataclasses.replace(result, kind="pictures").write(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mse": [0.01] * 11}, "11 scores .* for the 12 images"),
        ({"mse": [float("nan")] * 12}, "mse of an image that is not from 0 to 1"),
        ({"ssim": [2.0] * 12}, "ssim of an image that is not from -1 to 1"),
        ({"mse": ["low"] * 12}, "'low' is no float"),
        ({"images": "0"}, "its images are not those of few@1"),
        ({"name": "mean-image"}, "model mean-image: mean-image and pca-N are the names of baselines"),
        ({"kind": "baseline"}, "baseline mine: mean-image and pca-N are the names of baselines alone"),
        ({"task": "many@1"}, "no task 'many@1'"),
        ({"task": "few"}, "its task is 'few': few@1 is one"),
        ({"kind": "best"}, "no"),
        ({"name": "a\nb"}, "no name of a row"),
        ({"processor": "a\x1b]0;owned\x07"}, "no text of a row"),
        ({"error": "a\n\n# b", "mse": [], "ssim": []}, "no text of a row"),
        ({"macs": -1}, "macs is -1"),
        ({"macs": 10**400}, r"macs is 100.* it is from 0 to 2\^63"),
        ({"fd": float("inf")}, "fd is not finite"),
        ({"error": "it failed"}, "12 scores"),
        ({"format": 9}, "newer aezoo"),
        ({"more": 1}, "unknown keys"),
    ],
)
def test_nonsense_is_refused(result, tmp_path, change, said):
    path = result.write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=f"mine.json is no result of the benchmark: .*{said}"):
        read_result(path)


@pytest.mark.parametrize("text", ["", "[]", "{" * 9, "[" * 100_000, "\0"])
def test_what_is_no_json_is_refused(task, tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json is no result"):
        read_results(tmp_path)


def test_a_folder_without_results_says_who_writes_them(tmp_path):
    with pytest.raises(DataError, match="'aezoo bench TASK --out"):
        read_results(tmp_path)


def test_a_row_has_one_result(result, tmp_path):
    path = result.write(tmp_path)
    (path.parent / "zz.json").write_text(path.read_text())
    with pytest.raises(DataError, match=r"mine\.json and .*zz\.json are both the result of mine on few@1"):
        read_results(tmp_path)


def test_the_name_of_a_file_leaves_its_folder_to_no_row(result, tmp_path):
    assert dataclasses.replace(result, name="../a/b c.d").write(tmp_path).parent == tmp_path / "few@1"


def test_the_largest_file_is_small():
    scores = rounded([1 / 3 + place / 7e4 for place in range(1033)])
    assert 2 * len(json.dumps(scores)) < 30_000
    assert scores[0] == 0.33333


def test_facts_are_the_same_or_not(result):
    now = dataclasses.replace(result, mse=(0.0101, *result.mse[1:]), floats=16, weights="0", ms=9.0)
    assert changed(result, now) == ["weights", "floats"]
    then, more, other = (
        dataclasses.replace(result, metrics=metrics)
        for metrics in (("aezoo/mse@1",), ("aezoo/mse@1", "aezoo-factors/fd@1"), ("aezoo/mse@2",))
    )
    assert [changed(then, each) for each in (then, more, other)] == [[], [], ["metrics"]]
    assert changed(result, dataclasses.replace(result, mse=(), ssim=(), error="it failed")) == []


def test_a_table_is_of_one_revision_of_a_metric(result, tmp_path):
    for name, metric in (("a", "aezoo-factors/fd@1 sha256=0"), ("b", "aezoo-factors/fd@1 sha256=1")):
        dataclasses.replace(result, name=name, metrics=("aezoo/mse@1", metric)).write(tmp_path)
    ((task, results),) = read_results(tmp_path).items()
    with pytest.raises(DataError, match=r"a was scored by aezoo-factors/fd@1 sha256=0, b by .*=1\nscore the older"):
        table.rows(task, results)


def test_a_drift_is_a_share_of_a_score_of_the_image_that_moved_most(result):
    then = dataclasses.replace(result, mse=(1e-3,) * 12)
    now = dataclasses.replace(then, mse=(1.01e-3, *then.mse[1:]), fd=2.0)
    assert drifts(then, now) == pytest.approx({"mse": 0.01, "ssim": 0.0})
