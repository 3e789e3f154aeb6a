"""How long ``aezoo.create(name, pretrained=True)`` takes, against building the model and copying the weights into it.

    python benchmarks/load_pretrained.py cis680-vae512 --rounds 20
    python benchmarks/load_pretrained.py runs/vae512

By hand: the modules with their initialisation, ``safetensors.torch.load_file``, ``load_state_dict``; no check is made.
aezoo reads the file once, hashes the very bytes that it loads, builds the modules on the meta device, where nothing is
drawn, and assigns the tensors. Both run in this process, with torch imported and the file in the page cache, in turn,
so that a machine whose speed drifts treats them alike. Printed are medians, in brackets from the second smallest to the
second largest, and the ratio of the medians, which is to be at most 0.8.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from safetensors.torch import load_file

from aezoo.composition import describe, resolve
from aezoo.embedded import folder_of, weights_of
from aezoo.factory import build, create
from aezoo.specs import WeightsSpec
from aezoo.weights.folder import STATE

BAR = 0.8


def main() -> None:
    """Load in turn, and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name with weights, or a model folder")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    source = resolve(arguments.model)
    weights = weights_of(source.entry, source.tag) if source.entry else None
    folder = folder_of(weights.spec) if weights and isinstance(weights.spec, WeightsSpec) else source.folder
    if folder is None:
        parser.error(f"{arguments.model} has no weights here: train it, and give its folder")
    spec = describe(source.spec)

    def by_hand() -> None:
        model = build(spec)
        state = load_file(folder / STATE)
        model.load_state_dict(state)

    def with_aezoo() -> None:
        create(arguments.model, pretrained=True)

    print(f"{arguments.model}: {(folder / STATE).stat().st_size / 1e6:.1f} MB, {arguments.rounds} rounds")
    contenders: dict[str, Callable[[], None]] = {"by hand": by_hand, "aezoo": with_aezoo}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(-1, arguments.rounds):  # the first is not counted: plugins are found, kernels loaded
        for name, load in contenders.items():
            began = time.perf_counter()
            load()
            if round_ >= 0:
                times[name].append(1000 * (time.perf_counter() - began))
    for name, taken in times.items():
        ordered = sorted(taken)
        low, high = ordered[min(1, len(ordered) - 1)], ordered[max(0, len(ordered) - 2)]
        print(f"{name:8} {statistics.median(taken):7.1f} ms  [{low:.1f} to {high:.1f}]")
    ratio = statistics.median(times["aezoo"]) / statistics.median(times["by hand"])
    print(f"ratio    {ratio:7.2f}     (bar: {BAR})")


if __name__ == "__main__":
    main()
