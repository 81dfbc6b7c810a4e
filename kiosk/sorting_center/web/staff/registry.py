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

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.drafts import Draft
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.desk.registry import (
    Differences,
    ExpectedStation,
    Key,
    Register,
    Township,
    differences,
    heard_against,
    register_of,
)
from kiosk.sorting_center.desk.registry_csv import (
    COLUMNS,
    MAX_BYTES,
    BadRegistry,
    ReadRegistry,
    read_registry,
    write_registry,
)
from kiosk.sorting_center.watch.heard import heard
from kiosk.sorting_center.web.access import Need, Pages, current, doors
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.texts.plain import plain

registry = Pages("registry", __name__)

PAGE: Final = 100
MAX_SHOWN: Final = 100
"""Of each sort of difference; the number of all is told."""
SOON: Final = timedelta(days=30)
"""So long a village needs to have a scale verified again."""
VIEWS: Final = ("all", "never", "unexpected", "over", "soon")
_ENVELOPE_BYTES: Final = 16 * 1024
_MAY_IMPORT: Final = Need(role=Role.OPERATOR, form_bytes=MAX_BYTES + _ENVELOPE_BYTES)
_READING: Final = threading.Lock()
"""One file is read at a time: the largest takes some hundred megabytes of memory for a moment."""


@dataclass(frozen=True, slots=True)
class Row:
    """``verification``: over, soon, valid or "" for unknown."""

    expected: ExpectedStation
    heard: bool
    verification: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one township; ``township`` is None for those without one."""

    region: str
    name: str
    township: Township | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One station before and after: column, old text, new text."""

    key: Key
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file would do: nothing is changed by looking."""

    name: str
    read: ReadRegistry
    draft: Draft
    found: Differences
    changes: tuple[Change, ...]
    before: Register
    after: Register


@registry.look("/registry", Role.VIEWER)
def stations() -> str:
    """``?view=`` one of VIEWS, ``words=``, ``page=`` from 1."""
    return _shown()


def _shown(refused: str = "") -> str:
    register, known = sources().desk.registry.current(), heard(sources().ledger)
    against = heard_against(register, known)
    view = request.args.get("view", "")
    view = view if view in VIEWS else "all"
    words = request.args.get("words", "").strip()[:60]
    rows = [*_rows(register, known)]
    chosen = [row for row in rows if _is_in(view, row) and _has(row.expected, words)]
    page = min(_page(), max(1, -(-len(chosen) // PAGE)))
    return show(
        "registry.html",
        groups=_groups(register, chosen[(page - 1) * PAGE : page * PAGE]),
        unexpected=[key for key in against.unexpected if words.casefold() in key[1].casefold()][:PAGE],
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
        more=page * PAGE < len(chosen),
        may_import=current().person.role >= Role.OPERATOR,
        refused=refused,
        done=request.args.get("done") == "1",
    )


def _rows(register: Register, known: set[Key]) -> Iterator[Row]:
    today = sources().now().date()
    last, soon = today.isoformat(), (today + SOON).isoformat()
    for key in sorted(register.stations, key=lambda key: (key[0], register.stations[key].township, key[1])):
        expected = register.stations[key]
        until = expected.valid_until
        word = "" if not until else "over" if until < last else "soon" if until <= soon else "valid"
        yield Row(expected, key in known, word)


def _is_in(view: str, row: Row) -> bool:
    return view == "all" or (view == "never" and not row.heard) or view == row.verification


def _has(expected: ExpectedStation, words: str) -> bool:
    told = f"{expected.region} {expected.station} {expected.village} {expected.township}".casefold()
    return all(word in told for word in words.casefold().split())


def _groups(register: Register, rows: list[Row]) -> list[Group]:
    def of(row: Row) -> Key:
        return row.expected.region, row.expected.township

    return [Group(*key, register.townships.get(key), tuple(found)) for key, found in groupby(rows, of)]


@registry.look("/registry.csv", Role.VIEWER)
def export() -> Response:
    """The list as the import takes it."""
    found = doors()
    content = write_registry(found.desk.registry.current())
    found.desk.audit.record(current().person.name, Act.EXPORTED, "registry.csv", f"{len(content)} bytes", found.now())
    answer = make_response(content)
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="stations.csv"'
    return answer


@registry.act("/registry/check", _MAY_IMPORT)
def check() -> Response:
    """Read the file and say what it would change; nothing is changed."""
    sent = request.files.get("file")
    name = plain(sent.filename or "", 120) if sent is not None else ""
    if sent is None or not name:
        return _refused(_shown("no_file"), 422)
    with _READING:
        content = sent.stream.read(MAX_BYTES + 1)
        try:
            read = read_registry(content)
        except BadRegistry as error:
            return _refused(show("registry-check.html", name=name, faults=error.faults, columns=COLUMNS), 422)
        return make_response(show("registry-check.html", checked=_checked(name, content, read), limit=MAX_SHOWN))


def _checked(name: str, content: bytes, read: ReadRegistry) -> Checked:
    session = current().session
    before, after = doors().desk.registry.current(), register_of(read.stations, read.townships)
    word = session.csrf if session is not None else ""
    draft = doors().desk.drafts.keep(current().person.name, word, content, before.mark, doors().now())
    found = differences(before, after)
    changes = tuple(_change(before.stations[key], after.stations[key]) for key in found.changed[:MAX_SHOWN])
    return Checked(name, read, draft, found, changes, before, after)


def _change(old: ExpectedStation, new: ExpectedStation) -> Change:
    before, after = asdict(old), asdict(new)
    return Change(new.key, tuple((name, before[name], after[name]) for name in after if before[name] != after[name]))


@registry.act("/registry/apply", Role.OPERATOR)
def apply() -> Response:
    """Take the file that was shown, if the list is still the one it was compared with."""
    found, who, session = doors(), current().person.name, current().session
    now, sha256 = found.now(), request.form.get("file", "")[:64]
    try:
        draft = found.desk.drafts.find(who, session.csrf if session is not None else "", sha256, now)
        with _READING:
            read = read_registry(draft.content)
        done = found.desk.registry.replace(read.stations, read.townships, draft.base)
    except Refused as error:
        return _refused(_shown(error.code), 409)
    found.desk.audit.record(who, Act.REGISTRY_IMPORTED, sha256, str(done), now)
    found.desk.drafts.drop(who)
    return redirect(url_for("registry.stations", done=1), 303)


def _refused(page: str, status: int) -> Response:
    answer = make_response(page)
    answer.status_code = status
    return answer


def _page() -> int:
    return max(1, whole_number(request.args.get("page", "")) or 1)
