"""``sorting-center registry``: the list of the stations that are expected."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import build_register, differences
from kiosk.sorting_center.desk.registry_csv import MAX_BYTES, BadRegistry, read_registry, write_registry
from kiosk.sorting_center.desk.shared.audit import AuditAction


@click.group()
def registry() -> None:
    """Bring in and hand on the list of expected stations. Works also while a sorting center runs."""


@registry.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what it would change, and change nothing.")
@ledger_option
@clear_errors
def import_list(file: Path, dry_run: bool, url: str) -> None:
    """Replace the list by the CSV FILE, all of it or nothing; tells what that changed.

    Changes the desk's database beside the ledger. A file with faults changes nothing: each is a line on standard error.
    """
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    try:
        read = read_registry(content)
    except BadRegistry as error:
        for fault in error.faults:
            click.echo(f"{PROGRAM}: {fault}", err=True)
        end(f"{PROGRAM}: nothing was taken, faults: {len(error.faults)}", 2)
    with CenterDesk.open(url) as desk:
        before = desk.registry.current()
        found = differences(before, build_register(read.stations, read.townships))
        if not dry_run:
            found = desk.registry.replace(read.stations, read.townships, before.digest)
            sha256, now = hashlib.sha256(content).hexdigest(), datetime.now(UTC)
            desk.audit.record(COMMAND, AuditAction.REGISTRY_IMPORTED, sha256, str(found), now)
    rows = {"new": found.new, "changed": found.changed, "gone": found.removed, "township": found.townships}
    for word, keys in rows.items():
        for region, name in keys:
            click.echo(f"{word} {region}/{name}")
    done = "would be" if dry_run else "are"
    click.echo(f"{len(read.stations)} stations {done} expected ({read.encoding}): {found}")


@registry.command("export")
@ledger_option
@clear_errors
def export_list(url: str) -> None:
    """The list to standard output, as CSV in UTF-8 that `import` takes. Changes nothing."""
    with CenterDesk.open(url) as desk:
        sys.stdout.buffer.write(write_registry(desk.registry.current()))
        sys.stdout.buffer.flush()
