"""Models of codes: their numbers, what is refused of them, and runs that stop and go on."""

import dataclasses
import json

import pytest
import torch
from click.testing import CliRunner

import aezoo
from aezoo.cli import commands
from aezoo.datasets.pipeline import load_images
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.metrics.evaluation import evaluate
from aezoo.recipe import Recipe
from aezoo.training import engine
from aezoo.training.data import load_splits
from aezoo.training.steps import Watcher

BITS = {"vq-f4-tiny": 256 * 9, "fsq-f4-tiny": 256 * 9.965784, "residual-vq-f4-tiny": 256 * 4 * 8}
RECIPE = Recipe(
    dataset="toyfaces(count=40, size=28)", steps=20, batch_size=16, evaluate_every=10, precision="float32", ema=0.9
)


@pytest.mark.parametrize(("name", "bits"), BITS.items())
def test_a_model_says_its_bits(name, bits):
    shown = CliRunner().invoke(commands, ["info", name, "--json"])
    assert json.loads(shown.stdout)["bits"] == pytest.approx(bits)
    lines = CliRunner().invoke(commands, ["info", name]).stdout
    assert f"of codes, {bits:,.5g} bits: 1 for {98304 / bits:.3g} of the image" in lines


@pytest.mark.parametrize(("name", "bits"), BITS.items())
def test_bits_are_those_of_the_images_at_hand(name, bits):
    faces = load_images("toyfaces(style='colour', count=4, test_count=2)", "test", aezoo.ImageSpec((128, 128), 3))
    found = evaluate(aezoo.create(name), faces, metrics=["bits"])
    assert found["bits"] == pytest.approx(4 * bits)


@pytest.mark.parametrize("name", BITS)
def test_a_model_is_kl_f4_tiny_around_codes_and_has_recipes(name):
    spec, other = aezoo.describe(name), aezoo.describe("kl-f4-tiny")
    assert (spec.encoder, spec.decoder, spec.image) == (other.encoder, other.decoder, other.image)
    assert [tag.name for tag in spec.tags] == ["celeba", "toyfaces"]
    assert aezoo.list_models(f"{name}.*", pretrained=True) == [f"{name}.celeba", f"{name}.toyfaces"]


def test_what_does_not_fit_is_refused_and_what_would_is_named():
    model = aezoo.create("vq-f4-tiny")
    with pytest.raises(
        CompositionError, match=r"kl needs kl, but .* codes and commitment .*; kl comes with bottleneck gaussian"
    ):
        aezoo.Objective(model, "l2 + kl")
    with pytest.raises(CompositionError, match=r"entropy needs bit_logits, but .*; bit_logits comes with .*lfq"):
        aezoo.Objective(model, "l2 + entropy")
    with pytest.raises(CompositionError, match=r"codebook needs codebook, but .*; codebook comes with .*simvq"):
        aezoo.Objective(model, "l2 + codebook")
    with pytest.raises(CompositionError, match=r"prior standard needs posterior: .*; posterior comes with"):
        aezoo.create("vq-f4-tiny", prior="standard")
    with pytest.raises(CompositionError, match=r"commitment needs commitment, but .*with bottleneck"):
        aezoo.Objective(aezoo.create("kl-f4-tiny"), "l2 + commitment")
    with pytest.raises(CompositionError, match="has codes and no prior of them"):
        model.sample(1)


class Stop(Watcher):
    def step(self, done, steps, values):
        if done == 9:
            raise SystemError("killed")


def trained(bottleneck, loss, folder, watcher=None):
    spec = aezoo.describe(
        "cis680-vae16",
        image_size=28,
        encoder="conv(layers=('4x4x8 s4',))",
        decoder="deconv(layers=('4x4xc s4',))",
        bottleneck=bottleneck,
    )
    recipe = dataclasses.replace(RECIPE, loss=loss)
    torch.manual_seed(0)
    splits = load_splits(recipe, spec.image)
    model = build(spec)
    return engine.run(model, recipe, splits, folder, device="cpu", checkpoint_every=6, watcher=watcher)[0]


@pytest.mark.parametrize(
    ("bottleneck", "loss", "learnt"),
    [
        ("vq(codebook_size=32, dim=4, decay=0.8, restart=0.5)", "bce + commitment", "embed"),
        ("residual-vq(codebook_size=8, num_quantizers=2, dim=4, decay=0.8, restart=0.5)", "bce + commitment", "embed"),
        ("simvq(codebook_size=32, dim=4)", "bce + commitment + codebook", "code_transform"),
        ("bsq(dim=4)", "bce + entropy", "project"),
    ],
)
def test_a_run_that_stops_goes_on_to_the_same_bytes(bottleneck, loss, learnt, tmp_path):
    straight = trained(bottleneck, loss, tmp_path / "straight")
    with pytest.raises(SystemError):
        trained(bottleneck, loss, tmp_path / "killed", Stop())
    resumed = trained(bottleneck, loss, tmp_path / "killed")
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    fresh = build(straight.spec).bottleneck.state_dict()
    moved = [name for name, value in straight.bottleneck.state_dict().items() if not torch.equal(value, fresh[name])]
    assert [name for name in moved if learnt in name]
