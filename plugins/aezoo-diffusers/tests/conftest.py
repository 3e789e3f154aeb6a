"""A transformer for AutoencoderRAE, whatever is installed."""

import sys
from types import SimpleNamespace

import diffusers
import pytest
import torch
from diffusers.utils import is_transformers_available


class Features(torch.nn.Module):
    """In place of a transformer: five tokens of the whole, and one for each patch."""

    def __init__(self, hidden_size, patch_size):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, hidden_size, patch_size, patch_size)

    def forward(self, images, **options):
        tokens = self.patches(images).flatten(2).mT
        return SimpleNamespace(last_hidden_state=torch.cat([tokens[:, :5], tokens], 1))


@pytest.fixture
def features(monkeypatch):
    """AutoencoderRAE whatever is installed: its encoder is a small network where there is no transformers."""
    if not hasattr(diffusers, "AutoencoderRAE"):
        pytest.skip("this diffusers has no AutoencoderRAE")
    if not is_transformers_available():
        module = sys.modules[diffusers.AutoencoderRAE.__module__]
        monkeypatch.setattr(
            module, "_build_encoder", lambda hidden_size, patch_size, **_: Features(hidden_size, patch_size)
        )
        monkeypatch.setattr("diffusers.utils.import_utils.is_transformers_available", lambda: True)
