"""What is checked of weights that a package brings: they are what their record says, and answer what they answered."""

from __future__ import annotations

import unittest

import torch

from aezoo.embedded import folder_of
from aezoo.factory import load
from aezoo.specs import WeightsSpec
from aezoo.testing.cases import Case
from aezoo.weights.folder import METRICS, STATE, read_golden, read_metrics
from aezoo.weights.golden import golden_again


class WeightsChecks:
    """Bytes, numbers, answers."""

    def test_weights_are_those_of_their_record(self, weights: Case) -> None:
        spec = weights.entry.spec
        assert isinstance(spec, WeightsSpec)
        if not spec.path:
            raise unittest.SkipTest(f"{spec.name} lies on the Hub alone")  # which pytest takes for a skip
        folder = folder_of(spec)
        model = load(folder, spec)  # strict: its model is registered, made of these parts, and the hash is right
        size = (folder / STATE).stat().st_size
        assert size == spec.size, f"{folder / STATE} has {size} bytes; its record says {spec.size}"
        count = sum(parameter.numel() for parameter in model.parameters())
        assert count == spec.parameters, f"{spec.model} has {count} parameters; its record says {spec.parameters}"
        measured = {name: value for name, value in read_metrics(folder).get("test", {}).items() if value is not None}
        assert dict(spec.metrics) == measured, f"its record says {dict(spec.metrics)}, {METRICS} {measured}"
        _, stored = read_golden(folder)
        torch.testing.assert_close(golden_again(model, stored), stored, rtol=1e-4, atol=1e-4)
