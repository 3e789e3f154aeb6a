"""Each model answers what diffusers' own class answers, on the same weights."""

import math

import diffusers
import pytest
import torch
from diffusers.utils import is_transformers_available

import aezoo
from aezoo.errors import CompositionError, OptionError
from aezoo.training.objective import Objective
from aezoo_diffusers import MODELS
from aezoo_diffusers.bottlenecks import NormalizedPoint
from aezoo_diffusers.models import make, wrap
from aezoo_diffusers.scaling import Scaling

STAGES = "block_out_channels=(8, 16), norm_num_groups=4"
REQUESTS = {
    "AutoencoderKL": f"diffusers-kl({STAGES}, scaling_factor=0.36, shift_factor=0.12)",
    "AsymmetricAutoencoderKL": "diffusers-asymmetric-kl(down_block_out_channels=(8, 8), norm_num_groups=4, "
    "up_block_out_channels=(8, 16), scaling_factor=0.5)",
    "AutoencoderTiny": "diffusers-tiny(shift_factor=0.1, scaling_factor=2.0)",
    "AutoencoderDC": "diffusers-dc(scaling_factor=0.41, encoder_block_types=('ResBlock', 'ResBlock', "
    "'EfficientViTBlock'), encoder_qkv_multiscales=('', '', '5'))",
    "VQModel": f"diffusers-vq({STAGES}, num_vq_embeddings=16)",
}


def both(kind, request="", **changes):
    """A model of diffusers and the same behind aezoo's door."""
    spec = aezoo.describe(request or REQUESTS[kind], **changes)
    theirs, taken = (seeded(lambda: make(kind, spec, dict(spec.settings))) for _ in range(2))
    return theirs.eval(), wrap(spec, taken, dict(spec.settings)).eval()


def seeded(build):
    torch.manual_seed(0)
    return build()


def images(model, n=2):
    torch.manual_seed(1)
    return torch.rand(n, 3, *model.image.size)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AsymmetricAutoencoderKL"])
@torch.no_grad()
def test_posterior_and_decoding_are_diffusers_own(kind):
    theirs, ours = both(kind)
    x = images(ours)
    posterior, latent = theirs.encode(2 * x - 1).latent_dist, ours.encode(x)
    scale, shift = theirs.config.scaling_factor, getattr(theirs.config, "shift_factor", None) or 0
    close(latent.mean, (posterior.mean - shift) * scale)
    close(latent.logvar, posterior.logvar + 2 * math.log(scale))
    torch.testing.assert_close(latent.terms["kl"].sum(1), posterior.kl())
    own = latent.z / scale + shift  # as the pipelines of diffusers take it back
    close(own, posterior.mode())
    close(ours.decode(latent.z), (theirs.decode(own).sample / 2 + 0.5).clamp(0, 1))
    z = ours.bottleneck.sample(latent, 4000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(z.std(0).mean(), latent.logvar.exp().sqrt().mean(), rtol=0.01, atol=0)


@pytest.mark.parametrize("kind", ["AutoencoderTiny", "AutoencoderDC"])
@torch.no_grad()
def test_latent_and_decoding_are_diffusers_own(kind):
    theirs, ours = both(kind)
    x = images(ours)
    encoded = theirs.encode(2 * x - 1, return_dict=False)[0]
    shift = getattr(theirs.config, "shift_factor", 0)
    z, scale = ours.encode(x).z, theirs.config.scaling_factor
    close(z, (encoded - shift) * scale)
    close(ours.decode(z), (theirs.decode(z / scale + shift).sample / 2 + 0.5).clamp(0, 1))


@torch.no_grad()
def test_tiny_s_own_network_sees_zero_to_one():
    _, ours = both("AutoencoderTiny")
    seen = []
    ours.encoder.encoder.layers.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x = images(ours)
    ours.encode(x)
    close(seen[0], x)


@pytest.mark.parametrize("norm", ["group", "spatial"])
@torch.no_grad()
def test_codes_and_decoding_are_diffusers_own(norm):
    request = f"diffusers-vq(block_out_channels=(32, 32), num_vq_embeddings=16, scaling_factor=0.5, norm_type={norm!r})"
    theirs, ours = both("VQModel", request)
    x = images(ours)
    h = theirs.encode(2 * x - 1).latents
    for part in (theirs.quantize, ours.bottleneck):  # codes from all over the features
        part.embedding.weight.copy_(h.movedim(1, -1).flatten(0, 2)[::100][:16])
    chosen, loss, (_, _, codes) = theirs.quantize(h)
    latent = ours.encode(x)
    assert torch.equal(latent.codes.flatten(), codes)
    assert codes.unique().numel() > 1
    close(latent.z, chosen * 0.5)
    close(ours.bottleneck.lookup(latent.codes), latent.z)
    close(ours.decode(latent.z), (theirs.decode(h).sample / 2 + 0.5).clamp(0, 1))
    _, terms = Objective(ours, "diffusers-vq")(aezoo.Batch(x))
    torch.testing.assert_close(terms["diffusers-vq"] / h[0].numel(), loss)


def test_means_and_deviations_of_channels():
    request = f"diffusers-kl({STAGES}, latents_mean=(0.1, 0.2, 0.3, 0.4), latents_std=(1.0, 2.0, 3.0, 4.0))"
    theirs, ours = both("AutoencoderKL", request)
    x = images(ours)
    with torch.no_grad():
        posterior, latent = theirs.encode(2 * x - 1).latent_dist, ours.encode(x)
    mean, std = (torch.tensor(getattr(theirs.config, name)).view(-1, 1, 1) for name in ("latents_mean", "latents_std"))
    close(latent.mean, (posterior.mean - mean) / std * theirs.config.scaling_factor)
    torch.testing.assert_close(latent.terms["kl"].sum(1), posterior.kl())


@pytest.mark.parametrize("encoder", ["dinov2", "siglip2", "mae"])
@pytest.mark.parametrize(
    "how", ["", "encoder_input_size=32, patch_size=16, latents_shape=(64, 4, 4), scaling_factor=0.5"]
)
@torch.no_grad()
def test_features_and_decoding_are_diffusers_own(features, encoder, how):
    if encoder != "dinov2" and not is_transformers_available():
        pytest.skip("transformers is missing")
    try:
        theirs, ours = both("AutoencoderRAE", f"diffusers-rae(encoder_type={encoder!r}, {how})")
    except AttributeError as error:  # diffusers 0.42 and transformers 5.24
        if encoder != "siglip2":
            raise
        pytest.skip(f"this diffusers cannot build it of this transformers: {error}")
    for buffer in (theirs._latents_mean, theirs._latents_std):
        buffer.uniform_(0.5, 1)
    ours = wrap(ours.spec, theirs, dict(ours.spec.settings)).eval()  # of the same modules
    x = images(ours)
    encoded, z = theirs.encode(x).latent, ours.encode(x).z
    close(z, encoded)
    close(ours.decode(z), theirs.decode(encoded).sample.clamp(0, 1))


def test_noise_of_features_is_that_of_training_alone(features):
    _, ours = both("AutoencoderRAE", "diffusers-rae(noise_tau=0.5)")
    x = images(ours)
    clean = ours.encode(x).z
    noisy = ours.train().encode(x).z
    assert torch.equal(ours.eval().encode(x).z, clean)
    assert 0 < (noisy - clean).std() < 0.5
    assert not any(parameter.requires_grad for parameter in ours.encoder.parameters())


def test_noise_of_features_is_around_them_wherever_the_scale_puts_them():
    bottleneck = NormalizedPoint((2, 4, 4), torch.zeros(1), torch.ones(1), Scaling((3.0,), (5.0,)), noise_tau=0.1)
    torch.manual_seed(0)
    latent = bottleneck(torch.randn(500, 2, 4, 4))
    off = bottleneck.draw(latent).z - latent.z
    assert off.mean().item() == pytest.approx(0, abs=0.01)
    assert off.std().item() == pytest.approx(3 * 0.1 / 3**0.5, rel=0.1)  # the deviation is even in [0, 0.1]


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "AutoencoderRAE"])
def test_steps_of_training_lower_the_loss(kind):
    _, model = both(kind, image_size=16)
    batch = aezoo.Batch(images(model, 4))
    objective = Objective(model.train())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(5):
        torch.manual_seed(0)
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("request_", "changes", "message"),
    [
        ("diffusers-kl", {"image_size": 62}, "takes images of any multiples of 4, not 62x62"),
        ("diffusers-kl(block_out_channels=(8, 8))", {}, "diffusers-kl cannot be built"),  # no multiple of 32
        ("diffusers-kl(latents_mean=(0.0,), latents_std=(-1.0,))", {}, "have 1 and 1, not all above 0: give 4 each"),
        ("diffusers-kl(latents_std=(1.0, 1.0, 1.0, 1.0))", {}, "have 0 and 4: give 4 each"),
        (
            f"diffusers-kl(latents_mean={(0.0,) * 4}, latents_std={(1.0,) * 4}, shift_factor=0.1)",
            {},
            "give one of them",
        ),
        ("diffusers-dc(encoder_layers_per_block=(1, 1))", {}, r"2 values for the 3 stages of encoder_block_out"),
        ("diffusers-dc(encoder_block_out_channels=(8, 16), encoder_layers_per_block=(1, 1))", {}, "give as many"),
        ("diffusers-dc(encoder_layers_per_block=(1, 0, 1))", {}, "a stage without layers does not halve"),
        ("diffusers-dc(latent_channels=24)", {}, "around 64 channels, no multiple of latent_channels=24"),
        ("diffusers-tiny(upsampling_scaling_factor=4)", {}, "the encoder halves"),
        ("diffusers-kl(down_block_types=('Down',))", {}, "is not one of 'DownEncoderBlock2D'"),
        ("diffusers-kl", {"encoder": "conv"}, "is built whole"),
    ],
)
def test_what_does_not_fit_is_said(request_, changes, message):
    with pytest.raises((CompositionError, OptionError), match=message) as raised:
        aezoo.create(request_, **changes)
    assert len(str(raised.value).splitlines()) <= 2


def test_features_of_three_channels_make_images_of_three(features):
    with pytest.raises(CompositionError, match="diffusers-rae makes images of 3 channels, not 1"):
        both("AutoencoderRAE", "diffusers-rae", channels=1)


@pytest.mark.skipif(is_transformers_available(), reason="of a missing transformers, which is there")
def test_features_without_transformers():
    with pytest.raises(CompositionError, match="pip install transformers"):
        aezoo.create("diffusers-rae")


def test_a_class_that_this_diffusers_has_not(monkeypatch):
    monkeypatch.setattr(diffusers, "AutoencoderDC", None)
    with pytest.raises(CompositionError, match=r"has no AutoencoderDC: pip install -U diffusers"):
        aezoo.create("diffusers-dc")
