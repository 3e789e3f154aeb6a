import pytest

from aezoo.training.optimizers import rate
from aezoo_study_mnist import VAE


def test_the_rate_of_the_vae_falls_after_200_and_350_of_500_epochs():
    recipe = VAE.tag("mnist").recipe
    assert recipe.steps * recipe.batch_size == 500 * 50_000
    rates = [rate(recipe, 500 * epoch) for epoch in range(500)]
    fall = 10 ** (-1 / 5)
    assert rates == pytest.approx([1e-4] * 200 + [1e-4 * fall] * 150 + [1e-4 * fall**2] * 150, rel=1e-12)
