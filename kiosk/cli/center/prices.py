"""``sorting-center prices``: the county's goods, prices, members and people as files, published and looked up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.cli.center.errors import PROGRAM, clear_errors, end_faults, write_output
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND
from kiosk.cli.center.station import county_command, only_region, region_option
from kiosk.sorting_center.configuration.checks import check_book, check_rows
from kiosk.sorting_center.configuration.files import MAX_FILE_BYTES, BadSheets, read_file, write_csv, write_workbook
from kiosk.sorting_center.configuration.members import with_former
from kiosk.sorting_center.configuration.sheets import SHEETS
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what it would change, and change nothing.")
_sheet_option = click.option(
    "--sheet",
    type=click.Choice(list(SHEETS)),
    default="prices",
    show_default=True,
    help="What a CSV is; a workbook says it itself.",
)


@click.group()
def prices() -> None:
    """Prices and goods of the county as files, published to the stations. Works also while a center runs."""


@prices.command("import")
@file_argument
@_sheet_option
@dry_run_option
@county_command
def import_rows(desk: CenterDesk, region: str, file: Path, sheet: str, dry_run: bool) -> None:
    """Take FILE, CSV or XLSX, in place of what the draft has of its kinds, all of it or nothing.

    Changes the desk's database beside the ledger. Members, people and parcels hold at once, the others when they are
    published. Each fault is a line on standard error with its cell.
    """
    import_file(desk, region, file, sheet, dry_run=dry_run)


def import_file(desk: CenterDesk, region: str, file: Path, sheet: str, *, dry_run: bool) -> None:
    """Replace rows of the draft by those of the file, unless ``dry_run``. Raises Refused, OSError, DeskError."""
    with file.open("rb") as opened:
        content = opened.read(MAX_FILE_BYTES + 1)
    draft, before = desk.book.draft(region), desk.book.rows(region)
    try:
        imported = read_file(content, sheet, before)
    except BadSheets as error:
        end_faults(error.faults)
    rows = with_former(before, imported.rows)
    faults = check_rows(rows, desk.registry.current(), region=region)
    lines = [": ".join(filter(None, (imported.place(fault), str(fault)))) for fault in faults]
    if any(not fault.is_warning for fault in faults):
        end_faults(lines)
    for line in lines:
        click.echo(f"{PROGRAM}: {line}", err=True)
    counts = _differences([row for row in before if row.kind in imported.kinds], rows)
    if not dry_run:
        now = datetime.now(UTC)
        desk.book.replace(region, imported.kinds, rows, draft.revision, COMMAND, now)
        text = ", ".join(f"{name} {count}" for name, count in counts.items())
        desk.audit.record(COMMAND, AuditAction.CONFIGURATION_IMPORTED, ", ".join(imported.kinds), text, now)
    click.echo(json.dumps({"kinds": imported.kinds, "rows": len(imported.rows), **counts}))


def _differences(before: Sequence[BookRow], after: Sequence[BookRow]) -> dict[str, int]:
    old, new = ({(row.kind, row.scope, row.key): row.content for row in rows} for rows in (before, after))
    present = {key: content for key, content in new.items() if content or not old.get(key)}  # Without those who left
    changed = sum(old[key] != content for key, content in present.items() if key in old)
    return {"new": len(present.keys() - old), "changed": changed, "removed": len(old.keys() - present)}


@prices.command("export")
@_sheet_option
@click.option("--format", "form", type=click.Choice(("csv", "xlsx")), default="csv", show_default=True)
@click.option("--template", is_flag=True, help="Only the names of the columns, for a new file.")
@region_option
@ledger_option
@clear_errors
def export_rows(sheet: str, form: str, template: bool, region: str | None, url: str) -> None:
    """Write the draft to standard output as `import` takes it; a workbook has every sheet. Changes nothing."""
    rows: list[BookRow] = []
    if not template:
        with CenterDesk.open(url) as desk:
            rows = desk.book.rows(region or only_region(desk))
    write_output(write_workbook(rows) if form == "xlsx" else write_csv(sheet, rows))


@prices.command()
@click.option("--note", default="", help="Stands in the history.")
@click.option("--alone", is_flag=True, help="Publish what was imported here, too; the history says so.")
@county_command
def publish(desk: CenterDesk, region: str, note: str, alone: bool) -> None:
    """Let the stations have the draft. Refused with every fault that they would refuse it for."""
    now = datetime.now(UTC)
    draft, rows = desk.book.draft(region), desk.book.rows(region)
    today = now.astimezone().date().isoformat()
    faults = check_book(rows, desk.registry.current(), region=region, today=today)
    if any(not fault.is_warning for fault in faults):
        end_faults(faults)
    made = desk.book.publish(region, draft.revision, COMMAND, note, now, alone_allowed=alone)
    desk.audit.record(COMMAND, AuditAction.CONFIGURATION_PUBLISHED, f"{region}/{made.number}", note, now)
    click.echo(json.dumps({"release": made.number, "changed_by": made.changed_by, "alone": made.alone}))


@prices.command()
@county_command
def history(desk: CenterDesk, region: str) -> None:
    """Print every release, a JSON object each, the newest first. Changes nothing."""
    for made in desk.book.releases(region):
        fields = ("number", "published_at", "published_by", "changed_by", "alone", "note")
        click.echo(json.dumps({name: getattr(made, name) for name in fields}, ensure_ascii=False))
