"""What a model is made of: its layers in the order in which they run, with shapes, parameters, multiply-accumulates.

A model is run once on the meta device, where nothing is computed. The multiply-accumulates are those of one image in
convolutions, transposed convolutions, linear layers and attention, as torch's own counter has them (it counts two
operations for each). Normalisation, activations and pooling cost none here, as is usual.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from aezoo.autoencoder import Autoencoder, Latent, Output


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A layer at work.

    Attributes:
        part: of the model, ``"encoder"``, ``"prior"``, ...; ``"model"`` where it is the model itself that computes.
        name: where the module lies in its part.
        type: the module's class.
        kernel, stride: (height, width), of layers that have them.
        out_channels: of a map or a vector; None for the rest.
        out_shape: of one image's output.
        parameters: that no earlier layer has counted.
        macs: multiply-accumulates for one image.
    """

    part: str
    name: str
    type: str
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    out_channels: int | None
    out_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A model's layers, and what they come to together; ``bits`` is what the codes of one image take, 0 without any."""

    layers: tuple[LayerSummary, ...]
    latent_shape: tuple[int, ...]
    bits: float = 0.0

    @property
    def parameters(self) -> int:
        """Of the whole model; a shared parameter counts once."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of encoding and decoding one image."""
        return sum(layer.macs for layer in self.layers)


def summarize(model: Autoencoder, size: tuple[int, int] | None = None) -> Summary:
    """The layers of a model. A layer that runs twice is listed twice, its parameters once.

    Listed is what holds parameters, multiplies, or computes without holding other modules (activations, pooling); what
    only passes its input on (``Identity``, dropout in ``eval()``) is not.

    Args:
        model: is left as it is.
        size: height and width of the images, where it takes several.

    Raises:
        DataError: the model does not take images of this size.
    """
    latent_shape = model.latent_shape_at(model.image.size if size is None else size)
    once = {name for name, _ in model.named_parameters()}  # what is shared has one name: on its way to meta it parts
    model = copy.deepcopy(model).to("meta").eval()
    example = model.example(1)
    if size is not None:
        example.images = example.images.new_zeros(1, model.image.channels, *size)
    with torch.no_grad(), unvalidated(), _watched(model) as calls:
        model(example)
    parameters = _parameters(model, {call.name for call in calls}, once)
    layers = []
    for call in calls:
        own = parameters.pop(call.name, 0)  # listed with the first call
        if own or call.macs or (call.operations and not any(call.module.children())):
            layers.append(_layer(call, own))
    bits = model.bottleneck.bits * math.prod(latent_shape) / max(1, math.prod(model.latent_shape))
    return Summary(tuple(layers), latent_shape, bits)


@contextmanager
def unvalidated() -> Iterator[None]:
    """Lets `torch.distributions` be: they read the values of their parameters, and there are none."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


@dataclass(slots=True)
class _Call:
    """One call of one module; ``macs`` and ``operations`` are its own, without those of the modules it called."""

    name: str
    module: nn.Module
    macs: int = 0
    operations: int = 0
    shape: tuple[int, ...] = ()


class _Operations(TorchDispatchMode):
    """Counts for the innermost running call the operations that compute something; a view of a tensor does not."""

    def __init__(self, running: list[_Call]) -> None:
        super().__init__()
        self.running = running

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.running:
            self.running[-1].operations += not func.is_view
        return func(*args, **(kwargs or {}))


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[_Call]]:
    """The calls of the modules of ``model`` inside the block, in the order in which they begin."""
    calls: list[_Call] = []
    running: list[_Call] = []
    counter, seen = FlopCounterMode(display=False), 0

    def settle() -> None:
        """What was counted since the last look belongs to the innermost running call."""
        nonlocal seen
        total = counter.get_total_flops()
        if running:
            running[-1].macs += (total - seen) // 2
        seen = total

    def begin(name: str, module: nn.Module) -> None:
        settle()
        call = _Call(name, module)
        calls.append(call)
        running.append(call)

    def end(output: Any) -> None:
        settle()
        running.pop().shape = _shape(output)

    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda module, _, name=name: begin(name, module)))
        handles.append(module.register_forward_hook(lambda _, __, output: end(output)))
    try:
        with counter, _Operations(running):
            yield calls
    finally:
        for handle in handles:
            handle.remove()


def _parameters(model: nn.Module, called: set[str], once: set[str]) -> dict[str, int]:
    """The number of those parameters, by the name of the called module that holds them, itself or in modules never
    called.

    (``nn.MultiheadAttention`` uses its projection's weights without calling it.)
    """
    numbers: dict[str, int] = {}
    for path, parameter in model.named_parameters():
        if path not in once:
            continue
        owner = path.rpartition(".")[0]
        while owner and owner not in called:
            owner = owner.rpartition(".")[0]
        numbers[owner] = numbers.get(owner, 0) + parameter.numel()
    return numbers


def _layer(call: _Call, parameters: int) -> LayerSummary:
    part, _, name = call.name.partition(".")
    shape, module = call.shape, call.module
    return LayerSummary(
        part=part or "model",
        name=name,
        type=type(module).__name__,
        kernel=_pair(getattr(module, "kernel_size", None)),
        stride=_pair(getattr(module, "stride", None)),
        out_channels=shape[0] if len(shape) in (1, 3) else None,
        out_shape=shape,
        parameters=parameters,
        macs=call.macs,
    )


def _shape(output: Any) -> tuple[int, ...]:
    """The shape of one image's output; of several, of the first."""
    if isinstance(output, Latent):
        output = output.z
    elif isinstance(output, Output):
        output = output.reconstruction
    while isinstance(output, list | tuple) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()


def _pair(size: Any) -> tuple[int, int] | None:
    if isinstance(size, int):
        return (size, size)
    return size if isinstance(size, tuple) and len(size) == 2 else None
