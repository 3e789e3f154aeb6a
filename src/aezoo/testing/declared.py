"""What is checked of specs: they agree with what they declare, survive JSON, and need no tensor library."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import subprocess
import sys

from aezoo.factory import build
from aezoo.grammar import parse_component
from aezoo.plain import Option, Value, from_json, to_json
from aezoo.registry import Entry
from aezoo.specs import BETAS, LR, START, WARMUP, DatasetSpec, LossSpec, MetricSpec
from aezoo.testing.cases import Case

HEAVY = ("torch", "torchvision", "timm", "huggingface_hub")
"""What listing, and the help of a command, may not import: it takes a second or more."""


class DeclaredChecks:
    """Options, choices, words, imports."""

    def cases(self) -> list[Case]:
        """Everything that the class runs on."""
        raise NotImplementedError

    def test_spec_through_json(self, declared: Case) -> None:
        for spec in (declared.entry.spec, declared.spec()):
            again = from_json(type(spec), json.loads(json.dumps(to_json(spec))))
            fields = (item.name for item in dataclasses.fields(spec))
            lost = [name for name in fields if getattr(again, name) != getattr(spec, name)]
            assert not lost, f"JSON does not keep its {' and '.join(lost)}: say (1, 2), not [1, 2]"

    def test_declared_in_words(self, declared: Case) -> None:
        spec = declared.entry.spec
        assert spec.summary, f"{spec.name} has no summary"
        assert not isinstance(spec, LossSpec) or spec.unit, f"{spec.name} has no unit"
        if isinstance(spec, DatasetSpec):
            assert spec.licence, f"{spec.name} has no licence: say whose terms hold"
            assert spec.spdx or not spec.redistributable, f"{spec.name} may be shown to others: by which SPDX licence?"

    def test_options_are_those_of_the_implementation(self, declared: Case) -> None:
        entry = declared.entry
        if not entry.spec.implementation:  # a model that is made of parts
            assert not entry.spec.options, f"{entry.name} is made of parts, which have its options"
            return
        implementation = entry.load()
        signature = inspect.signature(implementation)
        # A function of a batch is given the batch and its options, all else what is built once.
        positional = [] if inspect.isclass(implementation) else _of_each_batch(entry)
        given = {} if positional else dict.fromkeys(name for name in entry.spec.told if name in signature.parameters)
        if entry.member:
            given["member"] = entry.member
        options = {option.name: option.default for option in reaching(entry)}
        signature.bind(*positional, **(given | options))  # raises where something is missing or not taken
        taken = {name: signature.parameters[name].default for name in options if name in signature.parameters}
        own = {name: default for name, default in taken.items() if default is not inspect.Parameter.empty}
        same = {name: options[name] for name in own}
        assert own == same, f"the defaults of {entry.name} are declared as {same} but implemented as {own}"

    def test_every_choice_builds(self, part: Case) -> None:
        component = parse_component(part.request)
        for option in part.entry.spec.options:
            for value in () if option.external else other_values(option):
                build(part.spec(**{part.kind: component.replace(**{option.name: value})}), device="meta")

    def test_declared_without_torch(self) -> None:
        entries = [case.entry for case in self.cases()]
        found = [(entry.spec.kind, entry.qualified_name) for entry in entries]
        program = (
            "import sys; from aezoo.plugins import registry\n"
            f"for kind, name in {found!r}: registry().find(kind, name)\n"
            f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
        )
        printed = run_python(program, *{entry.distribution for entry in entries})
        assert not printed, f"importing the modules that declare imports {printed}"


def run_python(program: str, *distributions: str) -> str:
    """What a program prints in a process of its own, in which no plugin is loaded but those of the distributions."""
    environment = {**os.environ, "AEZOO_PLUGINS": ",".join(sorted(distributions)), "AEZOO_PLUGIN_STRICT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def reaching(entry: Entry) -> list[Option]:
    """The options that reach the implementation: all but those of a term's schedule and its optimiser."""
    spec = entry.spec
    kept = {START.name, WARMUP.name} if isinstance(spec, LossSpec) else set()
    if isinstance(spec, LossSpec) and spec.adversary:
        kept |= {LR.name, BETAS.name}
    return [option for option in spec.options if option.name not in kept]


def other_values(option: Option) -> tuple[Value, ...]:
    """Every value of a choice, both of a switch."""
    return (True, False) if option.type == "bool" else option.choices if option.type == "str" else ()


def _of_each_batch(entry: Entry) -> list[str]:
    """What a function is called with for each batch, in order."""
    if isinstance(entry.spec, LossSpec):
        return ["output", "images", "context"]
    if isinstance(entry.spec, MetricSpec):
        return list(entry.spec.takes) or ["measured"]
    return []
