"""What a plugin author tests with: one suite that every model and part of the zoo passes, the built-ins included.

Name what your package registers; pytest runs every check of the class on every name::

    # tests/test_conformance.py
    import aezoo.testing

    class TestMine(aezoo.testing.Conformance):
        models = ("my-model",)
        encoders = ("my-encoder", "my-encoder(depth=3)", "my-family:member")

A part is tested inside a small model, `HOST`, in which it takes the place of its kind; ``host`` may be another one.
Everything is tried at its own size and at ``sizes`` with three channels, ``()`` where only one size works. A name may
carry options, as in ``aezoo.create``: small ones keep the suite fast.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aezoo.autoencoder import Autoencoder, Latent, Output
from aezoo.errors import WeightsError
from aezoo.factory import PARTS, build, create, describe, load, resolve
from aezoo.grammar import parse_component
from aezoo.losses.context import Context
from aezoo.plugins import list_names, registry
from aezoo.registry import Entry
from aezoo.specs import Component, ImageSpec, ModelSpec, from_json, to_json
from aezoo.training.objective import Objective
from aezoo.weights.folder import STATE, read_metadata, read_state, save_model, write_state

HOST = ModelSpec(
    name="conformance",
    summary="The small model in which a part is tested",
    image=ImageSpec(size=(32, 32), channels=1),
    encoder=Component.of("conv", layers=("3x3x4 s2", "3x3x8 s2")),
    bottleneck=Component.of("gaussian", dim=4),
    decoder=Component.of("deconv", layers=("4x4x8 s2", "4x4xc s2")),
)
"""Two strides on either side, so that a bottleneck may keep the map or flatten it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model, or a part in its host: ``kind`` and the ``request`` for it."""

    kind: str
    request: str
    host: ModelSpec = HOST

    def __str__(self) -> str:
        return f"{self.kind} {self.request}"

    @property
    def entry(self) -> Entry:
        """What the request means."""
        if self.kind == "model":
            entry = resolve(self.request).entry
            assert entry, f"{self.request} is not registered"
            return entry
        return registry().find(self.kind, parse_component(self.request).name)

    def spec(self, **changes: Any) -> ModelSpec:
        """The described model; ``changes`` are those of `aezoo.describe`."""
        if self.kind == "model":
            return describe(self.request, **changes)
        spec = describe(self.host, **{self.kind: self.request, **changes})
        # A part's own losses are those named like what it provides: kl, commitment.
        terms = ["bce", *(fact for fact in spec.provides if fact in list_names("loss"))]
        return dataclasses.replace(spec, loss=" + ".join(terms))

    def make(self, **changes: Any) -> tuple[Autoencoder, Tensor]:
        """The model in ``eval()`` and four images for it: the same ones each time."""
        spec = self.spec(**changes)
        torch.manual_seed(0)
        model = build(spec).eval()
        return model, torch.rand(4, *spec.image.shape)


class Conformance:
    """The suite. A subclass says what it runs on; see the module's docstring."""

    models: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    bottlenecks: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    host: ModelSpec = HOST
    sizes: tuple[tuple[int, int], ...] = ((28, 28), (33, 96))

    def cases(self) -> list[Case]:
        """Everything that the class runs on."""
        kinds = ("model", *PARTS)
        return [Case(kind, request, self.host) for kind in kinds for request in getattr(self, f"{kind}s")]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """What pytest asks a class: a test with the argument ``case`` runs on each of them, with ``part`` on parts."""
        for argument, kinds in (("case", ("model", *PARTS)), ("part", PARTS)):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, [case for case in self.cases() if case.kind in kinds], ids=str)

    # What the model answers.

    def test_forward(self, case: Case) -> None:
        model, images = case.make()
        for mode in (True, False):
            output = model.train(mode)(images)
            _check_output(model, output, images)
        torch.testing.assert_close(model.decode(output.latent.z), output.reconstruction)

    def test_other_images(self, case: Case) -> None:
        for size in self.sizes:
            model, images = case.make(image_size=size, channels=3)
            _check_output(model, model(images), images)

    def test_eval_is_deterministic(self, case: Case) -> None:
        model, images = case.make()
        _check_equal(model(images), model(images))

    def test_an_image_does_not_see_its_batch(self, case: Case) -> None:
        model, images = case.make()
        alone, together = model(images[:1]), model(images)
        # Kernels for another batch size may add in another order.
        torch.testing.assert_close(alone.latent.z, together.latent.z[:1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.reconstruction, together.reconstruction[:1], rtol=1e-4, atol=1e-5)

    def test_autocast_gives_float32(self, case: Case) -> None:
        model, images = case.make()
        for mode in (True, False):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output = model.train(mode)(images)
                again = model.decode(output.latent.z)
            _check_output(model, output, images)
            assert again.dtype == torch.float32, f"decode gives {again.dtype} under autocast"

    # What it learns.

    def test_every_parameter_learns(self, case: Case) -> None:
        model, images = case.make()
        objective = Objective(model.train(), model.spec.loss)
        context = Context(model=model, step=0, steps=2, dataset_size=len(images), training=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        # Twice: what starts at zero (a residual block's last layer) stops the gradient behind it until the first step.
        objective(images, context)[0].backward()
        optimizer.step()
        optimizer.zero_grad()
        objective(images, context)[0].backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, f"{name} takes no part in the loss"
                assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
                assert parameter.grad.any(), f"the gradient of {name} is zero"

    # What the distribution answers, where there is one.

    def test_posterior(self, case: Case) -> None:
        model, images = case.make()
        bottleneck, latent = model.bottleneck, model.encode(images)
        samples = bottleneck.sample(latent, 3, _generator())
        assert samples.shape == (3, *latent.z.shape), f"three samples have the shape {tuple(samples.shape)}"
        again = bottleneck.sample(latent, 3, _generator())
        assert torch.equal(samples, again), "it draws from elsewhere than the generator"
        one = bottleneck.sample(model.encode(images[:1]), 3, [_generator()])
        several = bottleneck.sample(latent, 3, [_generator() for _ in images])
        # With a generator for each image, its draw does not depend on the batch.
        torch.testing.assert_close(one[:, 0], several[:, 0], rtol=1e-4, atol=1e-5)
        if "posterior" in model.provides:
            assert samples.std(0).any(), "the samples of a posterior do not differ"
            _check_density(bottleneck.log_posterior(samples, latent), (3, len(images)))
            _check_density(bottleneck.log_posterior(latent.z, latent), (len(images),))

    def test_prior(self, case: Case) -> None:
        model, _ = case.make()
        if "prior" in model.provides:
            z = model.bottleneck.sample_prior(5, _generator())
            assert z.shape == (5, *model.latent_shape), f"five samples have the shape {tuple(z.shape)}"
            _check_density(model.bottleneck.log_prior(z), (5,))
            _check_density(model.bottleneck.log_prior(z.expand(3, *z.shape)), (3, 5))
            images = model.sample(5, _generator())
            assert images.shape == (5, *model.image.shape), f"five images have the shape {tuple(images.shape)}"
            assert torch.equal(images, model.sample(5, _generator())), "it draws from elsewhere than the generator"

    # How it is kept.

    def test_saved_and_loaded_to_the_bit(self, case: Case, tmp_path: Path) -> None:
        model, images = case.make()
        model.train()(images)  # moves what counts batches
        expected = model.eval()(images)
        save_model(tmp_path, model, images)
        for again in (load(tmp_path), create(f"local-dir:{tmp_path}", pretrained=True)):
            assert again.spec == model.spec
            assert not any(tensor.is_meta for tensor in (*again.parameters(), *again.buffers()))
            _check_same_state(again, model)
            _check_equal(again(images), expected)
        assert read_metadata(tmp_path / STATE) == {"model": model.spec.name}
        state = read_state(tmp_path / STATE)
        name, _ = state.popitem()
        write_state(tmp_path / STATE, state)
        try:
            load(tmp_path)
        except WeightsError:
            return
        raise AssertionError(f"a file without {name!r} was loaded")

    def test_pickled_and_copied(self, case: Case) -> None:
        model, images = case.make()
        for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert again.spec == model.spec
            _check_equal(again(images), model(images))

    def test_spec_through_json(self, case: Case) -> None:
        for spec in (case.entry.spec, case.spec()):
            assert from_json(type(spec), json.loads(json.dumps(to_json(spec)))) == spec

    # How it is compiled.

    def test_compiles_whole(self, case: Case) -> None:
        for mode in (True, False):
            torch.compiler.reset()
            model, images = case.make()
            twin = copy.deepcopy(model)
            compiled = torch.compile(model.train(mode), fullgraph=True, backend="eager")
            torch.manual_seed(1)
            expected = twin.train(mode)(images)
            torch.manual_seed(1)
            _check_close(compiled(images), expected)

    def test_exports_any_batch(self, case: Case) -> None:
        model, images = case.make()
        dynamic = {"images": {0: torch.export.Dim("batch", min=2, max=1024)}}
        program = torch.export.export(model, (images,), dynamic_shapes=dynamic)
        for batch in (images, torch.cat([images, images[:3]])):
            _check_close(program.module()(batch), model(batch))

    # What is declared.

    def test_options_are_those_of_the_implementation(self, part: Case) -> None:
        entry = part.entry
        declared = {option.name: option.default for option in entry.spec.options}
        given = {"member": entry.member} if entry.member else {}
        shapes = ("latent_shape", "image") if part.kind == "decoder" else ("shape",)
        signature = inspect.signature(entry.load())
        signature.bind(*shapes, **given, **declared)  # raises where something is missing or not taken
        own = {name: parameter.default for name, parameter in signature.parameters.items() if name in declared}
        assert own == declared, f"the defaults of {entry.name} are declared as {declared} but implemented as {own}"

    def test_every_choice_builds(self, part: Case) -> None:
        component = parse_component(part.request)
        for option in part.entry.spec.options:
            values = (True, False) if option.type == "bool" else option.choices if option.type == "str" else ()
            for value in () if option.external else values:
                spec = part.spec(**{part.kind: component.replace(**{option.name: value})})
                build(spec, device="meta")

    def test_declared_without_torch(self) -> None:
        entries = [case.entry for case in self.cases()]
        found = [(entry.spec.kind, entry.qualified_name) for entry in entries]
        heavy = ("torch", "torchvision", "timm", "huggingface_hub")
        program = (
            "import sys; from aezoo.plugins import registry\n"
            f"for kind, name in {found!r}: registry().find(kind, name)\n"
            f"print(*(name for name in {heavy!r} if name in sys.modules))"
        )
        packages = ",".join(sorted({entry.distribution for entry in entries}))
        environment = {**os.environ, "AEZOO_PLUGINS": packages, "AEZOO_PLUGIN_STRICT": "1"}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not done.stdout.strip(), f"importing the modules that declare imports {done.stdout.strip()}"


def _tensors(answer: Output | Latent) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of an output, named."""
    for field in dataclasses.fields(answer):
        value = getattr(answer, field.name)
        if isinstance(value, Latent):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from value.items()
        elif value is not None:
            yield field.name, value


def _check_output(model: Autoencoder, output: Output, images: Tensor) -> None:
    for name, tensor in _tensors(output):
        if name != "codes":
            assert tensor.dtype == torch.float32, f"{name} is {tensor.dtype}"
            assert tensor.isfinite().all(), f"{name} is not finite"
    assert output.reconstruction.shape == images.shape, f"reconstruction {tuple(output.reconstruction.shape)}"
    assert output.reconstruction.min() >= 0, "the reconstruction falls below 0"
    assert output.reconstruction.max() <= 1, "the reconstruction exceeds 1"
    assert output.latent.z.shape == (len(images), *model.latent_shape), f"z {tuple(output.latent.z.shape)}"
    if "logits" in model.provides:
        assert output.logits is not None, "it provides logits and gives None"
        torch.testing.assert_close(output.logits.sigmoid(), output.reconstruction)
    if "kl" in model.provides:
        kl = output.latent.terms["kl"]
        assert kl.ndim == 2, f"kl is {tuple(kl.shape)}, not (b, d)"
        assert len(kl) == len(images), f"kl is {tuple(kl.shape)}, not (b, d)"


def _check_density(density: Tensor, shape: tuple[int, ...]) -> None:
    assert density.shape == shape, f"the density is {tuple(density.shape)}, not {shape}"
    assert density.isfinite().all(), "the density is not finite"


def _check_equal(one: Output, other: Output) -> None:
    _check_close(one, other, tolerance=0.0)


def _check_close(one: Output, other: Output, tolerance: float | None = None) -> None:
    """Where no tolerance is given, torch's own for the type."""
    mine, theirs = dict(_tensors(one)), dict(_tensors(other))
    torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def _check_same_state(one: Autoencoder, other: Autoencoder) -> None:
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert tensor.dtype == theirs[name].dtype, f"{name} is {tensor.dtype}"
        assert torch.equal(tensor, theirs[name]), f"{name} differs"


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
