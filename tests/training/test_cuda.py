"""The engine on a GPU: it gives what it gives on the CPU, to rounding, and a run moves between the two."""

import dataclasses

import jaxtyping
import pytest
import torch

import aezoo
from aezoo.factory import build
from aezoo.training import devices, engine
from aezoo.training.data import load_splits

from .conftest import small
from .test_engine import CONV, Stop, equal

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CUDA = torch.device("cuda")


@pytest.fixture
def train_on(tmp_path):
    def go(device, recipe, spec=CONV, folder="run", watcher=None):
        torch.manual_seed(recipe.seed)
        splits = load_splits(recipe, spec.image)
        where = tmp_path / folder
        return engine.run(build(spec), recipe, splits, where, device=device, checkpoint_every=6, watcher=watcher)

    return go


def close(one, other, rtol=1e-3):
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=rtol, atol=rtol * theirs.abs().max().item())


def test_float32_gives_the_loss_of_the_cpu(train_on, recipe):
    noiseless = small(bottleneck="identity")  # each device draws noise of its own
    recipe = dataclasses.replace(recipe, loss="l2", steps=10)
    (here, mine), (there, theirs) = (train_on(device, recipe, noiseless, device) for device in ("cpu", "cuda"))
    close(here, there)
    one, other = (progress.history[-1]["l2"] for progress in (mine, theirs))
    assert one == pytest.approx(other, rel=1e-3)


def test_by_itself_it_trains_in_bfloat16_and_channels_last(train_on, recipe):
    model = build(CONV)
    assert devices.autocast_type(dataclasses.replace(recipe, precision="auto"), model, CUDA) is torch.bfloat16
    assert devices.memory_format(model, CUDA) is torch.channels_last
    model, progress = train_on("cuda", dataclasses.replace(recipe, precision="auto", steps=60))
    losses = [entry["loss"] for entry in progress.history if entry["split"] == "test"]
    assert losses[-1] < 0.97 * losses[0]
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("settings", [{}, {"precision": "bfloat16"}, {"ema": 0.9, "optimizer": "muon"}])
def test_a_killed_run_ends_as_one_that_never_stopped(train_on, recipe, settings, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    recipe = dataclasses.replace(recipe, **settings)
    straight, _ = train_on("cuda", recipe, folder="straight")
    for at in (3, 9, 16):
        with pytest.raises(SystemError):
            train_on("cuda", recipe, folder="killed", watcher=Stop(at))
    resumed, _ = train_on("cuda", recipe, folder="killed")
    assert equal(straight, resumed)


@pytest.mark.parametrize(("first", "then"), [("cpu", "cuda"), ("cuda", "cpu")])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_a_run_moves_between_devices(train_on, recipe, first, then, optimizer):
    noiseless = small(
        encoder="conv(layers=('3x3x4 s2', '3x3x8 s2'))",
        bottleneck="identity",
        decoder="deconv(layers=('4x4x4 s2', '4x4xc s2'))",
    )
    recipe = dataclasses.replace(recipe, loss="l2", ema=0.9, optimizer=optimizer)
    straight, _ = train_on(then, recipe, noiseless, "straight")
    with pytest.raises(SystemError):
        train_on(first, recipe, noiseless, "moved", Stop(13))
    moved, _ = train_on(then, recipe, noiseless, "moved")
    close(straight, moved, rtol=5e-2 if optimizer == "muon" else 1e-2)  # muon's own arithmetic is in bfloat16


def test_compiled(train_on, recipe, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # no compiler looks into its checks
    recipe = dataclasses.replace(recipe, steps=10, loss="l2")
    plain, _ = train_on("cuda", recipe, small(bottleneck="identity"), "plain")
    compiled, _ = train_on("cuda", dataclasses.replace(recipe, compile=True), small(bottleneck="identity"), "compiled")
    close(plain, compiled, rtol=1e-2)


def test_a_model_with_weights_gives_there_what_it_gives_here():
    model = aezoo.create("cis680-vae16.toyfaces", pretrained=True)
    images = aezoo.dataset("toyfaces(count=8)", model=model).batch(range(8)).images
    here = model(images).reconstruction
    there = model.to(CUDA)(images.to(CUDA)).reconstruction
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=2e-3)  # convolutions compute in TF32 there
