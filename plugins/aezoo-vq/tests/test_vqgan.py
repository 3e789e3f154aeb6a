"""A tiny VQGAN (Esser et al. 2021): its adversary sharpens what codes blur."""

import pytest
import torch

import aezoo
from aezoo.datasets.pipeline import load_images

FACES = "toyfaces(style='colour', count=1000, test_count=200, size=32)"


def trained(loss, folder):
    return aezoo.train(
        "vq-f4-tiny",
        out=folder,
        data=FACES,
        image_size=32,
        encoder="conv(layers=('4x4x32 s2', '4x4x64 s2', 'res 3x3x64'))",
        decoder="deconv(layers=('3x3x64', 'res 3x3x64', '4x4x32 s2', '4x4xc s2'))",
        bottleneck="vq(codebook_size=64, dim=4)",
        loss=loss,
        steps=600,
        batch_size=16,
        optimizer="adam",
        lr=1e-3,
        evaluate_every=300,
        metrics=("codebook_usage", "perplexity"),
        device="cpu",
        precision="float32",
    )


def energy(images):
    """Squared differences of neighbours, which blur takes away."""
    return sum(images.diff(dim=dim).square().sum().item() for dim in (2, 3))


@pytest.mark.slow
def test_with_an_adversary_it_is_sharper_and_nothing_collapses(tmp_path):
    images = load_images(FACES, "test", aezoo.ImageSpec((32, 32), 3)).batch(range(200)).images
    ratios = {}
    losses = {"l1": "l1 + commitment", "gan": "l1 + commitment + 0.5*gan(width=16, layers=2, start=200)"}
    for name, loss in losses.items():
        result = trained(loss, tmp_path / name)
        curve = [entry["loss"] for entry in result.history if entry["split"] == "test"]
        assert curve[-1] < curve[0]
        with torch.no_grad():
            ratios[name] = energy(result.model(images).reconstruction) / energy(images)
        assert result.metrics["test"]["codebook_usage"] > 0.5
        assert result.metrics["test"]["perplexity"] > 16
        assert result.metrics["test"]["mse"] < result.metrics["mean-image"]["test"]["mse"]
    adversary = [entry["gan_adversary"] for entry in result.history if "gan_adversary" in entry][-1]
    assert 0.1 < adversary < 0.9  # of a hinge: 0 where it knows every image, 1 where it tells nothing apart
    assert abs(1 - ratios["gan"]) < abs(1 - ratios["l1"])
