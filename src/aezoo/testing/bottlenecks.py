"""What is checked of a bottleneck: its posterior, its latents made again, and the state that training moves."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from aezoo.bottlenecks.base import Bottleneck
from aezoo.factory import build
from aezoo.latent import Latent
from aezoo.losses.context import alone
from aezoo.noise import passes
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_close, check_numbers

_MANY, _PUSH = 8000, 2.0
_WIDEST = 1024
"""Numbers of a latent; of more, so few samples say nothing of a density."""
_ERRORS = 5.0
"""Standard errors that an estimate may lie off."""


class BottleneckChecks:
    """Gradient, posterior, other ``z``, state."""

    def test_z_has_a_gradient(self, bottleneck: Case) -> None:
        part, features = _alone(bottleneck)
        features.requires_grad_()
        z = part.train()(features).z
        weights = torch.randn(z.shape, generator=generator())
        (found,) = torch.autograd.grad((z * weights).sum(), features, allow_unused=True)
        assert found is not None, "no gradient of z reaches the features: codes pass it straight through"
        assert found.any(), "the gradient of z is zero at the features"

    @torch.no_grad()
    def test_posterior_is_a_density(self, bottleneck: Case) -> None:
        """The mean of p / q over samples of q is 1 for any density p where q is one: for a normal one a little narrower
        than the samples; on a sphere that of q / p, over samples of the even p.
        """
        model, batch = bottleneck.make()
        if "posterior" not in model.provides or math.prod(model.latent_shape) > _WIDEST:
            return
        for parameter in model.bottleneck.parameters():  # untrained, every deviation is all but 1
            parameter.mul_(_PUSH)
        latent = model.encode(batch)
        z, others = (model.bottleneck.sample(latent, _MANY, generator(seed)) for seed in (0, 1))
        flat = z.flatten(2).double()
        if torch.allclose(flat.norm(dim=2), torch.ones((), dtype=torch.float64), atol=1e-4):
            m = flat.shape[2]
            even = torch.nn.functional.normalize(torch.randn(z.shape, generator=generator()), dim=2)
            area = math.log(2) + m / 2 * math.log(math.pi) - math.lgamma(m / 2)
            shares = (model.bottleneck.log_posterior(even, latent).double() + area).exp()
        else:
            narrower = min(0.1, flat.shape[2] ** -0.5)  # so that few samples do not weigh all in many dimensions
            of_others = others.flatten(2).double()  # a density that knows nothing of the samples
            near = torch.distributions.Normal(of_others.mean(0), (1 - narrower) * of_others.std(0))
            shares = (near.log_prob(flat).sum(2) - model.bottleneck.log_posterior(z, latent).double()).exp()
        found, room = shares.mean(0), _ERRORS * shares.std(0) / _MANY**0.5 + 0.02
        assert ((found - 1).abs() < room.clamp(max=1)).all(), (
            f"over the posterior's samples the mean of another density over its own is {found.tolist()}, not 1"
        )

    def test_posterior(self, bottleneck: Case) -> None:
        model, batch = bottleneck.make()
        part, latent = model.bottleneck, model.encode(batch)
        samples = part.sample(latent, 3, generator())
        check_numbers(samples, (3, *latent.z.shape), "a sample of three")
        torch.manual_seed(1)  # another global state
        assert torch.equal(samples, part.sample(latent, 3, generator())), "it draws from elsewhere than the generator"
        one = part.sample(tree_map(lambda x: x[:1], latent), 3, [generator()])
        several = part.sample(latent, 3, [generator() for _ in batch.images])
        # With a generator for each image, its draw does not depend on the batch.
        torch.testing.assert_close(one[:, 0], several[:, 0], rtol=1e-4, atol=1e-5)
        if "posterior" in model.provides:
            assert samples.std(0).any(), "the samples of a posterior do not differ"
            check_numbers(part.log_posterior(samples, latent), (3, len(batch)), "the posterior's density")
            check_numbers(part.log_posterior(latent.z, latent), (len(batch),), "the posterior's density")

    def test_latent_at_another_z(self, bottleneck: Case) -> None:
        model, batch = bottleneck.make()
        for mode in (True, False):
            with torch.no_grad():
                latent = model.train(mode).encode(batch)
            check_close(model.latent_at(latent, latent.z), latent)  # at its own z it is itself
            before = tree_map(torch.clone, latent)
            z = model.bottleneck.sample(latent, 1, generator())[0]
            moved = model.latent_at(latent, z)
            check_close(latent, before)  # and making another leaves it as it was
            assert torch.equal(moved.z, z), "the latent at another z has not that z"
            missing = sorted(set(latent.terms) - set(moved.terms))
            assert not missing, f"the latent at another z has lost its terms {missing}"
            if model.prior is not None:
                own = {name: term for name, term in moved.terms.items() if name != "kl"}  # a posterior may be in them
                expected = model.prior.kl(dataclasses.replace(moved, terms=own), model)
                torch.testing.assert_close(moved.terms["kl"], expected)

    def test_codes(self, bottleneck: Case) -> None:
        model, batch = bottleneck.make()
        part, latent = model.bottleneck, model.encode(batch)
        assert bool(part.codebook_sizes) == ("codes" in model.provides), "codes without codebook_sizes, or the reverse"
        if latent.codes is None:
            return
        several = (len(part.codebook_sizes),) if len(part.codebook_sizes) > 1 else ()
        shape = (len(batch), *several, *part.latent_shape[1:])
        assert latent.codes.dtype == torch.int64, f"codes are {latent.codes.dtype}"
        assert latent.codes.shape == shape, f"codes are {tuple(latent.codes.shape)}, not {shape}"
        books = latent.codes.unbind(1) if several else (latent.codes,)
        for size, codes in zip(part.codebook_sizes, books, strict=True):
            assert codes.min() >= 0, f"there is the code {codes.min()}"
            assert codes.max() < size, f"there is the code {codes.max()} of a codebook of {size}"
        torch.testing.assert_close(part.lookup(latent.codes), latent.z, msg=lambda text: f"lookup gives no z:\n{text}")

    def test_state_moves_with_a_step_alone(self, bottleneck: Case) -> None:
        part, features = _alone(bottleneck)
        before, twin = _answers(part, features), copy.deepcopy(part)
        _train(twin, features, step=False)
        _check_same(_answers(twin, features), before, "a forward pass moves its state: step is to do that")
        with passes(collects=False):
            _train(part, features + 1, step=False)
        part.eval()(features - 1)
        _train(part, features)
        _train(twin := copy.deepcopy(_alone(bottleneck)[0]), features)
        message = "what it sees in eval(), or where nothing is collected, goes into its state"
        _check_same(_answers(part, features), _answers(twin, features), message)

    def test_state_is_that_of_all_processes(self, bottleneck: Case) -> None:
        part, features = _alone(bottleneck)
        parts = [copy.deepcopy(part), copy.deepcopy(part)]
        for rank, own in enumerate(parts):
            with passes(rank=rank, world=2):
                _train(own, features + rank, step=False)
        one, other = _step_together(parts)
        message = "two processes that saw different images have different states after a step"
        _check_same(_answers(one, features), _answers(other, features), message)

    def test_state_is_kept(self, bottleneck: Case) -> None:
        part, features = _alone(bottleneck)
        _train(part, features)
        torch.manual_seed(1)
        again = _without_momentum(build(bottleneck.spec()).bottleneck)
        again.load_state_dict(part.state_dict())
        for _ in range(2):  # as it is, and after one more step
            message = "a bottleneck that is loaded goes on otherwise: its state is not all in the state_dict"
            _check_same(_answers(again, features), _answers(part, features), message)
            _train(part, features)
            _train(again, features)


def _alone(case: Case) -> tuple[Bottleneck, Tensor]:
    """A model's bottleneck, and features for it."""
    model, batch = case.make()
    labels = (batch.labels,) if "encoder" in model.conditional else ()
    return _without_momentum(model.bottleneck), model.encoder(batch.images, *labels).detach()


def _without_momentum(part: Bottleneck) -> Bottleneck:
    """Batch normalisation is none of the state that is meant: it moves with every pass."""
    for module in part.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.0
    return part


def _train(part: Bottleneck, features: Tensor, *, step: bool = True) -> None:
    torch.manual_seed(0)
    part.train()(features)
    if step:
        part.step(alone)


@torch.no_grad()
def _answers(part: Bottleneck, features: Tensor) -> list[Latent]:
    """What it makes of features in ``eval()`` and in ``train()``; it is left as it was."""
    answers = []
    for mode in (False, True):
        torch.manual_seed(0)
        with passes(collects=False):
            twin = copy.deepcopy(part).train(mode)
            answers.append(twin.draw(twin(features)) if mode else twin(features))
    return answers


def _check_same(ours: list[Latent], theirs: list[Latent], message: str) -> None:
    for one, other in zip(ours, theirs, strict=True):
        try:
            check_close(one, other)
        except AssertionError as error:
            raise AssertionError(f"{message}\n{error}") from error


class _Unknown(Exception):
    """A sum that is asked for and not known yet."""


def _step_together(parts: Sequence[Bottleneck]) -> list[Bottleneck]:
    """The parts after the same step in as many processes.

    Each is stepped until it asks for a sum that is not known; the sum then is, and all begin again.
    """
    sums: list[Tensor] = []
    while True:
        moved = [copy.deepcopy(part) for part in parts]
        asked = [_step(part, sums) for part in moved]
        if all(each is None for each in asked):
            return moved
        assert all(each is not None for each in asked), "one process asks for a sum that the other does not ask for"
        sums.append(sum(asked))  # pyright: ignore[reportArgumentType]


def _step(part: Bottleneck, sums: Sequence[Tensor]) -> Any:
    """Step; the tensor whose sum is not known, if any."""
    known = iter(sums)

    def total(tensor: Tensor) -> Tensor:
        found = next(known, None)
        if found is None:
            raise _Unknown(tensor)
        return found.clone()

    torch.manual_seed(0)  # as all processes are, in every step
    try:
        part.step(total)
    except _Unknown as unknown:
        return unknown.args[0]
    return None
