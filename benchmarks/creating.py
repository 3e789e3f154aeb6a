"""How long does a model take to be created with its weights?

Milliseconds from the call to a model in eval() each of whose tensors has been read once, torch imported and the file
in the page cache: the median of ten loads in a round, on one thread of torch. All models have 8 million parameters,
in float32: of aezoo and by hand cis680-vae512, of timm a residual network, of diffusers an AutoencoderKL. By hand
means the modules with their initialisation, safetensors' load_file and load_state_dict. aezoo alone hashes the bytes
that it loads, on a second core meanwhile, and compares the hash with the one on record.

    python benchmarks/creating.py
    python benchmarks/creating.py runs/vae512 --rounds 20

aezoo reads the file once, builds the modules on the meta device, where nothing is
drawn, and assigns the tensors. Against loading by hand its lead is to be at least 1.25. A MODEL, a name with weights
or a model folder, is loaded by aezoo and by hand alone.
"""

from __future__ import annotations

import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import alternating
import torch
from alternating import Case, Contender
from safetensors.torch import load_file
from torch import nn

import aezoo
from aezoo.composition import describe, resolve
from aezoo.embedded import folder_of, weights_of
from aezoo.factory import build
from aezoo.specs import WeightsSpec
from aezoo.weights.folder import STATE

Load = Callable[[], nn.Module]
MEASURE = "ms"
MODEL = "cis680-vae512"


def folder_with_weights(model: str) -> Path:
    """Where the weights of a name or a folder lie."""
    source = resolve(model)
    weights = weights_of(source.entry, source.tag) if source.entry else None
    folder = folder_of(weights.spec) if weights and isinstance(weights.spec, WeightsSpec) else source.folder
    if folder is None:
        raise SystemExit(f"{model} has no weights here: train it, and give its folder")
    return folder


@contextmanager
def with_aezoo(model: str) -> Iterator[Load]:
    """``aezoo.create`` of a name or a folder; of ``""`` a folder in float32."""
    with tempfile.TemporaryDirectory() as folder:
        if not model:
            aezoo.create(MODEL).save_pretrained(folder)
        yield partial(aezoo.create, model or folder, pretrained=True)


@contextmanager
def by_hand(model: str) -> Iterator[Load]:
    """The same, without a check."""
    with tempfile.TemporaryDirectory() as made:
        if not model:
            aezoo.create(MODEL).save_pretrained(made)
        folder = folder_with_weights(model or made)
        spec = describe(resolve(model or made).spec)

        def load() -> nn.Module:
            model = build(spec)
            model.load_state_dict(load_file(folder / STATE))
            return model.eval()

        yield load


@contextmanager
def with_timm() -> Iterator[Load]:
    """A residual network of as many parameters."""
    from safetensors.torch import save_file

    from aezoo._torchvision import import_timm

    timm = import_timm()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(timm.create_model("resnet14t", num_classes=0).state_dict(), path)
        overlay = {"file": str(path), "num_classes": 0}
        yield lambda: timm.create_model(
            "resnet14t", num_classes=0, pretrained=True, pretrained_cfg_overlay=overlay
        ).eval()


@contextmanager
def with_diffusers() -> Iterator[Load]:
    """An AutoencoderKL of as many parameters."""
    importlib.import_module("aezoo._torchvision")  # first: diffusers imports torchvision
    from diffusers import AutoencoderKL

    stages = (64, 128, 216)
    with tempfile.TemporaryDirectory() as folder:
        AutoencoderKL(
            block_out_channels=stages,
            down_block_types=("DownEncoderBlock2D",) * len(stages),
            up_block_types=("UpDecoderBlock2D",) * len(stages),
            norm_num_groups=8,
        ).save_pretrained(folder)
        yield partial(AutoencoderKL.from_pretrained, folder, local_files_only=True)


def measured(way: Callable[[], Iterator[Load]], threads: int, number: int) -> dict[str, float]:
    """The median of ten loads after the first."""
    torch.set_num_threads(threads)
    times = []
    with way() as load:
        for _ in range(11):
            began = time.perf_counter()
            for tensor in load().state_dict().values():  # of a file that is only mapped, nothing has been read yet
                tensor.sum()
            times.append(1000 * (time.perf_counter() - began))
    return {MEASURE: statistics.median(times[1:])}


def main() -> None:
    parser = alternating.parser(__doc__, rounds=5)
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    asked = parser.parse_args()

    def contender(way: Callable[[], Iterator[Load]], needs: tuple[str, ...] = (), why: str = "") -> Contender:
        return Contender(run=partial(measured, way, asked.threads), needs=needs, why=why)

    ours = {
        "aezoo": contender(partial(with_aezoo, asked.model)),
        "by hand": contender(partial(by_hand, asked.model), why="which checks nothing"),
    }
    peers = {
        "timm": contender(with_timm, ("timm",), "which checks nothing"),
        "diffusers": contender(
            with_diffusers, ("diffusers",), "which maps the file, copies nothing and checks nothing"
        ),
    }
    title = asked.model or "8 million parameters, 32 MB"
    case = Case(title=title, measures=(MEASURE,), less=True, contenders=ours if asked.model else ours | peers)
    alternating.answer(__doc__, [case], asked)


if __name__ == "__main__":
    main()
