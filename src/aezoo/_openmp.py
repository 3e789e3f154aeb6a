"""How torch's threads wait for each other on a CPU: briefly, so that training bears a machine that others use too.

Left to itself GNU's OpenMP, which torch's wheels for Linux bring, spins for 4 to 20 ms before a thread sleeps, and
Intel's and LLVM's for 200. Where another process computes too, a thread that spins holds the core that the one it waits
for would need: every operation then takes a time slice of the system. A thread that spins for about as long as it takes
to sleep and be woken loses little either way (competitive spinning, Karlin et al. 1991).
"""

from __future__ import annotations

import os
import sys

BRIEFLY = {
    "GOMP_SPINCOUNT": "5000",  # 60 to 300 us, by how long the processor's pause is; a time slice is 3 ms
    "KMP_BLOCKTIME": "1",  # of Intel and LLVM, in whole milliseconds
}


def wait_briefly() -> None:
    """Have threads sleep soon, unless the user has said how they wait, or torch is there already and has its own way.

    OpenMP reads its environment once, when torch loads it; a process that this one starts inherits it.
    """
    if "torch" not in sys.modules and not {*BRIEFLY, "OMP_WAIT_POLICY"} & {*os.environ}:
        os.environ.update(BRIEFLY)
