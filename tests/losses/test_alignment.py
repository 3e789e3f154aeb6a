"""Known answers: cosines by hand, margins, whom the gradient reaches, and a weight that evens two slopes."""

import pytest
import torch

import aezoo
from aezoo.composition import describe
from aezoo.encoders.backbone import Prepare
from aezoo.errors import CompositionError, OptionError
from aezoo.factory import build
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.alignment import Alignment
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.requests import refuse_external
from aezoo.testing import HOST, isolated_registry
from aezoo.training.objective import Objective

IMAGE = ImageSpec((4, 4))
NETWORK = "conv(layers=('3x3x4 s2', '3x3x6 s2'))"
LOSS = f'alignment(network="{NETWORK}")'
MODEL = describe(HOST, bottleneck="gaussian(dim=3, spatial=True)")


class Features(torch.nn.Module):
    """The same features of every image."""

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, images):
        return self.features.expand(len(images), -1, -1, -1)


def term(features, **options):
    """With these features, and the identity for its projection."""
    made = Alignment(IMAGE, (2, 1, 2), network=NETWORK, **options)
    made.network = Features(torch.tensor(features).T.view(1, 2, 1, -1))
    made.project.weight.data = torch.eye(2).view(2, 2, 1, 1)
    return made


def value(made, z, context):
    z = torch.tensor(z).T.reshape(1, 2, 1, -1)
    return made(Output(torch.zeros(1, 1, 4, 4), None, Latent(z)), torch.zeros(1, 1, 4, 4), context).item() / 16


def test_by_hand(context):
    """Two positions: z at 0 and 60 degrees, their features at 0 and 90. Lengths do not matter."""
    z, features = [[2.0, 0.0], [0.5, 0.75**0.5]], [[1.0, 0.0], [0.0, 3.0]]
    at = 1 - 0.75**0.5  # what the cosine lacks at the second position; that of the two, which should be 0, is 0.5
    strict = term(features, cosine_margin=0.0, distance_margin=0.0)
    assert value(strict, z, context) == pytest.approx(at / 2 + 0.5 / 2)
    assert value(strict, features, context) == pytest.approx(0, abs=1e-7)
    within = term(features, cosine_margin=0.1, distance_margin=0.2)
    assert value(within, z, context) == pytest.approx((at - 0.1) / 2 + (0.5 - 0.2) / 2)
    assert value(term(features), z, context) == pytest.approx((0.5 - 0.25) / 2)


def test_pairs_are_of_the_latent_and_not_of_its_projection(context):
    made = term([[1.0, 0.0], [0.0, 1.0]], cosine_margin=2.0, distance_margin=0.0)
    made.project.weight.data = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).view(2, 2, 1, 1)
    assert value(made, [[1.0, 0.0], [0.0, 1.0]], context) == pytest.approx(0, abs=1e-7)


def test_features_of_another_size_are_resized(context):
    made = term([[1.0, 0.0]] * 4, cosine_margin=0.0)
    assert value(made, [[1.0, 0.0], [1.0, 0.0]], context) == pytest.approx(0, abs=1e-6)


class Places(torch.nn.Module):
    """A backbone of patches of 8 pixels that pads what it is given: of each patch 1 and the mean of its values."""

    def __init__(self, image):
        super().__init__()
        self.prepare = Prepare(image, [0.0], [1.0], 8)

    def forward(self, images):
        means = torch.nn.functional.avg_pool2d(self.prepare(images), 8)
        return torch.cat([torch.ones_like(means), means], 1)


def test_latents_are_held_to_features_of_the_same_places(context):
    """Of a ramp over 28 pixels each of 4 columns has its own share, though the patches would reach over its border."""
    with isolated_registry("aezoo"):
        aezoo.register("encoder", "places")(Places)
        made = Alignment(ImageSpec((28, 28)), (2, 4, 4), network="places", cosine_margin=0.0, distance_margin=0.0)
    made.project.weight.data = torch.eye(2).view(2, 2, 1, 1)
    ramp = ((torch.arange(28) + 0.5) / 28).expand(1, 1, 28, 28)
    columns = ((torch.arange(4) + 0.5) / 4).expand(1, 1, 4, 4)
    z = torch.cat([torch.ones_like(columns), columns], 1)
    assert made(Output(ramp, None, Latent(z)), ramp, context).item() / 784 == pytest.approx(0, abs=2e-4)  # padded, 5e-3


def test_the_gradient_reaches_encoder_and_projection_and_not_the_network():
    objective = Objective(build(MODEL), LOSS).train()
    objective(Batch(torch.rand(2, 1, 32, 32)))[0].backward()
    made = objective.terms["alignment"]
    assert made.project.weight.grad.any()
    assert all(parameter.grad.any() for parameter in objective.model.encoder.parameters())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in made.network.parameters())
    assert not any(module.training for module in made.network.modules())
    kept = [key for key in objective.state_dict() if key.startswith("modules_of_terms")]
    assert kept == ["modules_of_terms.alignment.project.weight"]


def test_a_weight_evens_the_gradients_at_the_latent():
    torch.manual_seed(0)
    objective = Objective(build(MODEL), f"l2 + 0.3*{LOSS}").train()
    batch = Batch(torch.rand(2, 1, 32, 32))
    output = objective.model(batch)
    context = Context(model=objective.model, batch=batch, output=output)
    values = {name: made(output, batch.images, context).mean() for name, made in objective.terms.items()}
    weight = objective.terms["alignment"].adaptive_weight(values["alignment"], {"l2": values["l2"]}, context)
    slopes = {name: torch.autograd.grad(each, output.latent.z, retain_graph=True)[0] for name, each in values.items()}
    assert (weight * slopes["alignment"].norm()).item() == pytest.approx(slopes["l2"].norm().item(), rel=0.01)
    assert not weight.requires_grad


@pytest.mark.filterwarnings("ignore:the network of .* gets no gradient:aezoo.AezooWarning")
def test_a_sum_is_the_same_in_any_order():
    losses = []
    for terms in (
        ("l2", f"0.3*{LOSS}", "0.5*gan(width=4, layers=2)"),
        ("0.5*gan(width=4, layers=2)", f"0.3*{LOSS}", "l2"),
    ):
        torch.manual_seed(0)
        objective = Objective(build(MODEL), " + ".join(terms)).train()
        for name, value in objective.named_parameters():  # drawn in another order
            torch.nn.init.normal_(value, 0, 0.1, torch.Generator().manual_seed(len(name)))
        torch.manual_seed(1)
        losses.append(objective(Batch(torch.rand(2, 1, 32, 32)))[0])
    torch.testing.assert_close(*losses)


def test_a_weight_that_is_not_adaptive_stays():
    model = build(MODEL)
    loss, terms = Objective(model, f"l2 + 0.3*{LOSS[:-1]}, adaptive=False)").train()(Batch(torch.rand(2, 1, 32, 32)))
    assert loss.item() == pytest.approx(terms["l2"].item() + 0.3 * terms["alignment"].item())


def test_published_weights_are_asked_for_by_the_caller_alone(monkeypatch):
    with pytest.raises(OptionError, match="is with weights drawn at random: add pretrained=True"):
        Alignment(IMAGE, (2, 1, 2), network="timm:test_resnet(pretrained=True)")
    asked = []

    class Network(Features):
        def __init__(self, image, *, member, pretrained):
            asked.append((member, pretrained))
            super().__init__(torch.ones(1, 5, 1, 1))

    monkeypatch.setattr("aezoo.encoders.backbone.TimmEncoder", Network)
    assert Alignment(IMAGE, (2, 1, 2), network="timm:test_resnet", pretrained=True).project.weight.shape[:2] == (5, 2)
    assert asked == [("test_resnet", False), ("test_resnet", True)]  # the first, on meta, for its stride
    with pytest.raises(OptionError, match="say --loss"):
        refuse_external("loss", ["alignment(network='timm:test_resnet', pretrained=True)"], "--loss")


def test_what_it_cannot_compare():
    with pytest.raises(OptionError, match="alignment with what"):
        Alignment(IMAGE, (2, 1, 2))
    with pytest.raises(CompositionError, match=r"compares maps \(n, h, w\), and the model gives \(16,\)"):
        Alignment(IMAGE, (16,), network=NETWORK)
    with pytest.raises(CompositionError, match=r"network mlp gives \(400,\)"):
        Alignment(IMAGE, (2, 1, 2), network="mlp")
