"""Known answers: how many patches are seen and which, what the error counts, and what it does not."""

import math
import types

import pytest
import torch

import aezoo
from aezoo.errors import CompositionError
from aezoo.latent import Batch, Latent, Output
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.training.objective import Objective
from aezoo_mae.bottlenecks import MaskedBottleneck
from aezoo_mae.terms import masked_l2
from aezoo_mae.vit import ViTDecoder, ViTEncoder

IMAGE = ImageSpec((16, 24), 3)
SMALL = {"dim": 8, "depth": 1, "heads": 2}


def encoder(mask=0.75, patch=4):
    torch.manual_seed(0)
    return ViTEncoder(IMAGE, patch=patch, mask=mask, **SMALL).train()


def model(**changes):
    torch.manual_seed(0)
    parts = {"encoder": "vit(patch=8, dim=8, depth=1, heads=2)", "decoder": "vit(dim=8, depth=1, heads=2)"}
    return aezoo.create("mae-tiny", image_size=32, **parts, **changes).train()


def left_out(features):
    return (features == 0).all(1)


@pytest.mark.parametrize(("mask", "kept"), [(0.75, 6), (0.5, 12), (0.6, 10), (0.99, 1), (0.0, 24)])
def test_of_every_image_as_many_patches_are_seen(mask, kept):
    made = left_out(encoder(mask)(torch.rand(5, 3, 16, 24)))
    assert made.shape == (5, 4, 6)
    assert (~made).flatten(1).sum(1).tolist() == [kept] * 5


def test_a_mask_is_asked_for():
    spec = aezoo.describe("cis680-vae16", encoder="vit(dim=8, depth=1, heads=2)")
    assert not left_out(aezoo.create(spec).train().encoder(torch.rand(2, 1, 64, 64))).any()
    assert dict(aezoo.describe("mae-tiny").encoder.options)["mask"] == 0.75


def test_the_seed_of_a_step_says_which():
    part, images = encoder(), torch.rand(3, 3, 16, 24)

    def drawn(seed):
        torch.manual_seed(seed)
        return part(images)

    one = drawn(1)
    assert one.equal(drawn(1))
    assert not left_out(one).equal(left_out(drawn(2)))
    assert not left_out(one)[0].equal(left_out(one)[1])
    assert not left_out(part.eval()(images)).any()


def test_what_is_left_out_is_not_seen():
    part, images = encoder(), torch.rand(1, 3, 16, 24)
    order = torch.rand(1, 24)
    before = part.masked(images, order)
    hidden = left_out(before).repeat_interleave(4, 1).repeat_interleave(4, 2)  # (1, 16, 24)
    assert part.masked(torch.where(hidden[:, None], 1 - images, images), order).equal(before)
    assert not part.masked(torch.where(hidden[:, None], images, 1 - images), order).equal(before)


def test_without_a_mask_the_order_does_not_matter():
    part, images = encoder(mask=0.0), torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(part.masked(images, torch.rand(2, 24)), part(images))


def test_the_token_stands_where_nothing_was_seen():
    part = MaskedBottleneck((2, 1, 3))
    part.token.data = torch.tensor([5.0, 6.0]).view(2, 1, 1)
    latent = part(torch.tensor([[[[1.0, 0.0, 0.0]], [[2.0, 0.0, 3.0]]]]))
    assert latent.z.tolist() == [[[[1, 5, 0]], [[2, 6, 3]]]]
    assert latent.terms["mask"].tolist() == [[[0, 1, 0]]]


def asked(made, images, mask, patch=2):
    """The term of an answer in which these patches were left out."""
    part = aezoo.create("mae-tiny", image_size=4, channels=1, encoder=f"vit(patch={patch}, dim=4, depth=1, heads=1)",
                        decoder="vit(dim=4, depth=1, heads=1)").train()  # fmt: skip
    output = Output(made, None, Latent(made, terms={"mask": mask}), made)
    return output, images, Context(model=part, batch=Batch(images), training=True)


def test_the_error_is_of_the_patches_left_out_alone():
    """Two of four patches, wrong by 1 and by 3: 16 pixels times (1 + 9) / 2. No other pixel has a gradient."""
    images = torch.zeros(1, 1, 4, 4, requires_grad=True)
    made = torch.zeros(1, 1, 4, 4)
    made[..., :2, :2], made[..., 2:, 2:], made[..., :2, 2:] = 1, 3, 100
    value = masked_l2(*asked(made, images, torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])))
    assert value.tolist() == [80]
    value.sum().backward()
    assert (images.grad != 0)[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize("mask", [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
def test_where_a_patch_reaches_beyond_the_image_there_are_no_pixels(mask):
    images = torch.rand(1, 1, 4, 4)
    value = masked_l2(*asked(images + 0.1, images, torch.tensor([mask]), patch=3))
    assert value.item() == pytest.approx(16 * 0.01, rel=1e-5)
    wanted = images.clone()
    for rows, columns in ((slice(3), slice(3)), (slice(3), slice(3, 4)), (slice(3, 4), slice(3))):
        own = images[..., rows, columns]
        wanted[..., rows, columns] = (own - own.mean()) / (own.var() + 1e-6).sqrt()
    wanted[..., 3, 3] = 0  # a single pixel is its own mean
    assert masked_l2(*asked(wanted, images, torch.tensor([mask]), patch=3), normalised=True).item() < 1e-8


def test_normalised_pixels_are_those_of_the_patch():
    """Of grey levels 1, 2, 3, 4 tenths the deviation is the root of 5/300; an error of 0 leaves the target's own."""
    patch = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    images = patch.repeat(2, 2)[None, None]
    target = (patch - 0.25) / math.sqrt(0.05 / 3 + 1e-6)
    mask = torch.ones(1, 2, 2)
    assert masked_l2(*asked(target.repeat(2, 2)[None, None], images, mask), normalised=True).item() < 1e-9
    off = masked_l2(*asked(torch.zeros(1, 1, 4, 4), images, mask), normalised=True)
    assert off.item() == pytest.approx(16 * target.square().mean().item(), rel=1e-5)


def test_measured_it_draws_patches_of_its_own():
    objective = Objective(model()).eval()
    batch = Batch(torch.rand(4, 3, 32, 32))
    with torch.no_grad():
        output = objective.model(batch)
        assert not output.latent.terms["mask"].any()
        one, same, other = (
            masked_l2(output, batch.images, Context(model=objective.model, batch=batch, draw=(draw,)))
            for draw in (1, 1, 2)
        )
    assert one.equal(same)
    assert not one.equal(other)


def test_an_encoder_that_leaves_out_nothing_has_no_such_error():
    seeing = aezoo.create(
        "mae-tiny",
        image_size=32,
        encoder="vit(patch=8, dim=8, depth=1, heads=2, mask=0.02)",
        decoder="vit(dim=8, depth=1, heads=2)",
    )
    with pytest.raises(CompositionError, match=r"leaves out none of 16 patches: take mask=0\.75"):
        Objective(seeing).train()(Batch(torch.rand(1, 3, 32, 32)))


def test_a_normalised_patch_is_compared_with_maps_of_its_own():
    several = Objective(model(likelihood="gaussian(scale='pixel')"), "masked-l2(normalised=True)")
    with pytest.raises(CompositionError, match="of one map a channel, not 6 of a likelihood's for 3 channels: take"):
        several.train()(Batch(torch.rand(1, 3, 32, 32)))


def test_without_a_mask_there_is_nothing_that_a_masked_latent_could_fill():
    with pytest.raises(CompositionError, match=r"masking"):
        aezoo.create("mae-tiny", encoder="vit(mask=0)")


def test_a_step_lowers_the_loss_on_the_same_patches():
    objective = Objective(model()).train()
    batch, losses = Batch(torch.rand(8, 3, 32, 32)), []
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    for _ in range(5):
        torch.manual_seed(0)
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


def test_a_decoder_lays_its_patches_side_by_side():
    """Each token draws its own p x p pixels: with blocks that do nothing, another token leaves them as they are."""
    decoder = ViTDecoder((3, 4, 6), ImageSpec((15, 24)), **SMALL)
    decoder.blocks = torch.nn.Identity()
    z = torch.rand(1, 3, 4, 6)
    moved = z.clone()
    moved[:, :, 1, 2] += 1
    changed = (decoder(z) != decoder(moved))[0, 0]
    assert changed.shape == (15, 24)
    assert changed[4:8, 8:12].all()
    assert changed.sum() == 16
    with pytest.raises(CompositionError, match=r"takes a map \(c, h, w\) of tokens, and z is \(16,\)"):
        ViTDecoder((16,), IMAGE)


def test_a_masked_latent_needs_an_encoder_that_masks():
    with pytest.raises(CompositionError, match="bottleneck masked needs masking"):
        aezoo.create("mae-tiny", encoder="conv")


class Other(torch.nn.Module):
    """Masks in a way of its own."""


def test_the_masked_error_is_of_this_encoder():
    context = types.SimpleNamespace(model=types.SimpleNamespace(encoder=Other()))
    with pytest.raises(CompositionError, match="masked-l2 is of the patches of 'vit', and the encoder is a Other"):
        masked_l2(None, torch.rand(1, 1, 8, 8), context)
