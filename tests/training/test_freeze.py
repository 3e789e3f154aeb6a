"""Frozen parts: no gradient, no batch, no average moves them; latents stay bit-equal."""

import dataclasses

import pytest
import torch

from aezoo.composition import describe
from aezoo.errors import AezooWarning, CompositionError, OptionError, TrainingError
from aezoo.factory import build, create
from aezoo.latent import Batch
from aezoo.recipe import Recipe
from aezoo.training import run

from .conftest import small

CONV = small(
    encoder="conv(layers=('3x3x4 s2', '3x3x8 s2'))", decoder="deconv(layers=('4x4x8 s2', '4x4x4 s2', '4x4xc s2'))"
)
IMAGES = Batch(torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
FROZEN = ("encoder", "bottleneck")


@pytest.fixture
def begun():
    """A model with statistics of batch normalisation that a batch would move."""
    torch.manual_seed(0)
    model = build(CONV).train()
    model(IMAGES)
    return model.eval()


def state(model, part):
    return {name: x.clone() for name, x in getattr(model, part).state_dict().items()}


def equal(one, other):
    return all(x.equal(other[name]) for name, x in one.items())


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_latents_stay_bit_equal(train, recipe, begun, ema):
    z = begun.encode(IMAGES).z
    parts = {part: state(begun, part) for part in (*FROZEN, "decoder")}
    how = {"freeze": FROZEN, "ema": ema, "weight_decay": 0.1, "clip_norm": 1.0, "optimizer": "adamw"}
    model, _ = train(dataclasses.replace(recipe, **how), model=begun)
    assert model.encode(IMAGES).z.equal(z)
    assert [part for part, before in parts.items() if equal(before, state(model, part))] == [*FROZEN]
    assert all(p.grad is None for part in FROZEN for p in getattr(model, part).parameters())


def test_only_what_is_trained_is_normalised_anew_in_an_average(train, recipe, begun):
    model, _ = train(dataclasses.replace(recipe, freeze=FROZEN, ema=0.9), model=begun)

    def batches(part):
        return {int(x) for name, x in getattr(model, part).state_dict().items() if name.endswith("num_batches_tracked")}

    assert (batches("encoder"), batches("decoder")) == ({1}, {3})  # the one of the fixture; those of 40 images


@pytest.mark.parametrize("part", ["decoder", "encoder"])
def test_any_part_may_stay(train, recipe, begun, part):
    before = state(begun, part)
    model, _ = train(dataclasses.replace(recipe, freeze=(part,)), model=begun)
    assert equal(before, state(model, part))


def test_a_frozen_bottleneck_does_not_step(train, recipe, begun, monkeypatch):
    monkeypatch.setattr(type(begun.bottleneck), "step", lambda *_: pytest.fail("it moved"))
    train(dataclasses.replace(recipe, freeze=("bottleneck",), steps=1), model=begun)


def test_what_is_trained_again(begun):
    assert begun.freeze(*FROZEN).unfreeze("encoder").train().frozen == {"bottleneck"}
    assert begun.encoder.training
    assert not begun.bottleneck.training
    assert not begun.unfreeze().frozen
    assert all(parameter.requires_grad for parameter in begun.parameters())


def test_what_cannot_be_frozen(train, recipe, begun):
    with pytest.raises(OptionError, match="no part 'encodr': did you mean encoder"):
        Recipe(freeze=("encodr",))
    with pytest.raises(
        OptionError, match="freeze encoder, bottleneck, decoder: cis680-vae16 has nothing else to train"
    ):
        train(dataclasses.replace(recipe, freeze=(*FROZEN, "decoder")))
    begun.prior = None
    with pytest.raises(OptionError, match="cis680-vae16 has no 'prior' to freeze"):
        begun.freeze("prior")
    with pytest.raises(CompositionError, match="decoder of cis680-vae16 is frozen"):
        _ = begun.freeze("decoder").last_layer


def test_a_frozen_part_stays_in_eval(begun):
    model = begun.freeze("encoder").train()
    assert model.decoder.training
    assert not any(module.training for module in model.encoder.modules())


def test_fine_tuning_on_other_data(job, tmp_path):
    first = tmp_path / "first"
    run.start(job(), first)
    asked = job(dataset="toyfaces(count=40, size=28, seed=5)", freeze=FROZEN)
    run.start(dataclasses.replace(asked, begin_with=str(first)), tmp_path / "tuned")
    before, after = (create(str(tmp_path / name), pretrained=True) for name in ("first", "tuned"))
    assert after.encode(IMAGES).z.equal(before.encode(IMAGES).z)
    assert after.latent_mean.equal(before.latent_mean)  # what was trained on the latents goes on to fit
    assert not after.decode(before.encode(IMAGES).z).equal(before(IMAGES).reconstruction)


def test_another_decoder_for_the_same_latents(job, tmp_path):
    first = tmp_path / "first"
    run.start(job(), first)
    other = dataclasses.replace(job().spec, decoder=describe("cis680-vae16", decoder="mlp(hidden=(8,))").decoder)
    asked = dataclasses.replace(job(freeze=FROZEN), spec=other, begin_with=str(first))
    run.start(asked, tmp_path / "tuned")
    before, after = (create(str(tmp_path / name), pretrained=True) for name in ("first", "tuned"))
    assert after.encode(IMAGES).z.equal(before.encode(IMAGES).z)
    assert after.latent_mean.equal(before.latent_mean)
    with pytest.raises(TrainingError, match="is made with decoder"):
        run.start(dataclasses.replace(asked, recipe=job().recipe), tmp_path / "whole")
    blind = dataclasses.replace(other, encoder=describe("cis680-vae16", encoder="mlp").encoder)
    with pytest.raises(TrainingError, match="is made with encoder"):
        run.start(dataclasses.replace(asked, spec=blind), tmp_path / "whole")


def test_a_backbone_with_weights_of_its_own_is_not_frozen_at_random(job):
    asked = job({"encoder": "timm:resnet10t(pretrained=True)"}, freeze=("encoder",))
    assert run._frozen_at_random(asked) == []
    assert run._frozen_at_random(job(freeze=("encoder",))) == ["encoder"]


def test_what_is_frozen_as_drawn_at_random_is_said(job, tmp_path):
    with pytest.warns(AezooWarning, match="encoder frozen as drawn at random: --from MODEL"):
        run.start(job(freeze=("encoder",), steps=1, evaluate_every=1), tmp_path / "run")


def test_without_a_name_all_of_it_is_frozen(begun):
    begun.encoder.layers = torch.nn.Linear(2, 2).requires_grad_(False)  # frozen by who made it
    assert begun.freeze().frozen == {"encoder", "bottleneck", "prior", "decoder", "likelihood"}
    assert not any(parameter.requires_grad for parameter in begun.parameters())
    begun.unfreeze()
    assert not any(parameter.requires_grad for parameter in begun.encoder.layers.parameters())
    assert all(parameter.requires_grad for parameter in begun.decoder.parameters())
