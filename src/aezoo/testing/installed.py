"""Whether an installed plugin works, as its users meet it: found by its entry point, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import unittest
from collections.abc import Iterable, Sequence

from aezoo.errors import AezooError, CompositionError, DataError, PluginError, WeightsError, one_line
from aezoo.factory import build
from aezoo.plain import PARTS
from aezoo.plugins import forget, host, registry
from aezoo.registry import Entry, canonical
from aezoo.requests import members
from aezoo.specs import ModelSpec
from aezoo.testing.cases import HOST, Case
from aezoo.testing.conformance import Conformance
from aezoo.testing.declared import HEAVY, run_python

_DECLARED = ("test_spec_through_json", "test_declared_in_words", "test_options_are_those_of_the_implementation")
_BUILT = {
    **dict.fromkeys(("model", *PARTS), "test_forward"),
    "loss": "test_term_is_a_number_for_each_image",
    "metric": "test_metric_runs_on_what_it_needs",
    "dataset": "test_splits_open",
    "study": "test_study",
    "weights": "test_weights_are_those_of_their_record",
    "command": "test_command",
}
"""The check of the suite that builds a thing of each kind and uses it once."""
_HOSTED = (*PARTS, "loss", "metric")


def check_plugin(distribution: str) -> None:
    """Check the plugin of an installed distribution in a fresh process.

    It loads; what it registers is listed without torch; everything that it registers is declared as it is implemented,
    is built with its defaults, and is used once. What needs files that are not there (a dataset, a network from
    elsewhere, weights on the Hub) is not used, nor is a metric of images of which the suite has none, which it says by
    a `DataError`. `Conformance` checks far more, of what it is told.

    Args:
        distribution: as it is installed, ``"aezoo-residual"``.

    Raises:
        AssertionError: it is not installed, or something is wrong: a line for each thing.
    """
    name = canonical(distribution)
    program = (
        "import contextlib, json, sys\n"
        "with contextlib.redirect_stdout(sys.stderr):\n"  # what a plugin prints is no part of the answer
        "    from aezoo.errors import AezooError\n"
        "    from aezoo.plugins import registry\n"
        "    found = []\n"
        "    try:\n"
        "        registry().entries()\n"
        "    except AezooError as error:\n"
        "        found = [str(error)]\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    if heavy:\n"
        "        found += [f'listing what it registers imports {\", \".join(heavy)}']\n"
        "    from aezoo.testing.installed import faults\n"
        f"    found = found or faults({name!r})\n"
        "print(json.dumps(found))"
    )
    found = json.loads(run_python(program, name))
    assert not found, "\n".join([f"the plugin {name} is not right:", *found])


def faults(distribution: str) -> list[str]:
    """What is wrong with what a distribution registers, one line each; plugins that it builds on are loaded too."""
    for name in ("AEZOO_PLUGINS", "AEZOO_PLUGIN_STRICT"):
        os.environ.pop(name, None)
    forget()
    record = next((record for record in host().records if record.distribution == distribution), None)
    if record is None:
        return ["it is not installed here: pip install it, or no entry point of it is in the group 'aezoo'"]
    if record.status != "ok":
        return [record.error or "it is left out by AEZOO_DISABLE_PLUGINS"]
    entries = registry().entries(distribution=distribution)
    hosts = _hosts(entries)
    lines = (_fault(entry, hosts if entry.spec.kind in _HOSTED else [HOST]) for entry in entries)
    return [*filter(None, lines)] if entries else ["it registers nothing"]


def _hosts(entries: Iterable[Entry]) -> list[ModelSpec]:
    """Models in which things are tried, in turn: a thing may need what its own package, or a bottleneck, provides."""
    hosts = [HOST]
    own = [*entries]
    for entry in (*own, *(each for each in registry().entries("bottleneck") if each not in own)):
        if entry.spec.kind in ("model", *PARTS) and not entry.spec.members:
            with contextlib.suppress(Exception, SystemExit):  # told where the model or part is itself tried
                spec = Case(entry.spec.kind, entry.qualified_name).spec()
                build(spec, device="meta")
                hosts.append(spec)
    return hosts


def _fault(entry: Entry, hosts: Sequence[ModelSpec]) -> str:
    """What is wrong with one thing; empty where nothing is."""
    told = ""
    for model in hosts:
        try:
            _try(entry, model)
        except CompositionError as error:
            told = told or _line(entry, error)
        except (Exception, SystemExit) as error:  # a stranger's may raise anything
            return _line(entry, error)
        else:
            return ""
    return told


def _try(entry: Entry, model: ModelSpec) -> None:
    entry.check()
    name = entry.qualified_name
    if entry.spec.members:
        first = next(iter(members(entry)), "")
        if not first:  # a list without end may be empty where nothing of it is here
            return
        name = name.replace("*", first)
    case, suite = Case(entry.spec.kind, name, model), Conformance()
    # A network that a part or term takes from elsewhere may not be here, nor the images that a metric is of: that is no
    # fault of the package.
    elsewhere = {"weights": (), "metric": (WeightsError, DataError)}.get(case.kind, (WeightsError,))
    missing = (unittest.SkipTest, *elsewhere)
    for check in (_BUILT[case.kind], *_DECLARED):
        with contextlib.suppress(*missing):
            getattr(suite, check)(case)


def _line(entry: Entry, error: BaseException) -> str:
    """An error in one line that says of what it is."""
    words, whose = one_line(error), f"{entry.spec.kind} {entry.name}"
    if isinstance(error, PluginError) and words.startswith(whose):
        return words
    kind = "" if isinstance(error, AezooError | AssertionError) else f"{type(error).__name__}: "
    return f"{whose}: {kind}{words}"
