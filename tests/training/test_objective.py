import contextlib
import dataclasses
import warnings

import pytest
import torch

import aezoo
from aezoo.errors import AezooWarning, CompositionError, DataError, OptionError, PluginError, UnknownNameError
from aezoo.factory import build
from aezoo.latent import Batch
from aezoo.losses.context import Context
from aezoo.recipe import Recipe
from aezoo.seeds import seed_of
from aezoo.testing import isolated_registry
from aezoo.training.objective import Objective, read_loss, rehearse

from .conftest import small


def context(model, batch, step=0):
    return Context(model=model, batch=batch, step=step, steps=10, dataset_size=4, training=True)


def answer(objective, step=0):
    batch = Batch(torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    return objective(batch, context(objective.model, batch, step))


def images_of(n=4):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(small())


def test_loss_is_the_weighted_sum_of_the_means(model):
    total, terms = answer(Objective(model, "0.5*bce + 3*kl + l1"))
    assert total.item() == pytest.approx((0.5 * terms["bce"] + 3 * terms["kl"] + terms["l1"]).item())


def test_terms_are_sums_over_pixels_and_means_over_images(model):
    objective = Objective(model, "l2")
    images = images_of()
    at = context(model, Batch(images))
    _, terms = objective(Batch(images), at)
    expected = (at.output.reconstruction - images).square().sum() / 4
    assert terms["l2"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_term_without_weight_is_logged(model):
    loss, terms = answer(Objective(model, "bce + 0*l1"))
    assert terms["l1"] > 0
    assert loss == terms["bce"]
    assert not any(value.requires_grad for value in terms.values())


def test_kl_warms_up_and_the_rest_does_not(model):
    objective = Objective(model, "bce + 2*kl(warmup=4)")
    for step, share in ((0, 0.25), (2, 0.75), (3, 1.0), (9, 1.0)):
        total, terms = answer(objective, step)
        assert total.item() == pytest.approx((terms["bce"] + 2 * share * terms["kl"]).item())


def test_of_images_alone_it_is_the_model_s_own_loss(model):
    objective = Objective(model.eval())
    with torch.no_grad():
        batch = Batch(images_of())
        loss, terms = objective(batch, Context(model=model, batch=batch, draw=(7,)))
        latent, draws = model.encode(batch), torch.Generator().manual_seed(seed_of(7))
        output = model.output(model.latent_at(latent, model.bottleneck.sample(latent, 1, draws)[0]))
    bce = torch.nn.functional.binary_cross_entropy_with_logits(output.logits, images_of(), reduction="sum") / 4
    assert list(terms) == ["bce", "kl"]
    torch.testing.assert_close(terms["bce"], bce)
    torch.testing.assert_close(loss, terms["bce"] + output.latent.terms["kl"].sum() / 4)


@pytest.mark.parametrize("wrap", [Batch, lambda x: [x, torch.arange(4)], lambda x: Batch(x, torch.arange(4))])
def test_what_a_loader_gives_is_a_batch(model, wrap):
    objective = Objective(model)  # in train(), where it draws
    with torch.no_grad():
        values = [(torch.manual_seed(0), objective(each)[0])[1] for each in (wrap(images_of()), images_of())]
    assert values[0] == values[1]


@pytest.mark.parametrize("prior", ["vamp(k=2)", "mixture(k=2)", "standard"])
def test_in_eval_a_divergence_is_estimated_at_samples_and_not_at_the_mean(prior):
    """As in train(), where layers do the same in both."""
    torch.manual_seed(0)
    model = build(small(prior=prior))
    objective, images = Objective(model), images_of()
    found = {}
    with torch.no_grad():
        for mode in (True, False):
            objective.train(mode)
            found[mode] = torch.stack([objective(images)[1]["kl"] for _ in range(400)])
        at_the_mean = model.encode(images).terms["kl"].flatten(1).sum(1).mean()
    within = 4 * (found[True].std() + found[False].std()).item() / 20
    assert found[False].mean().item() == pytest.approx(found[True].mean().item(), abs=max(within, 1e-5))
    assert prior == "standard" or abs(at_the_mean - found[False].mean()).item() > within


def test_unless_a_step_is_said_every_term_has_risen(model):
    objective = Objective(model.eval(), "bce + 2*kl(warmup=4)")
    with torch.no_grad():
        answers = [(torch.manual_seed(0), objective(images_of(), step=n))[1] for n in (None, 3, 0)]
    (whole, terms), (risen, _), (early, _) = answers
    assert whole == risen == terms["bce"] + 2 * terms["kl"]
    assert early == terms["bce"] + 0.5 * terms["kl"]


def test_a_forgotten_train_is_seen_once_where_it_matters(model):
    objective = Objective(model.eval())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.no_grad():
            objective(images_of())
        for _ in range(2):
            objective(images_of())
    assert [(each.category, each.filename) for each in caught] == [(AezooWarning, __file__)]
    assert "in eval(): call .train() on the model" in str(caught[0].message)


def test_a_model_in_train_is_no_mistake(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(model.eval()).train()(images_of())


def test_images_of_a_loader_are_looked_at(model):
    with pytest.warns(AezooWarning, match="images / 255") as caught:
        Objective(model)([255 * images_of(), torch.arange(4)])
    assert [each.filename for each in caught] == [__file__]


def test_terms_that_draw_follow_torch_s_seed(model):
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        batch = Batch(images_of())
        draws.append(torch.rand((), generator=Context(model=model, batch=batch, draw=()).generator))
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ("photos", r"a batch is a tensor of images, \(images, labels\) or aezoo.Batch, not a str"),
        ({"image": 1}, "not a dict"),
        ([], r"not \(\)"),
        ([torch.rand(2, 1, 28, 28), 3], r"not \(Tensor, int\)"),
        ([torch.rand(2, 1, 28, 28), torch.rand(2)], "labels are whole numbers, not torch.float32"),
        (torch.rand(2, 1, 28, 27), "cis680-vae16 takes"),
    ],
)
def test_what_is_no_batch(model, batch, message):
    with pytest.raises(DataError, match=message):
        Objective(model)(batch)


@pytest.mark.parametrize(("step", "model_"), [(-1, True), (1.5, True), ("a", True), (0, False)])
def test_what_is_no_step_or_no_model(model, step, model_):
    with pytest.raises(OptionError):
        Objective(model if model_ else "cis680-vae16")(images_of(), step=step)


@pytest.mark.parametrize(
    ("loss", "error", "says"),
    [
        ("bce + kl", CompositionError, "needs kl"),
        ("bce + kll", UnknownNameError, "kl"),
        ("mse", UnknownNameError, r"no loss 'mse': did you mean l2 or bce\?"),
        ("bce(x=1)", OptionError, "no option"),
        ("bce -", OptionError, "does not parse"),
    ],
)
def test_an_impossible_loss_is_refused_before_anything_is_built(loss, error, says):
    spec = aezoo.describe("cis680-ae")
    with pytest.raises(error, match=says):
        read_loss(loss, frozenset(spec.provides), spec.name)


@pytest.mark.parametrize("loss", ["iwae", "bce + kl + tc", "bce + kl + dip-ii"])
def test_terms_of_samples_are_refused_where_none_are_drawn(loss):
    spec = aezoo.describe("cis680-vae16", bottleneck="gaussian(sampling=False)")
    assert len(read_loss("bce + kl + dip-i", frozenset(spec.provides), spec.name)) == 3
    with pytest.raises(CompositionError, match=r"needs posterior, .* with bottleneck gaussian\(sampling=True\) or"):
        read_loss(loss, frozenset(spec.provides), spec.name)


def test_a_term_begins_late_and_rises_slowly(site, model):
    options = "options=(aezoo.specs.START, aezoo.specs.WARMUP)"
    site.install("late", f'LossSpec(name="late", summary="Late", implementation="math:exp", {options})')
    (addend,) = read_loss("2*late(start=10, warmup=4)", frozenset(), "m")
    with pytest.raises(CompositionError, match="no term begins at step 0"):
        Objective(model, "late(start=10)")
    assert [addend.weight_at(step) for step in (9, 10, 11, 13, 99)] == [0, 0.5, 1, 2, 2]


class Frozen(torch.nn.Module):
    """A term with a network of which nothing is trained, one that is trained, statistics and a counter."""

    def __init__(self, image):
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)).requires_grad_(False)
        self.head = torch.nn.Linear(image.channels, 2)
        self.norm = torch.nn.BatchNorm1d(image.channels, affine=False)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, output, images, context):
        return self.head(self.norm(images.mean((2, 3)))).sum(1)


def test_frozen_networks_of_terms_are_not_saved(site, model):
    site.install("frozen", 'LossSpec(name="frozen", summary="Frozen", implementation="frozen_parts:Frozen")')
    (site.path / "frozen_parts.py").write_text(f"from {__name__} import Frozen\n")
    objective = Objective(model, "bce + frozen")
    kept = {name for name in objective.state_dict() if not name.startswith("model.")}
    term = "modules_of_terms.frozen"
    statistics = {f"norm.{name}" for name, _ in torch.nn.BatchNorm1d(1).named_buffers()}
    assert kept == {f"{term}.{name}" for name in {"head.weight", "head.bias", "seen", *statistics}}
    Objective(model, "bce + frozen").load_state_dict(objective.state_dict())
    with pytest.raises(RuntimeError, match=r"head\.bias"):
        objective.load_state_dict({k: v for k, v in objective.state_dict().items() if k != f"{term}.head.bias"})


def test_frozen_networks_of_terms_stay_in_eval(site, model):
    site.install("frozen", 'LossSpec(name="frozen", summary="Frozen", implementation="frozen_parts:Frozen")')
    (site.path / "frozen_parts.py").write_text(f"from {__name__} import Frozen\n")
    term = Objective(model, "bce + frozen").train().terms["frozen"]
    assert (term.training, term.head.training, term.norm.training) == (True, True, True)
    assert not any(module.training for module in term.network.modules())


def test_numbers_are_float32_under_autocast(site, model):
    # Two neighbours of bfloat16, which has no number for their mean.
    site.install("half", 'LossSpec(name="half", summary="Half", implementation="half_parts:half")')
    (site.path / "half_parts.py").write_text(
        "import torch\ndef half(output, images, context): return torch.tensor([1.0, 1.0078125] * 2).bfloat16()\n"
    )
    _, terms = answer(Objective(model, "bce + half"))
    assert (terms["half"].dtype, terms["half"].item()) == (torch.float32, 1.00390625)


def test_a_term_gives_a_number_an_image(site, model):
    (site.path / "mean_parts.py").write_text("def mean(output, images, context):\n    return images.mean()\n")
    site.install("mean", 'LossSpec(name="mine", summary="Mean", implementation="mean_parts:mean")')
    with pytest.raises(PluginError, match=r"loss mine gives \(\), not \(5,\): a sum over the pixels of each image"):
        Objective(model, "mine + kl")(torch.rand(5, *model.image.shape))


def test_a_term_may_need_labels_which_images_may_lack(site, train, recipe):
    site.install("labelled", 'LossSpec(name="labelled", summary="", implementation="terms:term", needs=("labels",))')
    (site.path / "terms.py").write_text("def term(output, images, context): return context.batch.labels.float()\n")
    objective = Objective(build(small()), "l2 + labelled")
    batch = Batch(torch.rand(2, 1, 28, 28), labels=torch.tensor([2, 4]))
    objective.check(batch)
    assert objective(batch, context(objective.model, batch))[1]["labelled"].item() == 3
    with pytest.raises(CompositionError, match="labelled needs labels, which these images do not have"):
        train(dataclasses.replace(recipe, loss="l2 + labelled"))


def test_without_a_step_a_capacity_has_risen(model):
    objective = Objective(model, "bce + kl(capacity=1000, rise=100)")
    assert objective(images_of())[1]["kl"].item() == pytest.approx(objective(images_of(), step=10**6)[1]["kl"].item())
    assert objective(images_of())[1]["kl"] > 2 * objective(images_of(), step=0)[1]["kl"]


@pytest.mark.filterwarnings("ignore:the network of .* gets no gradient:aezoo.AezooWarning")
def test_a_term_is_balanced_by_those_that_have_a_gradient(model):
    objective = Objective(model.freeze("encoder", "bottleneck"), "kl + gan")
    loss, terms = objective(images_of())
    assert not terms["kl"].isnan()
    loss.backward()
    assert model.last_layer.grad.norm() > 0


def test_without_gradients_adversaries_are_no_part_of_the_loss(model):
    objective = Objective(model.eval(), "l1 + 0.5*gan")
    with torch.no_grad():
        loss, terms = objective(images_of())
    assert loss == terms["l1"]
    assert terms["gan"].isfinite()


def test_two_terms_of_one_name_are_refused(model):
    with pytest.raises(CompositionError, match="has two terms called 'bce'"):
        Objective(model, "bce + 3*aezoo/bce + kl")


def test_the_loss_of_a_model_reaches_outside_where_the_caller_says_so(model):
    asked = "bce + kl + alignment(network='torchvision:resnet18', pretrained=True)"
    model.spec = dataclasses.replace(model.spec, loss=asked)
    with pytest.raises(OptionError, match="which reaches outside: say the loss as the expression to confirm it"):
        Objective(model)
    with pytest.raises(OptionError, match="which reaches outside: say --loss"):
        aezoo.train(model.spec, "toyfaces(count=20, size=28)", steps=1, out="nowhere")


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("bce + ssim", ""),
        ("bce + kl + mmd + gradient-penalty + factor", ""),  # which draw, and have nothing to draw on
        ("bce + equivariance", "cis680-vae16 decodes 28x28 alone"),
        ("bce + gan(layers=4)", "needs 48 pixels a side"),
        ("bce + gan(layers=1, start=9)", r"decoder of .* is frozen: no loss is balanced by its gradient"),
        ("bce + gan(layers=1, adaptive=False)", ""),
        ("bce + factor(start=9)", "at least four images in a batch"),
    ],
)
def test_a_loss_is_rehearsed_where_nothing_is_computed(loss, said):
    spec = dataclasses.replace(small(), loss=loss)
    with pytest.raises(CompositionError, match=said) if said else contextlib.nullcontext():
        late = "start" in loss or "adaptive" in loss
        rehearse(build(spec, "meta"), Recipe(batch_size=12, accumulate=4, freeze=("decoder",)) if late else Recipe())


@pytest.mark.parametrize(
    ("term", "coupled"),
    [("kl", False), ("kl(free_bits=0.1)", True), ("kl(capacity=5, rise=9)", True), ("mmd", True), ("bce", False)],
)
def test_a_term_is_coupled_by_the_options_that_couple_it(model, term, coupled):
    [addend] = read_loss(term, model.provides, "small")
    assert addend.is_coupled == coupled


def test_what_a_term_finds_in_values_is_no_reason_to_refuse_it():
    spec = dataclasses.replace(small(), loss="bce + reads")
    with isolated_registry("aezoo"):

        @aezoo.register("loss", "reads")
        def reads(output, images, context):
            return images.flatten(1).sum(1) * images.sum().item()

        rehearse(build(spec, "meta"), Recipe())
