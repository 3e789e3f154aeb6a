import dataclasses

import pytest
import torch

import aezoo
from aezoo.errors import WeightsError
from aezoo.recipe import Recipe
from aezoo.studies import Published, published
from aezoo.studies.published import measure_others
from aezoo.studies.state import look


@pytest.fixture
def whole(study, monkeypatch):
    """A study with published weights beside it, which are installed."""
    torch.manual_seed(0)
    model = aezoo.create(study.arms[0].spec)
    monkeypatch.setattr(published, "create", lambda name, pretrained: model)
    recipe = Recipe(dataset="toyfaces(count=20, size=28)", validation=0.2)
    monkeypatch.setattr(published, "recipe_of", lambda source: recipe)
    return dataclasses.replace(study, others=(Published(name="away", model="cis680-ae.cufs", part="toy"),))


def test_they_are_measured_once(whole, tmp_path, monkeypatch):
    made = []
    write = published.write_values
    monkeypatch.setattr(published, "write_values", lambda *given, **how: made.append(given) or write(*given, **how))
    for _ in range(2):
        state = look(whole, tmp_path)
        state.arms["one"] = {0: None}
        measure_others(state, tmp_path, "")
        assert [state.values("away", [0], split, "mse").shape for split in ("train", "test")] == [(1, 16), (1, 20)]
    assert len(made) == 1
    others = Recipe(dataset="toyfaces(count=30, size=28)")
    monkeypatch.setattr(published, "recipe_of", lambda source: others)
    measure_others(state, tmp_path, "")
    assert len(made) == 2
    assert state.values("away", [0], "train", "mse").shape == (1, 30)
    with pytest.raises(aezoo.AezooError, match="away: no values test/msee were measured: did you mean test/mse,"):
        state.values("away", [0], "test", "msee")


def test_not_before_their_part_has_runs_nor_quick(whole, tmp_path):
    state = look(whole, tmp_path)
    measure_others(state, tmp_path, "")
    assert state.others == {}
    quick = look(dataclasses.replace(whole, quick=True), tmp_path)
    quick.arms["one"] = {0: None}
    measure_others(quick, tmp_path, "")
    assert quick.others == {}


def test_what_is_damaged_is_said(whole, tmp_path, monkeypatch):
    def damaged(name, pretrained):
        raise WeightsError("its sha256 is another")

    monkeypatch.setattr(published, "create", damaged)
    state = look(whole, tmp_path)
    state.arms["one"] = {0: None}
    with pytest.raises(WeightsError, match="its sha256 is another"):
        measure_others(state, tmp_path, "")


def test_what_is_not_installed_is_left_out(study, tmp_path):
    away = Published(name="away", model="cis680-ae.nothing", part="toy")
    state = look(dataclasses.replace(study, others=(away,)), tmp_path)
    state.arms["one"] = {0: None}
    measure_others(state, tmp_path, "")
    assert state.others == {}


def test_other_weights_are_measured_again(whole, study, tmp_path, monkeypatch):
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = aezoo.create(study.arms[0].spec)
        monkeypatch.setattr(published, "create", lambda name, pretrained, model=model: model)
        state = look(whole, tmp_path)
        state.arms["one"] = {0: None}
        measure_others(state, tmp_path, "")
        found.append(state.values("away", [0], "test", "mse"))
    assert (found[0] != found[1]).any()
