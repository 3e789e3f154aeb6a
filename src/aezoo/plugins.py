"""The plugin host: one hook that yields specs, one record for each distribution, all of a plugin or nothing of it.

A plugin is a distribution with an entry point in the group ``aezoo`` whose value is a light module (it imports no
torch) that holds::

    @aezoo.hookimpl
    def aezoo_specs():
        yield aezoo.EncoderSpec(name="residual", summary="...", implementation="my_package.encoder:Residual")

pluggy marks the hook and matches its arguments. Its bulk loader is not used: there one plugin that fails to import
stops all that follow, and two distributions with one entry-point name lose the second in silence.
"""

from __future__ import annotations

import importlib
import os
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any, Literal

import pluggy

from aezoo.errors import AezooWarning, PluginError
from aezoo.registry import BUILTIN, Entry, Registry
from aezoo.specs import SPECS, Spec

GROUP = "aezoo"
_BUILTINS = "aezoo.catalog"
_KNOWN = "aezoo.catalog.known_plugins"

hookspec = pluggy.HookspecMarker("aezoo")
hookimpl = pluggy.HookimplMarker("aezoo")


class Hooks:
    """What a plugin may implement."""

    @hookspec
    def aezoo_specs(self) -> Iterable[Spec]:  # pyright: ignore[reportReturnType]
        """Yield the specs of everything that the plugin registers. Takes no argument; called once a process."""


@dataclass(slots=True)
class Record:
    """What became of one distribution's plugin."""

    distribution: str
    version: str
    status: Literal["ok", "failed", "disabled"] = "ok"
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    registered: dict[str, list[str]] = field(default_factory=dict)
    load_ms: float = 0.0


class Host:
    """The registry, filled with the built-ins at once and with the installed plugins when first needed."""

    def __init__(self) -> None:
        self.registry = Registry(self._load_plugins, hint=_missing_package)
        self._records: dict[str, Record] = {}
        module = importlib.import_module(_BUILTINS)
        record = Record(BUILTIN, metadata.version(BUILTIN))
        self._admit(record, _collect([module]))
        self._records[BUILTIN] = record

    @property
    def records(self) -> list[Record]:
        """One record for each distribution, the built-ins first."""
        self.registry.entries()  # loads the plugins where that has not happened yet
        return list(self._records.values())

    def _load_plugins(self) -> None:
        only = _names(os.environ["AEZOO_PLUGINS"]) if "AEZOO_PLUGINS" in os.environ else None
        disabled = _names(os.environ.get("AEZOO_DISABLE_PLUGINS", ""))
        for (name, version), entry_points in sorted(_installed().items()):
            record = self._records[name] = Record(name, version)
            if _canonical(name) in disabled or (only is not None and _canonical(name) not in only):
                record.status = "disabled"
                continue
            start = time.perf_counter()
            # A plugin may do anything at all while it is imported, `sys.exit` included: every end but Ctrl-C is its
            # own failure, not ours.
            try:
                self._admit(record, _collect([entry_point.load() for entry_point in entry_points]))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                record.status, record.error = "failed", _cause(error)
                message = f"plugin {name} {version} is not loaded: {record.error}"
                if os.environ.get("AEZOO_PLUGIN_STRICT", "") not in ("", "0"):
                    raise PluginError(message) from error
                warnings.warn(message, AezooWarning, stacklevel=2)
            record.load_ms = round(1000 * (time.perf_counter() - start), 2)

    def _admit(self, record: Record, specs: list[Spec]) -> None:
        for spec in specs:
            self.registry.add(Entry(spec, record.distribution, record.version))
            record.registered.setdefault(spec.kind, []).append(spec.name)
        for other in self._records.values():
            for kind, names in record.registered.items():
                for name in sorted(set(names) & set(other.registered.get(kind, []))):
                    self._warn_of_clash(kind, name, record, other)

    def _warn_of_clash(self, kind: str, name: str, record: Record, other: Record) -> None:
        for mine, theirs in ((record, other), (other, record)):
            if mine.distribution != BUILTIN:
                mine.warnings.append(
                    f"{kind} {name!r} is also registered by {theirs.distribution}: "
                    f"say {mine.distribution}/{name} for this one"
                )


@cache
def host() -> Host:
    """The process's one host. ``host.cache_clear()`` makes the next call look at what is installed afresh."""
    return Host()


def registry() -> Registry:
    """The process's one registry."""
    return host().registry


def list_names(kind: str, pattern: str = "*") -> list[str]:
    """The names of a kind that fit a shell pattern; the qualified name where another package's entry has the short one.

    Args:
        kind: ``"model"``, ``"encoder"``, ``"bottleneck"``, ``"decoder"``, ``"loss"``, ``"dataset"``, ``"metric"``,
            ``"weights"`` or ``"command"``.
        pattern: as in a shell: ``"cis680-*"``.
    """
    entries = registry().entries(kind, pattern)
    short = [entry.name for entry in registry().entries(kind)]
    return [
        entry.name if entry.distribution == BUILTIN or short.count(entry.name) == 1 else entry.qualified_name
        for entry in entries
    ]


def list_models(pattern: str = "*") -> list[str]:
    """The names of the models that fit a shell pattern: ``aezoo.list_models("cis680-*")``."""
    return list_names("model", pattern)


def _installed() -> dict[tuple[str, str], list[metadata.EntryPoint]]:
    """Entry points of our group by distribution (of two copies on the path, the one that Python imports)."""
    found: dict[tuple[str, str], list[metadata.EntryPoint]] = {}
    for point in metadata.entry_points(group=GROUP):
        if point.dist:
            found.setdefault((point.dist.name, point.dist.version), []).append(point)
    return found


def _collect(modules: list[Any]) -> list[Spec]:
    """Every spec that the modules of one plugin yield, checked: all of them, or an error.

    Raises:
        PluginError: no hook, a misspelt one, something that is no spec, one name twice in a kind.
        pluggy.PluginValidationError: an unknown hook or argument.
    """
    manager = pluggy.PluginManager("aezoo")
    manager.add_hookspecs(Hooks)
    for module in modules:
        manager.register(module)
    for hook, caller in vars(manager.hook).items():
        if isinstance(caller, pluggy.HookCaller) and not caller.has_spec():
            raise PluginError(f"it implements the hook {hook!r}, which aezoo does not have (it has: aezoo_specs)")
    if not manager.hook.aezoo_specs.get_hookimpls():
        raise PluginError("it implements no hook: @aezoo.hookimpl on a function aezoo_specs is missing")
    specs: list[Spec] = []
    for result in reversed(manager.hook.aezoo_specs()):  # pluggy calls the last registered first
        for spec in result:
            if not isinstance(spec, Spec) or type(spec) not in SPECS.values():
                raise PluginError(f"it yields {spec!r:.80}, which is no spec")
            if any((spec.kind, spec.name) == (other.kind, other.name) for other in specs):
                raise PluginError(f"it yields the {spec.kind} {spec.name!r} twice")
            specs.append(spec)
    return specs


def _cause(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r}) while it is loaded"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}" if text else type(error).__name__


def _missing_package(kind: str, name: str) -> str:
    """What to install for a name that one of our own plugins registers; strangers are never suggested."""
    known = importlib.import_module(_KNOWN).KNOWN_PLUGINS
    for distribution, names in known.items():
        if name in names.get(kind, ()):
            return f"\n{kind} {name!r} is in a package that is not installed or not loaded: pip install {distribution}"
    return ""


def _canonical(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _names(text: str) -> set[str]:
    return {_canonical(name) for name in text.split(",") if name.strip()}
