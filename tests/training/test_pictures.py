import itertools
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.datasets.image_array import ImageArray
from aezoo.errors import AezooWarning
from aezoo.training import pictures, run
from aezoo.training.data import Splits

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")
NAMES = {"loss.png", "progress.png", "reconstructions.png"}


@pytest.fixture
def drawing(job):
    import dataclasses

    return lambda **changes: dataclasses.replace(job(**changes), figures=True)


def drawn(folder):
    return {path.name for path in (folder / "figures").glob("*")}


def test_a_run_from_python_has_its_pictures(drawing, tmp_path):
    run.start(drawing(steps=4, evaluate_every=2), tmp_path / "run")
    assert drawn(tmp_path / "run") == NAMES
    width, height = Image.open(tmp_path / "run/figures/progress.png").size
    assert width > height > 3 * 112, "the images, and three answers to them"


def test_terms_are_drawn_by_the_names_under_which_they_are_logged(drawing, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(pictures, "loss_curves", lambda history, **how: shown.append(how))
    monkeypatch.setattr(pictures, "save", lambda figure, path: None)
    result = run.start(drawing(steps=2, loss="aezoo/bce + aezoo/kl"), tmp_path / "run")
    assert shown[0]["terms"] == result.terms == ["bce", "kl"]
    assert shown[0]["baseline"] == result.metrics["mean-image"]["test"]["bce"]
    assert {"bce", "kl"} <= {*result.history[-1]}


def test_of_a_long_run_answers_at_even_distances_and_the_newest_are_kept(tmp_path):
    kept = pictures.Pictures(tmp_path, run.Watcher())
    for step in range(100):
        kept._keep(step, None)
        steps = [each for each, _ in kept._answers]
        assert (steps[0], steps[-1]) == (0, step)
        assert len(steps) <= pictures.KEPT
        assert len({b - a for a, b in itertools.pairwise(steps[:-1])}) <= 1


def test_a_run_may_be_asked_to_draw_none(job, tmp_path, python):
    run.start(job(steps=2), tmp_path / "run")
    assert not (tmp_path / "run" / "figures").exists()


def test_nothing_that_draws_is_imported_where_nothing_is_drawn(python):
    code = "import sys, aezoo.training.run; print('matplotlib' in sys.modules)"
    assert python("-c", code).stdout.strip() == "False"


def test_a_long_run_is_looked_at_as_it_goes(drawing, tmp_path, monkeypatch):
    seen = []

    class Look(run.Watcher):
        def measured(self, model, splits, entries):
            seen.append(drawn(tmp_path / "run"))

    monkeypatch.setattr(pictures, "REDRAWN", 0.0)
    run.start(drawing(steps=2), tmp_path / "run", Look())
    assert seen == [{"progress.png"}] * 2


def test_what_cannot_be_drawn_costs_no_run(drawing, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "figures").write_text("in the way")
    with pytest.warns(AezooWarning, match=r"loss\.png is not drawn") as warned:
        result = run.start(drawing(steps=2), tmp_path / "run")
    assert {str(each.message).split()[0] for each in warned} >= NAMES
    assert {each.filename for each in warned} == {__file__}
    assert result.metrics["test"]["mse"] > 0


def test_the_baseline_is_that_of_the_loss(tiny):
    import aezoo

    model = aezoo.create(tiny)
    measured = {"mse": 0.5, "bce": 40.0}
    assert pictures._baseline(model, ["kl", "bce"], measured) == 40
    assert pictures._baseline(model, ["l2", "kl"], measured) == 0.5 * 64
    assert pictures._baseline(model, ["l2", "bce"], {"mse": None, "bce": 40.0}) == 40
    assert pictures._baseline(model, ["l1"], measured) is None


def test_few_images_are_shown_as_they_are(tiny, tmp_path):
    import torch

    import aezoo

    model = aezoo.create(tiny)
    three = ImageArray(torch.from_numpy(np.zeros((3, 1, 8, 8), np.uint8)))
    watcher = pictures.Pictures(tmp_path, run.Watcher())
    watcher.measured(model, Splits(three, three), [{"step": 0, "split": "test", "loss": 1.0}])
    metrics = {"mean-image": {"test": {}}, "protocol": {"dataset": "dots"}}
    watcher.finish(model, Splits(three, three), [{"step": 0, "split": "test", "loss": 1.0}], [], metrics)
    assert drawn(tmp_path) == NAMES


def test_a_name_that_looks_like_mathematics_is_shown(drawing, tmp_path):
    images = tmp_path / "a$^$b"
    images.mkdir()
    for number in range(20):
        Image.fromarray(np.full((28, 28), 10 * number, np.uint8)).save(images / f"{number}.png")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "not drawn", AezooWarning)
        run.start(drawing(steps=2, dataset=str(images)), tmp_path / "run")
    assert drawn(tmp_path / "run") >= {"loss.png"}


def test_the_picture_is_of_the_answers(drawing, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(pictures, "reconstructions", lambda rows: shown.extend(rows))
    monkeypatch.setattr(pictures, "save", lambda figure, path: None)
    run.start(drawing(steps=2), tmp_path / "run")
    assert [torch.equal(row.inputs, row.outputs) for row in shown] == [False, False]
