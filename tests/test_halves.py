"""One half of a model: it answers as the whole does, holds no more than its own tensors, and can be shipped apart."""

import dataclasses
import json

import pytest
import torch

from aezoo.composition import describe
from aezoo.errors import CompositionError, OptionError, TrainingError, WeightsError
from aezoo.factory import build, create, load
from aezoo.halves import keep_half
from aezoo.latent import Batch
from aezoo.recipe import Recipe
from aezoo.training import run
from aezoo.weights.folder import CONFIG, GOLDEN, STATE, golden, read_state, save_model

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def whole(tmp_path, tiny):
    """The folder of a model, and the model."""
    torch.manual_seed(0)
    model = build(describe(tiny)).eval()
    save_model(tmp_path / "whole", model, IMAGES)
    return tmp_path / "whole", model


def names(half):
    return {name.partition(".")[0] for name in half.state_dict()}


def test_a_decoder_alone(whole):
    folder, model = whole
    half = create(str(folder), pretrained=True, only="decoder")
    z = model.encode(Batch(IMAGES)).z
    assert half.decode(z).equal(model.decode(z))
    assert half.sample(2, torch.Generator().manual_seed(1)).equal(model.sample(2, torch.Generator().manual_seed(1)))
    assert names(half) == {"decoder", "latent_mean", "latent_std"}
    for refused in (half.encode, half):
        with pytest.raises(CompositionError, match="its decoder alone and has no encoder: create it without only"):
            refused(Batch(IMAGES))


def test_an_encoder_alone(whole):
    folder, model = whole
    half = create(str(folder), pretrained=True, only="encoder")
    mine, theirs = half.encode(Batch(IMAGES)), model.encode(Batch(IMAGES))
    assert mine.z.equal(theirs.z)
    assert mine.terms["kl"].equal(theirs.terms["kl"])
    assert names(half) == {"encoder", "bottleneck", "latent_mean", "latent_std"}
    with pytest.raises(CompositionError, match="its encoder alone and has no decoder"):
        half.decode(theirs.z)


@pytest.mark.parametrize("only", ["encoder", "decoder"])
def test_a_half_is_shipped_apart(whole, tmp_path, only):
    half = create(str(whole[0]), pretrained=True, only=only)
    save_model(tmp_path / "half", half, IMAGES)
    assert read_state(tmp_path / "half" / STATE).keys() == half.state_dict().keys()
    again = load(tmp_path / "half")
    known = read_state(tmp_path / "half" / GOLDEN)
    assert again.only == only
    assert all(x.equal(known[name]) for name, x in golden(again, IMAGES).items())
    other = {"encoder": "decoder", "decoder": "encoder"}[only]
    with pytest.raises(WeightsError, match=f"holds the {only} of tiny alone, not its {other}"):
        create(str(tmp_path / "half"), pretrained=True, only=other)


def test_without_weights_a_half_begins_as_the_whole_does(tiny):
    torch.manual_seed(0)
    model = build(describe(tiny))
    torch.manual_seed(0)
    half = create(tiny, only="decoder")
    assert all(x.equal(model.state_dict()[name]) for name, x in half.state_dict().items())


def test_a_decoder_keeps_its_codebook(whole):
    bottleneck, whole[1].provides = whole[1].bottleneck, frozenset({"codes"})
    assert keep_half(whole[1], "decoder").bottleneck is bottleneck


def test_what_has_no_halves(tiny, whole, tmp_path):
    with pytest.raises(OptionError, match="only='decodr': a model is created with its 'encoder' or its 'decoder' only"):
        create(tiny, only="decodr")
    whole[1].spec = dataclasses.replace(whole[1].spec, implementation="some.module:whole")
    with pytest.raises(CompositionError, match="tiny is built whole: it has no halves"):
        keep_half(whole[1], "encoder")
    config = json.loads((whole[0] / CONFIG).read_text())
    (whole[0] / CONFIG).write_text(json.dumps({**config, "only": ["decoder"]}))
    with pytest.raises(WeightsError, match="is damaged: only="):
        load(whole[0])


def test_a_half_is_not_trained(tiny, whole, tmp_path):
    save_model(tmp_path / "half", create(str(whole[0]), pretrained=True, only="decoder"), IMAGES)
    recipe = Recipe(dataset="toyfaces(count=20, size=28)")
    job = run.Job(spec=describe(tiny), recipe=recipe, begin_with=str(tmp_path / "half"))
    with pytest.raises(TrainingError, match="holds the decoder alone: training needs the whole model"):
        run.start(job, tmp_path / "run")
