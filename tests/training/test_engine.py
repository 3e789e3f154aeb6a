import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest
import torch

import aezoo
from aezoo.errors import AezooWarning, OptionError, TrainingError
from aezoo.factory import build
from aezoo.testing import isolated_registry
from aezoo.training import checkpoint, engine, steps
from aezoo.training.data import load_splits

from .conftest import small

CONV = small(
    encoder="conv(layers=('3x3x4 s2', '3x3x8 s2'))", decoder="deconv(layers=('4x4x8 s2', '4x4x4 s2', '4x4xc s2'))"
)


def equal(one, other):
    return all(
        mine.equal(theirs) for mine, theirs in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


class Stop(engine.Watcher):
    """Dies after some step, as if the process were killed."""

    def __init__(self, at):
        self.at = at

    def step(self, done, steps, values):
        if done == self.at:
            raise SystemError("killed")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "bfloat16"},
        {"ema": 0.9, "schedule": "cosine", "warmup": 3, "clip_norm": 1.0, "optimizer": "adamw", "weight_decay": 0.01},
        {"mirror": True, "binarize": "dynamic", "accumulate": 2, "loss": "bce + kl(warmup=10)"},
        {"validation": 0.2, "keep": "best", "patience": 2, "evaluate_every": 4},
    ],
)
def test_a_killed_run_ends_as_one_that_never_stopped(train, recipe, tmp_path, settings):
    recipe = dataclasses.replace(recipe, **settings)
    straight, history = train(recipe, CONV, tmp_path / "straight")
    for at in (3, 9, 16):  # before the first checkpoint, between two, late
        with pytest.raises(SystemError):
            train(recipe, CONV, tmp_path / "killed", Stop(at))
    resumed, again = train(recipe, CONV, tmp_path / "killed")
    assert equal(straight, resumed)

    def measured(progress):
        return [{k: v for k, v in entry.items() if k != "images_per_second"} for entry in progress.history]

    assert measured(history)[-2:] == measured(again)[-2:]


def test_a_checkpoint_is_not_written_again_where_a_resumed_run_begins(train, recipe, tmp_path, monkeypatch):
    with pytest.raises(SystemError, match="killed"):
        train(recipe, watcher=Stop(8))
    written, save = [], checkpoint.save
    monkeypatch.setattr(
        checkpoint, "save", lambda folder, step, state: written.append(step) or save(folder, step, state)
    )
    _, progress = train(recipe)
    assert written == [*range(12, progress.done, 6), progress.done]


def test_processes_that_find_other_checkpoints_do_not_go_on(train, recipe, monkeypatch):
    monkeypatch.setattr(steps.devices, "are_alike", lambda accelerator, number: False)
    take_up = steps.Training.take_up
    monkeypatch.setattr(steps.Training, "take_up", lambda self: vars(self).update(world=2) or take_up(self))
    with pytest.raises(TrainingError, match="do not find the same checkpoint in"):
        train(recipe)


def test_the_log_of_a_resumed_run_has_each_step_once(train, recipe, tmp_path):
    with pytest.raises(SystemError):
        train(recipe, folder=tmp_path / "run", watcher=Stop(17))
    train(recipe, folder=tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    keys = [(line["step"], line["split"]) for line in lines]
    assert len(keys) == len(set(keys))
    assert {0, 10, 20} <= {step for step, split in keys if split == "test"}


def test_training_lowers_the_loss(train, recipe):
    _, progress = train(dataclasses.replace(recipe, steps=40))
    test = [entry["loss"] for entry in progress.history if entry["split"] == "test"]
    assert test[-1] < 0.97 * test[0]


def test_a_damaged_checkpoint_costs_one_interval_and_no_byte(train, recipe, tmp_path):
    straight, _ = train(recipe, folder=tmp_path / "straight")
    with pytest.raises(SystemError):
        train(recipe, folder=tmp_path / "run", watcher=Stop(17))
    newest = checkpoint.find(tmp_path / "run" / "training")[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(AezooWarning, match="damaged"):
        resumed, _ = train(recipe, folder=tmp_path / "run")
    assert equal(straight, resumed)


def test_accumulated_parts_are_the_whole_batch_without_batch_statistics(train, recipe, tmp_path):
    plain = small(bottleneck="identity", decoder="mlp(hidden=(16,))")
    # Plain gradient descent: the steps of Adam are as long whatever the gradient is multiplied by.
    recipe = dataclasses.replace(recipe, loss="l2", steps=5, optimizer="sgd", lr=1e-3)
    whole, _ = train(recipe, plain, tmp_path / "whole")
    parts, _ = train(dataclasses.replace(recipe, accumulate=4), plain, tmp_path / "parts")
    half, _ = train(dataclasses.replace(recipe, lr=5e-4), plain, tmp_path / "half")
    for mine, theirs in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    apart = [(a - b).abs().max() for a, b in zip(whole.parameters(), half.parameters(), strict=True)]
    assert max(apart) > 1e-3  # a step twice as long would be seen


def test_parts_of_a_batch_log_the_numbers_of_the_whole(train, recipe, tmp_path):
    plain = small(bottleneck="identity", decoder="mlp(hidden=(16,))")
    recipe = dataclasses.replace(recipe, loss="l2 + 0.5*l1", steps=1, evaluate_every=1)
    logged = []
    for parts in (1, 4):
        _, progress = train(dataclasses.replace(recipe, accumulate=parts), plain, tmp_path / str(parts))
        (entry,) = [entry for entry in progress.history if entry["split"] == "batch"]
        logged.append([entry[name] for name in ("loss", "l2", "l1")])
    assert logged[1] == pytest.approx(logged[0], rel=1e-6)


def test_images_of_a_step(train, recipe, monkeypatch):
    seen = []
    update = engine.Training.update
    monkeypatch.setattr(engine.Training, "update", lambda self: (seen.append((self, self._batch(2))), update(self)))
    shaded = "toyfaces(style='shaded', count=40, size=28)"
    train(dataclasses.replace(recipe, dataset=shaded, mirror=True, binarize="dynamic", steps=1))
    training, batch = seen[0]
    plain = training.splits.train.pixels[batch.index].float() / 255
    ways = torch.stack([(batch.images - way).square().flatten(1).mean(1) for way in (plain, plain.flip(3))])
    assert 0 < ways.argmin(0).sum() < len(plain)  # some are flipped from left to right, and a draw is near its image
    assert torch.minimum(*ways).mean() < (batch.images - plain.flip(2)).square().mean()
    with monkeypatch.context() as patch:  # the same images, of another step
        patch.setattr(training.order, "batch", lambda *_: batch.index)
        assert not torch.equal(training._batch(2).images.sum(3), training._batch(3).images.sum(3))
        patch.setattr(training, "recipe", dataclasses.replace(training.recipe, mirror=False))
        whole, shares = training._batch(2).images, []
        patch.setattr(training, "world", 2)
        for rank in range(2):
            patch.setattr(training, "rank", rank)
            shares.append(training._batch(2).images)
        assert torch.equal(torch.cat(shares), whole)  # of two processes, what one would draw


def test_a_line_of_the_log_has_the_rate_of_its_last_step(train, recipe):
    settings = {"steps": 4, "evaluate_every": 1, "schedule": "linear", "lr": 0.004}
    _, progress = train(dataclasses.replace(recipe, **settings))
    rates = [entry["lr"] for entry in progress.history if entry["split"] == "batch"]
    assert rates == pytest.approx([0.004, 0.003, 0.002, 0.001])


def test_a_line_of_the_log_is_the_mean_of_its_steps(train, recipe, tmp_path):
    logged = []
    for every in (1, 4):
        _, progress = train(dataclasses.replace(recipe, steps=4, evaluate_every=every), folder=tmp_path / str(every))
        logged.append([entry["bce"] for entry in progress.history if entry["split"] == "batch"])
    assert [len(lines) for lines in logged] == [4, 1]
    assert logged[1][0] == pytest.approx(sum(logged[0]) / 4, rel=1e-6)


def test_a_line_is_of_a_term_from_its_beginning_on(train, recipe, site, tmp_path):
    (site.path / "ones.py").write_text("def one(output, images, context, start=0): return images.new_ones(len(images))")
    options = "options=(aezoo.specs.START,)"
    site.install("late", f'LossSpec(name="late", summary="One", implementation="ones:one", {options})')
    lines = []
    for every in (2, 4):
        changes = {"loss": "bce + kl + 0.5*late(start=3)", "steps": 4, "evaluate_every": every}
        _, progress = train(dataclasses.replace(recipe, **changes), folder=tmp_path / str(every))
        lines.append([entry.get("late") for entry in progress.history if entry["split"] == "batch"])
    assert lines == [[None, 1.0], [1.0]]


def test_the_average_of_the_weights_after_three_steps(train, recipe, tmp_path):
    from aezoo.factory import build

    seen = []

    class Watch(engine.Watcher):
        def step(self, done, steps, values):
            seen.append(torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone())

    torch.manual_seed(recipe.seed)
    model = build(small())
    kept, _ = train(dataclasses.replace(recipe, ema=0.9, steps=3), watcher=Watch(), model=model)
    # The first weights are the first average; the decays after them are (1 + 1) / (10 + 1) and (1 + 2) / (10 + 2).
    expected = 0.25 * (2 / 11 * seen[0] + 9 / 11 * seen[1]) + 0.75 * seen[2]
    torch.testing.assert_close(torch.nn.utils.parameters_to_vector(kept.parameters()), expected, rtol=1e-5, atol=1e-7)


def test_the_decay_of_the_average_rises_to_what_is_asked_for():
    assert [steps.decay(0.999, step) for step in (0, 1, 90, 8_000, 100_000)] == [0.1, 2 / 11, 0.91, 8001 / 8010, 0.999]
    assert steps.decay(0.5, 100) == 0.5


def test_the_best_from_before_a_kill_is_kept(train, recipe, tmp_path):
    recipe = dataclasses.replace(recipe, keep="best", validation=0.2, lr=0.3, evaluate_every=1)
    straight, progress = train(recipe, folder=tmp_path / "straight")
    assert progress.best_step < 18
    with pytest.raises(SystemError):
        train(recipe, folder=tmp_path / "killed", watcher=Stop(19))
    assert equal(train(recipe, folder=tmp_path / "killed")[0], straight)


def test_statistics_of_an_average_do_not_hang_on_what_was_drawn_before(train, recipe, monkeypatch):
    found = []

    def measure(training):
        for seed in (1, 2):
            torch.manual_seed(seed)
            training._renormalise()
            found.append([buffer.clone() for buffer in training.kept.buffers()])

    monkeypatch.setattr(engine.Training, "measure", measure)
    train(dataclasses.replace(recipe, ema=0.9, steps=1), CONV)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_the_best_average_is_kept_where_there_is_an_average(train, recipe):
    seen = {}

    class Watch(engine.Watcher):
        def measured(self, model, splits, entries):
            seen[entries[0]["step"]] = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()

    settings = {"ema": 0.5, "keep": "best", "validation": 0.2, "lr": 0.3, "evaluate_every": 1}
    model, progress = train(dataclasses.replace(recipe, **settings), watcher=Watch())
    assert 0 < progress.best_step < 20
    assert torch.equal(torch.nn.utils.parameters_to_vector(model.parameters()), seen[progress.best_step])


TOLD = []


def told(output, images, context):
    if context.training:
        drawn = torch.rand((), generator=context.generator).item()
        latent = output.latent
        noise = ((latent.z - latent.mean) / torch.exp(0.5 * latent.logvar))[0, 0].item()
        TOLD.append((context.step, context.steps, context.dataset_size, drawn, round(noise, 3)))
    return images.flatten(1).mean(1)


def test_what_a_term_is_told_in_training(site, train, recipe):
    site.install("told", 'LossSpec(name="told", summary="", implementation="told_parts:told")')
    (site.path / "told_parts.py").write_text(f"from {__name__} import told\n")
    TOLD.clear()
    train(dataclasses.replace(recipe, loss="l2 + told", steps=3, accumulate=2))
    assert [each[:3] for each in TOLD] == [(step, 3, 40) for step in (0, 0, 1, 1, 2, 2)]
    assert [len(set(draws)) for draws in list(zip(*TOLD, strict=True))[3:]] == [6, 6]


def test_the_last_weights_are_kept_unless_the_best_are_asked_for(train, recipe, tmp_path):
    settings = dataclasses.replace(recipe, lr=0.3, steps=40, evaluate_every=1, validation=0.2)
    kept = {}
    for keep in ("last", "best"):
        model, progress = train(dataclasses.replace(settings, keep=keep), folder=tmp_path / keep)
        kept[keep] = torch.nn.utils.parameters_to_vector(model.parameters())
    assert 0 < progress.best_step < 40
    assert not torch.equal(*kept.values())


def test_an_average_is_kept_and_after_a_short_run_too_has_left_the_first_weights(train, recipe, tmp_path):
    last, _ = train(recipe, folder=tmp_path / "last")
    slow, _ = train(dataclasses.replace(recipe, ema=0.999), folder=tmp_path / "ema")
    first = small()
    torch.manual_seed(recipe.seed)
    from aezoo.factory import build

    start = build(first)

    def distance(model):
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        return sum((mine - theirs).square().sum().item() for mine, theirs in pairs)

    assert 0.5 * distance(last) < distance(slow) < distance(last)


def test_averaged_weights_are_measured_with_statistics_of_their_own(train, recipe, tmp_path):
    # Steps as large as the weights: their average is far smaller than each, and so is what it makes of an image.
    settings = {"ema": 0.95, "lr": 0.3, "steps": 60, "evaluate_every": 60}
    model, _ = train(dataclasses.replace(recipe, **settings), CONV, tmp_path / "run")
    normalised = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    inputs = {}
    for module in normalised:
        module.register_forward_pre_hook(lambda module, args: inputs.__setitem__(module, args[0]))
    images = load_splits(recipe, model.image).train
    with torch.no_grad():
        model(images.batch(range(len(images))))
    for module in normalised[:2]:  # of the encoder, which draws no noise
        torch.testing.assert_close(module.running_mean, inputs[module].mean((0, 2, 3)), rtol=0.1, atol=0.02)
        torch.testing.assert_close(module.running_var, inputs[module].var((0, 2, 3)), rtol=0.1, atol=0.02)


def test_the_best_is_chosen_on_validation_images(train, recipe):
    settings = {"validation": 0.2, "keep": "best", "lr": 0.05, "steps": 40, "evaluate_every": 4}
    _, progress = train(dataclasses.replace(recipe, **settings))
    losses = {e["step"]: e["loss"] for e in progress.history if e["split"] == "validation"}
    assert progress.best_loss == min(losses.values()) == losses[progress.best_step]
    assert progress.stale == len([step for step in losses if step > progress.best_step])


def test_patience_ends_a_run_that_no_longer_gets_better(train, recipe):
    _, progress = train(dataclasses.replace(recipe, validation=0.2, patience=1, lr=0.05, steps=400, evaluate_every=5))
    assert progress.done < 400
    assert progress.stale == 1


@pytest.mark.filterwarnings("ignore::aezoo.AezooWarning")
def test_a_loss_that_is_not_finite_is_said_and_nothing_saved_is_lost(train, recipe, tmp_path):
    with pytest.raises(TrainingError, match=r"not finite by step \d+ .*lr"):
        train(dataclasses.replace(recipe, lr=1000.0, steps=400), CONV, tmp_path / "run")
    for path in checkpoint.find(tmp_path / "run" / "training"):
        state = torch.load(path, weights_only=True)["parts"]["objective"]
        assert all(tensor.isfinite().all() for tensor in state.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(train, recipe, tmp_path, number):
    straight, _ = train(recipe, folder=tmp_path / "straight")

    class Press(engine.Watcher):
        def step(self, done, steps, values):
            if done == 8:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(TrainingError, match=r"stopped at step 8 of 20; go on with: aezoo train --resume"):
        train(recipe, folder=tmp_path / "run", watcher=Press())
    assert signal.getsignal(number) is before
    resumed, _ = train(recipe, folder=tmp_path / "run")
    assert equal(straight, resumed)


def test_a_disk_that_fills_is_a_warning_and_the_run_goes_on(train, recipe, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.warns(AezooWarning, match=r"step 6 could not be saved \(No space left on device\)"):
        _, progress = train(recipe)
    assert progress.done == 20


def test_a_batch_that_cannot_be_shared_is_refused(train, recipe, monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    with pytest.raises(OptionError, match="cannot be shared equally by 3 processes"):
        train(recipe)


def test_compiled_training_gives_the_same_losses(tmp_path, python):
    # In an interpreter without the shape checks of the tests: dynamo does not look through them.
    code = f"""
import dataclasses, pathlib, torch
from aezoo import Recipe, describe
from aezoo.factory import build
from aezoo.training import engine
from aezoo.training.data import load_splits
from aezoo.training.objective import Objective
Objective.compile = lambda self: torch.nn.Module.compile(self, backend="eager", fullgraph=True)
spec = describe("cis680-vae16", image_size=28, encoder="mlp(hidden=(16,))", decoder="mlp(hidden=(16,))")
recipe = Recipe(dataset="toyfaces(count=40, size=28)", steps=20, batch_size=16, loss="bce + kl(warmup=30)")
for compiled in (False, True):
    torch.manual_seed(0)
    model, each = build(spec), dataclasses.replace(recipe, compile=compiled)
    folder = pathlib.Path({str(tmp_path)!r}, str(compiled))
    _, progress = engine.run(model, each, load_splits(each, spec.image), folder, device="cpu")
    print(progress.history[-1]["loss"])
"""
    done = python("-W", "ignore", "-c", code)
    plain, compiled = map(float, done.stdout.split())
    assert compiled == pytest.approx(plain, rel=1e-4), done.stderr


@pytest.mark.parametrize(("best_by", "better"), [("mse", min), ("psnr", max)])
def test_the_best_may_be_chosen_by_another_number(train, recipe, best_by, better):
    settings = {"validation": 0.2, "keep": "best", "best_by": best_by, "lr": 0.05, "steps": 40, "evaluate_every": 4}
    _, progress = train(dataclasses.replace(recipe, **settings))
    numbers = {e["step"]: e[best_by] for e in progress.history if e["split"] == "validation"}
    assert numbers[progress.best_step] == better(numbers.values())


def test_a_number_that_is_not_measured_chooses_nothing(train, recipe):
    with pytest.raises(OptionError, match=r"best_by='ssim' is no number of a run under way.*: these are loss, "):
        train(dataclasses.replace(recipe, validation=0.2, keep="best", best_by="ssim"))
    with pytest.raises(OptionError, match="best_by='mse' says which weights keep='best' keeps"):
        dataclasses.replace(recipe, best_by="mse")


def test_a_log_that_cannot_be_written_costs_lines_and_not_the_run(train, recipe, tmp_path, monkeypatch):
    opened, full = Path.open, [False]

    def refuse(path, *given, **named):
        if "metrics.jsonl" in path.name and full[0]:
            raise OSError(28, "No space left on device")
        return opened(path, *given, **named)

    class Room(engine.Watcher):
        def step(self, done, steps, values):
            full[0] = 3 <= done < 12

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.warns(AezooWarning, match=r"metrics.jsonl cannot be written \(No space left on device\)") as said:
        _, progress = train(recipe, folder=tmp_path / "run", watcher=Room())
    assert sum("cannot be written" in str(each.message) for each in said) == 1
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert lines == progress.history


def steep(output, images, context):
    """Finite always; its gradient is not at the sixth step."""
    return ((context.step != 5) * output.reconstruction).flatten(1).sum(1).sqrt()


def test_weights_that_are_not_finite_are_not_saved(train, recipe, tmp_path):
    with isolated_registry("aezoo"):
        aezoo.register("loss", "steep", unit="squared error")(steep)
        with pytest.raises(TrainingError, match=r"the weights are not finite by step 6 \(loss=.*lr"):
            train(dataclasses.replace(recipe, loss="steep", steps=20), folder=tmp_path / "run")
    assert checkpoint.find(tmp_path / "run" / "training") == []


def test_the_best_weights_are_saved_where_they_are_wanted_alone(train, recipe, tmp_path):
    for keep in ("last", "best"):
        train(dataclasses.replace(recipe, validation=0.2, keep=keep), folder=tmp_path / keep)
        state = checkpoint.load_newest(tmp_path / keep / "training")
        assert (state["best"] is not None) == (keep == "best")


@pytest.mark.parametrize(
    ("parts", "loss", "some"),
    [
        ({}, "bce + kl", False),
        ({"prior": "mixture(k=2)"}, "bce + mmd", True),
        ({"likelihood": "gaussian(scale='shared')"}, "l2 + kl", True),
        ({}, "bce + kl + gan(start=5)", True),
    ],
)
def test_processes_are_told_where_a_parameter_may_have_no_gradient(recipe, tmp_path, monkeypatch, parts, loss, some):
    told, start = [], steps.devices.start_accelerator
    monkeypatch.setattr(steps.devices, "start_accelerator", lambda *given: told.append(given[-1]) or start(*given))
    spec = small(**parts)
    recipe = dataclasses.replace(recipe, loss=loss)
    steps.Training(build(spec), recipe, load_splits(recipe, spec.image), tmp_path, "cpu", 6, ())
    assert told == [some]


def test_order_noise_and_draws_are_of_the_seed(train, recipe, monkeypatch, tmp_path):
    seen, update = [], engine.Training.update

    def look(self):
        order, draw = [*self.order.batch(0)], self._context(self._batch(0), 0).draw
        with monkeypatch.context() as patch:
            patch.setattr(self.order, "batch", lambda *_: range(16))
            flipped = self._batch(0).images
            patch.setattr(self, "recipe", dataclasses.replace(self.recipe, mirror=False))
            drawn = self._batch(0).images
        update(self)
        noise = torch.rand(9)  # of the generator that a step seeds
        seen.append([order, draw, drawn.tolist(), (flipped != drawn).flatten(1).any(1).tolist(), noise.tolist()])

    monkeypatch.setattr(engine.Training, "update", look)
    shaded = dataclasses.replace(recipe, dataset="toyfaces(style='shaded', count=40, size=28)", steps=1)
    for seed in (0, 1):
        own = dataclasses.replace(shaded, mirror=True, binarize="dynamic", seed=seed)
        train(own, folder=tmp_path / str(seed))
    assert all(one != other for one, other in zip(*seen, strict=True))
