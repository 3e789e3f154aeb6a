"""Known answers: what the tokens are, which of them are kept, and that what comes behind is neither seen nor moved."""

import pytest
import torch

import aezoo
from aezoo.errors import CompositionError
from aezoo.plain import ImageSpec
from aezoo_mae.titok import TiTokDecoder, TiTokEncoder

IMAGE = ImageSpec((15, 24), 3)
SMALL = {"patch": 4, "dim": 8, "depth": 1, "heads": 2}


def model():
    torch.manual_seed(0)
    part = "titok(dim=8, depth=1, heads=2)"
    return aezoo.create("titok-tiny", image_size=32, encoder=part, decoder=part)


@pytest.mark.parametrize("tokens", [1, 5, 40])
def test_tokens_are_as_many_as_asked_whatever_the_image(tokens):
    features = TiTokEncoder(IMAGE, tokens=tokens, **SMALL)(torch.rand(2, 3, 15, 24))
    assert features.shape == (2, 8, 1, tokens)
    assert TiTokDecoder((8, 1, tokens), IMAGE, **SMALL)(features).shape == (2, 3, 15, 24)


def test_without_blocks_tokens_are_the_learned_ones_and_patches_differ_by_their_place():
    encoder, decoder = TiTokEncoder(IMAGE, tokens=5, **SMALL), TiTokDecoder((8, 1, 5), IMAGE, **SMALL)
    encoder.blocks = decoder.blocks = torch.nn.Identity()
    features = encoder(torch.rand(2, 3, 15, 24))
    assert features[1, :, 0].equal(encoder.tokens.mT)
    drawn = decoder.pixels(decoder.mask + decoder.places[None])
    assert decoder(features).equal(drawn.expand(2, -1, -1, -1))


def test_every_token_sees_every_patch_and_every_patch_every_token():
    encoder, decoder = TiTokEncoder(IMAGE, tokens=5, **SMALL), TiTokDecoder((8, 1, 5), IMAGE, **SMALL)
    images, z = torch.rand(1, 3, 15, 24, requires_grad=True), torch.rand(1, 8, 1, 5, requires_grad=True)
    (seen,) = torch.autograd.grad(encoder(images)[..., 2].square().sum(), images)
    assert torch.nn.functional.max_pool2d(seen.abs(), 4, ceil_mode=True).min() > 0
    (seen,) = torch.autograd.grad(decoder(z)[..., :4, :4].square().sum(), z)
    assert seen.abs().sum(1).min() > 0


@pytest.mark.parametrize("j", [1, 4, 31, 32])
def test_any_first_tokens_decode_and_the_rest_is_neither_seen_nor_moved(j):
    part = model().eval()
    first, z = part.bottleneck.first, part.encode(torch.rand(2, 3, 32, 32)).z.detach()
    other = torch.cat([z[..., :j], torch.rand(2, 8, 1, 32 - j)], dim=3).requires_grad_()
    made = part.decode(first(other, j))
    torch.testing.assert_close(made, part.decode(first(z, j)))  # a gradient may take another kernel
    assert not made.equal(part.decode(first(z, j - 1)))
    (slope,) = torch.autograd.grad(made.sum(), other)
    assert slope.any(1).flatten(1).tolist() == [[place < j for place in range(32)]] * 2


def test_the_seed_of_a_step_says_how_many_are_kept():
    part, images = model().train(), torch.rand(16, 3, 32, 32)

    def drawn(seed):
        torch.manual_seed(seed)
        return part(images)

    kept = [(drawn(seed).latent.z != 0).any(1).sum((1, 2)) for seed in (1, 1, 2)]
    assert kept[0].equal(kept[1])
    assert not kept[0].equal(kept[2])
    assert len(kept[0].unique()) > 4
    output = drawn(1)
    assert output.latent.z.equal(part.bottleneck.first(output.latent.mean, kept[0]))
    torch.testing.assert_close(output.reconstruction, part.eval().decode(output.latent.z))


def test_in_eval_all_are_kept():
    part, images = model().eval(), torch.rand(2, 3, 32, 32)
    torch.manual_seed(1)
    once = part(images)
    assert once.reconstruction.equal(part(images).reconstruction)
    assert (once.latent.z != 0).any(1).all()


def test_a_step_teaches_the_tokens_that_are_kept_alone():
    part, images = model().train(), torch.rand(16, 3, 32, 32)
    output = part(images)
    (slope,) = torch.autograd.grad((output.reconstruction - images).square().sum(), output.latent.mean)
    assert slope.any(1).equal(output.latent.z.any(1))
    assert not slope.any(1).all()


def test_a_posterior_goes_in_its_place():
    small = {"image_size": 32, "encoder": "titok(tokens=6, dim=8, depth=1, heads=2)"}
    part = aezoo.create("titok-tiny", bottleneck="gaussian(dim=4, spatial=True)", **small)
    assert part.latent_shape == (4, 1, 6)
    assert part.sample(2, torch.Generator().manual_seed(0)).shape == (2, 3, 32, 32)


def test_a_vector_is_no_row_of_tokens():
    with pytest.raises(CompositionError, match=r"decoder titok takes a map \(c, h, w\) of tokens, and z is \(16,\)"):
        TiTokDecoder((16,), IMAGE)
