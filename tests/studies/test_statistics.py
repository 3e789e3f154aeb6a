import itertools
import math

import numpy as np
import pytest
from scipy import stats

from aezoo.studies import statistics
from aezoo.studies.statistics import Interval, Region, Sample, bootstrap, verdict


def normal(seeds, images, *, of_seed=1.0, of_image=1.0, of_both=0.0, seed=0):
    """Values that are the sum of an effect of the seed, of the image, and of both."""
    rng = np.random.default_rng(seed)
    effects = (of_seed * rng.normal(size=(seeds, 1)), of_image * rng.normal(size=images))
    return effects[0] + effects[1] + of_both * rng.normal(size=(seeds, images))


def width(interval):
    return interval.high - interval.low


def mean(x):
    return x


def difference(a, b):
    return a - b


def test_with_one_seed_it_is_the_bootstrap_of_scipy():
    values = normal(1, 60)
    ours = bootstrap([Sample(values, "test")], mean)
    theirs = stats.bootstrap((values[0],), np.mean, method="percentile", n_resamples=10_000, rng=1).confidence_interval
    assert ours.estimate == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_of_three_seeds_alone_it_is_the_quantiles_of_all_27_draws():
    values = np.array([[1.0], [2.0], [4.0]])
    every = [np.mean(chosen) for chosen in itertools.product(values.ravel(), repeat=3)]
    low, high = np.quantile(np.repeat(every, 400), [0.025, 0.975])
    interval = bootstrap([Sample(values, "runs")], mean)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_seeds_and_images_add_up_as_they_should():
    values = normal(8, 200, of_seed=0.5)
    by_seed, by_image = values.mean(1), values.mean(0)
    deviation = math.sqrt(by_seed.var() / 8 + by_image.var() / 200)
    assert width(bootstrap([Sample(values, "test")], mean)) == pytest.approx(2 * 1.96 * deviation, rel=0.05)


def test_what_is_paired_falls_out_of_a_difference():
    values = normal(4, 30)
    same = bootstrap([Sample(values + 0.25, "test"), Sample(values, "test")], difference)
    assert (same.estimate, same.low, same.high) == pytest.approx((0.25, 0.25, 0.25))


def test_training_and_test_images_vary_independently():
    train, test = (normal(1, 100, of_image=scale, seed=seed) for seed, scale in ((1, 1.0), (2, 2.0)))
    gap = bootstrap([Sample(test, "test"), Sample(train, "train")], difference)
    deviation = math.sqrt(train.var() / 100 + test.var() / 100)
    assert width(gap) == pytest.approx(2 * 1.96 * deviation, rel=0.05)


def test_a_ratio_of_constants_is_certain():
    samples = [Sample(np.full((3, 5), value), "test") for value in (3.0, 4.0)]
    interval = bootstrap(samples, lambda a, b: a / b)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.75, 0.75, 0.75))


def test_with_many_seeds_it_covers_as_often_as_it_says():
    covered = 0
    for trial in range(300):
        interval = bootstrap([Sample(normal(40, 40, of_both=1.0, seed=trial), "test")], mean, draws=400)
        covered += interval.low <= 0 <= interval.high
    assert 0.90 < covered / 300 < 0.98


def test_it_repeats_and_does_not_depend_on_its_portions(monkeypatch):
    samples = [Sample(normal(3, 50), "test"), Sample(normal(3, 20), "train")]
    whole = bootstrap(samples, difference, draws=100)
    monkeypatch.setattr(statistics, "_BYTES", 5000)
    portions = bootstrap(samples, difference, draws=100)
    assert (whole.low, whole.high) == pytest.approx((portions.low, portions.high), rel=1e-12)
    assert bootstrap(samples, difference, draws=100, seed=1) != portions


def test_samples_of_different_seeds_are_refused():
    with pytest.raises(ValueError, match="as many seeds"):
        bootstrap([Sample(np.zeros((2, 3)), "test"), Sample(np.zeros((3, 3)), "test")], difference)


@pytest.mark.parametrize(
    ("low", "high", "region", "said"),
    [
        (0.1, 0.3, Region(low=0), "holds"),
        (-0.3, -0.1, Region(low=0), "does not hold"),
        (-0.1, 0.3, Region(low=0), "undecided"),
        (0.0, 0.3, Region(low=0), "undecided"),
        (0.0, 0.0, Region(low=0), "does not hold"),
        (0.1, 0.3, Region(high=0.5), "holds"),
        (0.6, 0.7, Region(high=0.5), "does not hold"),
        (0.4, 0.7, Region(high=0.5), "undecided"),
        (3.0, 4.0, Region(2, 5), "holds"),
        (1.0, 3.0, Region(2, 5), "undecided"),
        (1.0, 9.0, Region(2, 5), "undecided"),
        (5.0, 9.0, Region(2, 5), "does not hold"),
        (math.nan, math.nan, Region(low=0), ""),
    ],
)
def test_verdicts(low, high, region, said):
    assert verdict(Interval((low + high) / 2, low, high), region, seeds=5, needed=5) == said


def test_too_few_seeds_say_nothing():
    assert verdict(Interval(1, 0.5, 2), Region(low=0), seeds=4, needed=5) == ""


def test_regions_read_as_a_claim():
    assert [str(region) for region in (Region(low=0), Region(high=0.5), Region(650, 2598))] == [
        "> 0",
        "< 0.5",
        "650 to 2598",
    ]
