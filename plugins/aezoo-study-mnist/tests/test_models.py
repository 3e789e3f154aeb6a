import pytest

import aezoo
from aezoo.summary import summarize
from aezoo.training.optimizers import rate
from aezoo_study_mnist.models import MODELS, VAE


def test_the_rate_of_the_vae_falls_after_200_and_350_of_500_epochs():
    recipe = VAE.tag("mnist").recipe
    assert recipe.steps * recipe.batch_size == 500 * 50_000
    rates = [rate(recipe, 500 * epoch) for epoch in range(500)]
    fall = 10 ** (-1 / 5)
    assert rates == pytest.approx([1e-4] * 200 + [1e-4 * fall] * 150 + [1e-4 * fall**2] * 150, rel=1e-12)


# Weights and biases of each linear layer, mean and log-variance (of a sphere direction and concentration) as one.
@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("vae-mnist", ((784, 400), (400, 400), (400, 2 * 40), (40, 400), (400, 400), (400, 784))),
        ("iwae-mnist", ((784, 200), (200, 200), (200, 2 * 50), (50, 200), (200, 200), (200, 784))),
        ("svae-mnist", ((784, 256), (256, 128), (128, 11 + 1), (11, 128), (128, 256), (256, 784))),
        ("beta-vae-dsprites", ((4096, 1200), (1200, 1200), (1200, 20), (10, 1200), *((1200, 1200),) * 2, (1200, 4096))),
    ],
)
def test_the_networks_are_the_papers(name, widths):
    summary = summarize(aezoo.factory.build(aezoo.describe(name), device="meta"))
    assert summary.parameters == sum((n + 1) * m for n, m in widths)


def test_all_have_one_tag_and_say_what_it_costs():
    for model in MODELS:
        (tag,) = model.tags
        assert model.name.endswith(f"-{tag.name}")
        assert tag.recipe.cost
