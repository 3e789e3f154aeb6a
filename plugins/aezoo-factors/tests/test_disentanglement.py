"""Each score against its closed form: on perfect codes, partly mixed ones, and random ones."""

import numpy as np
import pytest
import torch

from aezoo.errors import DataError
from aezoo_factors.disentanglement import (
    Completeness,
    Disentanglement,
    FactorVaeScore,
    Informativeness,
    MutualInformationGap,
    SeparatedPredictability,
)

ALL = (
    Completeness, Disentanglement, FactorVaeScore, Informativeness, MutualInformationGap, SeparatedPredictability,
)  # fmt: skip


def grid(*sizes, times=1):
    """Every combination of factors of so many values each, (n, k)."""
    axes = torch.meshgrid(*(torch.arange(size) for size in sizes), indexing="ij")
    return torch.stack([axis.flatten() for axis in axes], 1).float().repeat(times, 1)


def uniform(n=400, k=2, seed=0):
    return torch.rand(n, k, generator=torch.Generator().manual_seed(seed))


def value(metric, z, factors):
    metric.update(z, factors)
    return metric.compute()


@pytest.mark.parametrize("measure", ALL)
def test_a_perfect_code_is_1(measure):
    factors = grid(4, 5, 3, times=10)
    assert value(measure(), 3 - 2 * factors[:, [1, 2, 0]], factors) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("measure", ALL)
def test_a_perfect_code_of_continuous_factors(measure):
    factors, most = uniform(1000 if measure is MutualInformationGap else 400), 1.0
    if measure is MutualInformationGap:  # where there is none, n images show (bins - 1)^2 / 2n nats of information
        most -= 19**2 / 2000 / np.log(20)
    assert value(measure(), 3 - 2 * factors.flip(1), factors) == pytest.approx(most, abs=0.01)


@pytest.mark.parametrize("measure", [Completeness, Disentanglement, Informativeness])
def test_trees_need_no_straight_line(measure):
    factors = uniform()
    assert value(measure(), (4 * factors).exp(), factors) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("measure", [MutualInformationGap, SeparatedPredictability])
def test_a_factor_that_two_dimensions_share_alike_has_no_gap(measure):
    factors = grid(6, 6)
    turned = torch.stack([factors.sum(1), factors[:, 0] - factors[:, 1]], 1)
    assert value(measure(), turned, factors) == pytest.approx(0, abs=1e-9)


def test_mig_and_sap_of_a_mixed_code():
    a, b = grid(4, 4).T
    z = torch.stack([a, a % 2, b], 1)  # of a's two bits, one lies in another dimension too
    assert value(MutualInformationGap(), z, grid(4, 4)) == pytest.approx((1 / 2 + 1) / 2)
    # cov(a, a % 2) = 1/4, var(a) = 5/4, var(a % 2) = 1/4: a fifth of the variance of a
    assert value(SeparatedPredictability(), z, grid(4, 4)) == pytest.approx((4 / 5 + 1) / 2)


def test_mig_of_a_factor_whose_values_are_not_alike_often():
    factors = grid(4, 4)
    factors[:, 0] = factors[:, 0] == 3  # of ln 4/3 * 3/4 + ln 4 / 4 nats, and not of ln 2
    assert value(MutualInformationGap(), factors, factors) == pytest.approx(1)


@pytest.mark.parametrize(("values", "most"), [(20, 1), (32, 1 - 0.75 / 5)])
def test_mig_of_a_perfect_code_falls_beyond_20_values(values, most):
    factors = grid(values, 4)  # of 32, 24 share a bin of two and leave a bit of five open
    assert value(MutualInformationGap(), factors, factors[:, :1]) == pytest.approx(most)


def test_dci_of_one_dimension_that_holds_both_factors():
    factors = grid(4, 4, times=8)
    z = torch.stack([4 * factors[:, 0] + factors[:, 1], torch.zeros(len(factors))], 1)
    assert value(Disentanglement(), z, factors) == pytest.approx(0, abs=1e-6)
    assert value(Completeness(), z, factors) == pytest.approx(1, abs=1e-6)
    assert value(Informativeness(), z, factors) == pytest.approx(1, abs=0.01)


def test_dci_of_a_factor_that_two_dimensions_share():
    factors = grid(2, 2, 4, times=8)
    a, b, c = factors.T
    z, known = torch.stack([a, b, c], 1), torch.stack([a + b, c], 1)  # half of the variance of a + b is in each
    assert value(Disentanglement(), z, known) == pytest.approx(1, abs=1e-6)
    assert value(Completeness(), z, known) == pytest.approx((1 - np.log(2) / np.log(3) + 1) / 2, abs=0.02)


def test_dci_counts_shares_over_the_factors_not_over_the_dimensions():
    factors = grid(4, 4, 4, times=4)
    held = torch.stack([4 * factors[:, 0] + factors[:, 1], factors[:, 2]], 1)
    z = torch.cat([held, torch.zeros(len(factors), 3)], 1)
    half = 1 - np.log(2) / np.log(3)  # the first holds two of three factors, and has two thirds of all importance
    assert value(Disentanglement(), z, factors) == pytest.approx((2 * half + 1) / 3, abs=0.01)


def test_dci_predicts_half_of_a_factor_that_is_half_noise():
    both = torch.randint(2, (1000, 2), generator=torch.Generator().manual_seed(0)).float()
    assert value(Informativeness(), both[:, :1], both.sum(1, keepdim=True)) == pytest.approx(1 / 2, abs=0.05)


def test_factorvae_weighs_dimensions_by_their_own_scale():
    factors = grid(5, 5, times=20)
    noisy = factors + 0.3 * torch.randn(factors.shape, generator=torch.Generator().manual_seed(0))
    assert value(FactorVaeScore(), noisy * torch.tensor([1.0, 100.0]), factors) == 1


def test_factorvae_of_a_dimension_that_two_factors_share():
    factors = grid(5, 5, times=8)
    z = torch.stack([factors.sum(1), torch.zeros(200)], 1)  # whichever is fixed, the only dimension votes
    assert value(FactorVaeScore(), z, factors) == pytest.approx(1 / 2, abs=0.05)


def test_factorvae_drops_what_has_collapsed():
    factors = grid(5, 5, times=8)
    noise = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    assert value(FactorVaeScore(), torch.cat([factors, 0.04 * noise], 1), factors) == 1
    assert value(FactorVaeScore(), 0.04 * noise, factors) == 0
    assert value(FactorVaeScore(), 0.06 * noise, factors) > 0  # a deviation above 0.05, of whatever variance
    constant = torch.cat([factors, torch.ones(200, 1)], 1)
    assert value(FactorVaeScore(collapsed=0), constant, factors) == 1


@pytest.mark.parametrize(("measure", "chance", "within"), [
    (MutualInformationGap, 0, 0.02), (SeparatedPredictability, 0, 0.02), (Disentanglement, 0, 0.15),
    (Completeness, 0, 0.15), (Informativeness, 0, 0.02), (FactorVaeScore, 0.25, 0.15),
])  # fmt: skip
def test_random_codes_are_at_chance(measure, chance, within):
    z = torch.randn(1000, 5, generator=torch.Generator().manual_seed(1))
    assert value(measure(), z, uniform(1000, k=4)) == pytest.approx(chance, abs=within)


@pytest.mark.parametrize("measure", ALL)
def test_the_order_of_the_images_does_not_matter(measure):
    factors = uniform(60)
    z = factors + 0.1 * torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
    other = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    assert value(measure(images=40), z, factors) == value(measure(images=40), z[other], factors[other])
    assert value(measure(images=40, seed=1), z, factors) != value(measure(images=40), z, factors)


@pytest.mark.parametrize("measure", ALL)
def test_factors_that_all_images_share_are_left_out(measure):
    factors = torch.cat([grid(4, 4, times=4), torch.ones(64, 1)], 1)
    assert value(measure(), factors[:, :2], factors) == value(measure(), factors[:, :2], factors[:, :2])
    with pytest.raises(DataError, match="no factor differs between these 64 images"):
        value(measure(), factors, torch.ones(64, 2))


def test_factorvae_needs_images_that_are_alike():
    with pytest.raises(DataError, match="too few of these 2 images are alike"):
        value(FactorVaeScore(), torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [1.0]]))


@pytest.mark.parametrize("measure", [Completeness, Disentanglement])
def test_a_collapsed_code_has_none(measure):
    assert value(measure(), torch.zeros(400, 3), uniform()) == 0


def test_a_constant_dimension_is_no_nan():
    factors = grid(4, 4, times=4)
    z = torch.cat([factors, torch.full((64, 1), 0.3)], 1)
    for measure in ALL:
        assert value(measure(), z, factors) == pytest.approx(1, abs=0.01)
