"""A PatchGAN (Isola et al. 2017) with the hinge loss, told its channels by the image; its weight as in VQGAN."""

import pytest

from .conftest import small

SPEC = """LossSpec(
    name="patchgan", summary="Hinge PatchGAN", adversary=True, implementation="stranger_parts:PatchGAN",
    options=(aezoo.Option(name="width", type="int", default=16, low=1), aezoo.specs.LR, aezoo.specs.BETAS))"""
PARTS = """
class PatchGAN(nn.Module):
    def __init__(self, image, *, width=16):
        super().__init__()
        widths = [(image.channels, width), (width, 2 * width)]
        layers = [nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)) for a, b in widths]
        self.score = nn.Sequential(*layers, nn.Conv2d(2 * width, 1, 3, 1, 1))
    def forward(self, output, images, context):
        return -self.score(output.reconstruction).flatten(1).mean(1)
    def adversary_loss(self, output, images, context):
        real, made = self.score(images), self.score(output.reconstruction)
        return 0.5 * (torch.relu(1 - real) + torch.relu(1 + made)).flatten(1).mean(1)
    def adaptive_weight(self, own, others, context):
        norm = lambda x: torch.autograd.grad(x, context.model.last_layer, retain_graph=True)[0].norm()
        return (norm(sum(others.values())) / (norm(own) + 1e-4)).clamp(max=1e4).detach()
"""


@pytest.mark.parametrize("accumulate", [1, 2])
def test_patchgan(stranger, run, accumulate):
    stranger(SPEC, parts=PARTS)
    loss = "l2 + 0.1*kl + 0.1*patchgan(width=4, start=5, warmup=5, lr=0.01)"
    model, history = run(small(), loss=loss, steps=60, accumulate=accumulate)
    batches = [entry for entry in history if entry["split"] == "batch"]
    assert "patchgan_adversary" not in batches[0]  # at step 3 it has not begun
    assert 0 < batches[-1]["patchgan_adversary"] < 1  # of 1 that knows nothing
    assert model.decode(model.encode(model.example(2).images).z).isfinite().all()
