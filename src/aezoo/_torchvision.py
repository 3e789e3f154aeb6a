"""torchvision, made to import where its compiled operators do not load (a CUDA build beside a CPU-only torch).

The wheels of the package index are such a pair. torchvision then stops with ``operator torchvision::nms does not
exist``, because it describes operators that nothing has declared. aezoo uses its models, datasets and weights, which
need none of them: they are declared here, without a kernel, and calling one still says that it is not there.

``from aezoo._torchvision import torchvision`` is how aezoo imports it, and `import_timm` what imports it in turn.
"""

from __future__ import annotations

import importlib
import re
from types import ModuleType

import torch

_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_declared: list[torch.library.Library] = []  # a declaration lives as long as its Library


def _import() -> ModuleType:
    for _ in range(16):  # torchvision 0.28 takes two: nms, qnms
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None:
                raise
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{missing[1]}() -> ()")
            _declared.append(library)
    return importlib.import_module("torchvision")


torchvision = _import()


def import_timm(name: str = "timm") -> ModuleType:
    """timm, or a module of it."""
    return importlib.import_module(name)
