"""``aezoo plugins``: what became of every installed plugin."""

from __future__ import annotations

import warnings
from typing import Any

import click

from aezoo.cli import console, options
from aezoo.cli.console import Column
from aezoo.cli.names import PLURALS
from aezoo.errors import AezooWarning
from aezoo.plugins import Record, host


@click.command("plugins")
@click.option("--check", is_flag=True, help="Exit with 1 if a plugin failed.")
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
    if as_json:
        console.print_json([_json(record) for record in records])
    else:
        _show(records)
    failed = [record for record in records if record.status == "failed"]
    if failed and check:
        names = ", ".join(record.distribution for record in failed)
        console.fail(
            f"{len(failed)} of {len(records)} plugins failed: {names}\n"
            f"Upgrade or uninstall them with pip, or leave them out: AEZOO_DISABLE_PLUGINS={names.replace(' ', '')}"
        )
        ctx.exit(1)


def _json(record: Record) -> dict[str, Any]:
    return {
        "distribution": record.distribution,
        "version": record.version,
        "status": record.status,
        "error": record.error,
        "warnings": record.warnings,
        "registered": {PLURALS[kind]: names for kind, names in record.registered.items()},
        "load_ms": record.load_ms,
    }


def _show(records: list[Record]) -> None:
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
        for warning in record.warnings:
            console.warn(f"{record.distribution}: {warning}")


def _registered(record: Record) -> str:
    """``"3 models, 1 encoder"``."""
    counts = [(len(names), kind) for kind, names in record.registered.items()]
    return ", ".join(f"{count} {kind if count == 1 else PLURALS[kind]}" for count, kind in counts)
