import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from aezoo.errors import DataError, OptionError
from aezoo.latent import Batch, Latent, Output, interpolate


@pytest.fixture
def batch():
    return Batch(torch.rand(4, 2, 3, 3), torch.arange(4), torch.rand(4, 2), torch.tensor([9, 8, 7, 6]))


def test_a_batch_is_one_pytree(batch):
    leaves, form = tree_flatten(batch)
    again = tree_unflatten(leaves, form)
    assert [part is own for part, own in zip(tree_flatten(again)[0], leaves, strict=True)] == [True] * 4
    assert tree_unflatten(*tree_flatten(Batch(batch.images))).labels is None


def test_all_of_a_batch_goes_to_the_device(batch):
    moved = batch.to("meta", torch.channels_last)
    assert {part.device.type for part in (moved.images, moved.labels, moved.factors, moved.index)} == {"meta"}
    assert moved.images.is_contiguous(memory_format=torch.channels_last)
    assert Batch(batch.images).to("meta").labels is None


def test_the_parts_of_a_batch_keep_what_belongs_together(batch):
    first, second = batch.chunk(2)
    assert len(first) == len(second) == 2
    assert torch.equal(second.images, batch.images[2:])
    assert torch.equal(second.factors, batch.factors[2:])
    assert (second.labels.tolist(), second.index.tolist()) == ([2, 3], [7, 6])
    assert [part.labels for part in Batch(batch.images).chunk(2)] == [None, None]


def test_what_goes_to_the_device_stays_in_its_place(batch):
    moved = batch.to("cpu", torch.channels_last)
    for name in ("images", "labels", "factors", "index"):
        assert torch.equal(getattr(moved, name), getattr(batch, name)), name


def test_a_detached_output_is_cut_off_everywhere():
    x = torch.ones(2, 3, requires_grad=True)
    output = Output(2 * x, 3 * x, Latent(4 * x, mean=5 * x, terms={"kl": 6 * x}), 7 * x).detach()
    leaves = tree_flatten(output)[0]
    assert [int(leaf[0, 0]) for leaf in leaves] == [2, 3, 4, 5, 6, 7]
    assert not any(leaf.requires_grad for leaf in leaves)


def test_between_two_latents_lies_the_line_or_the_arc():
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    torch.testing.assert_close(interpolate(a, b, 3), torch.tensor([[[3.0, 0.0]], [[1.5, 1.5]], [[0.0, 3.0]]]))
    angles = torch.linspace(0, torch.pi / 2, 7)
    arc = 3 * torch.stack([angles.cos(), angles.sin()], 1)[:, None]
    torch.testing.assert_close(interpolate(a, b, 7, "slerp"), arc)
    for end in (a, -a):  # no arc, or many
        torch.testing.assert_close(interpolate(a, 2 * end, 4, "slerp"), interpolate(a, 2 * end, 4))
    for steps in (1, 2.5, "3", True):
        with pytest.raises(OptionError, match="at least 2"):
            interpolate(a, b, steps)
    with pytest.raises(OptionError, match="how='cubic': from one latent to another it goes 'linear' or 'slerp'"):
        interpolate(a, b, 3, "cubic")


@pytest.mark.parametrize(
    ("a", "b", "given"),
    [(Latent(torch.ones(1, 3)), torch.ones(3), "Latent to "), (torch.ones(3), torch.ones(4), r"\(3,\) to \(4,\)")],
)
def test_between_what_are_no_latents_of_an_image(a, b, given):
    with pytest.raises(DataError, match=rf"from {given}.*: give the z of one image each"):
        interpolate(a, b, 3)
