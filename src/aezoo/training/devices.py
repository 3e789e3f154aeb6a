"""Devices and processes: where a run computes, in which precision, and what its processes tell each other."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch
import torch.distributed.nn.functional as collective
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin
from torch import Tensor, nn

from aezoo.errors import OptionError, TrainingError, first_line
from aezoo.recipe import Recipe
from aezoo.training.checkpoint import TRAINING
from aezoo.training.cpu import is_wide

DEVICES = ("auto", "cpu", "cuda", "mps")


def launched() -> tuple[int, int]:
    """The rank of this process, and how many there are: what launchers set, known before Accelerate is set up."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    return int(os.environ.get("RANK", "0")) if world > 1 else 0, world


def check(device: str) -> None:
    """Whether this machine has a device.

    Raises:
        TrainingError: it has not.
    """
    known = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device in known and not known[device]():
        raise TrainingError(f"--device {device}: this machine has none that torch can use; 'auto' takes what there is")


def named(device: str) -> torch.device:
    """The device of a name; of ``"auto"`` what Accelerate takes."""
    if device != "auto":
        return torch.device(device)
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device(
        "cpu"
    )


def start_accelerator(
    recipe: Recipe, device: str, folder: Path, trackers: tuple[str, ...], some_unused: bool
) -> Accelerator:
    """The Accelerator of a run. Processes and devices are those that ``accelerate launch`` or ``torchrun`` started.

    ``some_unused`` says that some passes leave parameters without a gradient, as an adversary's does the model's.

    Raises:
        OptionError: the batch cannot be shared equally, or a tracker is not installed.
        TrainingError: this machine has no such device.
    """
    for tracker in trackers:  # Accelerate would leave it out in silence
        if importlib.util.find_spec(tracker) is None:
            raise OptionError(f"--track {tracker}: it is not installed: pip install 'aezoo[track]'")
    on_cpu = device == "cpu"
    # Accelerate keeps the device of the first run of a process, for all that follow.
    if PartialState._shared_state.get("_cpu", on_cpu) != on_cpu:
        AcceleratorState._reset_state(reset_partial_state=True)
    try:
        accelerator = Accelerator(
            cpu=on_cpu,
            # These are the recipe's to say, whatever the launcher's settings are; of precision see autocast_type.
            mixed_precision="no",
            dynamo_backend="no",
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            log_with=list(trackers) or None,
            project_dir=str(folder / TRAINING),  # where TensorBoard writes
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=some_unused)],
        )
    except (ValueError, ImportError) as error:
        raise OptionError(f"this run cannot start: {first_line(error)}") from error
    if device not in ("auto", accelerator.device.type):
        own = accelerator.device.type
        raise TrainingError(f"--device {device}: the device of this process is {own}; 'auto' takes what there is")
    kind = accelerator.distributed_type.value
    if kind != "NO" and not kind.startswith("MULTI_"):
        raise TrainingError(f"this run cannot be launched by {kind}: every process holds the whole model")
    world = accelerator.num_processes
    if recipe.batch_size % (world * recipe.accumulate):
        shares = f"{world} processes of {recipe.accumulate} parts each"
        raise OptionError(f"a batch of {recipe.batch_size} cannot be shared equally by {shares}")
    return accelerator


def memory_format(model: nn.Module, device: torch.device) -> torch.memory_format:
    """How maps and kernels are best laid out."""
    pays = device.type != "cpu" or is_wide(model)
    return torch.channels_last if pays else torch.contiguous_format


def autocast_type(recipe: Recipe, model: nn.Module, device: torch.device) -> torch.dtype | None:
    """The type to autocast to, or None for float32. ``"auto"``: what ``accelerate launch`` says (it says ``"no"`` where
    it was told nothing), else bfloat16 where the device has instructions for it and the model gains by them.

    Raises:
        OptionError: float16, which would need a scaled loss.
    """
    asked = recipe.precision
    if asked == "auto":
        launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "")
        asked = {"": "auto", "no": "auto", "bf16": "bfloat16"}.get(launched, launched)
    if asked == "auto":
        pays = _has_bfloat16(device) and (device.type != "cpu" or is_wide(model))
        asked = "bfloat16" if pays else "float32"
    if asked not in ("float32", "bfloat16"):
        raise OptionError(f"mixed precision {asked!r}: 'no' and 'bf16' are supported")
    return torch.bfloat16 if asked == "bfloat16" else None


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)  # of torch 2.11 and later
    known = capabilities() if device.type == "cpu" else {}
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def seed(device: torch.device, value: int) -> None:
    """Seed the generators that a step on this device draws from.

    (`torch.manual_seed` also queues a call for every kind of device that is not in use, with a trace of the stack:
    0.3 ms a step, and memory that grows.)
    """
    torch.default_generator.manual_seed(value)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(value)


def mean(accelerator: Accelerator, numbers: Tensor) -> list[float]:
    """The mean over all processes of a vector of numbers."""
    reduced = accelerator.reduce(numbers, "mean")
    assert isinstance(reduced, Tensor)
    return reduced.tolist()


def gather(tensor: Tensor) -> Tensor:
    """``(b, ...)`` of this process to ``(all, ...)`` of all, in order of rank; gradients flow back to each."""
    return torch.cat(collective.all_gather(tensor))


def are_alike(accelerator: Accelerator, number: int) -> bool:
    """Whether all processes have the same number."""
    numbers = accelerator.gather(torch.tensor([number], device=accelerator.device))
    assert isinstance(numbers, Tensor)
    return len(numbers.unique()) == 1


def total(accelerator: Accelerator, tensor: Tensor) -> Tensor:
    """The sum of a tensor over all processes, on the tensor's own device, whatever the processes talk through."""
    reduced = accelerator.reduce(tensor.to(accelerator.device), "sum")
    assert isinstance(reduced, Tensor)
    return reduced.to(tensor.device)


def share_buffers(model: nn.Module) -> None:
    """Give every process the buffers of the main one."""
    for buffer in model.buffers():
        torch.distributed.broadcast(buffer, 0)
