"""Would another way make the small VAE's training faster?

Images a second of `cis680-vae16` (toyfaces, 64x64, batch 64), once warm: aezoo's engine, the hand-written loop which is
its bound, and that loop with one thing changed each. A process a core is what `aezoo reproduce --jobs` does. Of what
aezoo's step takes beyond the loop's (7 % with one thread, timed in turn within a process), a third is the
reconstruction, which this loss does not need; the rest is the model's checks, and images and noise that follow from the
step's number.

    python benchmarks/variants.py

"Four seeds at once" is `torch.func`: the parameters of four models stacked, `vmap` over `grad`. Its images are those
of all four; so are those of all processes.
"""

from __future__ import annotations

import multiprocessing
import os
from functools import partial
from typing import Any

import alternating
import torch
from alternating import Case, Contender
from torch import Tensor
from training import BATCH, SMALL, WARM, WAYS, by_hand, negative_elbo, now

from aezoo.composition import describe
from aezoo.factory import build
from aezoo.recipe import Recipe
from aezoo.training import cpu
from aezoo.training.data import Splits, load_splits

MEASURE = "images/s"
STEPS = 150
SEEDS = 4


def splits() -> Splits:
    return load_splits(Recipe(dataset="toyfaces(count=2000)"), describe(SMALL).image)


def one(way: str = "by hand", steps: int = STEPS, **how: Any) -> float:
    """Images a second of one process."""
    train = partial(by_hand, **how) if how else WAYS[way]
    return BATCH * train(describe(SMALL), splits(), WARM + steps, "cpu")


def alone(queue: Any, ready: Any) -> None:
    one("aezoo", steps=1)  # imports take one longer than another
    ready.wait()
    queue.put(one("aezoo"))


def a_process_a_core() -> float:
    """Images a second of all of them, begun together."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    number = os.cpu_count() or 1
    queue, ready = context.Queue(), context.Barrier(number)
    processes = [context.Process(target=alone, args=(queue, ready)) for _ in range(number)]
    for process in processes:
        process.start()
    rates = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)


def several_seeds(steps: int = STEPS // SEEDS) -> float:
    """Images a second of all of them: their gradients by one call."""
    from torch.func import functional_call, grad, stack_module_state

    cpu.keep_memory()
    models = [build(describe(SMALL)).train() for _ in range(SEEDS)]
    parameters, buffers = stack_module_state(models)  # pyright: ignore[reportArgumentType] - a list of modules is one
    optimizer = torch.optim.Adam(parameters.values(), 1e-3, (0.5, 0.999), fused=True)
    loss = Loss(models[0])

    def loss_of(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        named = {f"model.{name}": value for name, value in (parameters | buffers).items()}
        return functional_call(loss, named, (images,))

    gradients = torch.func.vmap(grad(loss_of), randomness="different")
    pixels = splits().train.pixels
    order = torch.randint(len(pixels), (WARM + steps, SEEDS, BATCH))
    began = 0.0
    for step, drawn in enumerate(order):
        if step == WARM:
            began = now()
        images = pixels[drawn].float().div_(255)
        for name, gradient in gradients(parameters, buffers, images).items():
            parameters[name].grad = gradient
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return SEEDS * BATCH * steps / (now() - began)


class Loss(torch.nn.Module):
    """The loss as a module, as `functional_call` takes it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return negative_elbo(self.model, images)  # pyright: ignore[reportArgumentType] - an autoencoder


CONTENDERS = {
    "aezoo": partial(one, "aezoo"),
    "aezoo, a process a core": a_process_a_core,
    "by hand": partial(one, "by hand"),
    "by hand, compiled": partial(one, compiles=True),
    "by hand, four seeds at once": several_seeds,
    "by hand, channels-last": partial(one, layout=torch.channels_last),
    "by hand, bfloat16": partial(one, precision=torch.bfloat16),
    "by hand, Adam not fused": partial(one, fused=False),
}


def main() -> None:
    def run(way: Any, number: int) -> dict[str, float]:
        torch.manual_seed(number)
        return {MEASURE: way()}

    contenders = {name: Contender(run=partial(run, way)) for name, way in CONTENDERS.items()}
    asked = alternating.parser(__doc__, rounds=5).parse_args()
    alternating.answer(__doc__, [Case(title=SMALL, measures=(MEASURE,), contenders=contenders)], asked)


if __name__ == "__main__":
    main()
