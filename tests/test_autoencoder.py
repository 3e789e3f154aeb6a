import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from aezoo.autoencoder import Autoencoder
from aezoo.bottlenecks.identity import IdentityBottleneck
from aezoo.composition import describe
from aezoo.errors import AezooWarning, CompositionError, DataError, OptionError, WeightsError
from aezoo.factory import build
from aezoo.latent import Batch, Latent, Output
from aezoo.local import register
from aezoo.priors.base import Prior
from aezoo.priors.standard import StandardPrior
from aezoo.testing import isolated_registry


@pytest.fixture
def images():
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model(tiny):
    torch.manual_seed(0)
    return build(describe(tiny)).eval()


@pytest.fixture
def plain(tiny):
    torch.manual_seed(0)
    return build(describe(tiny, bottleneck="identity")).eval()


def test_encode_decode_and_both(model, images):
    latent = model.encode(images)
    output = model(images)
    assert model.latent_shape == (4,)
    assert latent.z.shape == (3, 4)
    assert output.reconstruction.shape == output.logits.shape == images.shape
    assert torch.equal(output.reconstruction, model.decode(latent.z))
    assert torch.equal(output.reconstruction, output.logits.sigmoid())
    assert torch.equal(output.reconstruction, model(images).reconstruction)
    assert model.provides == {"kl", "gaussian", "posterior", "prior", "logits", "nll"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.rand(3, 1, 8, 9), r"shape \(3, 1, 8, 9\); tiny takes \(b, 1, 8, 8\); model.preprocess"),
        (torch.rand(3, 3, 8, 8), r"takes \(b, 1, 8, 8\); model.preprocess"),
        (torch.rand(1, 8, 8), "model.preprocess"),
        (torch.rand(()), "model.preprocess"),
        (torch.rand(2, 1, 9, 9), r"; model.preprocess\(pictures\) makes them"),
        (torch.zeros(3, 1, 8, 8, dtype=torch.uint8), "images are torch.uint8; tiny takes floats in .* divide by 255"),
        (torch.zeros(3, 1, 8, 8, dtype=torch.bool), "images are torch.bool"),
        (torch.zeros(3, 1, 8, 8, dtype=torch.complex64), "images are torch.complex64"),
        (torch.rand(3, 1, 8, 8).double(), r"float64; tiny takes torch.float32: images.to\(model.dtype\)"),
        (torch.rand(3, 1, 8, 8).bfloat16(), r"bfloat16; tiny takes torch.float32: images.to\(model.dtype\)"),
        (torch.rand(3, 1, 8, 8, device="meta"), r"images on meta, tiny on cpu: images.to\(model.device\)"),
        (np.zeros((3, 1, 8, 8), np.float32), "images are a ndarray; model.preprocess"),
        ([1], "images are a list"),
        (None, "images are a NoneType"),
    ],
)
def test_images_that_are_none(model, wrong, message):
    for use in (model, model.encode):
        with pytest.raises(DataError, match=message):
            use(wrong)


@pytest.mark.parametrize("shape", [(), (4,), (2, 5), (2, 4, 1), (2, 1, 4)])
def test_a_latent_of_the_wrong_shape(model, shape):
    with pytest.raises(DataError, match=r"tiny decodes \(b, 4\)"):
        model.decode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda m: m.decode(m.encode(torch.rand(2, 1, 8, 8))), DataError, "z is a Latent; .* its z is meant: latent.z"),
        (lambda m: m.decode(np.zeros((2, 4), np.float32)), DataError, r"z is a ndarray; .* torch.as_tensor\(z\)"),
        (lambda m: m.decode(torch.zeros(2, 4, dtype=torch.int64)), DataError, r"int64.* decodes floats: z.float\(\)"),
        (lambda m: m.decode(torch.zeros(2, 4, device="meta")), DataError, "z on meta, tiny on cpu: z.to"),
        (lambda m: m.output(torch.zeros(2, 4)), DataError, "a latent is what .* gives, not a Tensor"),
        (lambda m: m.decode(torch.zeros(1, 2, 4)), DataError, r"decodes \(b, 4\): of samples give one draw, z\[0\]"),
        (lambda m: m.output(Latent(torch.zeros(2, 5))), DataError, r"z has shape \(2, 5\); tiny decodes \(b, 4\)"),
        (lambda m: m.latent_at(m.encode(torch.rand(2, 1, 8, 8)), [0]), DataError, "z is a list"),
        (lambda m: m.log_prior(m.encode(torch.rand(2, 1, 8, 8))), DataError, "its z is meant"),
        (lambda m: m.latent_shape_at(None), OptionError, r"image \(None, None\) with 1 channels"),
        (lambda m: m.save_pretrained(3), OptionError, "folder=3 is no path: give text or a Path"),
        (lambda m: m.sample(-1), OptionError, "n=-1: the number of images to sample is a whole number >= 0"),
        (lambda m: m.sample("3"), OptionError, "n='3': the number of images"),
        (lambda m: m.sample(2, 7), OptionError, r"generator=7: give torch.Generator\(\).manual_seed\(0\)"),
        (lambda m: m.sample(2, size=(8, 8, 8)), OptionError, r"image size \(8, 8, 8\)"),
        (lambda m: m.to_images(torch.rand(1, 8, 8)), DataError, r"not \(1, 8, 8\): give x\[None\] for one image"),
        (lambda m: m.to_images(m(torch.rand(2, 1, 8, 8))), DataError, "not Output: output.reconstruction is meant"),
        (lambda m: m.to_images(torch.rand(2, 2, 8, 8)), DataError, r"of 1, 3 or 4 channels, not \(2, 2, 8, 8\)$"),
        (lambda m: m.to_images(np.zeros((2, 1, 8, 8))), DataError, "not ndarray"),
        (lambda m: m.to_images(torch.full((2, 1, 8, 8), torch.nan)), DataError, "or what is not finite"),
        (lambda m: m.to_images(torch.ones(2, 1, 8, 8, dtype=torch.uint8)), DataError, "not torch.uint8 on cpu"),
    ],
)  # fmt: skip
def test_misuse_is_answered_in_a_line(model, use, error, message):
    with pytest.raises(error, match=message) as raised:
        use(model)
    assert len(str(raised.value).splitlines()) == 1


def test_images_of_another_precision_pass_where_autocast_makes_them_fit(model, images):
    with torch.autocast("cpu", torch.bfloat16):
        assert model(images.bfloat16()).reconstruction.dtype == torch.float32


def test_where_it_is_and_in_which_precision(model):
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
    assert model.to("meta", torch.float64).device.type == "meta"
    assert model.dtype == torch.float64


def silent(use, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error", AezooWarning)
        return use(*arguments)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda x: x * 255, "for 0 to 255, images / 255"),
        (lambda x: x * 2 - 1, r"for -1 to 1, \(images \+ 1\) / 2"),
        (lambda x: x * 900 - 400, r"model.preprocess\(pictures\) makes such"),
        (lambda x: x + torch.nan, "what is not finite spoils every answer"),
        (lambda x: x / 0, "what is not finite spoils every answer"),
    ],
)
def test_a_range_outside_0_and_1_warns_once_where_it_is_given(model, images, change, advice):
    silent(model, images)
    with pytest.warns(AezooWarning, match=rf"images lie in \[.*\]; tiny takes \[0, 1\]: {advice}") as caught:
        model(change(images))
    assert [each.filename for each in caught] == [__file__]
    silent(model, change(images))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ends_of_the_range_are_inside(model, value):
    silent(model, torch.full((1, 1, 8, 8), value))


def test_the_range_is_not_looked_at_in_a_graph(model, images):
    outside = images * 255
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(
        silent(compiled, outside).logits, silent(torch.export.export(model, (outside,)).module(), outside).logits
    )
    silent(torch.func.vmap(lambda image: model.encode(image[None]).z), outside)
    silent(model.to("meta"), outside.to("meta"))


def test_no_images_are_a_batch_too(model, images):
    assert silent(model, images[:0]).reconstruction.shape == (0, 1, 8, 8)
    assert model.sample(0).shape == (0, 1, 8, 8)


def test_per_image_gradients(model, images):
    parameters = dict(model.named_parameters())

    def loss(parameters, image):
        return torch.func.functional_call(model, parameters, image[None]).reconstruction.sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, images)
    assert all(gradient.shape == (3, *parameters[name].shape) for name, gradient in each.items())


def test_latent_and_output_are_pytrees(model, images):
    doubled = torch.utils._pytree.tree_map(lambda tensor: 2 * tensor, model(images))
    assert isinstance(doubled, Output)
    assert isinstance(doubled.latent, Latent)
    assert torch.equal(doubled.latent.terms["kl"], 2 * model.encode(images).terms["kl"])


@pytest.mark.parametrize("training", [False, True])
def test_under_autocast_every_tensor_is_float32(model, images, training):
    with torch.autocast("cpu", torch.bfloat16):
        output = model.train(training)(images)
        decoded = model.decode(output.latent.z)
    for tensor in [*torch.utils._pytree.tree_leaves(output), decoded]:
        assert tensor.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_of_another_precision_as_a_whole(model, plain, images, dtype):
    for each in (model, plain):
        expected = each(images).reconstruction
        output = each.to(dtype)(images.to(dtype))
        assert output.reconstruction.dtype == torch.float32
        torch.testing.assert_close(output.reconstruction, expected, rtol=0, atol=0.05)
        assert each.decode(output.latent.z).shape == images.shape
        assert each.example().images.dtype == each.preprocess(np.zeros((8, 8), np.uint8)).dtype == dtype
        assert each(each.example()).reconstruction.shape == (2, 1, 8, 8)
        if each is model:
            assert each.sample(2).shape == (2, 1, 8, 8)


def test_samples_of_the_prior_repeat(model):
    first, second = (model.sample(2, torch.Generator().manual_seed(0)) for _ in range(2))
    assert first.shape == (2, 1, 8, 8)
    assert not first.requires_grad
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_a_plain_autoencoder_samples_from_its_training_latents(plain, images):
    with pytest.raises(WeightsError, match="tiny has no prior and its latents were not measured"):
        plain.sample(2)
    z = plain.encode(images).z.detach()
    plain.latent_mean.copy_(z.mean(0))
    plain.latent_std.copy_(1e-6 * z.std(0))
    torch.testing.assert_close(plain.sample(2), plain.decode(z.mean(0).expand(2, *plain.latent_shape)))
    plain.latent_std.copy_(z.std(0))
    first, second = (plain.sample(2, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_latent_statistics_are_stored_with_the_weights(plain):
    assert {"latent_mean", "latent_std"} <= set(plain.state_dict())


def test_to_images_clamps():
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 1.002]).reshape(1, 1, 2, 3)
    (picture,) = Autoencoder.to_images(x)
    assert (picture.mode, picture.size) == ("L", (3, 2))
    assert np.asarray(picture).ravel().tolist() == [0, 0, 128, 255, 255, 255]
    (colour,) = Autoencoder.to_images(torch.rand(1, 3, 2, 4, dtype=torch.float16).requires_grad_())
    assert (colour.mode, colour.size) == ("RGB", (4, 2))
    assert Autoencoder.to_images(torch.zeros(0, 1, 2, 2)) == []


def pictures(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (12, 10), np.uint8)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "a.png")
    colour = np.repeat(array[..., None], 3, axis=2)
    return [
        array,
        picture,
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        colour,
        picture.convert("RGB"),
        array[..., None],
    ]


def test_preprocess_takes_a_picture_of_any_kind(model, tmp_path):
    every = pictures(tmp_path)
    expected = model.preprocess(every[0])
    assert (expected.shape, expected.dtype) == ((1, 1, 8, 8), torch.float32)
    assert 0 <= expected.min() < expected.max() <= 1
    for picture in every:
        torch.testing.assert_close(model.preprocess(picture), expected, rtol=0, atol=1 / 255)
    assert model.preprocess(every).shape == (7, 1, 8, 8)
    silent(model, model.preprocess(tuple(every)))
    batch = torch.rand(3, 3, 16, 20)
    assert torch.equal(model.preprocess(batch), model.preprocess([*batch]))
    assert torch.equal(model.preprocess(batch.numpy()), model.preprocess(batch))


def test_preprocess_follows_the_models_images(tiny, tmp_path):
    model = build(describe(tiny, image_size=(8, 12), channels=3))
    assert model.preprocess(pictures(tmp_path)).shape == (7, 3, 8, 12)


def test_there_and_back(model):
    square = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8))
    (back,) = model.to_images(model.preprocess(square))
    assert np.array_equal(np.asarray(back), np.asarray(square))


@pytest.mark.parametrize("wrong", ["nowhere.png", np.zeros(3, np.uint8), np.zeros((5, 5, 7), np.uint8), [], None, 3])
def test_pictures_that_are_none(model, wrong):
    with pytest.raises(DataError):
        model.preprocess(wrong)


def test_a_model_can_be_copied_and_pickled_in_memory(model, images):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)  # our own bytes
    assert torch.equal(again(images).reconstruction, model(images).reconstruction)


@pytest.fixture
def spatial(tiny):
    torch.manual_seed(0)
    return build(describe(tiny, bottleneck="gaussian(dim=3, spatial=True)")).eval()


def test_a_model_of_convolutions_takes_any_multiple_of_its_stride(spatial, images):
    assert (spatial.stride, spatial.latent_shape, spatial.latent_shape_at((16, 4))) == (4, (3, 2, 2), (3, 4, 1))
    assert spatial(torch.rand(2, 1, 16, 4)).reconstruction.shape == (2, 1, 16, 4)
    assert spatial.decode(torch.zeros(2, 3, 4, 1)).shape == (2, 1, 16, 4)
    assert spatial.sample(2, size=(16, 4)).shape == (2, 1, 16, 4)
    for wrong in (torch.rand(2, 1, 16, 6), torch.rand(2, 3, 8, 8)):
        with pytest.raises(DataError, match=r"takes \(b, 1, 8, 8\) or any multiples of 4"):
            spatial(wrong)
    with pytest.raises(DataError, match="8x10; tiny takes any multiples of 4"):
        spatial.sample(2, size=(8, 10))


def test_a_model_with_a_vector_takes_its_own_size(model):
    assert model.stride == 0
    with pytest.raises(DataError, match="16x16; tiny takes 8x8"):
        model.sample(2, size=(16, 16))


@pytest.mark.parametrize("prior", ["mixture(k=2)", "vamp(k=2)", "flow(hidden=(4,))"])
def test_a_prior_that_learned_one_size_keeps_the_model_to_it(tiny, prior):
    model = build(describe(tiny, bottleneck="gaussian(dim=3, spatial=True)", prior=prior)).eval()
    assert model.sample(2).shape == (2, 1, 8, 8)
    with pytest.raises(DataError, match=r"\(2, 1, 16, 16\); tiny takes \(b, 1, 8, 8\); model.preprocess"):
        model.encode(torch.rand(2, 1, 16, 16))
    with pytest.raises(DataError, match="16x16; tiny takes 8x8"):
        model.sample(2, size=(16, 16))


def test_a_part_of_a_window_is_what_the_whole_gives_there(spatial):
    # Far from the borders a model of convolutions does not see how large the image is.
    images = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    whole, part = spatial.encode(images).z, spatial.encode(images[:, :, 16:48, 16:48]).z
    torch.testing.assert_close(part[:, :, 2:-2, 2:-2], whole[:, :, 6:-6, 6:-6], rtol=1e-4, atol=1e-5)


def test_exports_any_size_that_it_takes(spatial):
    dims = {0: torch.export.Dim("b", min=2), 2: 4 * torch.export.Dim("h", max=64), 3: 4 * torch.export.Dim("w", max=64)}
    program = torch.export.export(spatial, (torch.rand(5, 1, 16, 12),), dynamic_shapes={"images": dims})
    images = torch.rand(3, 1, 8, 20)
    torch.testing.assert_close(program.module()(images).reconstruction, spatial(images).reconstruction)


def test_statistics_are_of_each_channel_of_a_map(spatial):
    assert spatial.latent_std.shape == (3, 1, 1)
    spatial.prior = None
    spatial.latent_std.fill_(1.0)
    assert spatial.sample(2, size=(16, 4)).shape == (2, 1, 16, 4)


def test_statistics_of_each_dimension_are_of_one_size(plain):
    plain.latent_std.fill_(1.0)
    assert plain.sample(2).shape == (2, 1, 8, 8)
    with pytest.raises(DataError, match="measured at 8x8 alone"):
        plain.sample(2, size=(16, 4))


def test_in_training_a_sample_is_decoded_and_an_exact_divergence_is_not_asked_again(model, images):
    from unittest.mock import patch

    for training in (False, True):
        with patch.object(model.prior, "kl", wraps=model.prior.kl) as asked:
            latent = model.train(training).encode(images)
        assert torch.equal(latent.z, latent.mean) != training
        assert asked.call_count == 1
        again = model.latent_at(latent, torch.zeros_like(latent.z))
        assert torch.equal(again.terms["kl"], latent.terms["kl"])


def test_codes_have_no_gaussian(plain):
    plain.latent_std.fill_(1.0)
    plain.provides |= {"codes"}
    with pytest.raises(CompositionError, match="tiny has codes and no prior of them"):
        plain.sample(2)


def test_an_output_keeps_what_the_likelihood_reads(model, images):
    output = model(images)
    assert torch.equal(output.params, output.logits)  # a Bernoulli's maps


def test_its_last_layer_makes_the_image(model):
    *_, last = [module for module in model.decoder.modules() if isinstance(module, torch.nn.ConvTranspose2d)]
    assert model.last_layer is last.weight


def test_a_latent_at_another_z_has_the_divergence_there(model, images, monkeypatch):
    for name in ("kl", "is_exact"):
        monkeypatch.setattr(StandardPrior, name, getattr(Prior, name))  # estimated from z
    latent = model.encode(images)
    z = latent.mean + 1
    moved = model.latent_at(latent, z)
    expected = model.bottleneck.log_posterior(z, latent) - model.log_prior(z)
    torch.testing.assert_close(moved.terms["kl"], expected[:, None])
    assert not torch.equal(latent.terms["kl"], moved.terms["kl"])


def test_labels_of_a_batch_are_nothing_to_a_model_without(model, images):
    assert torch.equal(model(Batch(images, torch.arange(3))).reconstruction, model(images).reconstruction)


def test_a_model_has_a_stride_where_both_sides_have_one(tiny):
    spec = describe(tiny, bottleneck="gaussian(dim=3, spatial=True)", decoder="mlp(hidden=(8,))")
    assert build(spec).stride == 0


class Patches(torch.nn.Conv2d):
    def __init__(self, image):
        super().__init__(image.channels, 4, 4, stride=4)


class Pixels(torch.nn.ConvTranspose2d):
    def __init__(self, latent_shape, image):
        super().__init__(4, image.channels, 4, stride=4)


def test_a_layer_of_torch_s_is_a_part_of_one_size(tiny, images):
    with isolated_registry("aezoo"):
        register("encoder", "patches")(Patches)
        register("decoder", "pixels")(Pixels)
        parts = {"encoder": "patches", "bottleneck": "identity", "decoder": "pixels", "prior": "none"}
        model = build(describe(tiny, **parts))
    assert model.stride == 0
    assert model(images).reconstruction.shape == images.shape


def test_without_a_prior_z_has_the_moments_of_the_training_latents(plain):
    plain.latent_mean.fill_(5.0)
    plain.latent_std.fill_(0.3)
    plain.decode = lambda z, labels=None: z
    z = plain.sample(2000, torch.Generator().manual_seed(0))
    assert (z.mean().item(), z.std().item()) == pytest.approx((5.0, 0.3), abs=0.01)


class Shifting(torch.nn.Module):
    """Adds the label."""

    def forward(self, x, labels):
        return x + labels[:, None, None, None]


def test_labels_reach_both_sides(plain, images):
    conditional = Autoencoder(
        plain.spec, Shifting(), IdentityBottleneck((1, 8, 8)), Shifting(),
        likelihood=plain.likelihood, conditional=("encoder", "decoder"),
    )  # fmt: skip
    labels = torch.tensor([0, 1, 2])
    shift = labels[:, None, None, None]
    for given in ((images, labels), (Batch(images, labels),)):
        torch.testing.assert_close(conditional(*given).logits, images + 2 * shift)
    for wrong in ([0, 1, 2], labels.float(), labels[:, None]):
        with pytest.raises(DataError, match=r"labels of \S+ are a tensor of whole numbers, \(b,\)"):
            conditional(images, wrong)
    conditional.prior = StandardPrior((1, 8, 8))
    z = conditional.prior.sample((3, 1, 8, 8), conditional, torch.Generator().manual_seed(0))
    drawn = conditional.sample(3, torch.Generator().manual_seed(0), labels=labels)
    torch.testing.assert_close(drawn, torch.sigmoid(z + shift))


def test_statistics_of_channels_are_those_of_a_sample_of_any_size(spatial):
    spatial.prior, spatial.decode = None, lambda z, labels=None: z
    spatial.latent_mean.copy_(torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1))
    spatial.latent_std.copy_(torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1))
    z = spatial.sample(9, torch.Generator().manual_seed(0), size=(64, 128))
    assert z.shape == (9, 3, 16, 32)
    assert z.mean((0, 2, 3)).tolist() == pytest.approx([1, 2, 3], abs=0.02)
    assert z.std((0, 2, 3)).tolist() == pytest.approx([0.1, 0.2, 0.3], rel=0.03)
