"""What every likelihood keeps, whatever its distribution."""

import pytest
import torch

DENSITIES = (
    "bernoulli",
    "continuous-bernoulli",
    "gaussian",
    "gaussian(scale='shared')",
    "gaussian(scale='pixel')",
    "gaussian(scale='pixel', mean='sigmoid')",
    "laplace",
    "laplace(scale='shared', mean='sigmoid')",
    "laplace(scale='pixel')",
    "discretized-logistic",
    "discretized-logistic(mixtures=3)",
)
LINEAR = ("none", "gaussian", "gaussian(scale='pixel')", "laplace", "discretized-logistic(mixtures=3)")
every = pytest.mark.parametrize("request_", DENSITIES)


@every
def test_only_a_bernoulli_is_of_binary_images_alone(request_, likelihood):
    assert likelihood(request_).support == ("binary" if request_ == "bernoulli" else "grey")


@every
def test_gradients_by_finite_differences(request_, likelihood, draw):
    one = likelihood(request_, 2)
    params, images = draw(one, channels=2)
    assert torch.autograd.gradcheck(lambda x: one.log_prob(x, images), params.requires_grad_())


@every
def test_of_each_map_all_channels_in_turn(request_, likelihood, draw):
    both, one = likelihood(request_, 2), likelihood(request_)
    params, images = draw(both, channels=2)
    apart = [one.log_prob(params[:, at::2], images[:, at : at + 1]) for at in (0, 1)]
    torch.testing.assert_close(both.log_prob(params, images), apart[0] + apart[1])
    each = [one.reconstruction(params[:, at::2]) for at in (0, 1)]
    torch.testing.assert_close(both.reconstruction(params), torch.cat(each, 1))


@every
def test_an_image_does_not_see_its_batch(request_, likelihood, draw):
    one = likelihood(request_)
    params, images = draw(one)
    assert one.log_prob(params, images).shape == (4,)
    torch.testing.assert_close(one.log_prob(params[1:2], images[1:2]), one.log_prob(params, images)[1:2])


@every
def test_half_precision_is_raised(request_, likelihood, draw):
    one = likelihood(request_)
    params, images = draw(one, dtype=torch.bfloat16)
    images = images.float()
    expected = one.log_prob(params.float(), images)
    with torch.autocast("cpu", torch.bfloat16):
        value = one.log_prob(params, images)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


@every
def test_its_own_samples_are_likelier_where_they_came_from(request_, likelihood):
    one = likelihood(request_)
    params = torch.zeros(4000, one.maps, 2, 3)
    params[:, 0] = 0.5  # mid-grey where the mean is linear: next to nothing is clamped
    images = one.sample(params, torch.Generator().manual_seed(0))
    for shift in (-0.3, 0.3):
        gain = (one.log_prob(params, images) - one.log_prob(params + shift, images)).detach()
        assert gain.mean() > 3 * gain.std() / 4000**0.5


@pytest.mark.parametrize("size", [30.0, 300.0, 1e4, 1e8])
@every
def test_extremes_are_finite(request_, size, likelihood):
    one = likelihood(request_)
    corners = torch.cartesian_prod(*[torch.tensor([-size, 0.0, size])] * min(one.maps, 6), torch.tensor([0, 0.5, 1]))
    if one.support == "binary":
        corners = corners[corners[:, -1] != 0.5]
    params = corners[:, [at % min(one.maps, 6) for at in range(one.maps)], None, None].requires_grad_()
    value = one.log_prob(params, corners[:, -1, None, None, None])
    assert value.isfinite().all()
    (slope,) = torch.autograd.grad(value.sum(), params)
    assert slope.isfinite().all()
    assert not one.sample(params, torch.Generator().manual_seed(0)).isnan().any()


@every
def test_the_generator_alone_decides_the_sample(request_, likelihood, draw):
    one = likelihood(request_)
    params, _ = draw(one, n=50, dtype=torch.float32)
    state = torch.get_rng_state()
    first, again, other = (one.sample(params, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (50, 1, 2, 3)
    assert 0 <= first.min() < first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("request_", [*DENSITIES, "none"])
def test_the_reconstruction_lies_in_the_unit_interval(request_, likelihood, draw):
    one = likelihood(request_)
    params, _ = draw(one, n=100, scale=10.0, dtype=torch.float32)
    for maps in (params, params.requires_grad_()):
        image = one.reconstruction(maps)
        assert image.shape == (100, 1, 2, 3)
        assert 0 <= image.min() < image.max() <= 1
        if (logits := one.logits(maps)) is not None:
            torch.testing.assert_close(logits.sigmoid(), image)


@pytest.mark.parametrize("request_", LINEAR)
def test_what_is_clamped_is_still_pulled_back(request_, likelihood):
    one = likelihood(request_)
    params = torch.zeros(2, one.maps, 1, 1)
    params[:, : max(1, one.maps // 3)] = torch.tensor([-4.0, 5.0]).reshape(2, 1, 1, 1)  # positions beyond black, white
    image = one.reconstruction(params.requires_grad_())
    assert image.flatten().tolist() == pytest.approx([0, 1])
    image.sum().backward()
    assert (params.grad[:, 0] > 0).all()


@pytest.mark.parametrize("request_", ["gaussian(scale='shared')", "laplace", "discretized-logistic(mixtures=3)"])
def test_it_compiles_whole(request_, likelihood, draw):
    one = likelihood(request_)
    params, images = draw(one, dtype=torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: (one.log_prob(*x), one.reconstruction(x[0])), fullgraph=True, backend="eager")
    found = compiled(params, images)
    torch.testing.assert_close(found, (one.log_prob(params, images), one.reconstruction(params)))
