"""A spatial VAE: trained at 64x64, used at 96x128, saved, and sampled at any size that its stride divides."""

import pytest
import torch

import aezoo
from aezoo.training import run as training

SPEC = """ModelSpec(
    name="kl-f4", summary="Spatial VAE", image=aezoo.ImageSpec((64, 64)), loss="bce + 0.1*kl",
    encoder=aezoo.Component.of("conv", layers=("3x3x8 s2", "3x3x8 s2")),
    bottleneck=aezoo.Component.of("gaussian", dim=2, spatial=True),
    decoder=aezoo.Component.of("deconv", layers=("4x4x8 s2", "4x4xc s2")))"""


def test_spatial(stranger, tmp_path):
    stranger(SPEC)
    recipe = aezoo.Recipe(dataset="toyfaces(count=32)", steps=10, batch_size=8, evaluate_every=5)
    training.start(training.Job(spec=aezoo.describe("kl-f4"), recipe=recipe, device="cpu"), tmp_path / "run")
    model = aezoo.create(f"local-dir:{tmp_path / 'run'}", pretrained=True)
    assert (model.latent_shape, model.latent_std.shape, model.stride) == ((2, 16, 16), (2, 1, 1), 4)
    images = torch.rand(3, 1, 96, 128)
    latent = model.encode(images)
    assert latent.z.shape == (3, 2, 24, 32)
    assert latent.terms["kl"].shape == (3, 2 * 24 * 32)
    assert model(images).reconstruction.shape == images.shape
    assert model.sample(2, size=(96, 128)).shape == (2, 1, 96, 128)
    z = torch.cat(
        [model.encode(x).z for x in training.load_splits(recipe, model.image).train.batch(range(32)).images[:, None]]
    )
    torch.testing.assert_close(model.latent_std.flatten(), z.std((0, 2, 3), correction=0))
    with pytest.raises(aezoo.AezooError, match=r"takes \(b, 1, 64, 64\) or any multiples of 4"):
        model(torch.rand(1, 1, 66, 64))
