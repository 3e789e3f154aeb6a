import pytest
import torch

from aezoo.errors import CompositionError
from aezoo.likelihoods.base import clamp, softclip


def test_clamp_keeps_the_value_inside_and_the_gradient_everywhere():
    x = torch.tensor([-3.0, 0.0, 0.3, 1.0, 1e8], requires_grad=True)
    y = clamp(x)
    assert y.tolist() == pytest.approx([0, 0, 0.3, 1, 1])
    y.sum().backward()
    assert x.grad.tolist() == [1] * 5
    assert torch.equal(clamp(x.detach()), y)


def test_softclip_never_falls_below_and_passes_what_is_far_above():
    x = torch.tensor([-1e8, -9.0, -6.0, 20.0], requires_grad=True)
    y = softclip(x, -6.0)
    assert (y >= -6).all()
    assert y.diff().min() > 0
    assert y[-1].item() == pytest.approx(20)
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad[1:] > 0).all()


def test_none_gives_images_and_has_no_density(likelihood):
    none = likelihood("none")
    images = torch.tensor([-1.0, 0.5, 2.0]).reshape(3, 1, 1, 1)
    assert none.reconstruction(images).flatten().tolist() == [0, 0.5, 1]
    assert torch.equal(none.sample(images), none.reconstruction(images))
    with pytest.raises(CompositionError, match="no density: use l1 or l2"):
        none.log_prob(images, images)
