"""What is checked of a likelihood: pictures, densities, samples, and that the probabilities of all images are 1."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError
from aezoo.likelihoods.base import Likelihood
from aezoo.plain import ImageSpec
from aezoo.requests import ask
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_images, check_numbers

_MANY = 20_000  # samples
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
        sums = {over: shares.sum().item() for over, _, shares in _shares(_of_a_pixel(likelihood))}
        assert any(abs(total - 1) < 2e-3 for total in sums.values()), f"its probabilities do not sum to 1: {sums}"

    def test_likelihood_samples_are_of_its_density(self, likelihood: Case) -> None:
        if likelihood.kind != "likelihood" or "nll" not in likelihood.entry.spec.provides:
            return
        part = _of_a_pixel(likelihood)
        whole = [(values, shares) for _, values, shares in _shares(part) if abs(shares.sum().item() - 1) < 2e-3]
        assert whole, "its probabilities do not sum to 1"
        values, shares = whole[0][0].clamp(0, 1), whole[0][1]  # a sample is a picture
        drawn = part.sample(_params(part, _MANY), generator()).flatten().double()
        for power in (1, 2):
            wanted = (values**power * shares).sum().item()
            error = ((values ** (2 * power) * shares).sum().item() - wanted**2) ** 0.5 / _MANY**0.5
            found = drawn.pow(power).mean().item()
            apart = f"its samples' mean of x^{power} is {found:.4g}, that of its density {wanted:.4g}"
            assert abs(found - wanted) < 5 * error + 3e-3, apart


def _given(case: Case) -> tuple[Autoencoder, Tensor, Tensor]:
    """A model, maps for its likelihood, and images of which that is a probability."""
    model, batch = case.make()
    images = batch.images.round() if model.likelihood.support == "binary" else (batch.images * 255).round() / 255
    channels, *size = model.image.shape
    torch.manual_seed(2)
    return model, torch.randn(len(images), channels * model.likelihood.maps, *size), images


def _of_a_pixel(case: Case) -> Likelihood:
    """The likelihood of images of one pixel."""
    return ask("likelihood", case.request).build(image=ImageSpec((1, 1), 1))


def _params(part: Likelihood, n: int) -> Tensor:
    """The same maps, n times."""
    torch.manual_seed(0)
    return 0.1 * torch.randn(1, part.maps, 1, 1).expand(n, -1, 1, 1)


@torch.no_grad()
def _shares(part: Likelihood) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What a pixel may be and the probabilities of that: of levels, or by the trapezoid rule of a density."""
    levels = 2 if part.support == "binary" else 256
    grids = {
        f"over {levels} levels": (torch.linspace(0, 1, levels), 1.0),
        "over [0, 1]": (torch.linspace(0, 1, 4001), 1 / 4000),
        "over the line": (torch.linspace(-9.5, 10.5, 40001), 20 / 40000),
    }
    for over, (values, width) in list(grids.items())[: 1 if part.support == "binary" else None]:
        shares = part.log_prob(_params(part, len(values)), values[:, None, None, None]).double().exp() * width
        if width != 1:
            shares[0], shares[-1] = shares[0] / 2, shares[-1] / 2
        yield over, values.double(), shares
