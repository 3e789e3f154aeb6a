import itertools

import pytest
import torch
from torch import distributions, nn

from aezoo.composition import describe
from aezoo.errors import DataError
from aezoo.factory import build, create
from aezoo.priors.base import Prior
from aezoo.summary import summarize


@pytest.fixture
def meta():
    return lambda name, **parts: build(describe(name, **parts), device="meta")


def test_cis680_ae_by_hand(meta):
    summary = summarize(meta("cis680-ae"))
    assert summary.parameters == 68_469
    assert summary.latent_shape == (64, 2, 2)
    widths = (1, 4, 8, 16, 32, 64)
    encoder = sum(9 * n * m * (32 >> i) ** 2 for i, (n, m) in enumerate(itertools.pairwise(widths)))
    # A transposed convolution spreads each of its inputs over kernel x kernel x channels.
    back = (64, 32, 16, 8, 4, 1)
    decoder = sum(16 * n * m * (2 << i) ** 2 for i, (n, m) in enumerate(itertools.pairwise(back)))
    assert summary.macs == encoder + decoder == 921_600


def test_linear_layers(meta):
    summary = summarize(
        meta("cis680-vae16", encoder="mlp(hidden=(10,))", decoder="mlp(hidden=(5,))", image_size=(3, 5))
    )
    assert [(layer.part, layer.type, layer.macs, layer.parameters) for layer in summary.layers] == [
        ("encoder", "Linear", 150, 160),
        ("encoder", "ReLU", 0, 0),
        ("bottleneck", "Linear", 160, 176),
        ("bottleneck", "Linear", 160, 176),
        ("decoder", "Linear", 80, 85),
        ("decoder", "ReLU", 0, 0),
        ("decoder", "Linear", 75, 90),
    ]


def test_a_model_of_any_size_at_another(meta):
    model = meta("kl-f4-tiny")
    own, other = summarize(model), summarize(model, (128, 32))
    assert other.latent_shape == (4, 32, 8)
    assert other.parameters == own.parameters
    convolutions = [sum(each.macs for each in of.layers if each.type == "Conv2d") for of in (own, other)]
    assert convolutions[0] == convolutions[1]  # as many pixels
    with pytest.raises(DataError, match="takes any multiples of 4"):
        summarize(model, (30, 30))


def test_every_parameter_is_counted_once(meta):
    for name in ("cis680-ae", "cis680-vae16", "cis680-vae512"):
        model = meta(name)
        assert summarize(model).parameters == sum(parameter.numel() for parameter in model.parameters())


def test_what_only_passes_on_is_not_listed(meta):
    types = {layer.type for layer in summarize(meta("cis680-vae16", norm="none")).layers}
    assert types == {"Conv2d", "ConvTranspose2d", "Linear", "ReLU"}


class Mixed(nn.Module):
    """A module with a parameter of its own, attention whose projection is never called, and a layer that runs twice."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.dropout = nn.Dropout()
        self.act = nn.GELU()

    def forward(self, images):
        x = images.flatten(2).transpose(1, 2) + self.token  # (b, h*w, 16)
        x = self.act(self.dropout(self.attention(x, x, x, need_weights=False)[0]))
        return self.act(x).transpose(1, 2).flatten(1)


def test_attention_shared_layers_and_own_parameters(tiny):
    model = create(tiny)
    n = 2 * 2
    model.encoder = nn.Sequential(nn.Conv2d(1, 16, 4, 4), Mixed())
    model.bottleneck.mean, model.bottleneck.logvar = nn.Linear(16 * n, 4), nn.Linear(16 * n, 4)
    summary = summarize(model)
    encoder = [
        (layer.name, layer.type, layer.parameters, layer.macs) for layer in summary.layers if layer.part == "encoder"
    ]
    assert encoder == [
        ("0", "Conv2d", 16 * 16 + 16, n * 16 * 16),
        ("1", "Mixed", 16, 0),
        ("1.attention", "MultiheadAttention", 4 * (16 * 16 + 16), 4 * n * 16 * 16 + 2 * n * n * 16),
        ("1.act", "GELU", 0, 0),
        ("1.act", "GELU", 0, 0),
    ]
    assert summary.parameters == sum(parameter.numel() for parameter in model.parameters())


class Mixture(Prior):
    def __init__(self):
        super().__init__()
        self.means, self.weights = nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.ones(3))

    def log_prob(self, z, model):
        parts = distributions.Independent(distributions.Normal(self.means, 1.0), 1)
        return distributions.MixtureSameFamily(distributions.Categorical(self.weights), parts).log_prob(z)


class Labelled(nn.Sequential):
    def forward(self, z, labels):
        return super().forward(z + labels[:, None])


def test_distributions_and_labels(tiny, monkeypatch):
    monkeypatch.setattr(distributions.Distribution, "_validate_args", True)  # torch.compile sets it to False for good
    model = create(tiny)
    model.prior, model.conditional = Mixture(), frozenset({"decoder"})
    model.decoder = Labelled(model.decoder)
    assert summarize(model).parameters == sum(parameter.numel() for parameter in model.parameters())
    with pytest.raises(ValueError, match="constraint"):
        distributions.Normal(0.0, -1.0)  # elsewhere they are checked as before


def test_of_half_precision(tiny):
    assert summarize(create(tiny, dtype=torch.bfloat16)) == summarize(create(tiny))


def test_the_model_is_left_as_it_was(tiny):
    model = create(tiny).train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    summarize(model)
    assert model.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_what_is_shared_counts_once(tiny):
    model = build(describe(tiny)).eval()
    model.decoder.twin = nn.Linear(5, 5)
    model.decoder.again = model.decoder.twin
    assert summarize(model).parameters == sum(parameter.numel() for parameter in model.parameters())
