import dataclasses
import json

import pytest
import torch
from PIL import Image

import aezoo
from aezoo.specs import Recipe
from aezoo.studies import cis680, report
from aezoo.studies.claims import Claim, Values, difference, gap
from aezoo.studies.report import duration, write_report
from aezoo.studies.statistics import Region
from aezoo.studies.study import carry_out, look

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


@pytest.fixture
def tiny(monkeypatch):
    """A study of CUFS in four arms and a few steps."""
    monkeypatch.setattr(cis680, "QUICK", dataclasses.replace(cis680.QUICK, reported=2, long=4, every=1, long_every=2))

    def make(*names, quick=True):
        whole = cis680.study(quick=True, only="cufs")
        arms = tuple(arm for arm in whole.arms if arm.name in names)
        return dataclasses.replace(whole, arms=arms, quick=quick)

    return make


def test_a_report_of_a_part_says_what_is_missing(tiny, cufs, tmp_path, watcher):
    study = tiny("ae", "vae16", "vae4")
    state = look(study, tmp_path)
    carry_out(state, root=str(cufs), watcher=watcher)
    written = write_report(state, tmp_path, root=str(cufs))
    text = (tmp_path / "report.md").read_text()
    assert "| needs ae-nonorm | < 0.5 | not run yet |" in text
    assert "needs plain-4, plain-1" in text
    assert "quick: no verdicts" in text
    assert "**holds**" not in text
    assert "| cufs | CUFS sketches as the course gave them out: binary, 64x64 | 4 | 4 | 3 of 3 | 1 |" in text
    files = {figure.file for figure in written.figures}
    assert files == {"2-ae.png", "3-vae16.png", "5-latent-sweep.png", "7-kl-share.png"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == files
    for file in files:
        assert f"](figures/{file})" in text

    numbers = json.loads((tmp_path / "report.json").read_text())
    metrics = json.loads((state.arms["ae"][0].folder / "metrics.json").read_text())
    row = numbers["claims"][1]["rows"][0]
    assert row["estimate"] == pytest.approx(metrics["test"]["mse"] - metrics["train"]["mse"], rel=1e-5)
    assert row["interval"][0] < row["estimate"] < row["interval"][1]
    assert row["images"] == {"test": 4, "train": 4}
    assert row["verdict"] is None
    assert numbers["arms"]["vae16"]["runs"][0]["marks"]["2"]["test/mse"] == pytest.approx(metrics_of(state, "vae16"))


def metrics_of(state, arm):
    return json.loads((state.arms[arm][0].folder / "metrics.json").read_text())["test"]["mse"]


def test_a_report_of_nothing_is_one(tiny, tmp_path):
    written = write_report(look(tiny("ae"), tmp_path), tmp_path)
    assert written.figures == ()
    assert "0 of 1" in (tmp_path / "report.md").read_text()


def test_pictures_of_toyfaces_need_no_data(tiny, cufs, tmp_path, watcher, monkeypatch):
    state = look(tiny("ae"), tmp_path)
    carry_out(state, root=str(cufs), watcher=watcher)
    write_report(state, tmp_path, pictures="own", root=str(cufs))
    own = Image.open(tmp_path / "figures/2-ae.png").tobytes()
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    write_report(state, tmp_path, pictures="toyfaces")
    assert Image.open(tmp_path / "figures/2-ae.png").tobytes() != own
    assert "drawn faces, which the model was not trained on" in (tmp_path / "report.md").read_text()


def test_verdicts_are_summed_up_by_claim(study, tmp_path, watcher, monkeypatch):
    claims = (
        Claim(
            number=1,
            says="Up is up",
            rule="it is",
            rows=(
                difference(
                    Values("one", "test", "bce"),
                    Values("one", "test", "kl"),
                    case="high",
                    names=("bce", "kl"),
                    region=Region(low=0),
                ),
                difference(
                    Values("one", "test", "kl"),
                    Values("one", "test", "bce"),
                    case="low",
                    names=("kl", "bce"),
                    region=Region(low=0),
                ),
                gap("three", "mse", case="third", region=Region(low=0)),
            ),
        ),
        Claim(
            number=2,
            says="Errors are small",
            rule="of course",
            rows=(
                difference(
                    Values("two", "test", "mse"),
                    Values("two", "test", "bce"),
                    case="",
                    names=("mse", "bce"),
                    region=Region(high=0),
                ),
            ),
        ),
    )
    monkeypatch.setattr(cis680, "claims", lambda quick: claims)
    state = look(study, tmp_path)
    carry_out(state, watcher=watcher)
    write_report(state, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 1 | Up is up | **holds**: high<br>**does not hold**: low<br>**not run yet**: third |" in text
    assert "| 2 | Errors are small | **holds** |" in text
    assert "| Two | 0.03 | 3 |" in text  # the search


def test_published_weights_are_measured_once(tmp_path, watcher, monkeypatch):
    made = []
    torch.manual_seed(0)
    model = aezoo.create("cis680-vae512")
    monkeypatch.setattr(report, "create", lambda name, pretrained: model)
    recipe = Recipe(dataset="toyfaces(style='shaded', count=20)", validation=0.2)
    monkeypatch.setattr(report, "recipe_of", lambda source: recipe)
    write = report.write_values
    monkeypatch.setattr(report, "write_values", lambda *given: made.append(given) or write(*given))
    study = cis680.study(quick=True, only="cufs")
    for _ in range(2):
        state = look(study, tmp_path)
        state.arms["plain-1"] = {0: object()}
        monkeypatch.setattr(state, "part_of", lambda arm: study.part("celeba"))
        assert report._published(state, tmp_path, "") is model
        tensors = state.others[cis680.PUBLISHED].tensors
        assert [len(tensors[f"{split}/mse"]) for split in ("train", "test")] == [16, 20]
    assert len(made) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (12_000, "3 h 20 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_training_and_test_images_have_one_name_where_both_are_there():
    cases = ["a, train", "a, test", "b, test", "c", "d, train", "d, test"]
    assert report._together(cases) == ["a", "b, test", "c", "d"]
