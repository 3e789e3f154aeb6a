import math
import statistics

import jaxtyping
import pytest
import torch

from aezoo import requests
from aezoo.catalog.metrics import SPECS
from aezoo.errors import AezooWarning, CompositionError, DataError, PluginError, UnknownNameError
from aezoo.likelihoods.continuous_bernoulli import ContinuousBernoulli
from aezoo.losses.reconstruction import cross_entropy
from aezoo.metrics import evaluation
from aezoo.metrics.evaluation import Metric, choose, evaluate
from aezoo.metrics.evaluation import measure as measure_chosen
from aezoo.plain import Component, Option
from aezoo.priors.base import Prior
from aezoo.priors.standard import StandardPrior
from aezoo.registry import Entry, Registry
from aezoo.specs import MetricSpec


@pytest.fixture
def plugin(monkeypatch):
    """Register a stranger's metric next to the built-in ones."""

    def register(**spec):
        registry = Registry()
        for each in SPECS:
            registry.add(Entry(each, "aezoo", "0"))
        registry.add(Entry(MetricSpec(summary="", **spec), "aezoo-strange", "1.0"))
        for module in (evaluation, requests):
            monkeypatch.setattr(module, "registry", lambda: registry)

    return register


def measure(model, images, **how):
    return measure_chosen(model, images, choose(model, images), **how).values


def everything_above_half(measured):
    return (measured.images > 0.5).float().flatten(1).mean(1)


def one_for_all(measured):
    return measured.images.mean()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_built_in_metric_loads(spec):
    assert callable(Entry(spec, "aezoo", "0").load())


def test_binary_images_have_an_elbo(vae, binary):
    assert set(evaluate(vae, binary)) == {"mse", "psnr", "bce", "bce_mean", "kl", "nll", "elbo"}


def test_grey_images_have_an_excess_and_no_elbo(vae, grey):
    assert set(evaluate(vae, grey)) == {"mse", "psnr", "bce", "bce_mean", "kl", "bce_excess"}
    with pytest.raises(CompositionError, match=r"'elbo' needs nll: .* grey"):
        evaluate(vae, grey, metrics=["elbo"])


def test_one_grey_pixel_is_found_in_the_last_batch(vae, binary):
    binary.images[-1, 0, 0, 0] = 0.5
    assert "elbo" not in evaluate(vae, binary, batch_size=2)


def test_what_a_model_does_not_provide_is_left_out(vae, binary):
    vae.provides = frozenset()
    assert set(evaluate(vae, binary)) == {"mse", "psnr"}
    with pytest.raises(CompositionError, match="'kl' needs kl"):
        evaluate(vae, binary, metrics=["kl"])


@pytest.mark.parametrize("batch_size", [1, 4, 10, 11])
def test_does_not_depend_on_the_batch_size(vae, grey, batch_size):
    whole, parts = measure(vae, grey), measure(vae, grey, batch_size=batch_size)
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values, rtol=1e-6, atol=1e-6 * values.abs().max().item())
    for name, value in evaluate(vae, grey, batch_size=batch_size).items():
        assert value == pytest.approx(evaluate(vae, grey)[name], rel=1e-6)


def test_does_not_depend_on_what_else_is_measured(vae, grey, pictures):
    first = measure(vae, pictures(grey.images[:3]))
    for name, values in measure(vae, grey).items():
        torch.testing.assert_close(values[:3], first[name], rtol=1e-6, atol=1e-6)


def test_the_seed_draws_the_sample_and_only_that(vae, grey):
    torch.manual_seed(1)
    once = evaluate(vae, grey)
    torch.manual_seed(2)
    assert evaluate(vae, grey) == once
    other = evaluate(vae, grey, seed=1)
    assert [name for name in once if once[name] != other[name]] == ["bce", "bce_excess"]


def test_draws_are_averaged_and_their_error_is_told(vae, grey):
    seen = []

    def own(measured):
        seen.append(cross_entropy(measured.sampled.logits, measured.images))
        return seen[-1]

    metrics = [Metric("own", own, MetricSpec(name="own", summary="")), *choose(vae, grey, metrics=("mse",))]
    found = measure_chosen(vae, grey, metrics, draws=4)
    each = torch.stack(seen).double()  # a draw a row
    assert each.shape == (4, len(grey))
    assert len({row.sum().item() for row in each}) == 4
    torch.testing.assert_close(found.values["own"], each.mean(0))
    assert found.errors == {"own": pytest.approx(statistics.stdev(each.mean(1).tolist()) / 2)}
    assert set(found.values) == {"own", "mse"}
    one = measure_chosen(vae, grey, metrics)
    assert torch.equal(one.values["own"], each[0])
    assert not one.errors
    torch.testing.assert_close(measure_chosen(vae, grey, metrics, draws=4, batch_size=3).values, found.values)


def test_the_error_over_draws_covers_what_many_draws_give(vae, grey):
    metrics = choose(vae, grey, metrics=("bce",))
    truth = measure_chosen(vae, grey, metrics, draws=400, seed=99).numbers()["bce"]
    apart = [
        (found.numbers()["bce"] - truth) / found.errors["bce"]
        for found in (measure_chosen(vae, grey, metrics, draws=16, seed=seed) for seed in range(30))
    ]
    assert 0.7 < statistics.fmean(each**2 for each in apart) ** 0.5 < 1.4


def test_images_of_a_batch_get_different_noise(vae, binary, pictures):
    same = pictures(binary.images[:1].expand(4, -1, -1, -1))
    assert len(measure(vae, same)["bce"].unique()) == 4
    assert measure(vae, same)["bce_mean"].std() < 1e-5


def test_averages_one_float64_value_an_image(vae, grey):
    values, averages = measure(vae, grey), evaluate(vae, grey)
    assert {(value.dtype, value.shape) for value in values.values()} == {(torch.float64, (11,))}
    assert averages == {name: value.mean().item() for name, value in values.items()}
    pooled = -10 * values["mse"].mean().log10().item()
    assert averages["psnr"] > pooled  # Jensen


def test_agrees_with_the_model_by_hand(vae, grey):
    vae.eval()
    with torch.no_grad():
        output = vae(grey.images)
    averages = evaluate(vae, grey)
    assert averages["mse"] == pytest.approx((output.reconstruction - grey.images).square().mean().item(), rel=1e-6)
    assert averages["bce_mean"] == pytest.approx(cross_entropy(output.logits, grey.images).mean().item(), rel=1e-6)
    assert averages["kl"] == pytest.approx(output.latent.terms["kl"].sum(1).mean().item(), rel=1e-6)


def test_an_exact_model_is_finite(identity, grey, binary):
    exact = evaluate(identity, grey)
    assert exact["bce"] == exact["bce_mean"]
    assert exact["bce_excess"] == pytest.approx(0, abs=1e-4)
    assert evaluate(identity, binary, metrics=["mse", "psnr"]) == {"mse": 0, "psnr": 100}


def test_every_module_gets_its_mode_back(vae, grey):
    vae.train()
    vae.encoder[1].eval()  # a frozen batch norm
    modes, state = [module.training for module in vae.modules()], {k: v.clone() for k, v in vae.state_dict().items()}
    evaluate(vae, grey)
    assert [module.training for module in vae.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in vae.state_dict().items())


def test_the_mode_comes_back_after_an_error(vae, pictures):
    vae.train()
    with pytest.raises(DataError):
        evaluate(vae, pictures(torch.zeros(2, 3, 8, 8)))
    assert vae.training
    assert not torch.is_inference_mode_enabled()


def test_is_float32_inside_autocast(vae, grey):
    once = evaluate(vae, grey)
    with torch.autocast("cpu", torch.bfloat16):
        assert evaluate(vae, grey) == once


def test_reports_progress(vae, grey):
    seen = []
    evaluate(vae, grey, batch_size=4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 11), (8, 11), (11, 11)]


def test_nothing_to_measure_and_unknown_names(vae, grey, pictures, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(DataError, match=r"are a Tensor: give aezoo.dataset\("):
        evaluate(vae, torch.rand(2, *vae.image.shape))
    with pytest.raises(DataError, match="no images"):
        evaluate(vae, pictures(torch.zeros(0, 1, 8, 8)))
    with pytest.raises(UnknownNameError, match="psnr"):
        evaluate(vae, grey, metrics=["psnrr"])


def test_a_plugin_metric_takes_part(vae, grey, plugin):
    plugin(name="bright", implementation=f"{__name__}:everything_above_half")
    assert "bright" not in evaluate(vae, grey)  # an installed plugin changes nobody's columns
    values = evaluate(vae, grey, more=["bright"])
    assert values["bright"] == pytest.approx((grey.images > 0.5).double().mean().item())
    assert list(evaluate(vae, grey, metrics=["bright", "aezoo/mse"])) == ["bright", "aezoo/mse"]


def test_a_plugin_metric_that_does_not_load_is_an_error_where_it_is_asked_for(vae, grey, plugin):
    plugin(name="broken", implementation="aezoo_strange.nowhere:metric")
    with pytest.raises(PluginError, match="aezoo_strange"):
        evaluate(vae, grey, metrics=["broken"])


def test_a_metric_that_averages_over_the_batch_is_told(vae, grey, plugin):
    plugin(name="pooled", implementation=f"{__name__}:one_for_all")
    with pytest.warns(AezooWarning, match=r"'pooled' of aezoo-strange is left out: it gives \(\) for 11 images"):
        values = evaluate(vae, grey, more=["pooled"])
    assert "mse" in values
    assert "pooled" not in values


def members():
    return ["half", "quarter"]


def brighter(measured, *, member, times=1.0, path=""):
    return times * (measured.images > {"half": 0.5, "quarter": 0.25}[member]).float().flatten(1).mean(1)


def test_the_member_and_the_options_of_a_metric_arrive(vae, grey, plugin):
    family = {"name": "brighter:*", "members": f"{__name__}:members", "implementation": f"{__name__}:brighter"}
    plugin(**family, options=(Option(name="times", type="float", default=1.0),))
    found = evaluate(vae, grey, metrics=["brighter:quarter(times=3.0)"])
    expected = 3 * (grey.images > 0.25).double().mean().item()
    assert found == {"brighter:quarter(times=3.0)": pytest.approx(expected)}
    with pytest.raises(UnknownNameError, match="did you mean brighter:half"):
        evaluate(vae, grey, metrics=["brighter:halve"])


def test_a_family_is_measured_only_by_its_members_name(vae, grey, plugin):
    plugin(name="layers:*", implementation=f"{__name__}:everything_above_half", members=f"{__name__}:none")
    assert "layers:*" not in evaluate(vae, grey)


class Estimated(StandardPrior):
    """The divergence from one sample, as any prior without a closed form has it."""

    is_exact, kl = Prior.is_exact, Prior.kl


def test_a_divergence_estimated_from_a_sample_is_that_of_the_sample(vae, grey):
    exact = evaluate(vae, grey)["kl"]
    vae.prior = Estimated((3,))
    estimates = [evaluate(vae, grey, seed=seed)["kl"] for seed in range(40)]
    error = torch.tensor(estimates).std().item() / math.sqrt(40)
    assert sum(estimates) / 40 == pytest.approx(exact, abs=3 * error)
    with torch.no_grad():
        of_the_mean = vae.eval()(grey.images).latent.terms["kl"].mean().item()
    assert abs(of_the_mean - exact) > 10 * error


def ruins(measured):
    values = measured.images.flatten(1).mean(1)
    measured.images.zero_()
    measured.sampled.logits.zero_()
    measured.model.train().requires_grad_(False)
    measured.model.latent_mean.add_(1)
    return values


def leaves(measured):
    raise SystemExit(3)


class Lacking:
    def __init__(self):
        raise ModuleNotFoundError("No module named 'fidelity'")


def test_what_a_stranger_s_metric_does_to_what_it_is_given_changes_nothing_else(vae, grey, plugin):
    once, state = evaluate(vae, grey, batch_size=4), {name: x.clone() for name, x in vae.state_dict().items()}
    plugin(name="ruins", implementation=f"{__name__}:ruins")
    spoilt = measure_chosen(vae, grey, choose(vae, grey, metrics=["ruins", *once]), batch_size=4).numbers()
    assert spoilt.pop("ruins") == pytest.approx(grey.images.mean().item())
    assert spoilt == once
    assert all(torch.equal(x, state[name]) for name, x in vae.state_dict().items())
    assert all(p.requires_grad for p in vae.parameters())


def test_a_metric_that_exits_costs_its_own_row(vae, grey, plugin):
    plugin(name="leaves", implementation=f"{__name__}:leaves")
    with pytest.warns(AezooWarning, match="'leaves' of aezoo-strange is left out: SystemExit"):
        assert "mse" in evaluate(vae, grey, more=["leaves"])


def test_a_metric_that_cannot_be_made_is_an_error_of_aezoo(vae, grey, plugin):
    plugin(name="lacking", implementation=f"{__name__}:Lacking")
    with pytest.raises(CompositionError, match="metric lacking cannot be built: No module named 'fidelity'"):
        evaluate(vae, grey, more=["lacking"])


def test_a_metric_is_asked_for_in_any_form(vae, grey):
    given = evaluate(vae, grey, metrics=[("mse", {}), Component("psnr"), "bce"])
    assert given == evaluate(vae, grey, metrics=["mse", "psnr", "bce"])


def test_a_number_says_what_it_is(vae, grey, plugin):
    plugin(
        name="brighter:*",
        members=f"{__name__}:members",
        implementation=f"{__name__}:brighter",
        options=(
            Option(name="times", type="float", default=1.0),
            Option(name="path", type="str", default="", external=True),  # where a thing lies is not what it is
        ),
        revision=3,
    )
    plugin_s = "aezoo-strange/brighter:half(times=1.0)@3"
    chosen = choose(vae, grey, metrics=["psnr", "aezoo/rank", "brighter:half"])
    ids = {"psnr": "aezoo/psnr@1", "aezoo/rank": "aezoo/rank(centred=True)@1", "brighter:half": plugin_s}
    assert measure_chosen(vae, grey, chosen).ids == ids


def test_what_was_not_measured_says_nothing(vae, grey, plugin):
    plugin(name="leaves", implementation=f"{__name__}:leaves")
    with pytest.warns(AezooWarning, match="left out"):
        assert measure_chosen(vae, grey, choose(vae, grey, metrics=["mse", "leaves"])).ids == {"mse": "aezoo/mse@1"}


def darkest_and_brightest(measured):
    x = measured.images.flatten(1)
    return {"": x.mean(1), 0: x.amin(1), "high": x.amax(1)}


class Extremes:
    """Of a set: its darkest and its brightest value."""

    def __init__(self):
        self.reset()

    def update(self, images):
        self.seen.append(images)

    def compute(self):
        seen = torch.cat(self.seen)
        return {"low": seen.min(), "high": seen.max()[None], "": seen.flatten(1).mean(1)}

    def reset(self):
        self.seen = []


def test_a_metric_may_give_several_numbers(vae, grey, plugin):
    plugin(name="spread", implementation=f"{__name__}:darkest_and_brightest")
    found = evaluate(vae, grey, metrics=["spread"], batch_size=4)
    x = grey.images.double().flatten(1)
    low, high = x.amin(1).mean().item(), x.amax(1).mean().item()
    expected = {"spread": x.mean().item(), "spread[0]": low, "spread[high]": high}
    assert found == {name: pytest.approx(value) for name, value in expected.items()}
    plugin(name="extremes", implementation=f"{__name__}:Extremes", takes=("images",))
    found = measure_chosen(vae, grey, choose(vae, grey, metrics=["extremes"]), batch_size=4)
    assert found.of_set == {"extremes[low]": x.min().item(), "extremes[high]": x.max().item()}
    assert found.values["extremes"].tolist() == pytest.approx(x.mean(1).tolist())  # (n,): of each image
    assert found.ids == {"extremes": "aezoo-strange/extremes@1"}


def first_and_others(measured):
    return {str(int(measured.images.sum() * 1000)): measured.images.flatten(1).mean(1)}


def test_a_metric_whose_numbers_change_with_the_batch_is_told(vae, grey, plugin):
    plugin(name="first", implementation=f"{__name__}:first_and_others")
    with pytest.warns(AezooWarning, match="'first' of aezoo-strange is left out: it gives other numbers of other"):
        assert set(evaluate(vae, grey, metrics=["mse", "first"], batch_size=4)) == {"mse"}


class Count:
    """Of a set: how many images it saw."""

    def __init__(self):
        self.seen = 0

    def update(self, measured):
        self.seen += len(measured.batch)

    def compute(self):
        return self.seen

    def reset(self):
        self.seen = 0


def test_a_metric_of_a_set_begins_anew_each_time(vae, grey, plugin):
    plugin(name="count", implementation=f"{__name__}:Count")
    chosen = choose(vae, grey, metrics=["count"])
    assert [measure_chosen(vae, grey, chosen, batch_size=4).numbers() for _ in range(2)] == [{"count": 11}] * 2


@pytest.mark.parametrize(("when", "moments"), [("curve", {"curve", "end"}), ("asked", {"end"})])
def test_a_metric_says_when_it_is_measured(vae, grey, plugin, when, moments):
    plugin(name="bright", implementation=f"{__name__}:everything_above_half", when=when)
    for moment in ("curve", "end"):
        names = [metric.name for metric in choose(vae, grey, more=["bright"], moment=moment)]
        assert ("bright" in names) == (moment in moments)


def test_a_likelihood_of_grey_images_has_an_elbo_of_them(vae, grey):
    assert "elbo" not in evaluate(vae, grey)
    vae.likelihood = ContinuousBernoulli(vae.image)
    assert "elbo" in evaluate(vae, grey)


def test_what_a_metric_draws_is_not_what_the_posterior_drew(vae, grey):
    seen = []

    def own(measured):
        seen.extend(measured.seeds)
        return measured.images.flatten(1).mean(1)

    measure_chosen(vae, grey, [Metric("own", own, MetricSpec(name="own", summary=""))], seed=3)
    assert len(set(seen)) == 11
    assert not set(seen) & {evaluation._seed(3, index, 0) for index in range(11)}


def test_without_samples_there_is_no_bound(vae, binary):
    vae.provides -= {"posterior"}
    assert set(evaluate(vae, binary)) >= {"nll", "kl"}
    assert "elbo" not in evaluate(vae, binary)
    for name in ("elbo", "nll_is", "mutual_information"):
        with pytest.raises(CompositionError, match=rf"'{name}' needs posterior"):
            evaluate(vae, binary, metrics=[name])


def test_what_draws_nothing_is_decoded_once(vae, grey):
    calls = []
    vae.decoder.register_forward_hook(lambda *given: calls.append(1))
    whole = evaluate(vae, grey)
    twice, calls[:] = len(calls), []
    vae.provides -= {"posterior"}
    vae.bottleneck.sample = None
    assert evaluate(vae, grey)["mse"] == whole["mse"]
    assert len(calls) == twice // 2


def test_grey_is_found_after_a_thousand_images(vae, pictures):
    images = torch.zeros(1025, 1, 8, 8)
    images[-1, 0, 0, 0] = 0.5
    assert "elbo" not in evaluate(vae, pictures(images))
