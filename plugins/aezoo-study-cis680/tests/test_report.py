import dataclasses
import json
import re

import pytest

from aezoo.studies.drawings import Drawing
from aezoo.studies.report import write_report
from aezoo.studies.state import State, look
from aezoo.studies.work import carry_out
from aezoo_study_cis680 import figures, small
from aezoo_study_cis680 import study as declared
from aezoo_study_cis680.tables import choice

pytestmark = pytest.mark.filterwarnings("ignore:step .*:aezoo.AezooWarning")


def some(study, *names):
    """The study, of which these arms alone are trained."""
    return dataclasses.replace(study, arms=tuple(arm for arm in study.arms if arm.name in names), claims=())


@pytest.fixture
def state(shorter, cufs, tmp_path):
    carry_out(look(some(shorter, small.AE, small.VAE, "vae4"), tmp_path), root=str(cufs))
    return look(shorter, tmp_path)


def test_a_report_of_a_part_says_what_is_missing(state, cufs, tmp_path):
    written = write_report(state, tmp_path, root=str(cufs))
    text = (tmp_path / "report.md").read_text()
    assert "| needs ae-batch-default | < 0.5 |  | not run yet |" in text
    assert re.search(r"\| \*\*More depth hurts\*\* \| [^|]+ \| \| \| not run yet \|\n\| \*\*14", text)
    assert "| small | CUFS sketches as the course gave them out: binary, 64x64 | 4 | 4 | 3 of 37 | 1 |" in text
    assert "## Depth" not in text
    files = {figure.file for figure in written.figures}
    assert files == {"2-ae.png", "3-vae16.png", "5-latent-sweep.png", "7-kl-share.png"}
    claims = {claim["number"]: claim for claim in json.loads((tmp_path / "report.json").read_text())["claims"]}
    row = next(row for row in claims[2]["rows"] if "estimate" in row)
    metrics = json.loads((state.arms[small.AE][0].folder / "metrics.json").read_text())
    assert row["estimate"] == pytest.approx(metrics["test"]["mse"] - metrics["train"]["mse"], rel=1e-5)


class Searched:
    """A trial of a search, and its validation loss."""

    def __init__(self, trial, loss):
        self.trial, self.found = trial, loss

    def loss(self, split):
        return self.found


@pytest.mark.parametrize(("best", "agrees"), [(small.CHOSEN["vae16"], True), ("none-default", False)])
def test_what_cross_validation_chose_is_shown(shorter, best, agrees, monkeypatch):
    monkeypatch.setattr(small, "RATES", dict.fromkeys(small.RATES, 0.001))  # the one that a quick study tries
    state = State(shorter, None)
    assert choice(state) == ""
    for arm in shorter.arms_of(small.CHOICE):
        loss = 1.0 if arm.name in (f"choice-ae-{small.CHOSEN['ae']}", f"choice-vae16-{best}") else 2.0
        state.searches[arm.name] = [Searched(trial, loss) for trial in arm.candidates]
    text = choice(state)
    assert text.startswith("## Normalisation and start\n\n| arm | lr | validation loss |  |")
    assert f"| VAE 16, {small.SAYS[best]} | 0.001 | 1.000 ± 0 | lowest |" in text
    assert text.count("| lowest |") == 2
    assert ("; on these images the choice would have been another" in text) == (not agrees)
    monkeypatch.setitem(small.RATES, "ae-none-dcgan", 0.01)
    assert "; on these images the choice would have been another" in choice(state)


@pytest.mark.slow  # five networks of up to 48 layers
def test_the_study_of_depth_has_its_table_and_figures(shorter, tmp_path):
    names = [arm.name for arm in shorter.arms_of("big")]
    state = look(some(shorter, *names), tmp_path)
    carry_out(state)
    written = write_report(look(shorter, tmp_path), tmp_path)
    assert [figure.file[0] for figure in written.figures] == ["1", "4", "6", "7", "8"]
    text = (tmp_path / "report.md").read_text()
    assert "| residual 4 | 48 | 12,745,793 | 230 |" in text
    assert "## Depth and width" in text
    assert "| plain 1 | 0.0003 |" in text


def test_the_sweep_is_of_any_seeds(shorter, cufs, tmp_path):
    more = some(shorter, small.VAE, "vae4").with_seeds(2)
    carry_out(look(more, tmp_path), root=str(cufs))
    drawing = Drawing(state=look(more, tmp_path), path=tmp_path / "sweep.png")
    assert figures.sweep(drawing, declared.QUICK)
    assert (tmp_path / "sweep.png").stat().st_size > 10_000
