"""The county's roll of members: numbers and cards are made here, and every station gets its members by itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.messaging.contract.configuration import MemberRow
from kiosk.sorting_center.configuration.checks import check_rows
from kiosk.sorting_center.configuration.files import (
    MAX_FILE_BYTES,
    BadSheets,
    SheetFault,
    read_file,
    write_csv,
    write_workbook,
)
from kiosk.sorting_center.configuration.members import (
    CardTask,
    card_of,
    member_number,
    member_row,
    next_number,
    with_former,
)
from kiosk.sorting_center.configuration.rendering import read_content
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, station_scope, township_scope
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.station_people import checked_name, retry_change
from kiosk.sorting_center.shared.child_process import run_job
from kiosk.sorting_center.web.shared.access import (
    AccessRule,
    GuardedBlueprint,
    access_policy,
    current_principal,
    record,
)
from kiosk.sorting_center.web.shared.files import ENVELOPE_BYTES, READ_LOCK, file_response, sent_file
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import ListPage, requested_page

member_roll = GuardedBlueprint("member_roll", __name__)

_KIND: Final = "member"
_PAGE_SIZE: Final = 100
_MAX_MEMBER: Final = 99_999
_MAY_IMPORT: Final = AccessRule(role=StaffRole.OPERATOR, form_bytes=MAX_FILE_BYTES + ENVELOPE_BYTES)
_DRAWING_LOCK: Final = threading.Lock()  # One page of cards at a time
_DRAW_CARDS: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.cli.center.cards")
_DRAWING_S: Final = 120.0  # A page of cards takes six seconds of a core
_FILES: Final = ("members.csv", "members.xlsx", "cards.pdf")


@member_roll.get_route("/members", StaffRole.OPERATOR, menu=(106, "nav_members"))
def everybody() -> str:
    """Show ``?region=&q=WORDS&page=N``; record it in the audit, for the names on it."""
    return _render()


def _render(refused: Refused | None = None, faults: Sequence[tuple[str, object]] = ()) -> str:
    region, regions = _region()
    members = _members(region)
    found, page, words = _listed(members)
    record(AuditAction.MEMBER_SEEN, region, f"{words} {page.number}".strip())
    townships, stations = _places(region)
    shown = found[page.first : page.first + _PAGE_SIZE]
    return render_page(
        "members.html",
        region=region,
        regions=regions,
        words=words,
        members=shown,
        with_year=sources().reports.members.with_receipts(region, [one.number for _, one in shown]),
        matches=len(found),
        number_of_all=len(members),
        page=page,
        townships=townships,
        stations=stations,
        refused=refused,
        faults=faults,
    )


def _members(region: str) -> list[tuple[str, MemberRow]]:
    """Return the present members, each with its scope."""
    rows = _rows(region) if region else []
    return [(row.scope, read_content(_KIND, row.key, row.content)) for row in rows if row.content]


def _listed(members: Sequence[tuple[str, MemberRow]]) -> tuple[list[tuple[str, MemberRow]], ListPage, str]:
    """Return the members with the words of the address, which page of them, and the words."""
    words = request.args.get("q", "").strip()[:60]
    found = [one for one in members if _matches(one[1], words.casefold())]
    return found, requested_page(len(found), _PAGE_SIZE), words


def _region() -> tuple[str, list[str]]:
    """Return the region of the address or form if listed, else the first, "" without any; and the list."""
    regions = sorted({region for region, _ in sources().desk.registry.current().stations})
    requested = request.form.get("region") or request.args.get("region", "")
    return (requested if requested in regions else regions[0] if regions else ""), regions


def _rows(region: str) -> list[BookRow]:
    """Return the rows, also those of former members, which have no content."""
    return sources().desk.book.rows(region, [_KIND])


def _matches(member: MemberRow, words: str) -> bool:
    return not words or words in member.number.casefold() or words in member.short_name.casefold()


def _places(region: str) -> tuple[list[str], list[str]]:
    stations = [row for (of, _), row in sources().desk.registry.current().stations.items() if of == region]
    return sorted({row.township for row in stations if row.township}), sorted(row.station for row in stations)


def _change(act: Callable[[str, int], str], what: str) -> Response:
    """Change the book by the current revision; ``act`` returns the member's number."""
    desk, (region, _) = access_policy().desk, _region()
    try:
        number = retry_change(desk.book, region, lambda seen: act(region, seen))
    except Refused as error:
        return page_response(_render(error), 409)
    record(AuditAction.MEMBER_CHANGED, f"{region} {number}", what)
    return redirect(url_for("member_roll.everybody", region=region, q=number, done=number), 303)


def _put(region: str, seen: int, rows: Sequence[BookRow]) -> None:
    access_policy().desk.book.change(region, rows, seen, current_principal().person.name, access_policy().now())


def _given(region: str) -> list[BookRow]:
    """Return the rows that show which numbers were given: those of the book, and the highest on a receipt."""
    highest = sources().reports.members.highest(region)
    return [*_rows(region), *([BookRow(_KIND, COUNTY, highest, "")] if highest else [])]


def _scope(region: str) -> str:
    townships, stations = _places(region)
    scope = form_text("scope", 80)
    if scope not in (COUNTY, *map(township_scope, townships), *map(station_scope, stations)):
        raise Refused("no_place", "there is no such township or station")
    return scope


@member_roll.post_route("/members/add", StaffRole.OPERATOR)
def add() -> Response:
    """Add a member, with the next number and its card."""

    def act(region: str, seen: int) -> str:
        name, scope, number = checked_name(form_text("name", 80)), _scope(region), next_number(_given(region))
        if not region or number > _MAX_MEMBER:
            raise Refused("no_number", "there is no member number left")
        made = member_number(number)
        _put(region, seen, [member_row(made, name, card_of(made), scope)])
        return made

    return _change(act, "added")


@member_roll.post_route("/members/<number>/name", StaffRole.OPERATOR)
def rename(number: str) -> Response:
    def act(region: str, seen: int) -> str:
        name, rows = checked_name(form_text("name", 80)), _present(region, number)
        members = [(row.scope, read_content(_KIND, row.key, row.content)) for row in rows]
        _put(region, seen, [member_row(number, name, one.card, scope) for scope, one in members])
        return number

    return _change(act, "renamed")


@member_roll.post_route("/members/<number>/end", StaffRole.OPERATOR)
def end(number: str) -> Response:
    """End a membership. The number stays, without a name, so that it is not given again."""

    def act(region: str, seen: int) -> str:
        _put(region, seen, [BookRow(_KIND, row.scope, number, "") for row in _present(region, number)])
        return number

    return _change(act, "ended")


def _present(region: str, number: str) -> list[BookRow]:
    found = [row for row in _rows(region) if row.key == number and row.content]
    if not found:
        raise Refused("unknown_member", f"there is no member {number[:8]}", {"name": number[:8]})
    return found


@member_roll.post_route("/members/import", _MAY_IMPORT)
def import_file() -> Response:
    """Import all of a file or nothing; a row without a number gets the next one.

    ``whole`` is 1 when the file is the whole roll: members who are not in it have left. Else they stay.
    """
    region, _ = _region()
    is_whole, done = form_text("whole") == "1", list[BookRow]()

    def act(seen: int) -> Sequence[tuple[str, object]]:
        read = read_file(content, "members", _given(region))
        others = sorted({row.kind for row in read.rows} - {_KIND})
        if others or not region:
            raise BadSheets([SheetFault("", "", "no_sheet", {"name": ", ".join(others), "sheets": "members"})])
        faults = check_rows(read.rows, sources().desk.registry.current(), region=region)
        wrong = [(read.place(one), one) for one in faults if not one.is_warning]
        if not wrong:
            done[:] = with_former([row for row in _rows(region) if row.content and is_whole], read.rows)
            _put(region, seen, done)
        return wrong

    with READ_LOCK:
        _, content = sent_file(MAX_FILE_BYTES)
        try:
            wrong = retry_change(access_policy().desk.book, region, act)
        except BadSheets as error:
            wrong = [(fault.place, fault) for fault in error.faults]
        except Refused as error:
            return page_response(_render(error), 409)
    if wrong:
        return page_response(_render(faults=wrong), 422)
    record(AuditAction.CONFIGURATION_IMPORTED, f"{region} members", str(len(done)))
    return redirect(url_for("member_roll.everybody", region=region, done=len(done)), 303)


@member_roll.get_route("/members/files/<name>", StaffRole.OPERATOR)
def file(name: str) -> Response:
    """Send the roll as a table, or the cards of a page of it (``?region=&q=&page=``), ten on a sheet of A4."""
    region, _ = _region()
    if not region or name not in _FILES:
        raise NotFound(f"there are {', '.join(_FILES)}")
    if name == "cards.pdf":
        content = _cards(region)
    else:
        rows = _rows(region)
        content = write_csv("members", rows) if name == "members.csv" else write_workbook(rows, ["members"])
    record(AuditAction.EXPORTED, name, f"{region}, {len(content)} bytes")
    return file_response(content, name)


def _cards(region: str) -> bytes:
    found, page, _ = _listed(_members(region))
    shown = tuple((one.number, one.card) for _, one in found[page.first : page.first + _PAGE_SIZE] if one.card)
    if not shown:
        raise NotFound("there is no member with a card")
    task = msgspec.json.encode(CardTask(shown, region, sources().now().date().isoformat()))
    with _DRAWING_LOCK:
        try:
            return run_job(_DRAW_CARDS, task, (), _DRAWING_S)
        except OSError as error:
            raise Refused("no_cards", f"the cards could not be drawn: {error.strerror or error}") from error
