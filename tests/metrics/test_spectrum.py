"""Known answers: a spectrum that is made, latents that spread alike, on a line, not at all."""

import math

import pytest
import torch

from aezoo.metrics.evaluation import evaluate
from aezoo.metrics.spectrum import EffectiveRank


def rank(z, **options):
    metric = EffectiveRank(**options)
    for part in z.split(50):
        metric.update(part.float())
    return metric.compute()


def with_spectrum(values, n=200):
    """Latents of mean 0 with these singular values."""
    torch.manual_seed(0)
    rows = torch.randn(n, len(values), dtype=torch.float64)
    left = torch.linalg.qr(rows - rows.mean(0))[0]
    right = torch.linalg.qr(torch.randn(len(values), len(values), dtype=torch.float64))[0]
    return left * torch.tensor(values, dtype=torch.float64) @ right.T


@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_of_a_spectrum_that_is_made(shift):
    """Of singular values 4, 2, 1, 1 the shares are 1/2, 1/4, 1/8, 1/8, their entropy 1.75 bits."""
    z = with_spectrum([4.0, 2.0, 1.0, 1.0])
    assert rank(z + shift) == pytest.approx(2**1.75, rel=1e-4)
    assert rank(z, centred=False) == pytest.approx(2**1.75, rel=1e-4)
    assert rank(z.view(-1, 2, 2, 1)) == rank(z)


def test_of_latents_that_spread_alike_it_is_their_dimensions():
    torch.manual_seed(0)
    assert rank(torch.randn(20_000, 6)) == pytest.approx(6, abs=0.01)
    assert rank(3 * torch.randn(20_000, 6) @ torch.randn(6, 9)) < 6  # within nine dimensions, unalike


def test_on_a_line_it_is_one_and_at_a_point_none():
    torch.manual_seed(0)
    line = torch.randn(100, 1) * torch.randn(1, 8) + torch.randn(8)
    assert rank(line) == pytest.approx(1, abs=1e-4)
    assert rank(torch.full((100, 8), 0.3)) == 0


def test_as_rankme_has_it_the_mean_is_a_direction():
    z = torch.tensor([[3.0, 1.0], [3.0, -1.0]])  # singular values 3 and 1, times the root of 2
    p = 3 / 4
    assert rank(z, centred=False) == pytest.approx(math.exp(-p * math.log(p) - (1 - p) * math.log(1 - p)))
    assert rank(z) == pytest.approx(1)


def test_it_is_asked_for_by_name(vae, grey):
    names = ["rank", "rank(centred=False)"]
    found = evaluate(vae, grey, metrics=names, batch_size=4)
    assert [*found] == names
    assert 1 < found["rank"] <= 3
    assert "rank" not in evaluate(vae, grey)
