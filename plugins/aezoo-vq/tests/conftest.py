"""Bottlenecks whose features are what is quantised."""

import pytest
import torch


def plain(part):
    """The bottleneck with a projection that changes nothing."""
    size = part.latent_shape[0]
    with torch.no_grad():
        part.project.weight.copy_(torch.eye(size).view_as(part.project.weight))
        part.project.bias.zero_()
    return part


@pytest.fixture
def features():
    return torch.randn(5, 4, 3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
