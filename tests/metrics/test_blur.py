"""Known answers: edges half as high, pale, smeared, none."""

import pytest
import torch

from aezoo.latent import Batch, Latent, Output
from aezoo.metrics.baseline import MeanImage
from aezoo.metrics.blur import gradient_energy, sharpness
from aezoo.metrics.measured import Measured


def measured(images, reconstruction):
    output = Output(reconstruction, None, Latent(torch.zeros(len(images), 1)))
    return Measured(
        batch=Batch(images),
        mean=output,
        sampled=output,
        model=MeanImage(torch.zeros(1, 2, 2), 1),
    )


def test_gradient_energy_of_an_edge_half_as_high_is_a_quarter():
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2:] = 1
    assert gradient_energy(measured(image, image)).tolist() == [1.0]
    assert gradient_energy(measured(image, 0.5 * image)).tolist() == [0.25]
    sharp = torch.arange(4.0).expand(1, 1, 4, 4).transpose(2, 3)  # four columns of three steps
    assert gradient_energy(measured(image, sharp)).tolist() == [3.0]


def test_sharpness_is_blur_and_not_contrast():
    edge = torch.zeros(1, 1, 4, 4)
    edge[..., 2:] = 1
    assert sharpness(measured(edge, edge)).tolist() == [1.0]
    pale = 0.25 + 0.5 * edge
    assert sharpness(measured(edge, pale)).tolist() == pytest.approx([1.0])
    assert gradient_energy(measured(edge, pale)).tolist() == [0.25]
    # Three steps of 1 a row in place of one: an energy of 12 over deviations of 20; of the edge 4 over 4.
    assert sharpness(measured(edge, torch.arange(4.0).expand(1, 1, 4, 4))).tolist() == pytest.approx([0.6])
    flat = torch.full((1, 1, 4, 4), 0.5)
    assert sharpness(measured(edge, flat)).tolist() == [0.0]
    assert sharpness(measured(flat, edge)).tolist() == [1.0]


def test_noise_of_half_a_level_is_no_edge():
    edge, flat = torch.zeros(1, 1, 64, 64), torch.full((1, 1, 64, 64), 0.5)
    edge[..., 32:] = 1
    noise = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5  # in levels
    assert sharpness(measured(edge, flat + noise / 255)).tolist() == [0.0]
    assert sharpness(measured(flat + noise / 255, flat + 9 * noise / 255)).tolist() == [1.0]
    assert sharpness(measured(edge, flat + 9 * noise / 255)).item() > 9


def test_gradient_energy_of_a_flat_image_is_finite():
    flat = torch.full((2, 1, 4, 4), 0.5)
    assert gradient_energy(measured(flat, flat)).tolist() == [0.0, 0.0]
    assert gradient_energy(measured(flat, torch.eye(4).expand(2, 1, 4, 4))).isfinite().all()
