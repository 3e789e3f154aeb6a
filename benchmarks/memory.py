"""How much memory does training take?

The most that a process of its own has resident in 60 steps of what the question of speed describes, from its first
import to its end. All of them import of aezoo what builds the model and draws the images.

    python benchmarks/memory.py

Linux alone counts from the beginning of the program: what ``getrusage`` says elsewhere begins with what the parent
had.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import alternating
import training
from alternating import Case, Contender

MEASURE = "MB"
STEPS = 60
WHYS = {
    "by hand": "which is the bound: it logs, measures and saves nothing, and aezoo's engine imports what does",
    "pythae": "whose trainer needs fewer libraries than Accelerate brings",
}


def peak(do: Callable[[], object], number: int) -> dict[str, float]:
    """The most memory that this process has had resident once it has done it."""
    do()
    return {MEASURE: alternating.peak_memory()}


def main() -> None:
    asked = alternating.parser(__doc__, rounds=4).parse_args()
    needs = {"pythae": ("pythae",)}
    cases = [
        Case(
            title=f"training {model}, {images:,} images",
            measures=(MEASURE,),
            less=True,
            contenders={
                name: Contender(
                    run=partial(peak, partial(training.rate_of, name, model, images, STEPS)),
                    needs=needs.get(name, ()),
                    why=WHYS.get(name, ""),
                )
                for name in training.WAYS
            },
        )
        for model, images in ((training.SMALL, 88), ("cis680-vae512", 2000))
    ]
    alternating.answer(__doc__, cases, asked)


if __name__ == "__main__":
    main()
