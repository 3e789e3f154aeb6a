"""``aezoo plugins``: what became of every installed plugin, and whether what it registers is there."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from typing import Any

import click

from aezoo.cli import console, options
from aezoo.cli.console import Column
from aezoo.cli.names import PLURALS
from aezoo.errors import AezooWarning, PluginError
from aezoo.plugins import Record, host, registry

_PATIENCE = 2.0  # seconds after which work that has said nothing says what it does


@click.command("plugins")
@click.option("--check", is_flag=True, help="Import all that they register; exit with 1 if anything failed.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Show the installed plugins: what each registers, and why one failed.

    The built-in parts are listed as the package aezoo. AEZOO_PLUGINS=a,b loads only these,
    AEZOO_DISABLE_PLUGINS=a,b all but these.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AezooWarning)  # what they would say is said here
        records = host().records
    broken = _broken() if check else {}
    if as_json:
        console.print_json([_json(record, broken if check else None) for record in records])
    else:
        _show(records, broken)
    failed = [record for record in records if record.status == "failed" or record.distribution in broken]
    if failed and check:
        names = ", ".join(record.distribution for record in failed)
        console.fail(
            f"{len(failed)} of {len(records)} plugins failed: {names}\n"
            f"Upgrade or uninstall them with pip, or leave them out: AEZOO_DISABLE_PLUGINS={names.replace(' ', '')}"
        )
        ctx.exit(1)


def _broken() -> dict[str, list[str]]:
    """By distribution, what of all that is registered does not exist or does not load."""
    entries = registry().entries()
    hint = threading.Timer(_PATIENCE, console.note, [f"importing what {len(entries)} names stand for"])
    hint.start()
    found: dict[str, list[str]] = {}
    try:
        # What is printed while it is imported is no part of our answer.
        with contextlib.redirect_stdout(sys.stderr):
            for entry in entries:
                try:
                    entry.check()
                except PluginError as error:
                    found.setdefault(entry.distribution, []).append(str(error))
    finally:
        hint.cancel()
    return found


def _json(record: Record, broken: dict[str, list[str]] | None) -> dict[str, Any]:
    checked = {} if broken is None else {"broken": broken.get(record.distribution, [])}
    return {
        "distribution": record.distribution,
        "version": record.version,
        "status": record.status,
        "error": record.error,
        "warnings": record.warnings,
        "registered": {PLURALS[kind]: names for kind, names in record.registered.items()},
        "load_ms": record.load_ms,
        **checked,
    }


def _show(records: list[Record], broken: dict[str, list[str]]) -> None:
    columns = (
        Column("Package", style="cyan"),
        Column("Version"),
        Column("Status"),
        Column("Load ms", right=True),
        Column("Registers", wraps=True),
    )
    rows = [
        (record.distribution, record.version, record.status, f"{record.load_ms:.0f}", _registered(record))
        for record in records
    ]
    console.table(columns, rows)
    for record in records:
        if record.error:
            console.fail(f"{record.distribution}: {record.error}")
        for message in broken.get(record.distribution, []):
            console.fail(message)
        for warning in record.warnings:
            console.warn(f"{record.distribution}: {warning}")


def _registered(record: Record) -> str:
    """``"3 models, 1 encoder"``."""
    counts = [(len(names), kind) for kind, names in record.registered.items()]
    return ", ".join(f"{count} {kind if count == 1 else PLURALS[kind]}" for count, kind in counts)
