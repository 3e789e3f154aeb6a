import math

import numpy as np
import pytest
from scipy import stats

from aezoo.studies.statistics import COVERS, Interval, Region, Sample, holm, interval, verdict


def normal(seeds, images, *, of_seed=1.0, of_image=1.0, of_both=0.0, seed=0):
    """Values that are the sum of an effect of the seed, of the image, and of both."""
    rng = np.random.default_rng(seed)
    effects = (of_seed * rng.normal(size=(seeds, 1)), of_image * rng.normal(size=images))
    return effects[0] + effects[1] + of_both * rng.normal(size=(seeds, images))


def mean(x):
    return x


def difference(a, b):
    return a - b


def test_with_one_seed_it_is_student_s_over_images():
    values = normal(1, 60)
    found = interval([Sample(values, "test")], mean)
    theirs = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert (found.estimate, found.low, found.high) == pytest.approx((values.mean(), theirs.low, theirs.high))


def test_of_a_number_of_each_run_it_is_student_s_over_seeds():
    values = np.array([[1.0], [2.0], [4.0]])
    theirs = stats.ttest_1samp(values[:, 0], 0.5)
    found = interval([Sample(values, "runs")], mean)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert found.p(Region(low=0.5)) == pytest.approx(theirs.pvalue)


def test_seeds_images_and_both_are_told_apart():
    values = normal(8, 200, of_seed=0.5, of_both=2.0)
    s, n = values.shape
    of_seed, of_image = n * values.mean(1).var(ddof=1), s * values.mean(0).var(ddof=1)  # mean squares
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    of_both = (rest**2).sum() / ((s - 1) * (n - 1))
    assert interval([Sample(values, "test")], mean).error ** 2 == pytest.approx(
        (of_seed + of_image - of_both) / (s * n)
    )


def test_what_is_paired_falls_out_of_a_difference():
    values = normal(4, 30)
    same = interval([Sample(values + 0.25, "test"), Sample(values, "test")], difference)
    assert (same.estimate, same.low, same.high) == pytest.approx((0.25, 0.25, 0.25))


def test_training_and_test_images_vary_independently():
    train, test = (normal(1, 100, of_image=scale, seed=seed) for seed, scale in ((1, 1.0), (2, 2.0)))
    gap = interval([Sample(test, "test"), Sample(train, "train")], difference)
    assert gap.error**2 == pytest.approx(train.var(ddof=1) / 100 + test.var(ddof=1) / 100)


def test_of_numbers_that_are_all_the_same_p_is_that_of_the_sign_test():
    samples = [Sample(np.full((6, 9), value), "test") for value in (3.0, 4.0)]
    found = interval(samples, lambda a, b: a / b)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))
    assert found.p(Region(high=0.75)) == 1
    assert found.p(Region(high=1)) == stats.binomtest(6, 6).pvalue


def test_a_ratio_is_as_sure_as_a_jackknife_says():
    a, b = (Sample(level + normal(1, 400, seed=seed), "test") for seed, level in ((1, 5.0), (2, 9.0)))
    kept = [np.delete(np.arange(400), image) for image in range(400)]
    without = np.array([a.values[0, rest].mean() / b.values[0, rest].mean() for rest in kept])
    jackknife = np.sqrt(399 / 400 * ((without - without.mean()) ** 2).sum())
    assert interval([a, b], lambda a, b: a / b).error == pytest.approx(jackknife, rel=0.01)


def test_images_of_one_thing_count_as_one():
    """Ten copies of each image say no more than one; groups of one image change nothing."""
    values = normal(6, 40, of_both=1.0)
    once = interval([Sample(values, "test")], mean)
    copied = Sample(np.repeat(values, 10, axis=1), "test", np.repeat(np.arange(40), 10))
    ungrouped = Sample(values, "test", np.arange(40)[::-1])
    for found in (interval([copied], mean), interval([ungrouped], mean)):
        assert np.array(found.parts) == pytest.approx(np.array(once.parts))


def test_a_mean_of_unequal_groups_varies_as_clusters_do():
    """The sandwich, written out: sums of what is left of each group."""
    values, groups = normal(1, 60), np.sort(np.random.default_rng(1).integers(0, 9, 60))
    found = interval([Sample(values, "test", groups)], mean)
    left = [(values[0, groups == group] - values.mean()).sum() for group in range(9)]
    assert found.parts[0] == pytest.approx((9 / 8 * sum(each**2 for each in left) / 60**2, 8))
    assert found.estimate == values.mean()


@pytest.mark.parametrize("seeds", [1, 8])
def test_an_interval_of_groups_covers(seeds):
    """Images of one thing vary together: counted one by one they would hold the truth in some 70 % of such cases."""

    def holds(trial, known):
        rng = np.random.default_rng(trial)
        groups = np.repeat(np.arange(40), rng.integers(1, 12, 40))
        of_seed = 0.2 * rng.normal(size=(seeds, 1)) * (seeds > 1)  # of one seed the interval is over images alone
        values = of_seed + rng.normal(size=40)[groups] + rng.normal(size=(seeds, len(groups)))
        return interval([Sample(values, "test", groups if known else None)], mean).p(Region(low=0)) > 1 - COVERS

    assert 0.9 < np.mean([holds(trial, True) for trial in range(600)]) < 0.98
    assert np.mean([holds(trial, False) for trial in range(600)]) < 0.8


def test_one_value_of_one_seed_has_no_interval():
    found = interval([Sample(np.array([[3.0]]), "runs")], mean)
    assert found.estimate == 3
    assert all(math.isnan(each) for each in (found.low, found.high, found.p(Region(low=0))))


def coverage(seeds, images, effects, trials):
    """How often the interval of a mean holds the truth, 0."""
    held = [
        interval([Sample(normal(seeds, images, **effects, seed=trial), "test")], mean).p(Region(low=0)) > 1 - COVERS
        for trial in range(trials)
    ]
    return np.mean(held)


def test_an_interval_of_three_seeds_covers():
    """A percentile bootstrap's holds the truth in 75 % of such cases."""
    assert 0.92 < coverage(3, 30, {"of_seed": 1.0, "of_image": 1.0}, 1000) < 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "most"), [(3, 0.985), (4, 0.98), *((n, 0.97) for n in (5, 6, 8, 10, 15, 20))])
@pytest.mark.parametrize(
    ("of_seed", "of_image", "of_both"),
    [(1, 0.01, 0), (1, 1, 1), (1, 3, 1), (1, 5, 1), (1, 10, 3), (0.3, 10, 3), (0.01, 1, 10), (0, 1, 1)],
)
def test_it_covers_whatever_dominates(seeds, most, of_seed, of_image, of_both):
    effects = {"of_seed": of_seed, "of_image": of_image, "of_both": of_both}
    assert 0.93 <= coverage(seeds, 100, effects, 10_000) <= most


def two_splits(seeds, rng):
    """Of one level, with seeds in common and images of their own."""
    of_seed, noise = rng.normal(size=(seeds, 1)), rng.normal(size=(2, seeds, 100))
    images, own = rng.normal(size=(2, 1, 100)), rng.normal(size=(2, seeds, 1))
    both = 5 + 0.3 * of_seed + images + 0.2 * own + 0.5 * noise
    return [Sample(both[0], "test"), Sample(both[1], "train")]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 10, 15])
@pytest.mark.parametrize(
    ("draw", "statistic", "truth", "least"),
    [
        (two_splits, difference, 0, 0.93),
        (two_splits, lambda a, b: a / b, 1, 0.93),
        (lambda s, rng: [Sample(np.round(13.3 + rng.normal(size=(s, 1))), "runs")], mean, 13.3, 0.93),
        (lambda s, rng: [Sample(np.exp(0.6 * rng.normal(size=(s, 1))), "runs")], mean, math.exp(0.18), 0.89),
        (lambda s, rng: [Sample(np.exp(rng.normal(size=(s, 1))), "runs")], mean, math.exp(0.5), 0.81),
    ],
    ids=["gap", "ratio", "steps of a grid", "skewed", "very skewed"],
)
def test_what_it_covers_of_other_numbers(seeds, draw, statistic, truth, least):
    found = [interval(draw(seeds, np.random.default_rng(trial)), statistic) for trial in range(10_000)]
    assert least <= np.mean([each.low <= truth <= each.high for each in found]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.6, 0.9, 0.97, 1])
@pytest.mark.parametrize("seeds", [3, 5, 15])
def test_a_small_p_is_as_rare_as_it_says(seeds, share):
    """At the level of one number of a family of fifty, whatever share of the variance is the seeds'."""
    rng, trials, level = np.random.default_rng(0), 1_000_000, 0.001
    parts = [
        (of * rng.chisquare(freedom, trials) / freedom, freedom)
        for of, freedom in ((share, seeds - 1), (1 - share, 99))
    ]
    found = rng.normal(size=trials)
    least = sum(variance for variance, _ in parts) * stats.norm.isf(level / 2) ** 2  # no t is less far out
    wrong = [
        Interval(found[at], tuple((variance[at], freedom) for variance, freedom in parts)).p(Region(low=0)) <= level
        for at in np.flatnonzero(found**2 > least)
    ]
    assert sum(wrong) <= 1.1 * level * trials  # three standard errors


def test_the_margins_of_two_parts_are_added_in_squares():
    found = Interval(0.0, ((4.0, 4), (1.0, 99)))
    assert found.high == pytest.approx(math.hypot(2 * stats.t.isf(0.025, 4), stats.t.isf(0.025, 99)))
    assert found.low == -found.high


@pytest.mark.parametrize("power", [-2, -40, -290])
def test_a_p_is_as_small_as_it_is(power):
    assert Interval(-stats.t.ppf(10.0**power / 2, 14), ((1.0, 14),)).p(Region(low=0)) == pytest.approx(10.0**power)
    assert 0 < Interval(1e300, ((1.0, 14),)).p(Region(low=0)) < 1e-290


def test_equal_numbers_of_runs_leave_no_doubt():
    found = interval([Sample(np.full((5, 1), 0.1), "runs")], mean)
    assert (found.error, found.low, found.high) == (0, 0.1, 0.1)


def test_samples_of_different_seeds_are_refused():
    with pytest.raises(ValueError, match="as many seeds"):
        interval([Sample(np.zeros((2, 3)), "test"), Sample(np.zeros((3, 3)), "test")], difference)


@pytest.mark.parametrize(
    ("estimate", "region", "p", "said"),
    [
        (0.2, Region(low=0), 0.04, "holds"),
        (-0.2, Region(low=0), 0.04, "does not hold"),
        (0.2, Region(low=0), 0.06, "undecided"),
        (-0.2, Region(low=0), 0.06, "undecided"),
        (0.2, Region(high=0.5), 0.0, "holds"),
        (0.6, Region(high=0.5), 0.0, "does not hold"),
        (3.0, Region(2, 5), 0.01, "holds"),
        (1.0, Region(2, 5), 0.01, "does not hold"),
        (9.0, Region(2, 5), 0.01, "does not hold"),
        (9.0, Region(2, 5), 0.3, "undecided"),
    ],
)
def test_verdicts(estimate, region, p, said):
    assert verdict(Interval(estimate, ((0.01, 4),)), region, p) == said


def test_p_is_that_of_the_nearest_edge():
    found = Interval(3.0, ((0.25, 4),))
    near, far = (2 * stats.t.sf(distance / 0.5, 4) for distance in (1, 2))
    assert found.p(Region(2, 5)) == pytest.approx(near)
    assert found.p(Region(low=5)) == pytest.approx(far)
    assert Interval(6.0, ((0.25, 4),)).p(Region(2, 5)) == pytest.approx(near)


@pytest.mark.parametrize("edge", [0.5, 0.9, 2.0])
def test_an_interval_and_its_p_say_the_same(edge):
    found = Interval(1.0, ((0.004, 7), (0.006, 99)))
    assert (found.low < edge < found.high) == (found.p(Region(high=edge)) > 1 - COVERS)


def test_holm_is_that_of_its_paper_s_steps():
    """By hand: sorted 0.005, 0.01, 0.03, 0.04; times 4, 3, 2, 1; none below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005], 4) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6], 2) == [1, 1]
    assert holm([], 0) == []
    assert holm([0.01, 0.04], 4) == pytest.approx([0.04, 0.12])  # the two to come may be anything


def test_holm_errs_in_a_family_as_rarely_as_it_says():
    """Forty numbers that are all on the edge: some verdict or other in one family of twenty."""
    rng = np.random.default_rng(0)
    wrong = [min(holm(rng.uniform(size=40).tolist(), 40)) <= 0.05 for _ in range(4000)]
    assert 0.04 < np.mean(wrong) < 0.06


def test_regions_read_as_a_claim():
    assert [str(region) for region in (Region(low=0), Region(high=0.5), Region(650, 2598))] == [
        "> 0",
        "< 0.5",
        "650 to 2598",
    ]
