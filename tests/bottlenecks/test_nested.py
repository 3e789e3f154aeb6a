"""Known answers: what is kept by hand, and the principal components that a linear autoencoder finds."""

import pytest
import torch

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.nested import NestedBottleneck
from aezoo.composition import describe
from aezoo.errors import CompositionError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import ImageSpec
from aezoo.specs import ModelSpec
from aezoo.training.objective import Objective


def test_the_first_are_kept():
    z, bottleneck = torch.arange(1.0, 13).view(2, 3, 1, 2), NestedBottleneck((5, 1, 2), dim=3, spatial=True)
    assert bottleneck.first(z, 2).tolist() == [[[[1, 2]], [[3, 4]], [[0, 0]]], [[[7, 8]], [[9, 10]], [[0, 0]]]]
    each = bottleneck.first(z, torch.tensor([3, 1]))
    assert each.tolist() == [[[[1, 2]], [[3, 4]], [[5, 6]]], [[[7, 8]], [[0, 0]], [[0, 0]]]]


def test_of_a_map_the_first_positions_are_kept_row_by_row():
    bottleneck = NestedBottleneck((5, 2, 2), dim=2, spatial=True, along="positions")
    z = torch.arange(1.0, 9).view(1, 2, 2, 2)
    assert bottleneck.first(z, 3).tolist() == [[[[1, 2], [3, 0]], [[5, 6], [7, 0]]]]
    assert bottleneck.first(z.expand(2, -1, -1, -1), torch.tensor([4, 1]))[1, 0].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(("shape", "along"), [((5,), "channels"), ((3, 4, 4), "channels"), ((3, 2, 2), "positions")])
def test_in_training_every_number_is_as_likely(shape, along):
    torch.manual_seed(0)
    bottleneck = NestedBottleneck(shape, dim=4, spatial=len(shape) > 1, along=along)
    kept = bottleneck.draw(bottleneck(torch.randn(8000, *shape))).z.view(8000, 4, -1) != 0
    kept = kept.any(1 if along == "positions" else 2)
    assert (kept.sum(1) == kept.long().cumprod(1).sum(1)).all()  # a prefix
    counts = kept.sum(1).bincount(minlength=5)
    assert counts[0] == 0
    assert all(1800 < count < 2200 for count in counts[1:].tolist())


def test_a_linear_autoencoder_finds_the_principal_components_in_order():
    torch.manual_seed(0)
    spread = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    turn = torch.linalg.qr(torch.randn(6, 6))[0]
    images = (torch.randn(512, 6) * spread) @ turn.T
    images = (images - images.mean(0)).view(-1, 1, 2, 3)
    image = ImageSpec((2, 3))
    spec = ModelSpec(name="linear", summary="", image=image)

    class Free(Likelihood):
        def reconstruction(self, params):
            return params

    decoder = torch.nn.Sequential(torch.nn.Linear(3, 6, bias=False), torch.nn.Unflatten(1, (1, 2, 3)))
    bottleneck = NestedBottleneck((6,), dim=3)
    model = Autoencoder(spec, torch.nn.Flatten(), bottleneck, decoder, likelihood=Free(image)).train()
    objective = Objective(model, "l2").train()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1500)
    for _ in range(1500):
        loss, _ = objective(Batch(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    flat = images.flatten(1)
    principal = torch.linalg.svd(flat, full_matrices=False)[2]
    z = model.eval().bottleneck(flat).z
    for j in (1, 2, 3):
        made = model.decode(bottleneck.first(z, j)).flatten(1)
        best = flat @ principal[:j].T @ principal[:j]
        error, least = ((each - flat).square().sum(1).mean().item() for each in (made, best))
        assert error == pytest.approx(least, rel=0.03), j
        axis = torch.nn.functional.normalize(decoder[0].weight[:, j - 1], dim=0)
        assert abs((axis @ principal[j - 1]).item()) > 0.99


def test_the_kit_s_models_take_it():
    model = build(describe("kl-f8-tiny", image_size=(16, 16), bottleneck="nested(dim=5, spatial=True)"))
    z = model.eval().encode(torch.rand(2, 3, 16, 16)).z
    assert z.shape == (2, 5, 2, 2)
    assert model.decode(model.bottleneck.first(z, 2)).shape == (2, 3, 16, 16)
    with pytest.raises(CompositionError, match=r"nested\(spatial=True\) takes a map"):
        NestedBottleneck((5,), spatial=True)
