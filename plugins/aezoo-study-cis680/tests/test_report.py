import dataclasses
import json

import pytest

from aezoo.studies.report import write_report
from aezoo.studies.state import look
from aezoo.studies.work import carry_out

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def some(study, *names):
    """The study, of which these arms alone are trained."""
    return dataclasses.replace(study, arms=tuple(arm for arm in study.arms if arm.name in names), claims=())


@pytest.fixture
def state(shorter, cufs, tmp_path):
    carry_out(look(some(shorter, "ae", "vae16", "vae4"), tmp_path), root=str(cufs))
    return look(shorter, tmp_path)


def test_a_report_of_a_part_says_what_is_missing(state, cufs, tmp_path):
    written = write_report(state, tmp_path, root=str(cufs))
    text = (tmp_path / "report.md").read_text()
    assert "| needs ae-nonorm | < 0.5 | not run yet |" in text
    assert "needs plain-4, plain-1" in text
    assert "| cufs | CUFS sketches as the course gave them out: binary, 64x64 | 4 | 4 | 3 of 12 | 1 |" in text
    assert "## Depth" not in text
    files = {figure.file for figure in written.figures}
    assert files == {"2-ae.png", "3-vae16.png", "5-latent-sweep.png", "7-kl-share.png"}
    row = json.loads((tmp_path / "report.json").read_text())["claims"][1]["rows"][0]
    metrics = json.loads((state.arms["ae"][0].folder / "metrics.json").read_text())
    assert row["estimate"] == pytest.approx(metrics["test"]["mse"] - metrics["train"]["mse"], rel=1e-5)


def test_pictures_of_toyfaces_need_no_data(state, tmp_path, monkeypatch):
    monkeypatch.delenv("AEZOO_DATA", raising=False)
    written = write_report(state, tmp_path, pictures="toyfaces")
    assert written.figures[0].caption == (
        "Figure 2. The autoencoder at step 2, seed 0: input on top, output below; drawn faces, which the model was not "
        "trained on."
    )


@pytest.mark.slow  # six networks of up to 48 layers
def test_the_study_of_depth_has_its_table_and_figures(shorter, tmp_path):
    names = [arm.name for arm in shorter.arms_of("celeba")]
    state = look(some(shorter, *names), tmp_path)
    carry_out(state)
    written = write_report(look(shorter, tmp_path), tmp_path)
    assert [figure.file[0] for figure in written.figures] == ["1", "4", "6", "7"]
    text = (tmp_path / "report.md").read_text()
    assert "| residual 4 | 48 | 12,745,793 | 230 |" in text
    assert "| plain 1 | 0.0003 | 2 |" in text
