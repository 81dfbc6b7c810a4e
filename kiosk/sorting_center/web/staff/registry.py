"""The stations a county expects: the list, what is heard against it, and how a new list comes in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.certificates import MachineCertificate
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import (
    ExpectedStation,
    RegistryDifferences,
    RegistryDraft,
    StationKey,
    StationRegister,
    Township,
    build_register,
    differences,
    registry_coverage,
)
from kiosk.sorting_center.desk.registry_csv import (
    COLUMNS,
    MAX_BYTES,
    BadRegistry,
    ParsedRegistry,
    read_registry,
    write_registry,
)
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.watch.county_watch import known_stations
from kiosk.sorting_center.web.shared.access import (
    AccessRule,
    GuardedBlueprint,
    access_policy,
    current_principal,
    may_decide,
    record,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.fleet import telephone
from kiosk.texts.plain import plain

registry = GuardedBlueprint("registry", __name__)

PAGE_SIZE: Final = 200  # A county is printed as one list
MAX_SHOWN: Final = 100  # Of each sort of difference; the number of all is told
EXPIRY_WARNING: Final = timedelta(days=30)  # So long a village needs to have a scale verified again
VIEWS: Final = ("all", "never", "unexpected", "over", "soon")
_ENVELOPE_BYTES: Final = 16 * 1024
_MAY_IMPORT: Final = AccessRule(role=StaffRole.OPERATOR, form_bytes=MAX_BYTES + _ENVELOPE_BYTES)
# One file is read at a time: the largest takes some hundred megabytes of memory for a moment.
_READ_LOCK: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """``verification``: over, soon, valid or "" for unknown."""

    expected: ExpectedStation
    has_reported: bool
    verification: str
    identity: MachineCertificate | None


@dataclass(frozen=True, slots=True)
class TownshipGroup:
    """Rows of one township; ``township`` is None for those without one."""

    region: str
    name: str
    township: Township | None
    rows: tuple[RegistryRow, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One station before and after: column, old text, new text."""

    key: StationKey
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class CheckedImport:
    name: str
    read: ParsedRegistry
    draft: RegistryDraft
    found: RegistryDifferences
    changes: tuple[Change, ...]
    before: StationRegister
    after: StationRegister


@registry.get_route("/registry", StaffRole.VIEWER, menu=(110, "nav_registry"))
def stations() -> str:
    """``?view=`` one of VIEWS, ``words=``, ``page=`` from 1."""
    return _render()


def _render(refused: str = "") -> str:
    register, known = sources().desk.registry.current(), known_stations(sources().ledger)
    against = registry_coverage(register, known)
    view = request.args.get("view", "")
    view = view if view in VIEWS else "all"
    words = request.args.get("words", "").strip()[:60]
    rows = [*_rows(register, known)]
    chosen = [row for row in rows if _is_shown(row, view, words)]
    requested = max(1, parse_whole_number(request.args.get("page", "")) or 1)
    page = min(requested, max(1, -(-len(chosen) // PAGE_SIZE)))
    return render_page(
        "registry.html",
        groups=_groups(register, chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]),
        unexpected=[key for key in against.unexpected if words.casefold() in key[1].casefold()][:PAGE_SIZE],
        counts={
            "all": len(rows),
            "never": len(against.never),
            "unexpected": len(against.unexpected),
            "over": sum(row.verification == "over" for row in rows),
            "soon": sum(row.verification == "soon" for row in rows),
        },
        view=view,
        words=words,
        page=page,
        more=page * PAGE_SIZE < len(chosen),
        may_import=may_decide(),
        telephone=telephone,
        refused=refused,
        done=request.args.get("done") == "1",
    )


def _rows(register: StationRegister, known: set[StationKey]) -> Iterator[RegistryRow]:
    today, identities = sources().now().date(), sources().desk.certificates.newest(MachineKind.STATION)
    last, soon = today.isoformat(), (today + EXPIRY_WARNING).isoformat()
    for key in sorted(register.stations, key=lambda key: (key[0], register.stations[key].township, key[1])):
        expected = register.stations[key]
        until = expected.valid_until
        word = "" if not until else "over" if until < last else "soon" if until <= soon else "valid"
        yield RegistryRow(expected, key in known, word, identities.get(key))


def _is_shown(row: RegistryRow, view: str, words: str) -> bool:
    expected = row.expected
    searchable = f"{expected.region} {expected.station} {expected.village} {expected.township}".casefold()
    in_view = view == "all" or (view == "never" and not row.has_reported) or view == row.verification
    return in_view and all(word in searchable for word in words.casefold().split())


def _groups(register: StationRegister, rows: list[RegistryRow]) -> list[TownshipGroup]:
    def of(row: RegistryRow) -> StationKey:
        return row.expected.region, row.expected.township

    return [TownshipGroup(*key, register.townships.get(key), tuple(found)) for key, found in groupby(rows, of)]


@registry.get_route("/registry.csv", StaffRole.VIEWER)
def export() -> Response:
    content = write_registry(access_policy().desk.registry.current())
    record(AuditAction.EXPORTED, "registry.csv", f"{len(content)} bytes")
    answer = make_response(content)
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="stations.csv"'
    return answer


@registry.post_route("/registry/check", _MAY_IMPORT)
def check() -> Response:
    sent = request.files.get("file")
    name = plain(sent.filename or "", 120) if sent is not None else ""
    if sent is None or not name:
        return page_response(_render("no_file"), 422)
    with _READ_LOCK:
        content = sent.stream.read(MAX_BYTES + 1)
        try:
            read = read_registry(content)
        except BadRegistry as error:
            return page_response(
                render_page("registry-check.html", name=name, faults=error.faults, columns=COLUMNS), 422
            )
        return make_response(
            render_page("registry-check.html", checked=_check_import(name, content, read), limit=MAX_SHOWN)
        )


def _check_import(name: str, content: bytes, read: ParsedRegistry) -> CheckedImport:
    session = current_principal().session
    before, after = access_policy().desk.registry.current(), build_register(read.stations, read.townships)
    word = session.csrf if session is not None else ""
    draft = access_policy().desk.drafts.store(
        current_principal().person.name, word, content, before.digest, access_policy().now()
    )
    found = differences(before, after)
    changes = []
    for key in found.changed[:MAX_SHOWN]:
        old, new = asdict(before.stations[key]), asdict(after.stations[key])
        changes.append(Change(key, tuple((name, old[name], new[name]) for name in new if old[name] != new[name])))
    return CheckedImport(name, read, draft, found, tuple(changes), before, after)


@registry.post_route("/registry/apply", StaffRole.OPERATOR)
def apply() -> Response:
    """Take the file that was shown, if the list is still the one it was compared with."""
    found, who, session = access_policy(), current_principal().person.name, current_principal().session
    now, sha256 = found.now(), form_text("file", 64)
    try:
        draft = found.desk.drafts.find(who, session.csrf if session is not None else "", sha256, now)
        with _READ_LOCK:
            read = read_registry(draft.content)
        done = found.desk.registry.replace(read.stations, read.townships, draft.base)
    except Refused as error:
        return page_response(_render(error.code), 409)
    record(AuditAction.REGISTRY_IMPORTED, sha256, str(done))
    found.desk.drafts.discard(who)
    return redirect(url_for("registry.stations", done=1), 303)
