"""``aezoo list``: what is registered, read from the specs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import click
from click.shell_completion import CompletionItem

from aezoo.cli import console, options
from aezoo.cli.console import Column
from aezoo.cli.names import KINDS, find_all
from aezoo.embedded import list_models, weights_of
from aezoo.errors import PluginError, UnknownNameError, nearest, warn
from aezoo.plain import to_json
from aezoo.plugins import host, registry, shortest
from aezoo.registry import BUILTIN, Entry, canonical
from aezoo.requests import members
from aezoo.specs import PLURALS, ModelSpec, WeightsSpec
from aezoo.weights.card import BETTER, heading

_ALL = "all"


def _complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    words = [*KINDS, _ALL, *list_models()]
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _complete_pattern(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    kinds, _ = _read(ctx.params.get("kind"), "*")
    return options.Name(*kinds).shell_complete(ctx, param, incomplete)


_HELP = f"""List what is registered.

KIND is models (the default), {", ".join(kind for kind in KINDS if kind != "models")} or {_ALL} (of these, but
commands). PATTERN is a shell pattern in quotes; one that begins with a family's name lists its members.

\b
aezoo list 'cis680-*'
aezoo list encoders 'timm:resnet*'
aezoo list all --plugin aezoo-residual
"""


@click.command("list", help=_HELP)
@click.argument("kind", required=False, shell_complete=_complete_kind)
@click.argument("pattern", required=False, shell_complete=_complete_pattern)
@click.option("--pretrained", is_flag=True, help="The weights that are installed, as 'aezoo list weights'.")
@click.option("--plugin", type=options.Distribution(), metavar="NAME", help="Only what this package registers.")
@options.as_json
def command(kind: str | None, pattern: str | None, pretrained: bool, plugin: str | None, as_json: bool) -> None:
    kinds, pattern = _read(kind, pattern)
    if pretrained:
        if kinds not in (["model"], ["weights"]):
            raise click.UsageError("--pretrained is for models", click.get_current_context())
        kinds = ["weights"]
    distribution = _distribution(plugin) if plugin else ""
    entries = [entry for kind in kinds for entry in _entries(kind, pattern, distribution)]
    if not entries and not set(pattern) & set("*?["):
        if pretrained:
            find_all(pattern.partition(".")[0], ["model"])  # one without weights is no mistake
        else:
            _refuse(pattern, kinds, distribution)
    if as_json:
        console.print_json([_json(entry) for entry in entries])
    elif not entries:
        console.note("no weights are installed for them" if pretrained else "nothing that is registered fits")
    elif kinds == ["weights"]:
        _show_weights(entries)
    else:
        _show(entries, several=len(kinds) > 1)


def _read(kind: str | None, pattern: str | None) -> tuple[list[str], str]:
    """The kinds and the pattern that two arguments mean: one alone may be either."""
    if kind is None:
        return ["model"], "*"
    if kind == _ALL:
        return [each for each in KINDS.values() if each != "command"], pattern or "*"
    if kind in KINDS or kind in PLURALS:
        return [KINDS.get(kind, kind)], pattern or "*"
    if pattern is None:
        return ["model"], kind
    raise UnknownNameError(f"no kind {kind!r}: did you mean {nearest(kind, [*KINDS, _ALL])}?")


def _distribution(name: str) -> str:
    """The distribution of this name in its one spelling, which has to be installed."""
    known = [record.distribution for record in host().records]
    if canonical(name) not in known:
        raise UnknownNameError(f"no plugin {name!r} is installed: did you mean {nearest(name, known)}?")
    return canonical(name)


def _entries(kind: str, pattern: str, distribution: str) -> list[Entry]:
    """The entries that fit; where the pattern begins with a family's name, those of its members that do.

    Weights fit by their model's name too.
    """
    family, colon, _ = pattern.partition(":")
    if not colon:
        entries = registry().entries(kind, pattern, distribution)
        return entries or (registry().entries(kind, f"{pattern}.*", distribution) if kind == "weights" else [])
    families = [entry for entry in registry().entries(kind, f"{family}:[*]", distribution) if entry.spec.members]
    return [
        member
        for entry in families
        for member in _listed(entry)
        if fnmatchcase(member.name, pattern) or fnmatchcase(member.qualified_name, pattern)
    ]


def _listed(entry: Entry) -> list[Entry]:
    """The members of a family; one that fails to say them hides no other."""
    try:
        return [dataclasses.replace(entry, member=name) for name in members(entry)]
    except PluginError as error:
        warn(str(error))
        return []


def _refuse(name: str, kinds: list[str], distribution: str) -> None:
    """Say where a name is that was not found among ``kinds``, or what comes near it."""
    if distribution:
        raise UnknownNameError(f"{distribution} registers no {kinds[0] if len(kinds) == 1 else 'part'} {name!r}")
    if elsewhere := registry().entries(pattern=name):
        kinds_of_it = " and ".join(f"a {entry.spec.kind}" for entry in elsewhere)
        raise UnknownNameError(f"{name!r} is no {kinds[0]} but {kinds_of_it}: say 'aezoo list all {name}'")
    if kinds == ["model"]:  # one word may have been meant as a kind
        words = [*KINDS, *list_models()]
        if set(difflib.get_close_matches(name, words, n=1)) & set(KINDS):
            raise UnknownNameError(f"no kind and no model {name!r}: did you mean {nearest(name, words)}?")
    find_all(name, kinds)


def _json(entry: Entry) -> dict[str, Any]:
    spec = entry.spec
    data = {
        "name": entry.name,
        "qualified_name": entry.qualified_name,
        "kind": spec.kind,
        "summary": spec.summary,
        "distribution": entry.distribution,
        "version": entry.version,
    }
    if isinstance(spec, ModelSpec):
        tags = {
            "tags": [tag.name for tag in spec.tags],
            "default_tag": spec.default_tag,
            "pretrained": [tag.name for tag in spec.tags if weights_of(entry, tag.name)],
        }
        own = {key: to_json(getattr(spec, key)) for key in ("image", "loss", "citation", "options")}
        return {**data, **tags, **own}
    own = {key: value for key, value in to_json(spec).items() if key not in ("implementation", "members", *data)}
    if isinstance(spec, WeightsSpec):
        own |= {"metrics": dict(spec.metrics), "baseline": dict(spec.baseline)}
    return {**data, **own}


_DETAILS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "model": ("Tags", lambda spec: ", ".join(tag.name for tag in spec.tags)),
    "loss": ("Unit", lambda spec: spec.unit),
    "dataset": ("Splits", lambda spec: ", ".join(spec.splits)),
    "metric": ("Unit", lambda spec: f"{spec.unit} {BETTER[spec.better]}".strip()),
    "study": ("Cost", lambda spec: spec.cost),
}
_OPTIONS = ("Options", lambda spec: ", ".join(option.name for option in spec.options))


def _show(entries: list[Entry], *, several: bool) -> None:
    """One table: with the kinds where there are several, with the packages where not everything is built in."""
    title, detail = ("", lambda spec: "") if several else _DETAILS.get(entries[0].spec.kind, _OPTIONS)
    foreign = any(entry.distribution != BUILTIN for entry in entries)
    columns = (
        Column("Kind", style="dim"),
        Column("Name", style="cyan"),
        Column(title),
        Column("Summary", wraps=True),
        Column("Package", style="dim"),
    )
    rows = [
        (
            entry.spec.kind if several else "",
            shortest(entry),
            detail(entry.spec),
            entry.spec.summary,
            entry.distribution if foreign else "",
        )
        for entry in entries
    ]
    console.table(columns, rows)


_HEADLINES = ("mse", "bce", "kl")


def _show_weights(entries: list[Entry]) -> None:
    """One table: what is measured on the test images, in brackets what their mean image scores."""
    columns = (
        Column("Name", style="cyan"),
        *(Column(f"Test {heading(name)}", right=True) for name in _HEADLINES),
        Column("Images", right=True),
        Column("Data", wraps=True),
        Column("Size", right=True),
        Column("Terms", wraps=True),
        Column("Package", style="dim"),
    )
    rows = []
    for entry in entries:
        spec = entry.spec
        assert isinstance(spec, WeightsSpec)
        metrics, baseline = dict(spec.metrics), dict(spec.baseline)
        rows.append(
            (
                spec.name,
                *(_measured(metrics.get(name), baseline.get(name)) for name in _HEADLINES),
                str(spec.images),
                spec.dataset,
                console.size(spec.size),
                spec.licence,
                entry.distribution,
            )
        )
    console.table(columns, rows)


def _measured(value: float | None, baseline: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if baseline is None else f"{value:.4g} ({baseline:.4g})"
