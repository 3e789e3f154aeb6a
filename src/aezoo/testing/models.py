"""What is checked of every model, and of every part inside one: what it answers, and that it learns."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.utils._pytree import tree_map

from aezoo.errors import AezooWarning, DataError
from aezoo.latent import Batch
from aezoo.losses.context import Context, alone
from aezoo.summary import summarize
from aezoo.testing.cases import Case, generator
from aezoo.testing.checks import check_equal, check_images, check_learns, check_output
from aezoo.training.objective import Objective


class ModelChecks:
    """Shapes, facts, determinism, sizes, gradients."""

    sizes: tuple[tuple[int, int], ...]

    def test_forward(self, case: Case) -> None:
        model, batch = case.make()
        for mode in (True, False):
            output = model.train(mode)(batch)
            check_output(model, output, batch)
        labels = batch.labels
        torch.testing.assert_close(model.decode(output.latent.z, labels), output.reconstruction)

    def test_layers_are_listed(self, case: Case) -> None:
        model, _ = case.make()
        own = sum(parameter.numel() for parameter in model.parameters())
        counted = summarize(model).parameters  # on the meta device, as 'aezoo info' and 'aezoo reproduce' do
        assert counted == own, f"of its {own} parameters {counted} are listed"

    def test_other_images(self, case: Case) -> None:
        for size in self.sizes:
            with warnings.catch_warnings():  # of a decoder that narrows: the shape is right all the same
                warnings.simplefilter("ignore", AezooWarning)
                model, batch = case.make(image_size=size, channels=3)
            check_output(model, model(batch), batch)

    def test_sizes_after_it_is_built(self, case: Case) -> None:
        model, batch = case.make()
        (height, width), step = model.image.size, model.stride or 1
        size = (height + step, width + 2 * step)
        images = torch.rand(2, model.image.channels, *size)
        other = Batch(images, None if batch.labels is None else batch.labels[:2])
        if not model.stride:
            _check_refused(lambda: model(other), f"it says that it takes one size, and takes {size}")
            return
        output = model(other)
        check_output(model, output, other)
        check_images(model.decode(output.latent.z, other.labels), tuple(images.shape), "what it decodes")
        statistics = tuple(model.latent_mean.shape)
        whole = torch.broadcast_shapes(statistics, model.latent_shape)
        assert whole == model.latent_shape, f"statistics {statistics} do not go with z {model.latent_shape}"
        if model.prior is not None:
            made = model.sample(2, generator(), size=size, labels=other.labels)
            check_images(made, tuple(images.shape), "the sample")
        if step > 1:
            odd = Batch(images[..., 1:], other.labels)
            _check_refused(lambda: model(odd), f"a width of {size[1] - 1} is no multiple of its stride {step}")

    def test_tiles(self, case: Case) -> None:
        model, batch = case.make()
        if not model.stride or None in (getattr(model.encoder, "field", None), getattr(model.decoder, "field", None)):
            return
        images = torch.rand(1, model.image.channels, 5 * model.stride, 8 * model.stride)
        labels = None if batch.labels is None else batch.labels[:1]
        z, tile = model.encode(images, labels).z, 2 * model.stride
        torch.testing.assert_close(model.encode(images, labels, tile=tile).z, z, rtol=1e-4, atol=1e-5)
        again = model.decode(z, labels)
        torch.testing.assert_close(model.decode(z, labels, tile=tile), again, rtol=1e-4, atol=1e-5)

    def test_eval_is_deterministic(self, case: Case) -> None:
        model, batch = case.make()
        check_equal(model(batch), model(batch))

    def test_an_image_does_not_see_its_batch(self, case: Case) -> None:
        model, batch = case.make()
        alone, together = model(tree_map(lambda x: x[:1], batch)), model(batch)
        # Kernels for another batch size may add in another order.
        torch.testing.assert_close(alone.latent.z, together.latent.z[:1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.reconstruction, together.reconstruction[:1], rtol=1e-4, atol=1e-5)

    def test_autocast_gives_float32(self, case: Case) -> None:
        model, batch = case.make()
        for mode in (True, False):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output = model.train(mode)(batch)
                again = model.decode(output.latent.z, batch.labels)
            check_output(model, output, batch)
            assert again.dtype == torch.float32, f"decode gives {again.dtype} under autocast"

    def test_every_parameter_learns(self, case: Case) -> None:
        model, batch = case.make()
        objective = Objective(model.train(), model.spec.loss)
        context = Context(model=model, batch=batch, steps=2, dataset_size=len(batch), training=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        # Twice: what starts at zero (a residual block's last layer) stops the gradient behind it until the first step.
        objective(batch, context)[0].backward()
        optimizer.step()
        model.bottleneck.step(alone)
        optimizer.zero_grad()
        objective(batch, context)[0].backward()
        check_learns(model)

    def test_labels_count(self, case: Case) -> None:
        model, batch = case.make()
        without = Batch(batch.images)
        if batch.labels is None:
            _check_refused(lambda: model(batch.images, torch.zeros(4, dtype=torch.int64)), "it takes labels unasked")
            return
        _check_refused(lambda: model(without), "it needs labels, and does without")
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)  # first: what starts at zero hears nothing
        model.train()(batch).reconstruction.square().sum().backward()
        optimizer.step()
        others = Batch(batch.images, batch.labels.flip(0))
        assert not torch.equal(model.eval()(others).reconstruction, model(batch).reconstruction), "labels do not matter"


def _check_refused(run: Callable[[], object], message: str) -> None:
    try:
        run()
    except DataError:
        return
    raise AssertionError(message)
