"""Closed forms of fid and kid, of features that are given; the network's own weights, and what is said without them."""

import hashlib
import itertools
import math
import sys

import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

import aezoo
from aezoo.errors import AezooWarning, CompositionError, DataError, WeightsError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.metrics.evaluation import choose, evaluate
from aezoo.plain import ImageSpec
from aezoo.testing import HOST
from aezoo_perceptual import inception as of
from aezoo_perceptual.inception import FEWEST, SHA256, Fid, Inception, Kid, discrepancy

PIXELS = ImageSpec((1, 2), 1)


class Pictures:
    """Images to measure on."""

    def __init__(self, *shape):
        self.images = torch.rand(*shape, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.images)

    def batch(self, indices):
        return Batch(self.images[list(indices)])


class Levels(torch.nn.Module):
    """A network whose features are the bytes of a channel."""

    def forward(self, levels):
        return (levels[:, 0].flatten(1).float(),)


@pytest.fixture
def levels(monkeypatch):
    monkeypatch.setattr(of, "network", lambda weights: Levels())


def drawn(n, *shape, seed=0):
    """Dark images, of levels up to 100."""
    return torch.randint(101, (n, *shape), generator=torch.Generator().manual_seed(seed)).float() / 255


def value(metric, images, reconstruction, batch=1000):
    for x, y in zip(images.split(batch), reconstruction.split(batch), strict=True):
        metric.update(x, y)
    return metric.compute()


def kernel(a, b):
    return (float(a @ b) / len(a) + 1) ** 3


@pytest.mark.usefixtures("levels")
def test_fid_is_the_distance_of_the_gaussians():
    x = drawn(FEWEST, *PIXELS.shape)
    found = (x.flatten(1) * 255).numpy().astype(np.float64)
    # Of twice the level: means differ by the mean, and roots of covariances by a root.
    expected = (found.mean(0) ** 2).sum() + np.trace(np.cov(found, rowvar=False))
    assert value(Fid(PIXELS), x, 2 * x) == pytest.approx(expected)
    assert value(Fid(PIXELS), x, 2 * x, batch=77) == pytest.approx(expected)
    assert value(Fid(PIXELS), x, x + 3 / 255) == pytest.approx(2 * 3**2)
    assert value(Fid(PIXELS), x, x) == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("levels")
def test_fid_of_fewer_images_is_refused():
    x, metric = drawn(FEWEST, *PIXELS.shape), Fid(PIXELS)
    with pytest.raises(DataError, match=r"fid of 9,999 images .* refused under 10,000: measure kid"):
        value(metric, x[1:], x[1:])
    metric.update(x[:1], x[:1])
    assert metric.compute() == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("inception")
def test_fid_of_fewer_images_costs_its_row():
    model, images = build(aezoo.describe(HOST)), Pictures(12, 1, 32, 32)
    with pytest.warns(AezooWarning, match="'fid' of aezoo-perceptual is left out: DataError: fid of 12 images"):
        assert [*evaluate(model, images, metrics=["fid", "kid"])] == ["kid"]


@pytest.mark.parametrize("n", [2, 7])
def test_kid_is_the_mean_over_pairs_of_images(n, monkeypatch):
    monkeypatch.setattr(of, "_BLOCK", 3)
    x, y = torch.randn(2, n, 4, generator=torch.Generator().manual_seed(0)).double()
    expected = [
        kernel(x[i], x[j]) + kernel(y[i], y[j]) - kernel(x[i], y[j]) - kernel(y[i], x[j])
        for i, j in itertools.permutations(range(n), 2)
    ]
    assert discrepancy(x, y) == pytest.approx(np.mean(expected))


POOL = torch.tensor([[1.0, 0.0], [-1.0, 2.0], [0.5, 0.5]])
ALIKE = [*itertools.product(POOL, POOL)]  # images and others of the same distribution
PAIRED = [(x, 0.5 * x + 0.3) for x in POOL]  # each with a reconstruction of itself


@pytest.mark.parametrize(("pairs", "n"), [(ALIKE, 2), (PAIRED, 2), (PAIRED, 3)])
def test_kid_is_unbiased(pairs, n):
    (x, y), several = map(torch.stack, zip(*pairs, strict=True)), itertools.product(pairs, repeat=n)
    expected = np.mean([kernel(a, b) + kernel(c, d) - 2 * kernel(a, d) for a, c in zip(x, y, strict=True)
                        for b, d in zip(x, y, strict=True)])  # fmt: skip
    found = [discrepancy(*map(torch.stack, zip(*sample, strict=True))) for sample in several]
    assert np.mean(found) == pytest.approx(expected)
    assert expected == pytest.approx(0) if pairs is ALIKE else expected > 0.01


@pytest.mark.usefixtures("inception")
def test_kid_of_equal_images_is_zero():
    x = Pictures(30, 1, 8, 8).images
    metric = Kid(ImageSpec((8, 8), 1))
    assert value(metric, x, x, batch=7) == 0
    metric.reset()
    assert value(metric, x, x.flip(3)) > 0.001


@pytest.mark.usefixtures("levels")
def test_kid_of_subsets(monkeypatch):
    monkeypatch.setattr(of, "SUBSET", 20)
    x, y = drawn(40, *PIXELS.shape), drawn(40, *PIXELS.shape, seed=1)

    def kid(count=40, **options):
        return value(Kid(PIXELS, **options), x[:count], y[:count])

    assert kid(20, subsets=3) == pytest.approx(kid(20))  # a subset is the set
    assert kid(subsets=3) == kid(subsets=3) != kid(subsets=3, seed=1)
    each = [kid(subsets=1, seed=seed) for seed in range(200)]
    assert abs(np.mean(each) - kid()) < 4 * np.std(each) / 200**0.5
    with pytest.raises(DataError, match=r"kid\(subsets=3\) takes 20 images or more, not 19"):
        kid(19, subsets=3)
    with pytest.raises(DataError, match="takes 2 images or more, not 1"):
        kid(1)


@pytest.mark.usefixtures("levels")
def test_images_are_clamped_and_rounded_to_bytes():
    x = torch.tensor([-0.1, 0.0, 76.4, 76.6, 255.0, 300.0]).view(1, 1, 2, 3) / 255
    assert Inception(ImageSpec((2, 3), 1), "")(x).tolist() == [[0, 0, 76, 77, 255, 255]]


@pytest.mark.usefixtures("levels")
def test_a_nan_is_no_level(monkeypatch):
    monkeypatch.setattr(of, "FEWEST", 2)
    images = drawn(40, 1, 2, 2)
    broken = images.clone()
    broken[3, 0, 0, 0] = math.nan
    for metric in (Fid(ImageSpec((2, 2), 1)), Kid(ImageSpec((2, 2), 1))):
        assert math.isnan(value(metric, images, broken))


@pytest.mark.usefixtures("inception")
def test_grey_images_are_three_equal_colours():
    x = Pictures(4, 1, 8, 8).images
    grey, colour = (Inception(ImageSpec((8, 8), channels), "") for channels in (1, 3))
    assert torch.equal(grey(x), colour(x.expand(-1, 3, -1, -1)))
    with pytest.raises(CompositionError, match="takes 1 or 3 channels, not 4"):
        Inception(ImageSpec((8, 8), 4), "")


@pytest.mark.usefixtures("inception")
def test_a_number_names_network_hash_and_resizing_and_no_path():
    metrics = choose(build(aezoo.describe(HOST)), Pictures(2, 1, 32, 32), metrics=["fid(weights='x')", "kid"])
    depends = f"network=inception-2015-12-05 sha256={SHA256} resize=299x299-bilinear-tensorflow1"
    assert metrics[0].id == f"aezoo-perceptual/fid@1 {depends}"
    assert metrics[1].id == f"aezoo-perceptual/kid(subsets=0, seed=0)@1 {depends}"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The network with weights at random, and the file of them."""
    with pytest.MonkeyPatch.context() as patched, torch.random.fork_rng():
        torch.manual_seed(0)
        patched.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = FeatureExtractorInceptionV3("random", ["2048"])
    path = tmp_path_factory.mktemp("published") / of.URL.rpartition("/")[2]
    torch.save(network.state_dict(), path)
    return network, path


@pytest.mark.slow
def test_the_network_is_that_of_the_file(published, monkeypatch):
    network, path = published
    monkeypatch.setattr(of, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    state, x = torch.get_rng_state(), Pictures(1, 3, 16, 16).images
    features = Inception(ImageSpec((16, 16), 3), str(path))
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(parameter.requires_grad for parameter in features.parameters())
    assert not any(module.training for module in features.train().modules())
    with torch.no_grad():
        (expected,) = network((x * 255).round().to(torch.uint8))
    assert expected.shape == (1, 2048)
    assert expected.std() > 0
    assert torch.equal(features(x), expected)


def test_another_file_is_refused(published):
    with pytest.raises(WeightsError, match=r"damaged, or another file: its sha256 is \w{8}\.\.\., not 6726825d"):
        Fid(PIXELS, weights=str(published[1]))


@pytest.mark.parametrize("metric", [Fid, Kid])
def test_missing_weights_are_named(metric, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as raised:
        metric(PIXELS)
    where, advice = str(raised.value).splitlines()
    assert where.endswith(f"no file {tmp_path}/hub/checkpoints/weights-inception-2015-12-05-6726825d.pth")
    assert of.URL in advice
    with pytest.raises(WeightsError, match="no file elsewhere"):
        metric(PIXELS, weights="elsewhere")


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(WeightsError, match=r"pip install 'aezoo-perceptual\[fid\]'"):
        Fid(PIXELS)
