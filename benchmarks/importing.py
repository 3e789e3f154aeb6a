"""How long does it take to import a library, to list its models and to have what builds one?

Milliseconds of a fresh interpreter from its first line to its last, and the most memory that it had resident, with
the files in the page cache. Names of models are listed as each library gives them: by a function, or the names in a
module. What builds a model is the class of a VAE or the function that makes one, with all that it imports; aezoo,
which imports parts when they are asked for, builds a small one. torch alone is the bound of that.

    python benchmarks/importing.py
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import alternating
from alternating import Case, Contender

MEASURES = ("ms", "MB")
DECLARED = """import torch
fragment = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    fragment.define(f"{name}() -> ()")
"""
"""Where torchvision's compiled operators do not load, what it describes has to be there. It takes torch's import."""
TIMED = """import time
began = time.perf_counter()
%s
taken = time.perf_counter() - began
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("\\n", 1000 * taken, peak * 1024 / 1e6)
"""
LOADING = "from autoencoders.models import loading; loading."
STATEMENTS = {
    "import": {
        "aezoo": "import aezoo",
        "timm": "import timm",
        "pythae": "import pythae",
        "diffusers": "import diffusers",
        "medlat": "import medlat",
        "autoencoders": "import autoencoders",
    },
    "import, and list the models": {
        "aezoo": "import aezoo; aezoo.list_models()",
        "timm": "import timm; timm.list_models()",
        "pythae": "import pythae.models; pythae.models.__all__",
        "diffusers": "import diffusers; [name for name in dir(diffusers) if 'Autoencoder' in name]",
        "medlat": "import medlat; list(medlat.available_models())",
        "autoencoders": f"{LOADING}get_model_modules()",
    },
    "import what builds a model": {
        "aezoo": "import aezoo; aezoo.create('cis680-vae16')",
        "torch alone": "import torch",
        "timm": "from timm import create_model",
        "pythae": "from pythae.models import VAE",
        "diffusers": "from diffusers import AutoencoderKL",
        "medlat": "from medlat import get_model",
        "autoencoders": f"{LOADING}get_model_class('vae')",
    },
}
NEEDS = {"torch alone": (), "medlat": ("medlat", "triton")}  # which medlat 0.1.5 imports and does not name
WHYS = {
    "import": {"pythae": "which is an empty package: its models are in pythae.models"},
    "import what builds a model": dict.fromkeys(
        ("torch alone", "pythae", "autoencoders"),
        "which looks for no plugins and builds no model",
    ),
}


def measured(statement: str, number: int) -> dict[str, float]:
    """Of an interpreter of its own; before the first round of one that is not counted."""
    if number == 0:
        interpreted(statement)
    done = interpreted(statement)
    if "operator torchvision::" in done.stderr:
        done = interpreted(DECLARED + statement)
    done.check_returncode()
    return dict(zip(MEASURES, map(float, done.stdout.split()[-2:]), strict=True))


def interpreted(statement: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", TIMED % statement], capture_output=True, text=True, check=False)


def main() -> None:
    asked = alternating.parser(__doc__, rounds=5).parse_args()
    cases = [
        Case(
            title=title,
            measures=MEASURES,
            less=True,
            contenders={
                name: Contender(
                    run=partial(measured, statement),
                    about=f"`{statement.removeprefix('from autoencoders.models import ')}`",
                    needs=NEEDS.get(name, (name,)),
                    why=WHYS.get(title, {}).get(name, ""),
                )
                for name, statement in statements.items()
            },
        )
        for title, statements in STATEMENTS.items()
    ]
    alternating.answer(__doc__, cases, asked)


if __name__ == "__main__":
    main()
