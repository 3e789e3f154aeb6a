"""A conditional VAE (Sohn et al. 2015): labels of the images reach encoder and decoder, in training and after."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import aezoo
from aezoo.cli import commands
from aezoo.training.health import diagnose
from aezoo.weights.folder import save_model

from .conftest import small

SPEC = '{0}Spec(name="labelled", summary="Of a class", needs=("labels",), implementation="stranger_parts:{0}")'
PARTS = """
class Encoder(nn.Module):
    def __init__(self, image):
        super().__init__()
        self.pixels, self.label = nn.Linear(image.size[0] * image.size[1], 16), nn.Embedding(2, 16)
    def forward(self, images, labels):
        return torch.relu(self.pixels(images.flatten(1)) + self.label(labels))
class Decoder(nn.Module):
    def __init__(self, latent_shape, image):
        super().__init__()
        self.shape, self.label, self.z = image.shape, nn.Embedding(2, 16), nn.Linear(latent_shape[0], 16)
        self.out = nn.Linear(16, image.size[0] * image.size[1])
    def forward(self, z, labels):
        return self.out(torch.relu(self.z(z) + self.label(labels))).unflatten(1, self.shape)
"""


def check_commands(model, tmp_path):
    """The command line gives it the labels of a dataset, or those that it is told."""
    save_model(tmp_path / "model", model, torch.zeros(1, *model.image.shape))

    def say(command, *arguments):
        result = CliRunner().invoke(commands, [command, str(tmp_path / "model"), *arguments, "--out", str(out)])
        return result.stderr or float(result.stdout.split("mse")[-1].split()[0])

    out, data = tmp_path / "out.png", str(tmp_path / "two.npz")
    Image.new("L", (32, 32), 200).save(bright := tmp_path / "bright.png")
    own = say("reconstruct", "--data", data, "--split", "all")
    assert own < say("reconstruct", "--data", data, "--split", "all", "--label", "1", "--label", "0")
    assert say("reconstruct", str(bright), "--label", "1") < say("reconstruct", str(bright), "--label", "0")
    assert "is conditional: give it labels" in say("reconstruct", str(bright))
    out.unlink()
    for arguments in ((), ("--label", "1")):
        CliRunner().invoke(
            commands, ["interpolate", str(tmp_path / "model"), *2 * [str(bright)], *arguments, "--out", str(out)]
        )
        assert out.exists() == bool(arguments)


def test_conditional(stranger, run, tmp_path):
    stranger(*map(SPEC.format, ("Encoder", "Decoder")), parts=PARTS)
    labels = np.arange(60) % 2  # the first class is dark, the second bright
    images = np.random.default_rng(0).integers(0, 100, (60, 32, 32)) + 150 * labels[:, None, None]
    np.savez(tmp_path / "two.npz", images=images.astype(np.uint8), labels=labels)
    spec = small(encoder="labelled", decoder="labelled", bottleneck="gaussian(dim=2)")
    model, _ = run(spec, dataset=str(tmp_path / "two.npz"), steps=150, lr=0.01, loss="bce + 10*kl")
    dark, bright = (model.sample(8, labels=torch.full((8,), label)).mean().item() for label in (0, 1))
    assert dark < 0.35 < 0.65 < bright
    check_commands(model, tmp_path)
    with pytest.raises(aezoo.AezooError, match="is conditional: give it labels"):
        run(spec, dataset="toyfaces(count=40, size=32)")
    few = aezoo.Batch(torch.rand(8, 1, 32, 32), torch.arange(8) % 2)
    assert "dead" not in diagnose(model, few, None)
    model.decoder.z.weight.data.zero_()  # now it draws by the label alone
    assert "dead" in diagnose(model, few, None)
