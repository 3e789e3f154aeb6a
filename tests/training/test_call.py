import json

import pytest
import torch

import aezoo
from aezoo.errors import AezooError, OptionError, TrainingError
from aezoo.training.bars import Bars
from aezoo.training.job import Job, Result
from aezoo.weights.folder import METRICS, STATE, read_config, sha256

pytestmark = pytest.mark.filterwarnings("ignore:step .*collapsed:aezoo.AezooWarning")
QUICK = {"data": "toyfaces(count=40, size=28)", "steps": 4, "device": "cpu", "precision": "float32"}
SMALL = {"image_size": 28, "encoder": "mlp(hidden=(16,))", "decoder": "mlp(hidden=(16,))"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return aezoo.train("cis680-vae16", out=tmp_path_factory.mktemp("runs") / "one", validation=0.2, **QUICK, **SMALL)


def test_one_call_leaves_a_model_folder(result):
    _, config = read_config(result.folder)
    own = config["training"]["recipe"]
    assert (own["steps"], own["dataset"], own["validation"]) == (4, QUICK["data"], 0.2)
    assert own["betas"] == [0.5, 0.999]  # of the tag's recipe
    assert result.metrics == json.loads((result.folder / METRICS).read_text())
    assert result.model.source.sha256 == sha256(result.folder / STATE)
    again = aezoo.create(result.folder, pretrained=True)
    assert all(
        torch.equal(own, other) for own, other in zip(again.parameters(), result.model.parameters(), strict=True)
    )


def test_its_result_is_a_small_table(result):
    title, columns, *rows = repr(result).splitlines()
    assert title == f"cis680-vae16 after 4 steps, in {result.folder}"
    assert columns.split(maxsplit=3) == ["train", "validation", "test", "mean image (test)"]
    (mse,) = [row.split() for row in rows if row.startswith("mse")]
    expected = [result.metrics["test"]["mse"], result.metrics["mean-image"]["test"]["mse"]]
    assert mse[-2:] == [f"{number:.4g}" for number in expected]
    assert len(repr(result)) < 1000


def test_a_process_that_only_helped_has_no_table(result):
    bare = Result(result.model, result.splits, [], {}, [], 4, result.folder)
    assert repr(bare) == f"cis680-vae16 after 4 steps, in {result.folder}"


def test_a_folder_s_weights_go_on_with_other_data(result, tmp_path):
    how = {"out": tmp_path / "two", "begin_with": str(result.folder), "steps": 5, "validation": 0.2}
    other = aezoo.train(result.folder, "toyfaces(count=50, size=28)", **how)
    assert len(other.splits.train) == 40
    assert other.step == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stepz": 3}, "train has no setting 'stepz': did you mean steps, "),
        ({"learning_rate": 1}, "train has no setting 'learning_rate': here it is lr"),
        ({"pretrained": True}, "train has no setting 'pretrained': here it is begin_with"),
        ({"data": 3}, "data=3: give a dataset's name or the path of a folder"),
        ({"encoder": torch.nn.Identity()}, "aezoo.register(kind, name) gives what is your own a name"),
        ({"loss": torch.nn.MSELoss()}, "aezoo.register('loss', name) gives a function of your own a name"),
        ({"track": "os.path"}, "trackers"),
        ({"track": None}, "track=None: give a name, or several in a list"),
        ({"threads": -1}, "threads=-1 is not a whole number"),
        ({"data": "toyface"}, "no dataset 'toyface': did you mean toyfaces"),
        ({"lr": "fast"}, "recipe: lr='fast' is not a number"),
        ({"optimizer": "sgdd"}, "no optimizer 'sgdd': did you mean sgd"),
        ({"device": "gpu"}, "device='gpu' is none of 'auto', 'cpu', 'cuda', 'mps'"),
        ({"encoder": "con"}, "no encoder 'con': did you mean conv"),
        ({"begin_with": "cis680-ae"}, "bottleneck identity (not gaussian)"),
    ],
    ids=str,
)
def test_what_is_wrong_is_answered_in_a_line_or_two(tmp_path, arguments, message):
    with pytest.raises(AezooError) as raised:
        aezoo.train("cis680-vae16", out=tmp_path, **{**QUICK, **arguments})
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_a_model_is_no_name_of_one(result):
    with pytest.raises(OptionError, match=r"a model already: its \.spec names one like it"):
        aezoo.train(result.model, **QUICK)


def test_a_run_goes_on_by_one_call(result, tmp_path):
    first = aezoo.train("cis680-vae16", out=tmp_path / "run", **QUICK | {"steps": 2}, **SMALL)
    threads = torch.get_num_threads()
    assert aezoo.resume(tmp_path / "run", steps=3).step == first.step + 1
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 9, "epochs": 2}, "steps=9 and epochs=2 each say how long the run is: give one"),
        ({"steps": 9, "finish": True}, "steps=9 and finish=True each say how long"),
        ({"watcher": print}, "is no aezoo.training.steps.Watcher"),
        ({"metrics": 3}, "metrics=3: give a name, or several in a list"),
        ({"metrics": "ssim"}, r"was begun with the metrics .*, not \('ssim',\)"),
    ],
    ids=str,
)
def test_what_resume_does_not_take_is_said(result, arguments, message):
    with pytest.raises(AezooError, match=message):
        aezoo.resume(result.folder, **arguments)


def test_a_finished_run_is_not_trained_over(result):
    with pytest.raises(TrainingError, match="holds a run already"):
        aezoo.train("cis680-vae16", out=result.folder, **QUICK)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spec": "cis680-vae16"}, r"spec='cis680-vae16' of a job is no ModelSpec: give aezoo.describe\(name\)"),
        ({"recipe": {}}, "recipe={} of a job is no Recipe"),
        ({"threads": "2"}, "threads='2' is not a whole number from 0 to 1024"),
        ({"threads": 3_000_000_000}, "threads=3000000000 is not a whole number from 0 to 1024"),
        ({"checkpoint_every": 0}, "checkpoint_every=0 is not a whole number from 1 to"),
    ],
)
def test_what_is_no_job(arguments, message):
    with pytest.raises(OptionError, match=message):
        Job(**{"spec": aezoo.describe("cis680-vae16"), "recipe": aezoo.Recipe(), **arguments})


def test_bars_show_how_it_goes(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Bars, "_show", lambda self, what, done, total, notes=(): shown.append((what, done, total)))
    aezoo.train("cis680-ae", "toyfaces(count=20, size=28)", image_size=28, steps=2, out=tmp_path / "run")
    assert [each for each in shown if each[0] == "training"] == [("training", 1, 2), ("training", 2, 2)]


def test_a_tracker_is_one_of_two_whoever_names_it():
    with pytest.raises(OptionError, match=r"trackers: 'os\.path' is none of tensorboard, trackio"):
        Job(spec=aezoo.describe("cis680-ae"), recipe=aezoo.Recipe(), trackers=("os.path",))


def test_the_process_is_as_it_was(tmp_path):
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    aezoo.train("cis680-vae16", out=tmp_path / "run", **(QUICK | {"steps": 1}), **SMALL)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
