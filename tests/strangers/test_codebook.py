"""A codebook moved by averages (van den Oord et al. 2017): once a step, over two processes, as in one."""

import pytest
import torch
from safetensors.torch import load_file

from ..training.test_processes import losses, two

SPEC = 'BottleneckSpec(name="codes", summary="EMA", implementation="stranger_parts:Codes", provides=("codes",))'
PARTS = """
from aezoo.bottlenecks.base import Bottleneck, Latent
class Codes(Bottleneck):
    def __init__(self, feature_shape):
        super().__init__()
        self.latent_shape = feature_shape
        self.register_buffer("book", torch.randn(8, *feature_shape))
        self.register_buffer("counts", torch.ones(8))
        self.seen = torch.zeros(8), torch.zeros(8, *feature_shape)
    def forward(self, features):
        codes = torch.cdist(features, self.book).argmin(1)
        if self.collects:
            hot = nn.functional.one_hot(codes, 8).float()
            self.seen = self.seen[0] + hot.sum(0), self.seen[1] + hot.T @ features.detach()
        return Latent(features + (self.book[codes] - features).detach(), codes=codes)
    def step(self, total):
        counts, sums = map(total, self.seen)
        self.book.lerp_(sums / counts.clamp(min=1)[:, None], (0.1 * (counts > 0))[:, None])
        self.counts += counts
        self.seen = torch.zeros_like(counts), torch.zeros_like(sums)
"""


def test_codebook(stranger, site, tmp_path, monkeypatch):
    stranger(SPEC, parts=PARTS)
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    how = ["--bottleneck=codes", "--loss=bce", "--encoder=mlp(hidden=(4,))", "--decoder=mlp", "--ema=0.5"]
    assert losses(tmp_path / "b", *how, launcher=two()) == pytest.approx(losses(tmp_path / "a", *how), rel=1e-4)
    one, shared = (load_file(tmp_path / name / "model.safetensors") for name in ("a", "b"))
    torch.testing.assert_close(shared["bottleneck.book"], one["bottleneck.book"], rtol=1e-4, atol=1e-4)
    assert one["bottleneck.counts"].sum() == shared["bottleneck.counts"].sum() == 8 + 20 * 16  # every image once
