"""Their numbers, their gradients, and what is said where weights are missing."""

import warnings

import pytest
import torch

import aezoo
from aezoo.errors import CompositionError, OptionError, WeightsError
from aezoo.factory import build
from aezoo.latent import Batch, Output
from aezoo.losses.context import Context
from aezoo.plain import ImageSpec
from aezoo.recipe import Recipe
from aezoo.testing import HOST
from aezoo.training.objective import Objective, rehearse
from aezoo_perceptual import RELUS
from aezoo_perceptual.networks import NETWORKS, Features
from aezoo_perceptual.terms import Lpips, LpipsMetric, VggTerm

IMAGE = ImageSpec((48, 40), 3)


def pair(image=IMAGE):
    torch.manual_seed(1)
    return torch.rand(2, *image.shape), torch.rand(2, *image.shape)


def theirs(net, features):
    """The distance of the package lpips, of the same network."""
    import lpips

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        warnings.simplefilter("ignore")
        patched.setattr(
            torch.nn.init, "normal_", lambda tensor, *given, **named: tensor
        )  # of a classifier that goes unused
        distance = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    for part in distance.net.children():
        for place, layer in part.named_children():
            layer.load_state_dict(features.layers[int(place)].state_dict())
    return distance


@pytest.mark.parametrize("net", NETWORKS)
@torch.no_grad()
def test_lpips_is_the_number_of_the_package(net):
    x, y = pair()
    ours = Lpips(IMAGE, net=net)
    expected = theirs(net, ours.features)(x, y, normalize=True).flatten()
    torch.testing.assert_close(ours(x, y), expected, rtol=1e-5, atol=1e-6)
    assert (ours(x, y) > 1e-3).all()


@pytest.mark.parametrize("net", NETWORKS)
def test_lpips_of_equal_images_is_zero_and_it_is_symmetric(net):
    x, y = pair()
    distance = Lpips(IMAGE, net=net)
    assert not distance(x, x).any()
    torch.testing.assert_close(distance(x, y), distance(y, x))


def test_grey_images_are_three_equal_colours():
    image = ImageSpec((40, 40), 1)
    x, y = pair(image)
    colours = [images.expand(-1, 3, -1, -1) for images in (x, y)]
    torch.testing.assert_close(Lpips(image, net="alex")(x, y), Lpips(IMAGE, net="alex")(*colours))


def test_vgg_is_the_mean_squared_error_of_its_features():
    x, y = pair()
    layers = ("relu1_2", "relu4_1", "relu5_3")
    term = VggTerm(IMAGE, layers=layers)
    kinds = [type(layer).__name__ for layer in term.features.layers]
    places = dict(zip(RELUS, (place for place, kind in enumerate(kinds) if kind == "ReLU"), strict=True))
    assert [kinds[place + 1 : place + 2] for name, place in places.items() if name in ("relu1_2", "relu4_3")] == [
        ["MaxPool2d"],
        ["MaxPool2d"],
    ]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    a, b = ((images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1) for images in (x, y))
    parts = [term.features.layers[: places[name] + 1] for name in layers]
    expected = 3 * 48 * 40 * sum((part(a) - part(b)).square().mean((1, 2, 3)) for part in parts)
    output = aezoo.Output(x, None, aezoo.Latent(torch.zeros(2, 1)))
    torch.testing.assert_close(term(output, y, None), expected)


@pytest.mark.parametrize("loss", ["lpips", "vgg"])
def test_the_gradient_reaches_the_model_and_not_the_network(loss):
    objective = Objective(build(aezoo.describe(HOST)), loss).train()
    value, _ = objective(Batch(torch.rand(2, 1, 32, 32)))
    value.backward()
    assert all(parameter.grad.any() for parameter in objective.model.decoder.parameters())
    network = objective.terms[loss]
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in network.parameters())
    assert not any(module.training for module in network.modules())
    assert not [key for key in objective.state_dict() if key.startswith("modules_of_terms")]


def test_a_term_is_the_distance_times_the_number_of_values():
    model = build(aezoo.describe(HOST)).eval()
    batch = Batch(torch.rand(3, 1, 32, 32))
    with torch.no_grad():
        output = model(batch)
        term = Objective(model, "lpips(net='alex')").terms["lpips"]
        value = term(output, batch.images, Context(model=model, batch=batch))
        distance = Lpips(model.image, net="alex")(output.reconstruction, batch.images)
        metric = LpipsMetric(model.image)
        assert torch.equal(metric(output.reconstruction, batch.images), distance)
        large = [torch.rand(1, 1, 64, 64) for _ in range(2)]
        value_of_large = term(Output(large[0], None, output.latent), large[1], Context(model=model, batch=batch))
    torch.testing.assert_close(value, 1024 * distance)
    torch.testing.assert_close(value_of_large, 4096 * metric(*large))
    again = LpipsMetric(model.image)
    assert again.protocol == metric.protocol
    assert LpipsMetric(model.image, net="squeeze").protocol != metric.protocol


def test_the_gradient_is_finite_where_no_feature_is_active():
    distance = Lpips(IMAGE, net="alex")
    for layer in distance.features.layers:
        if isinstance(layer, torch.nn.Conv2d):
            layer.bias.fill_(-100)
    x, y = pair()
    x.requires_grad_()
    distance(x, y).sum().backward()
    assert x.grad.isfinite().all()


def test_half_precision_changes_nothing():
    x, y = pair()
    distance = Lpips(IMAGE, net="alex")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(distance(x, y), Lpips(IMAGE, net="alex")(x, y))
        assert distance(x, y).dtype == torch.float32
    before = distance.eval()(x, y)
    assert torch.equal(distance.train()(x, y), before)


@pytest.mark.parametrize(("loss", "file"), [("lpips", "vgg16-397923af.pth"), ("vgg", "vgg16-397923af.pth"),
                                            ("lpips(net='alex')", "alexnet-owt-7be5be79.pth")])  # fmt: skip
def test_missing_weights_are_named(loss, file, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as raised:
        rehearse(build(aezoo.describe(HOST), "meta"), Recipe(loss=loss))  # before a run reads its images
    message = str(raised.value)
    assert f"https://download.pytorch.org/models/{file}" in message
    assert f"{tmp_path}/hub/checkpoints/{file}" in message
    assert len(message.splitlines()) == 1


def test_damaged_weights_are_named(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = NETWORKS["alex"].path
    path.parent.mkdir(parents=True)
    for bytes_of in (b"x", (cache / NETWORKS["squeeze"].path.name).read_bytes()):
        path.write_bytes(bytes_of)
        with pytest.raises(WeightsError, match=f"{path.name} is damaged"):
            Lpips(IMAGE, net="alex")
    torch.save([1], path)
    with pytest.raises(WeightsError, match=f"{path.name} is damaged"):
        Lpips(IMAGE, net="alex")


def test_images_that_do_not_fit():
    with pytest.raises(CompositionError, match="images of 28x28 are too small for alexnet"):
        Lpips(ImageSpec((28, 28)), net="alex")
    with pytest.raises(CompositionError, match="takes 1 or 3 channels, not 4"):
        Features(ImageSpec((64, 64), 4), "vgg", [3], (0.5,) * 3, (0.5,) * 3)
    assert Lpips(ImageSpec((31, 31)), net="alex")
    assert Lpips(ImageSpec((16, 16)), net="vgg")


def test_a_layer_that_is_named_twice_is_refused():
    with pytest.raises(OptionError, match="a layer is named twice"):
        VggTerm(IMAGE, layers=("relu2_2", "relu2_2"))
