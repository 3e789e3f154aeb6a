"""Adversaries: each test is of a fault that an adversarial loop has had."""

import dataclasses

import pytest
import torch
from torch.nn.functional import softplus

from aezoo.bottlenecks.base import Bottleneck
from aezoo.composition import describe
from aezoo.errors import AezooWarning, OptionError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.metrics.evaluation import measure
from aezoo.specs import BETAS
from aezoo.studies.trials import BLUR
from aezoo.training.data import load_splits
from aezoo.training.objective import Objective
from aezoo.training.optimizers import make_optimizers

from ..strangers import test_patchgan as patchgan
from .conftest import small


class Judge(torch.nn.Module):
    """Learns to tell images from reconstructions, and gives the model their difference as its loss."""

    def __init__(self, image, *, scale=1.0):
        super().__init__()
        torch.manual_seed(7)
        self.score = torch.nn.Linear(image.size[0] * image.size[1] * image.channels, 1)
        self.scale = scale

    def forward(self, output, images, context):
        return -self.scale * self.score(output.reconstruction.flatten(1))[:, 0]

    def adversary_loss(self, output, images, context):
        assert not output.reconstruction.requires_grad
        real, made = self.score(images.flatten(1))[:, 0], self.score(output.reconstruction.flatten(1))[:, 0]
        return softplus(-real) + softplus(made)


class Adaptive(Judge):
    """Weighs itself as VQGAN does."""

    def adaptive_weight(self, own, others, context):
        norms = [
            torch.autograd.grad(each, context.model.last_layer, retain_graph=True)[0].norm()
            for each in (sum(others.values()), own)
        ]
        return (norms[0] / norms[1]).detach()


class Normed(Judge):
    """Looks at its images through batch normalisation."""

    def __init__(self, image, *, scale=1.0):
        super().__init__(image, scale=scale)
        self.score = torch.nn.Sequential(torch.nn.BatchNorm1d(self.score.in_features), self.score)


@pytest.fixture(autouse=True)
def installed(site):
    site.install(
        "judge",
        *(
            f'LossSpec(name="{name}", summary="A judge", implementation="judge_parts:{name.title()}", adversary=True, '
            'options=(aezoo.Option(name="scale", type="float", default=1.0),))'
            for name in ("judge", "adaptive", "normed")
        ),
    )
    (site.path / "judge_parts.py").write_text(f"from {__name__} import Adaptive, Judge, Normed\n")


@pytest.fixture
def trained(train, recipe, monkeypatch, tmp_path):
    """The objective of a run of some steps, and its history."""
    made = []
    first = Objective.__init__
    monkeypatch.setattr(Objective, "__init__", lambda self, *how: made.append(self) or first(self, *how))

    def go(loss, steps=6, spec=None, **changes):
        _, progress = train(
            dataclasses.replace(recipe, loss=loss, steps=steps, **changes), spec, tmp_path / f"{len(made)}"
        )
        return made[-1], [entry for entry in progress.history if entry["split"] == "batch"]

    return go


def beginning():
    return Judge(small().image).score.weight


def test_an_adversary_is_stepped(trained):
    objective, history = trained("bce + kl + 0.1*judge(lr=0.01)", steps=30)
    assert not torch.equal(objective.terms["judge"].score.weight, beginning())
    assert history[-1]["judge_adversary"] < 0.8 * history[0]["judge_adversary"]


def test_the_models_loss_does_not_move_it(trained):
    objective, _ = trained("bce + kl + 0.1*judge(lr=1e-12)")
    torch.testing.assert_close(objective.terms["judge"].score.weight, beginning(), rtol=0, atol=1e-9)


def test_what_the_model_s_loss_sent_through_it_is_forgotten(trained):
    weights = [
        trained(f"l2 + {weight}*judge", steps=1, optimizer="sgd")[0].terms["judge"].score.weight for weight in (1, 1000)
    ]
    torch.testing.assert_close(*weights, rtol=0, atol=1e-7)
    assert not torch.equal(weights[0], beginning())


def test_the_bottleneck_takes_its_step_before_the_adversary_s_pass(trained, monkeypatch):
    # At that pass DDP gives every process the buffers of the first, of which some hold what a process has seen.
    seen, judged = [], Judge.adversary_loss
    monkeypatch.setattr(Bottleneck, "step", lambda self, total: seen.append("step"))
    monkeypatch.setattr(Judge, "adversary_loss", lambda *given: seen.append("pass") or judged(*given))
    trained("bce + kl + judge", steps=2)
    assert seen == ["step", "pass"] * 2


def test_a_weight_that_follows_gradients_needs_others(trained):
    objective, history = trained("adaptive", steps=2)  # alone it is what it says
    assert len(history) == 1
    assert not objective.is_judged("adaptive")


def test_in_a_loop_of_one_s_own_the_model_s_loss_does_not_move_it(installed):
    objective = Objective(build(small()), "l2 + judge").train()
    with pytest.warns(AezooWarning, match="the network of judge gets no gradient of this loss"):
        objective(torch.rand(4, 1, 28, 28))
    loss, _ = objective(torch.rand(4, 1, 28, 28))  # where a second warning would be an error
    loss.backward()
    assert objective.terms["judge"].score.weight.grad is None
    assert all(parameter.grad is not None for parameter in objective.model.decoder.parameters())


def test_it_waits_for_its_start(trained):
    objective, history = trained("bce + kl + judge(start=6)")
    assert torch.equal(objective.terms["judge"].score.weight, beginning())
    assert not {"judge", "judge_adversary"} & history[-1].keys()
    assert not torch.equal(trained("bce + kl + judge(start=5)")[0].terms["judge"].score.weight, beginning())


def test_batch_statistics_move_once_a_part(trained):
    spec = small(encoder="conv(layers=('3x3x2 s4',))")
    for accumulate in (1, 2):
        objective, _ = trained("bce + kl + judge", spec=spec, accumulate=accumulate)
        counts = [buffer for name, buffer in objective.model.named_buffers() if "num_batches_tracked" in name]
        assert [count.item() for count in counts] == [6 * accumulate]


def test_measuring_does_not_move_its_batch_statistics(trained):
    rare, often = (trained("l2 + normed", evaluate_every=every)[0].terms["normed"] for every in (6, 1))
    torch.testing.assert_close(often.state_dict(), rare.state_dict(), rtol=0, atol=0)


def test_parts_of_a_batch_give_the_adversary_the_gradient_of_the_whole(trained):
    whole, parts = (
        trained("l2 + judge", steps=1, spec=small(bottleneck="identity"), accumulate=n)[0].terms["judge"].score.weight
        for n in (1, 4)
    )
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)


def labelled(output, images, context):
    return context.batch.index.float() * output.reconstruction.flatten(1).mean(1)


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_parts_of_a_batch_move_everything_as_the_whole(site, trained, clip_norm):
    # With what belongs to each image and an adversary; its own optimiser clips too.
    site.install("labelled", 'LossSpec(name="labelled", summary="", implementation="terms:labelled")')
    (site.path / "terms.py").write_text(f"from {__name__} import labelled\n")
    settings = {"steps": 1, "spec": small(bottleneck="identity"), "optimizer": "sgd", "clip_norm": clip_norm}
    whole, parts = (trained("l2 + labelled + 5*judge", accumulate=n, **settings) for n in (1, 4))
    for one, other in zip(whole[0].parameters(), parts[0].parameters(), strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-6)
    for name in ("loss", "l2", "labelled", "judge", "judge_adversary"):
        assert parts[1][-1][name] == pytest.approx(whole[1][-1][name], rel=1e-5)


def test_each_optimiser_clips_its_own_parameters(trained):
    # Were the judge's huge gradient counted with the model's, the model would stand still.
    plain, _ = trained("bce", steps=1, optimizer="sgd", clip_norm=1.0)
    judged, _ = trained("bce + 1e-9*judge(scale=1e6)", steps=1, optimizer="sgd", clip_norm=1.0)
    for one, other in zip(plain.model.parameters(), judged.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_its_weight_may_look_at_the_other_terms_and_the_last_layer():
    model = build(small())
    objective = Objective(model, "l2 + adaptive")
    batch = Batch(torch.rand(4, 1, 28, 28))
    context = Context(model=model, batch=batch, training=True)
    loss, values = objective(batch, context)
    output = context.output
    own, judged = (
        torch.autograd.grad(term, model.last_layer, retain_graph=True)[0].norm()
        for term in (
            (output.reconstruction - batch.images).square().sum() / 4,
            objective.terms["adaptive"](output, batch.images, None).mean(),
        )
    )
    expected = values["l2"] + own / judged * values["adaptive"]
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


def answered(loss, step=0):
    model = build(small())
    objective = Objective(model, loss)
    batch = Batch(torch.rand(4, 1, 28, 28))
    context = Context(model=model, batch=batch, step=step, training=True)
    made = model(batch).detach()
    return objective, batch, objective(batch, context, made), made


def test_its_own_loss_is_a_mean_over_images():
    objective, batch, (loss, values), made = answered("l2 + 0.1*judge")
    expected = objective.terms["judge"].adversary_loss(made, batch.images, None).mean()
    torch.testing.assert_close(loss, expected)  # its weight is the model's business
    torch.testing.assert_close(values["judge_adversary"], expected)


def test_before_its_start_it_has_no_loss_beside_one_that_has_begun():
    *_, (_, values), _ = answered("l2 + judge + normed(start=3)", step=2)
    assert set(values) == {"judge_adversary"}


def test_its_weight_is_multiplied_by_the_one_that_was_asked_for():
    torch.manual_seed(0)
    model = build(small())
    batch = Batch(torch.rand(4, 1, 28, 28))
    context = Context(model=model, batch=batch, step=0, training=True)
    shares = []
    for weight in (1.0, 0.5):  # both look at the term without its weight: the balance is the same
        torch.manual_seed(1)
        loss, terms = Objective(model, f"l2 + {weight}*adaptive")(batch, context)
        shares.append((loss - terms["l2"]) / weight)
    torch.testing.assert_close(*shares, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("betas", [(0.5,), (0.5, 1.0), (0.5, 0.9, 0.9)])
def test_betas_that_adam_does_not_take(betas):
    with pytest.raises(OptionError, match=r"loss judge: betas=.* are not two numbers >= 0 and below 1"):
        Objective(build(small()), f"l2 + judge(betas={betas})")


def test_its_rate_and_betas_are_its_own(recipe):
    objective = Objective(build(small()), "l2 + judge(lr=0.02, betas=(0.1, 0.2)) + normed")
    optims = make_optimizers(objective, dataclasses.replace(recipe, lr=0.3), torch.device("cpu"))
    assert {name: (each.lr, tuple(each.optimizer.param_groups[0]["betas"])) for name, each in optims.items()} == {
        "model": (0.3, recipe.betas),
        "judge": (0.02, (0.1, 0.2)),
        "normed": (0.3, BETAS.default),
    }


def test_held_out_loss_leaves_it_out(train, recipe):
    changes = {"loss": "bce + kl + judge", "steps": 10, "validation": 0.2}
    _, progress = train(dataclasses.replace(recipe, **changes))
    for entry in progress.history:
        if entry["split"] != "batch":
            assert entry["loss"] == pytest.approx(entry["bce"] + entry["kl"], rel=1e-6)
            assert "judge" in entry


def test_a_stopped_run_goes_on_with_it(train, recipe, tmp_path):
    whole = dataclasses.replace(recipe, loss="bce + kl + judge(lr=0.01)", steps=12)
    _, straight = train(whole, folder=tmp_path / "straight")

    class Killed(Exception):
        pass

    class Killer:
        def step(self, done, steps, values):
            if done == 8:
                raise Killed

        def measured(self, *_):
            pass

    with pytest.raises(Killed):
        train(whole, folder=tmp_path / "killed", watcher=Killer())
    _, resumed = train(whole, folder=tmp_path / "killed")
    numbers = [[(e["step"], e.get("judge_adversary")) for e in p.history] for p in (straight, resumed)]
    assert numbers[0] == numbers[1]


@pytest.mark.slow
def test_a_patchgan_sharpens_toy_faces(site, train, recipe, tmp_path):
    """A hinge PatchGAN with VQGAN's weight: measured here, gradient energy 0.745 of the images', 0.555 without it."""
    site.install("stranger", patchgan.SPEC)
    (site.path / "stranger_parts.py").write_text(f"import torch\nfrom torch import nn\n{patchgan.PARTS}")
    encoder = "conv(layers=('3x3x16 s2', '3x3x32 s2', '3x3x32 s2', '3x3x64 s2'), init='default')"
    decoder = "deconv(layers=('4x4x64 s2', '4x4x32 s2', '4x4x16 s2', '4x4x16 s2', '4x4xc s2'), init='default')"
    spec = describe("cis680-vae16", image_size=32, encoder=encoder, decoder=decoder, bottleneck="gaussian(dim=8)")
    faces = "toyfaces(style='shaded', count=300, size=32)"
    settings = dataclasses.replace(recipe, dataset=faces, steps=600, batch_size=32, evaluate_every=600)
    sharpness, errors = [], []
    for loss in ("l2 + 0.5*kl", "l2 + 0.5*kl + 0.3*patchgan(start=150, lr=0.0005)"):
        model, progress = train(dataclasses.replace(settings, loss=loss), spec, tmp_path / str(len(errors)))
        images = load_splits(settings, spec.image).test
        sharpness.append(measure(model, images, BLUR).numbers()["gradient"])
        errors.append(progress.history[-1]["mse"])
    assert sharpness[1] > 1.15 * sharpness[0]
    assert errors[1] < 1.3 * errors[0]


def test_its_first_weights_follow_from_the_seed(trained):
    made = [trained("l2 + gan(width=4, lr=1e-12)", steps=1, seed=seed)[0].terms["gan"] for seed in (0, 1)]
    assert not torch.allclose(*(next(each.parameters()) for each in made))
