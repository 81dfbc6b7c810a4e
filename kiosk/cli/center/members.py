"""``sorting-center member``: the county's members, whose numbers and cards are made here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.base.files import write_durably
from kiosk.cli.center.errors import PROGRAM, write_output
from kiosk.cli.center.people import COMMAND
from kiosk.cli.center.prices import dry_run_option, file_argument, import_file
from kiosk.cli.center.station import county_command
from kiosk.cli.shared.one_line import end
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.sorting_center.configuration.checks import check_rows
from kiosk.sorting_center.configuration.files import write_csv
from kiosk.sorting_center.configuration.members import card_of, member_number, member_row, next_number
from kiosk.sorting_center.configuration.rendering import read_content
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction

_PRIVATE = 0o600


@click.group()
def member() -> None:
    """Manage the members of the county: numbers, short names, cards. Changes hold at the stations at once."""


@member.command()
@click.argument("name")
@county_command
def add(desk: CenterDesk, region: str, name: str) -> None:
    """Give the member with the short name NAME the next number and a card; prints both.

    Changes the desk's database beside the ledger.
    """
    now = datetime.now(UTC)
    draft = desk.book.draft(region)
    number = member_number(next_number(desk.book.rows(region, ("member",))))
    row = member_row(number, name, card_of(number))
    for fault in check_rows([row], desk.registry.current(), region=region):
        if not fault.is_warning:
            end(f"{PROGRAM}: {fault}", 2)
    desk.book.change(region, [row], draft.revision, COMMAND, now)
    desk.audit.record(COMMAND, AuditAction.CONFIGURATION_IMPORTED, number, "member", now)
    click.echo(f"{number} {card_of(number)}")


@member.command("import")
@file_argument
@dry_run_option
@county_command
def import_members(desk: CenterDesk, region: str, file: Path, dry_run: bool) -> None:
    """Take FILE, CSV or XLSX, as the list of members: a row without a number gets the next one, and a card.

    Who is not in FILE is no member any more; the number is given to nobody else. Each fault is a line with its cell.
    """
    import_file(desk, region, file, "members", dry_run=dry_run)


@member.command("list")
@county_command
def list_members(desk: CenterDesk, region: str) -> None:
    """Write the list to standard output, as CSV in UTF-8 that `import` takes. Changes nothing."""
    write_output(write_csv("members", desk.book.rows(region, ("member",))))


@member.command()
@click.argument("numbers", nargs=-1, metavar="[M-00001]...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The new PDF.")
@county_command
def cards(desk: CenterDesk, region: str, numbers: tuple[str, ...], out: Path) -> None:
    """Write the cards of these members, or of all, as sheets of A4 for an office printer: ten on a sheet, to be cut."""
    from kiosk.cli.center.cards import cards_pdf

    rows = [row for row in desk.book.rows(region, ("member",)) if row.content]
    known = {row.key: read_content(row.kind, row.key, row.content) for row in rows}
    missing = [number for number in numbers if number not in known or not known[number].card]
    if missing:
        end(f"{PROGRAM}: {missing[0][:20]!r} is no member with a card", 2)
    chosen = [(number, known[number].card) for number in numbers or sorted(known) if known[number].card]
    if not chosen:
        end(f"{PROGRAM}: there is no member with a card", 2)
    try:
        content = cards_pdf(chosen, region, datetime.now(UTC).date().isoformat())
    except FontProblem as error:
        end(f"{PROGRAM}: {out} was not written: {error}", 1)
    write_durably(out, content, _PRIVATE)
    click.echo(f"{len(chosen)} cards in {out}")
