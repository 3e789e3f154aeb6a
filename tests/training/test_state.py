"""State of a bottleneck that no gradient moves: once an optimiser step, in the resume state, frozen elsewhere."""

import dataclasses

import pytest
import torch

from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.noise import passes, placed
from aezoo.training.health import diagnose

from .conftest import small


class Counting(IdentityBottleneck):
    """Counts images and steps, and adds a little of their number to ``z``, as a temperature would."""

    def __init__(self, feature_shape):
        super().__init__(feature_shape)
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("images", torch.zeros(()))
        self.seen = torch.zeros(())

    def forward(self, features):
        if self.collects:
            self.seen = self.seen + len(features)
        return super().forward(features + 0.01 * self.steps)

    def step(self, total):
        self.images += total(self.seen)
        self.steps += 1
        self.seen = torch.zeros(())


@pytest.fixture
def spec(site):
    site.install("counting", 'BottleneckSpec(name="counting", summary="", implementation="counting_parts:Counting")')
    (site.path / "counting_parts.py").write_text(f"from {__name__} import Counting\n")
    return small(bottleneck="counting", encoder="conv(layers=('3x3x2 s4',))")


@pytest.mark.parametrize("settings", [{}, {"accumulate": 4}, {"ema": 0.9}, {"ema": 0.9, "validation": 0.2}])
def test_it_moves_once_a_step_with_every_image_of_the_batch(train, recipe, spec, settings):
    model, _ = train(dataclasses.replace(recipe, loss="bce", **settings), spec)
    assert (model.bottleneck.steps, model.bottleneck.images) == (20, 20 * 16)
    assert model.bottleneck.seen == 0  # statistics of averaged weights are estimated without it


def test_a_stopped_run_goes_on_with_it(train, recipe, spec, tmp_path):
    recipe = dataclasses.replace(recipe, loss="bce", ema=0.9)
    straight, _ = train(recipe, spec, tmp_path / "straight")

    class Stop:
        def step(self, done, steps, values):
            if done == 9:
                raise SystemError("killed")

        def measured(self, *_):
            pass

    with pytest.raises(SystemError):
        train(recipe, spec, tmp_path / "killed", Stop())
    resumed, _ = train(recipe, spec, tmp_path / "killed")
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_it_stands_still_in_eval_and_where_nothing_is_trained():
    bottleneck = Counting((3,))
    bottleneck.train()(torch.ones(2, 3))
    assert bottleneck.seen == 2
    bottleneck.eval()(torch.ones(2, 3))
    with passes(collects=False):
        bottleneck.train()(torch.ones(2, 3))
    assert bottleneck.seen == 2


def test_rows_of_all_processes_are_the_sum_of_those_placed():
    rows, total = torch.randn(3, 2, 5), torch.zeros(6, 5)
    for rank in range(3):
        with passes(rank=rank, world=3):
            total += placed(rows[rank])
    assert torch.equal(total, rows.flatten(0, 1))


def test_what_a_bottleneck_finds_wrong_is_among_the_warnings(monkeypatch):
    monkeypatch.setattr(IdentityBottleneck, "diagnose", lambda self, latent: {"own": f"{len(latent.z)} images"})
    model = build(small(bottleneck="identity")).eval()
    assert diagnose(model, Batch(torch.rand(4, *model.image.shape)), None)["own"] == "4 images"
