"""What is checked of a likelihood: pictures, densities, samples, and that the probabilities of all images are 1."""

from __future__ import annotations

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import ImageSpec
from aezoo.requests import ask
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_images, check_numbers

_FITTING = 200
"""Steps of Adam in which maps are fitted to images."""


class LikelihoodChecks:
    """Pictures, densities, samples."""

    def test_likelihood_reconstructs(self, likelihood: Case) -> None:
        model, params, images = _given(likelihood)
        part = model.likelihood
        for scale in (1, 100):
            check_images(part.reconstruction(scale * params), tuple(images.shape), "the reconstruction")
        logits = part.logits(params)
        assert logits is not None or "logits" not in model.provides, "it provides logits and gives None"
        if logits is not None:
            torch.testing.assert_close(logits.sigmoid(), part.reconstruction(params))

    def test_likelihood_has_a_density(self, likelihood: Case) -> None:
        model, params, images = _given(likelihood)
        if "nll" not in model.provides:
            try:
                model.likelihood.log_prob(params, images)
            except CompositionError:
                return
            raise AssertionError("it gives a density and does not provide nll")
        params.requires_grad_()
        density = model.likelihood.log_prob(params, images)
        check_numbers(density, (len(images),), "the density")
        assert density.dtype == torch.float32, f"the density is {density.dtype}"
        density.sum().backward()
        assert params.grad is not None, "no gradient reaches the maps"
        assert params.grad.isfinite().all(), "the gradient of the maps is not finite"
        each = params.grad.unflatten(1, (model.likelihood.maps, -1)).abs().sum((0, 2, 3, 4))  # (maps,)
        for number, moved in enumerate(each.tolist()):
            assert moved, f"no gradient reaches map {number}"

    def test_likelihood_samples(self, likelihood: Case) -> None:
        model, params, images = _given(likelihood)
        part = model.likelihood
        for scale in (1, 100):
            check_images(part.sample(scale * params, generator()), tuple(images.shape), "the sample")
        drawn = part.sample(params, generator())
        torch.manual_seed(1)  # another global state
        assert torch.equal(drawn, part.sample(params, generator())), "it draws from elsewhere than the generator"
        if "nll" in model.provides:
            assert not torch.equal(drawn, part.sample(params, generator(1))), "all its samples are the same"

    def test_likelihood_fits_what_it_is_fitted_to(self, likelihood: Case) -> None:
        model, params, images = _given(likelihood)
        if "nll" not in model.provides:
            return
        part, others = model.likelihood, images.roll(1, 0)
        params = torch.zeros_like(params).requires_grad_()
        optimizer = torch.optim.Adam([params], lr=0.05)
        for _ in range(_FITTING):
            optimizer.zero_grad()
            (-part.log_prob(params, images).sum()).backward()
            optimizer.step()
        own, other = part.log_prob(params, images), part.log_prob(params, others)
        assert (own > other).all(), f"fitted images have {own.tolist()} nats, others {other.tolist()}"
        made = part.reconstruction(params)
        near, far = ((made - each).square().mean() for each in (images, others))
        assert near < far, f"fitted images are reconstructed with an mse of {near:.3g}, others of {far:.3g}"

    def test_probabilities_sum_to_one(self, likelihood: Case) -> None:
        if likelihood.kind != "likelihood" or "nll" not in likelihood.entry.spec.provides:
            return
        part = ask("likelihood", likelihood.request).build(image=ImageSpec((1, 1), 1))
        levels = 2 if part.support == "binary" else 256
        sums = {
            f"over {levels} levels": _total(part, torch.linspace(0, 1, levels), 1),
            "over [0, 1]": _total(part, torch.linspace(0, 1, 4001), 1 / 4000),
            "over the line": _total(part, torch.linspace(-9.5, 10.5, 40001), 20 / 40000),
        }
        if part.support == "binary":
            sums = dict(list(sums.items())[:1])
        assert any(abs(total - 1) < 2e-3 for total in sums.values()), f"its probabilities do not sum to 1: {sums}"


def _given(case: Case) -> tuple[Autoencoder, Tensor, Tensor]:
    """A model, maps for its likelihood, and images of which that is a probability."""
    model, batch = case.make()
    images = batch.images.round() if model.likelihood.support == "binary" else (batch.images * 255).round() / 255
    channels, *size = model.image.shape
    torch.manual_seed(2)
    return model, torch.randn(len(images), channels * model.likelihood.maps, *size), images


@torch.no_grad()
def _total(part: Likelihood, values: Tensor, width: float) -> float:
    """The probabilities of a one-pixel image's values, or by the trapezoid rule the integral of their density."""
    torch.manual_seed(0)
    params = 0.1 * torch.randn(1, part.maps, 1, 1).expand(len(values), -1, 1, 1)
    weights = torch.ones_like(values)
    if width != 1:
        weights[0] = weights[-1] = 0.5
    return (part.log_prob(params, values[:, None, None, None]).exp() * weights * width).sum().item()
