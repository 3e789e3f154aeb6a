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

import contextlib
import importlib
import importlib.util
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NoReturn

import pluggy

from aezoo.errors import AezooError, OptionError, PluginError, UnknownNameError, one_line, shown, typed_line, warn
from aezoo.known_plugins import KNOWN_PLUGINS
from aezoo.plain import from_json, to_json
from aezoo.registry import BUILTIN, Entry, Registry, canonical
from aezoo.specs import SPECS, Spec

GROUP = "aezoo"
_BUILTINS = "aezoo.catalog"
IMPORT = "AEZOO_IMPORT"
"""The variable that names modules and files to import with the plugins, which register parts of one's own."""
_PATIENCE = 2.0  # seconds of a plugin's import in which nothing is said

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
        self.registry = Registry(self._load_plugins, hint=missing_package)
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
        installed = sorted(_installed().items())
        for (name, version), entry_points in installed:
            if name in self._records:  # loaded before an earlier attempt was interrupted
                continue
            record = self._records[name] = Record(name, version)
            if name in disabled or (only is not None and name not in only):
                record.status = "disabled"
                continue
            own = {point.name for point in entry_points}
            for (other, _), points in installed:
                if other != name and (shared := own & {point.name for point in points}):
                    record.warnings.append(f"entry point {min(shared)!r} is also that of {other}: harmless to aezoo")
            start = time.perf_counter()
            waited = threading.Timer(_PATIENCE, _say_that_we_wait, (f"{name} {version}",))
            waited.daemon = True
            waited.start()
            # A plugin may do anything at all while it is imported, `sys.exit` included: every end but Ctrl-C is its
            # own failure, not ours.
            try:
                # What it prints is no part of our answer.
                with (
                    contextlib.redirect_stdout(sys.stderr),
                    warnings.catch_warnings(),
                    _naming_who_exits(f"{name} {version}"),
                ):
                    specs = _collect([entry_point.load() for entry_point in entry_points])
                _check_plain(specs)
                self._admit(record, specs)
            except KeyboardInterrupt:
                del self._records[name]
                sys.stderr.write(f"stopped while the plugin {name} {version} was loaded\n")
                raise
            except BaseException as error:
                record.status, record.error = "failed", _cause(error)
                message = f"plugin {name} {version} is not loaded: {record.error}"
                if os.environ.get("AEZOO_PLUGIN_STRICT", "") not in ("", "0"):
                    raise PluginError(message) from error
                warn(message)
            finally:
                waited.cancel()
            record.load_ms = round(1000 * (time.perf_counter() - start), 2)
        for name in filter(None, os.environ.get(IMPORT, "").split(os.pathsep)):
            _import(name)

    def _admit(self, record: Record, specs: list[Spec]) -> None:
        for spec in specs:
            self.registry.add(Entry(spec, record.distribution, record.version))
            record.registered.setdefault(spec.kind, []).append(spec.name)
        for other in [other for other in self._records.values() if other is not record]:
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


_THE: list[Host] = []
_MAKING = threading.RLock()


def host() -> Host:
    """The process's one host."""
    with _MAKING:
        if not _THE:
            _THE.append(Host())
        return _THE[0]


def forget() -> None:
    """Make the next call of `host` look at what is installed afresh."""
    _THE.clear()


def registry() -> Registry:
    """The process's one registry."""
    return host().registry


def list_names(kind: str, pattern: str = "*") -> list[str]:
    """The names of a kind that fit a shell pattern; the qualified name where another package's entry has the short one.

    Args:
        kind: ``"model"``, ``"encoder"``, ``"bottleneck"``, ``"prior"``, ``"decoder"``, ``"likelihood"``, ``"loss"``,
            ``"dataset"``, ``"metric"``, ``"study"``, ``"weights"`` or ``"command"``.
        pattern: as in a shell: ``"cis680-*"``.

    Raises:
        UnknownNameError: there is no such kind.
        OptionError: the pattern is no text.
    """
    if not isinstance(pattern, str):
        raise OptionError(f"{shown(pattern)} is no shell pattern: give text, such as 'cis680-*'")
    if not isinstance(kind, str) or kind not in SPECS:
        raise UnknownNameError(f"no kind {shown(kind)}: it is one of {', '.join(SPECS)}")
    return [shortest(entry) for entry in registry().entries(kind, pattern)]


def shortest(entry: Entry) -> str:
    """The shortest name that means this entry."""
    if entry.distribution == BUILTIN or entry.member or len(registry().named(entry.spec.kind, entry.name)) == 1:
        return entry.name
    return entry.qualified_name


def _import(name: str) -> None:
    """Import a module, or a file as a script of its folder would be.

    Raises:
        PluginError: it cannot be.
    """
    path = Path(name)
    try:
        if path.suffix != ".py":
            importlib.import_module(name)
            return
        sys.path.insert(0, str(path.resolve().parent))  # what lies beside it is imported as from a script
        found = importlib.util.spec_from_file_location(path.stem, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules.setdefault(found.name, module)  # where dataclasses look for the names in its annotations
        try:
            found.loader.exec_module(module)
        except BaseException:
            if sys.modules[found.name] is module:
                del sys.modules[found.name]
            raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{name} cannot be imported: {_cause(error)}") from error


def _installed() -> dict[tuple[str, str], list[metadata.EntryPoint]]:
    """Entry points of our group by distribution (of two copies on the path, the one that Python imports)."""
    found: dict[tuple[str, str], list[metadata.EntryPoint]] = {}
    try:
        points = list(metadata.entry_points(group=GROUP))
    except Exception:  # one distribution whose list cannot be read loses them all: go one by one
        points = []
        for distribution in metadata.distributions():
            with contextlib.suppress(Exception):
                points += distribution.entry_points.select(group=GROUP)
    for point in points:
        if point.dist:
            # A broken installation may lack either.
            key = canonical(point.dist.name or "unnamed"), point.dist.version or "unknown"
            found.setdefault(key, []).append(point)
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
        if not manager.is_registered(module):  # two entry points may name one module
            manager.register(module)
    for hook, caller in vars(manager.hook).items():
        if isinstance(caller, pluggy.HookCaller) and not caller.has_spec():
            raise PluginError(f"it implements the hook {hook!r}, which aezoo does not have (it has: aezoo_specs)")
    if not manager.hook.aezoo_specs.get_hookimpls():
        raise PluginError("it implements no hook: @aezoo.hookimpl on a function aezoo_specs is missing")
    specs: dict[tuple[str, str], Spec] = {}
    for result in reversed(manager.hook.aezoo_specs()):  # pluggy calls the last registered first
        for spec in result:
            if not isinstance(spec, Spec) or type(spec) not in SPECS.values():
                raise PluginError(f"it yields {shown(spec)}, which is no spec")
            if (spec.kind, spec.name) in specs:
                raise PluginError(f"it yields the {spec.kind} {spec.name!r} twice")
            specs[spec.kind, spec.name] = spec
    return list(specs.values())


def _check_plain(specs: list[Spec]) -> None:
    """A value of the wrong type is said of the plugin here, before a listing or a config stumbles over it.

    Raises:
        PluginError: a spec does not survive JSON.
    """
    for spec in specs:
        try:
            data = to_json(spec)
            json.dumps(data, ensure_ascii=False).encode()
            same = from_json(type(spec), data) == spec
        except UnicodeEncodeError:
            raise PluginError(f"its {spec.kind} {spec.name!r} holds a text that cannot be written down") from None
        except AezooError as error:
            raise PluginError(f"its {spec.kind} {spec.name!r} holds a wrong value: {error}") from None
        if not same:
            raise PluginError(f"its {spec.kind} {spec.name!r} holds what JSON does not keep: say (1, 2), not [1, 2]")


def _cause(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r}) while it is loaded"
    try:
        return one_line(error) if isinstance(error, PluginError) else typed_line(error)
    except Exception:  # an exception of a stranger's may not even be able to say what it is
        return type(error).__name__


def known_package(kind: str, name: str) -> str:
    """Which of our own plugin packages registers a name or its family, installed or not; empty if none does."""
    wanted = {name, name.partition(":")[0] + ":*"}
    return next((distribution for distribution, names in KNOWN_PLUGINS.items() if wanted & {*names.get(kind, ())}), "")


def missing_package(kind: str, name: str) -> str:
    """A line on what to install for a name that one of our own plugins registers; strangers are never suggested."""
    package = known_package(kind, name)
    how = f"pip install {package} (from a clone: pip install ./plugins/{package})"
    missing = f"\n{kind} {name!r}: in {package}, which is not installed or not loaded: {how}"
    return missing if package else ""


@contextlib.contextmanager
def _naming_who_exits(plugin: str) -> Iterator[None]:
    """Have ``os._exit``, after which nothing can be said, say who called it."""
    leave = os._exit

    def named(status: int) -> NoReturn:
        os.write(2, f"the plugin {plugin} ends the process: os._exit({status!r}) while it is loaded\n".encode())
        leave(status)

    os._exit = named
    try:
        yield
    finally:
        os._exit = leave


def _say_that_we_wait(plugin: str) -> None:
    sys.stderr.write(f"waiting for the plugin {plugin} to load; AEZOO_DISABLE_PLUGINS leaves it out\n")


def _names(text: str) -> set[str]:
    return {canonical(name) for name in text.split(",") if name.strip()}
