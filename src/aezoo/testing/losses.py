"""What is checked of a loss term: a number for each image, with a gradient, that depends on nothing undeclared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from aezoo.autoencoder import Autoencoder
from aezoo.latent import Batch, Output
from aezoo.losses.context import Context, alone
from aezoo.specs import LossSpec, Spec
from aezoo.testing.cases import Case
from aezoo.testing.checks import check_learns, check_numbers
from aezoo.training.objective import Addend, Objective


class LossChecks:
    """Shape, gradient, other images, draws, adversaries, frozen networks."""

    def test_term_is_a_number_for_each_image(self, loss: Case) -> None:
        term = _Term.of(loss)
        check_numbers(term(), (4,), "the term")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            values = term()
        assert values.dtype == torch.float32, f"the term is {values.dtype} under autocast"
        few = term.rows(slice(3))
        with torch.no_grad():
            check_numbers(few(training=False), (3,), "the term where nothing is trained, of three images,")

    def test_term_has_a_gradient(self, loss: Case) -> None:
        term = _Term.of(loss)
        term().sum().backward()
        gradients = [parameter.grad for parameter in term.model.parameters() if parameter.grad is not None]
        assert gradients, "no gradient reaches the model"
        assert all(gradient.isfinite().all() for gradient in gradients), "the gradient is not finite"
        assert any(gradient.any() for gradient in gradients), "the gradient is zero"
        if isinstance(term.implementation, nn.Module) and not term.spec.adversary:
            check_learns(term.implementation, "term")

    def test_term_of_an_image_is_its_own(self, loss: Case) -> None:
        term = _Term.of(loss)
        term.objective.eval()  # batch normalisation couples what it trains on
        if not term.addend.is_coupled:
            # Others take the others' place, in a batch of the same size: what is drawn stays the same.
            mixed = term.rows([0, 0, 1, 1])
            torch.testing.assert_close(mixed()[0], term()[0], msg=lambda text: f"it sees other images:\n{text}")

    def test_term_is_a_sum_over_pixels(self, loss: Case) -> None:
        """Of four copies of an image beside one another it is four times as much, and as much where it is a mean."""
        term = _Term.of(loss)
        term.objective.eval()
        made = [x for x in (term.output.reconstruction, term.output.logits, term.output.params) if x is not None]
        of_one = term()
        if not any(x is not None and x.any() for x in torch.autograd.grad(of_one.sum(), made, allow_unused=True)):
            return  # it is of the latent
        four = term.tiled()
        try:
            of_four = four()
        except Exception:  # a network of images of one size, or a term that decodes anew
            return
        share = (of_four.sum() / of_one.sum()).item()
        assert abs(share - 1) > 0.2, "a larger image costs no more: it is a mean over pixels, where a sum is due"

    def test_term_is_that_of_all_processes(self, loss: Case) -> None:
        term = _Term.of(loss)
        term.objective.eval()
        whole = term()
        if not term.addend.is_coupled or term.has_drawn:  # each process draws for itself
            return
        halves, seen = [term.rows(slice(2)), term.rows(slice(2, 4))], [[], []]
        for half, own in zip(halves, seen, strict=True):
            half(gather=lambda x, own=own: own.append(x) or x.repeat_interleave(2, 0))
        parts = []
        for half in halves:
            asked = zip(*seen, strict=True)
            parts.append(half(gather=lambda _, asked=asked: torch.cat(next(asked))))
        torch.testing.assert_close(
            torch.cat(parts).mean(),
            whole.mean(),
            rtol=1e-4,
            atol=1e-5,
            msg=lambda text: f"two processes, of which each has half of the images, find another value:\n{text}",
        )

    def test_term_draws_from_the_context(self, loss: Case) -> None:
        term = _Term.of(loss)
        term.objective.eval()  # dropout draws from elsewhere, in training
        one = term(draw=(1,))
        torch.manual_seed(1)  # another global state
        assert torch.equal(one, term(draw=(1,))), "it draws from elsewhere than the context's generator"
        if not torch.equal(one, term(draw=(2,))):
            assert term.has_drawn, "it depends on context.draw without drawing from context.generator"

    def test_adversary(self, loss: Case) -> None:
        term = _Term.of(loss)
        if not term.spec.adversary:
            return
        implementation = term.implementation
        assert isinstance(implementation, nn.Module), "an adversary is a module"
        term.objective.zero_grad(set_to_none=True)
        detached = dataclasses.replace(term, output=term.output.detach(), call=implementation.adversary_loss)  # pyright: ignore[reportArgumentType]
        values = detached()
        check_numbers(values, (4,), "the adversary's loss")
        values.sum().backward()
        gradients = [parameter.grad for parameter in implementation.parameters() if parameter.grad is not None]
        assert any(gradient.any() for gradient in gradients), "the adversary's loss does not move it"
        assert all(gradient.isfinite().all() for gradient in gradients), "the gradient is not finite"
        moved = [name for name, parameter in term.model.named_parameters() if parameter.grad is not None]
        assert not moved, f"the adversary's loss moves the model's {moved[0]}"

    def test_frozen_networks_are_not_kept(self, loss: Case) -> None:
        term = _Term.of(loss)
        state = term.objective.state_dict()
        for name, parameter in term.objective.named_parameters():
            kept = not parameter.requires_grad and name in state
            assert not (kept and name.startswith("modules_of_terms.")), (
                f"{name} is frozen, and kept with every checkpoint: put what is frozen into a module of its own"
            )
        torch.manual_seed(1)  # another start
        again = _Term.of(loss, seed=1)
        again.objective.load_state_dict(state)
        for each in (term, again):
            each.objective.eval()
        same = dataclasses.replace(term, call=again.call)
        torch.testing.assert_close(same(), term(), msg=lambda text: f"built again, its networks are others:\n{text}")


@dataclass
class _Term:
    """A term, and what it is called with."""

    spec: LossSpec
    objective: Objective
    call: Callable[..., Tensor]
    batch: Batch
    output: Output
    context: Context | None = None

    @classmethod
    def of(cls, case: Case, seed: int = 0) -> _Term:
        model, batch = case.make()
        batch = with_all(batch)
        torch.manual_seed(seed)
        objective = Objective(model.train(), case.request)
        ((name, addend),) = objective.addends.items()
        torch.manual_seed(0)
        output, batch = only_needed(addend.spec, model, objective.model(batch), batch)
        return cls(addend.spec, objective, objective.terms[name], batch, output)

    @property
    def model(self) -> Autoencoder:
        return self.objective.model

    @property
    def addend(self) -> Addend:
        (addend,) = self.objective.addends.values()
        return addend

    @property
    def implementation(self) -> Any:
        (implementation,) = self.objective.terms.values()
        return implementation

    @property
    def has_drawn(self) -> bool:
        return self.context is not None and self.context._generator is not None

    def __call__(
        self, *, training: bool = True, draw: tuple[int, ...] = (0,), gather: Callable[[Tensor], Tensor] = alone
    ) -> Tensor:
        self.context = Context(
            model=self.model, batch=self.batch, steps=2, dataset_size=4, training=training, draw=draw, gather=gather
        )
        return self.call(self.output, self.batch.images, self.context)

    def rows(self, index: Any) -> _Term:
        """The same term on some of the images."""
        batch, output = (tree_map(lambda x: x[index], part) for part in (self.batch, self.output))
        return dataclasses.replace(self, batch=batch, output=output)

    def tiled(self) -> _Term:
        """The same term on four copies of each image and of what was made of it, two by two."""

        def four(x: Tensor | None) -> Any:
            return None if x is None else x.repeat(1, 1, 2, 2)

        made = {name: four(getattr(self.output, name)) for name in ("reconstruction", "logits", "params")}
        batch = dataclasses.replace(self.batch, images=four(self.batch.images))
        return dataclasses.replace(self, batch=batch, output=dataclasses.replace(self.output, **made))


def with_all(batch: Batch) -> Batch:
    """The batch with everything that images may have: its own or labels of two classes, two factors; their places."""
    index = torch.arange(len(batch))
    labels = index % 2 if batch.labels is None else batch.labels
    factors = torch.stack([index / len(batch), (index % 2).float()], dim=1) if batch.factors is None else batch.factors
    return Batch(batch.images, labels, factors, index)


def only_needed(spec: Spec, model: Autoencoder, output: Output, batch: Batch) -> tuple[Output, Batch]:
    """An answer and its batch, without what a spec does not say that it needs."""
    hidden = {*model.provides, "labels", "factors"} - set(spec.needs)
    latent = dataclasses.replace(
        output.latent,
        terms={name: value for name, value in output.latent.terms.items() if name not in hidden},
        codes=None if "codes" in hidden else output.latent.codes,
    )
    output = dataclasses.replace(
        output,
        latent=latent,
        logits=None if "logits" in hidden else output.logits,
        params=None if "nll" in hidden else output.params,
    )
    return output, dataclasses.replace(batch, **{name: None for name in ("labels", "factors") if name in hidden})
