"""What is checked of a prior: samples, densities, and that its divergence is the difference of densities."""

from __future__ import annotations

import math

import torch

from aezoo.autoencoder import Autoencoder
from aezoo.errors import CompositionError
from aezoo.latent import Latent
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_images, check_numbers, check_output

_DRAWS, _ESTIMATES, _MANY = 4000, 32, 20_000
_PUSHES, _FAR = 8, 5.0  # nats of divergence, if so many steps come to it
_ERRORS = 5.0
"""Standard errors that two estimates of one number may lie apart."""


class PriorChecks:
    """Samples, densities, divergence."""

    def test_prior(self, prior: Case) -> None:
        model, batch = prior.make()
        if model.prior is None:
            return
        shape = (4, *model.latent_shape)
        z = model.prior.sample(shape, model, generator())
        check_numbers(z, shape, "the prior's sample")
        check_numbers(model.log_prior(z), (4,), "the prior's density")
        check_numbers(model.log_prior(z.expand(3, *z.shape)), (3, 4), "the prior's density")
        made = model.sample(4, generator(), labels=batch.labels)
        check_images(made, (4, *model.image.shape), "the sample")
        torch.manual_seed(1)  # another global state
        again = model.prior.sample(shape, model, generator())
        assert torch.equal(z, again), "it draws from elsewhere than the generator"
        assert not torch.equal(z, model.prior.sample(shape, model, generator(1))), "all its samples are the same"

    @torch.no_grad()
    def test_divergence_is_the_difference_of_densities(self, prior: Case) -> None:
        model, batch = prior.make()
        if model.prior is None or "posterior" not in model.provides:
            return
        # Untrained, the posterior is all but the prior, and a wrong factor does not show.
        latent, exact = model.encode(batch), torch.zeros(())
        for _ in range(_PUSHES):
            for parameter in model.bottleneck.parameters():
                parameter.mul_(1.5)
            latent = model.encode(batch)
            exact = _difference(model, latent, model.bottleneck.sample(latent, _DRAWS, generator()))
            if exact.mean(0).min() > _FAR:
                break
        several = model.bottleneck.sample(latent, _ESTIMATES, generator(1))
        told = torch.stack([model.latent_at(latent, z).terms["kl"].flatten(1).sum(1) for z in several])
        error = torch.stack([exact.var(0) / _DRAWS, told.var(0) / _ESTIMATES]).sum(0).sqrt()
        apart = (told.mean(0) - exact.mean(0)).abs()
        room = _ERRORS * error + 1e-3 * exact.mean(0).abs() + 1e-4
        assert (apart <= room).all(), (
            f"the divergence is {told.mean(0).tolist()}, log q(z|x) - log p(z) on average {exact.mean(0).tolist()}"
        )
        assert (told.mean(0) >= -room).all(), f"the divergence is negative: {told.mean(0).tolist()}"

    @torch.no_grad()
    def test_samples_are_of_the_density(self, prior: Case) -> None:
        """The mean of q / p over samples of p is 1 for any density q where p is one: on a sphere the even one, else a
        narrow normal one about a sample.
        """
        if prior.kind != "prior":
            return
        model, _ = prior.make()
        if model.prior is None:
            return
        z = model.prior.sample((_MANY, *model.latent_shape), model, generator())
        own, flat = model.log_prior(z).double(), z.flatten(1).double()
        if torch.allclose(flat.norm(dim=1), torch.ones(_MANY, dtype=torch.float64), atol=1e-4):
            m = flat.shape[1]
            other = torch.full_like(own, -(math.log(2) + m / 2 * math.log(math.pi) - math.lgamma(m / 2)))
        else:
            near = flat[own.argsort()[_MANY // 2]]
            other = torch.distributions.Normal(near, 0.6 * flat.std(0)).log_prob(flat).sum(1)
        shares = (other - own).exp()
        error = _ERRORS * (shares.std() / _MANY**0.5).item() + 0.02
        assert abs(shares.mean().item() - 1) < min(error, 1.0), (
            f"over its samples the mean of another density over its own is {shares.mean():.3g}, not 1"
        )

    def test_prior_of_maps(self, prior: Case) -> None:
        if prior.kind != "prior":
            return
        try:
            model, batch = prior.make(bottleneck="gaussian(dim=3, spatial=True)")
        except CompositionError:  # it says that it is not for maps
            return
        if model.prior is not None:
            check_output(model, model(batch), batch)
            z = model.prior.sample((5, *model.latent_shape), model, generator())
            check_numbers(z, (5, *model.latent_shape), "the prior's sample")
            check_numbers(model.log_prior(z.expand(3, *z.shape)), (3, 5), "the prior's density")
        if model.prior is not None and model.stride:
            shape = (5, *model.latent_shape_at((model.image.size[0] + model.stride, model.image.size[1])))
            z = model.prior.sample(shape, model, generator())
            check_numbers(z, shape, "the prior's sample of another size")
            check_numbers(model.log_prior(z), (5,), "the prior's density at another size")


def _difference(model: Autoencoder, latent: Latent, z: torch.Tensor) -> torch.Tensor:
    """``log q(z | x) - log p(z)``, (n, b)."""
    return model.bottleneck.log_posterior(z, latent) - model.log_prior(z)
