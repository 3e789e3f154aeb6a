"""A cache of torch with random weights in it, as torchvision's would lie there."""

import pytest
import torch

from aezoo._torchvision import torchvision
from aezoo_perceptual.networks import NETWORKS


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder for TORCH_HOME."""
    folder = tmp_path_factory.mktemp("torch")
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    for network in NETWORKS.values():
        with torch.device("meta"):
            layers = getattr(torchvision.models, network.name)().features
        torch.manual_seed(0)
        layers = layers.to_empty(device="cpu")
        for layer in layers.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.reset_parameters()
                torch.nn.init.kaiming_normal_(layer.weight)
        state = {f"features.{name}": tensor for name, tensor in layers.state_dict().items()}
        torch.save(state, folder / "hub" / "checkpoints" / network.path.name)
    return folder


@pytest.fixture(autouse=True)
def cache(home, monkeypatch):
    """Every test finds it, and nothing else: a download would be an error."""
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def refuse(*given, **named):
        raise AssertionError("it tries to download")

    monkeypatch.setattr("socket.socket.connect", refuse)
    return home / "hub" / "checkpoints"


class Standin(torch.nn.Module):
    """In the place of the Inception network, which takes the same and gives 2,048: six mixtures of 16 places."""

    def forward(self, levels):
        assert levels.dtype == torch.uint8
        assert levels.shape[1] == 3
        places = torch.nn.functional.adaptive_avg_pool2d(levels.float() / 255, 4).flatten(1)
        return (places @ torch.randn(48, 6, generator=torch.Generator().manual_seed(0)),)


@pytest.fixture
def inception(monkeypatch):
    """The metrics fid and kid need no weights."""
    monkeypatch.setattr("aezoo_perceptual.inception.network", lambda weights: Standin())
