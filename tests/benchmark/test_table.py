import dataclasses

import numpy as np
import pytest
from scipy import stats

from aezoo.benchmark import table
from aezoo.benchmark.results import Result


@pytest.fixture
def row(task):
    """A result whose error is the same on each image, but for some noise."""

    def make(name, mse, **more):
        own = {"task": task.id, "images": task.sha256, "ssim": (0.5,) * 12, "kind": "model"} | more
        return Result(name=name, mse=tuple(np.full(12, mse).tolist()), **own)

    return make


def test_half_the_error_is_half_the_skill_whatever_the_images():
    baseline = np.random.default_rng(0).random(50)
    found = table.skill(baseline / 2, baseline)
    assert dataclasses.astuple(found) == pytest.approx((0.5, 0.5, 0.5))
    assert table.skill(np.zeros(50), baseline).low == 1


def test_the_interval_is_the_percentile_bootstrap_s():
    draw = np.random.default_rng(1)
    baseline = draw.gamma(4, size=300)
    mse = baseline * draw.uniform(0.2, 0.6, 300)
    found = table.skill(mse, baseline)
    scipy = stats.bootstrap(
        (mse, baseline), lambda a, b, axis: 1 - a.mean(axis) / b.mean(axis), paired=True, vectorized=True,
        method="percentile", n_resamples=4000, rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    ratio = mse.mean() / baseline.mean()
    error = (mse - ratio * baseline).std(ddof=1) / baseline.mean() / 300**0.5  # of a ratio, by the delta method
    assert (found.low, found.high) == pytest.approx((scipy.low, scipy.high), abs=0.25 * error)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_rows_that_no_difference_tells_apart_share_a_rank():
    draw = np.random.default_rng(0)
    first = draw.random(400)
    same, worse = first + draw.normal(0, 0.01, 400), first + 0.02
    same += first.mean() - same.mean()
    assert table.ranks([first, same, worse]) == ["=1", "=1", "3"]
    assert table.ranks([first, first + 0.01, first + 0.01]) == ["1", "=2", "=2"]


def test_rows_stand_by_the_size_of_their_latents(task, row):
    results = [
        row("codes", 0.1, floats=64, bits=300.0),
        row("unknown", 0.1, kind="pictures"),
        row("large", 0.1, floats=17),
        row("worse", 0.2, floats=16),
        row("small", 0.1, floats=4),
        row("mean-image", 0.4, kind="baseline", floats=0),
    ]
    found = table.rows(task, results)
    assert [each.result.name for each in found] == ["mean-image", "small", "worse", "large", "codes", "unknown"]
    tracks = ["none", "up to 16 numbers", "up to 16 numbers", "up to 64 numbers", "up to 1,024 bits", "not known"]
    assert [each.track for each in found] == tracks
    assert [each.rank for each in found] == ["1", "1", "2", "1", "1", "1"]
    assert found[2].skill.estimate == pytest.approx(0.5)


def test_pca_of_equal_dimension_is_the_other_baseline(task, row):
    pca = row("pca-4", 0.2, kind="baseline", floats=4)
    found = {each.result.name: each for each in table.rows(task, [pca, row("mine", 0.1, floats=4), row("b", 0.1)])}
    assert found["mine"].pca_skill.estimate == pytest.approx(0.5)
    assert (found["b"].pca_skill, found["mine"].skill) == (None, None)
    assert table.pca_of(task, row("wide", 0.1, floats=4096)) == "pca-11"  # as many as 12 images give
    assert table.pca_of(task, row("codes", 0.1, floats=64, bits=65.0)) == "pca-3"


def test_the_table_marks_who_was_trained_on_its_data_and_lists_who_failed(task, row):
    own = row("mine | yours", 0.1, floats=4, trained_on=task.dataset)
    failed = Result(task=task.id, images=task.sha256, name="broken", kind="model", error="out of memory")
    text = table.markdown(task, [own, failed]).splitlines()
    assert text[0] == "| track | rank | model | latent | PSNR (dB) | SSIM |"  # nothing else is known
    assert text[2] == "| up to 16 numbers | 1 | mine \\| yours † | 4 | 10.00 | 0.500 |"
    assert text[3:] == ["", "† trained on this dataset.", "", "Failed: broken: out of memory"]
    assert table.to_json(task, [failed]) == {"task": "few@1", "rows": [], "failed": {"broken": "out of memory"}}


def test_psnr_is_a_mean_of_decibels_and_time_a_share_of_the_reference_s(task, row):
    result = dataclasses.replace(row("x", 0.1, ms=1.0, reference_ms=4.0), mse=(1e-2,) * 6 + (1e-4,) * 6)
    (found,) = table.rows(task, [result])
    assert found.psnr == pytest.approx(30)
    assert table.cells([found])[0][-1] == "0.25 (1.0)"


def test_what_anyone_wrote_is_no_markup(task, row):
    results = [row("<b>x</b> [a](b) | `c`", 0.1), row("mean-image", 0.4, kind="baseline", floats=0)]
    text = table.markdown(task, results)
    assert r"\<b\>x\</b\> \[a\](b) \| \`c\`" in text


def test_rows_stand_by_the_size_of_their_models_where_that_is_asked(task, row):
    results = [
        row("small", 0.2, floats=900, parameters=250_000, macs=17_000_000),
        row("large", 0.1, floats=4, parameters=250_001, macs=16_000_000),
        row("theirs", 0.1, kind="pictures"),
    ]
    found = [(each.track, each.result.name) for each in table.rows(task, results, "parameters")]
    assert found == [("up to 0.25 M parameters", "small"), ("up to 1 M parameters", "large"), ("not known", "theirs")]
    tracks = {each["name"]: each["track"] for each in table.to_json(task, results, "macs")["rows"]}
    assert tracks == {"large": "up to 16 MMACs", "small": "up to 64 MMACs", "theirs": "not known"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("kl-f4.toyfaces", "kl-f4.toyfaces"),
        ("https://a.b _x_ ~~y~~", r"https:\//a.b \_x\_ \~\~y\~\~"),
        ("www.a.b <i> [x](y)", r"www\.a.b \<i\> \[x\](y)"),
    ],
)
def test_a_name_is_text_and_no_mark_up(name, shown):
    assert table._as_text(name) == shown
