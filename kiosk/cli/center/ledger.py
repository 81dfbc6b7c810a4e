"""``sorting-center ledger``: what a ledger holds, and what is done with it as a whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import click

from kiosk.cli.center.county_key import county_key_option, county_seal
from kiosk.cli.center.errors import clear_errors
from kiosk.cli.shared.one_line import counted, no_progress, progress
from kiosk.sorting_center import export
from kiosk.sorting_center.desk.care import back_up_desk, copy_desk, require_copyable, require_free
from kiosk.sorting_center.ledger import Ledger, StoredEvent, without_password
from kiosk.sorting_center.ledger.care.archive import archive
from kiosk.sorting_center.ledger.care.backup import back_up
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.ledger.care.rebuild import rebuild
from kiosk.sorting_center.ledger.database.times import utc_now
from kiosk.sorting_center.server.backup import SEALED, sealed_into

_FORMATS: dict[str, Callable[[Iterable[StoredEvent]], Iterable[str]]] = {
    "jsonl": export.jsonl,
    "csv": export.table,
    "epcis": lambda events: export.epcis(events, utc_now()),
}

_URL_HELP: Final = "sqlite:///path or postgresql://user@host:port/name; its password in PGPASSWORD or ~/.pgpass"
ledger_option = click.option("--ledger", "url", required=True, metavar="URL", help=_URL_HELP)
_MONTH: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


def _print_json(found: object) -> None:
    click.echo(json.dumps(found, default=str))


@click.group()
def ledger() -> None:
    """Look into a ledger, also while a sorting center writes it; bring it elsewhere, back it up, archive it."""


@ledger.command()
@ledger_option
@clear_errors
def count(url: str) -> None:
    """Count what is in it, as one JSON object. Changes nothing."""
    with Ledger.open_readonly(url) as opened:
        _print_json(asdict(opened.counts()))


@ledger.command("export")
@ledger_option
@click.option("--format", "form", required=True, type=click.Choice(list(_FORMATS)), help="What to write.")
@click.option("--member", metavar="NUMBER", help="Only what is about this member, like M-04412: see personal-data.md.")
@clear_errors
def export_ledger(url: str, form: str, member: str | None) -> None:
    """Write every event to standard output, in UTF-8. Changes nothing.

    Events in archives are not among them.
    """
    with Ledger.open_readonly(url) as opened, progress("exporting", "lines") as show:
        read = partial(opened.events, with_standing=form != "jsonl")
        events = read() if member is None else export.of_member(read, member)
        pieces = counted(_FORMATS[form](events), no_progress if sys.stdout.isatty() else show)
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode("utf-8"))
        sys.stdout.buffer.flush()


@ledger.command()
@ledger_option
@clear_errors
def restored(url: str) -> None:
    """Run once, before the start, after a backup was put in the ledger's place: readers of the feed then start over.

    Changes the generation of the feed, and nothing else. No sorting center may be using the ledger.
    """
    click.echo(f"the feed of {without_password(url)} has begun generation {Ledger.begin_generation(url)}")


@ledger.command("rebuild")
@ledger_option
@clear_errors
def rebuild_ledger(url: str) -> None:
    """Make again what is made of the events: the receipts that count, the voids, the alarms of receipts told twice.

    Changes these, and adds stations that are missing in the list of stations; never an event, and never the feed. All
    in one transaction, in the order of the feed. What was made of events in archives stays. Stop the sorting center.
    """
    with progress("rebuilding", "events") as show:
        rebuilt = rebuild(url, show)
    _print_json(asdict(rebuilt))


@ledger.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@clear_errors
def copy_whole(source: str, target: str) -> None:
    """Copy everything in the ledger FROM into the ledger TO, from SQLite to PostgreSQL, back, or to another place.

    Changes TO alone, which must not exist yet or be empty, in one transaction. Reads both again, compares the rows of
    every table and one SHA-256 over all of them, and prints it. Stop the sorting centers before, and start them on TO
    then: the feed continues there, so only one of the two may be used. What people did is copied, too.
    """
    require_copyable(source, target)
    with progress("copying, then comparing", "rows") as show:
        copied = copy_ledger(source, target, show)
        desk = copy_desk(source, target)
    _print_json({**asdict(copied), "desk": asdict(desk) if desk is not None else None})


@ledger.command()
@ledger_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@county_key_option
@clear_errors
def backup(url: str, file: Path, county_key: Path | None) -> None:
    """Copy the whole ledger as it is at this moment into FILE, a ledger of SQLite; also while a sorting center writes.

    And what people did, into a file beside it: for ledger.db ledger.desk.db. Changes nothing but these two, which must
    not exist yet, and get their names only when they were checked. With the county's key for recovery kits they are
    encrypted, and end in .age: `kit decrypt` opens them. To go back: put copies of both in the ledger's place (or
    `ledger copy` FILE into an empty database), then call `ledger restored`.
    """
    require_free(file)
    seal = county_seal(county_key)
    with progress("backing up"), sealed_into(file.parent, seal) as folder:
        made = back_up(url, folder / file.name)
        try:
            desk = back_up_desk(url, made.file)
        except BaseException:
            made.file.unlink()
            raise
    ending = "" if seal is None else SEALED
    named = [one and {**asdict(one), "file": file.with_name(one.file.name + ending)} for one in (made, desk)]
    _print_json({**(named[0] or {}), "desk": named[1]})


@ledger.command("archive")
@ledger_option
@click.option("--before", required=True, metavar="YYYY-MM", help="The first month that stays.")
@click.option(
    "--to",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the files go: events-YYYY-MM.jsonl.gz, and its SHA-256 beside it.",
)
@clear_errors
def archive_months(url: str, before: str, folder: Path) -> None:
    """Move the events of every month before YYYY-MM into a file each, which is read again before they leave the ledger.

    Changes the ledger: of these events their keys and hashes stay, so that they are never taken in twice; receipts,
    totals and the feed's numbers stay whole; exports, and readers of the feed that begin at its start, no longer get
    them. A month stays when an event of it waits for a missing one, was not published, or was not read yet for the
    pages, the listings or the pictures. A ledger of SQLite keeps the size of its file, and uses the room again; stop
    the sorting center that uses it.
    """
    if _MONTH.fullmatch(before) is None:
        raise click.UsageError(f"--before {before!r} must be a month, like 2026-01")
    from kiosk.sorting_center.feed_readers import feed_positions  # reports, desk and photos: of this command alone

    months = archive(url, before, folder, feed_positions(url))
    while True:
        with progress("archiving the next month"):
            month = next(months, None)
        if month is None:
            return
        _print_json(asdict(month))
