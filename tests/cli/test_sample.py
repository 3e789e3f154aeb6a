import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def spatial(tmp_path):
    """The folder of a model that makes images of any multiple of 4."""
    from aezoo.factory import create
    from aezoo.weights.folder import save_model

    model = create(
        "cis680-vae16",
        encoder="conv(layers=('3x3x4 s2', '3x3x4 s2'))",
        bottleneck="gaussian(dim=2, spatial=True)",
        decoder="deconv(layers=('4x4x4 s2', '4x4xc s2'))",
        image_size=8,
    )
    save_model(tmp_path / "spatial", model, model.latent_mean.new_zeros(1, *model.image.shape))
    return tmp_path / "spatial"


def test_the_same_seed_draws_the_same_images(aezoo, folder, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        result = aezoo("sample", folder, "--n", 70, "--seed", seed, "--out", tmp_path / f"{name}.png")
        assert result.exit_code == 0, result.stderr
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c
    assert "70 of 8x8, seed 2" in result.stdout
    assert "the prior standard" in result.stdout


def test_images_of_another_size(aezoo, spatial, folder, tmp_path):
    out = tmp_path / "out.png"
    assert "4 of 16x8" in aezoo("sample", spatial, "--n", 4, "--size", "16x8", "--out", out).stdout
    assert np.asarray(Image.open(out)).shape[0] > np.asarray(Image.open(out)).shape[1]
    assert "tiny takes 8x8" in aezoo("sample", folder, "--size", "16", "--out", out).stderr


def test_errors(aezoo, folder, tmp_path):
    assert "a PNG" in aezoo("sample", folder, "--out", tmp_path / "out.gif").stderr
    assert "not conditional" in aezoo("sample", folder, "--label", 3, "--out", tmp_path / "out.png").stderr
    assert aezoo("sample", folder, "--n", 0, "--out", tmp_path / "out.png").exit_code == 2
    assert aezoo("sample", folder, "--seed", 2**64, "--out", tmp_path / "out.png").exit_code == 2
