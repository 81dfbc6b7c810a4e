"""The quarantine desk: what was set apart, why, beside what stands around its place; and what people decide on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act, visible
from kiosk.sorting_center.desk.decisions import Decision, Kind, Said
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.ledger.quarantine import entries
from kiosk.sorting_center.ledger.quarantine.again import BY_THE_READER
from kiosk.sorting_center.ledger.quarantine.entries import Apart, Asked, Examined
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources

quarantine = Pages("quarantine", __name__)

REASONS: Final = ("fork", "broken_chain", "far_ahead", "unknown_type", "bad_data", "oversized")
OPEN, ALL = "open", "all"
_PAGE: Final = 50
_LOOKED_THROUGH: Final = 20
"""Pages of what is decided already, before a list of what is open is shown as far as it goes."""
_DECIDED_SHOWN: Final = 10
_MAX_LINE: Final = 4_000
MAX_DIFFERING: Final = 40
_MAX_NAME: Final = 60
_MAX_VALUE: Final = 80
_MAX_REASON: Final = 2_000
_MAX_NUMBER: Final = 2**53
"""Far above every event that is set apart, and within what both databases count with."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An event that is set apart, and what was decided last."""

    apart: Apart
    decided: Decision | None

    @property
    def is_open(self) -> bool:
        return self.decided is None or self.decided.act != "set_aside"


@quarantine.look("/quarantine", Role.VIEWER)
def everything() -> str:
    """What is set apart, by reason and station; the newest first."""
    told = (request.args.get(name, "")[:64].strip() for name in ("reason", "station", "region"))
    asked = Asked(*(text if text.isprintable() else "" for text in told))
    before, gone = (whole_number(request.args.get(name, "")) for name in ("before", "gone"))
    state = ALL if request.args.get("state") == ALL else OPEN
    rows, last = _listed(asked, before, open_only=state == OPEN)
    with sources().ledger.reading() as connection:
        groups = entries.groups(connection)
    decided = doors().desk.decisions.newest(Kind.QUARANTINE, _DECIDED_SHOWN)
    return show(
        "quarantine.html",
        rows=rows,
        last=last,
        groups=groups,
        decided=decided,
        asked=asked,
        state=state,
        reasons=REASONS,
        gone=gone,
    )


@quarantine.look("/quarantine/<int:number>", Role.VIEWER)
def one(number: int) -> Response:
    """One event, whole."""
    return _shown(number)


@quarantine.act("/quarantine/<int:number>/decide", Role.OPERATOR)
def decide(number: int) -> Response:
    """``seen``: how many decisions whoever decides has seen."""
    found = _examined(number)
    if found is None:
        return _gone(number)
    act, reason, seen = (request.form.get(name, "")[:_MAX_REASON] for name in ("act", "reason", "seen"))
    subject = (Kind.QUARANTINE, str(found.apart.key))
    who, now, desk = current().person.name, doors().now(), doors().desk
    try:
        if act == "take_again" and found.apart.reason not in BY_THE_READER:
            raise Refused("only_the_chain", "whether this event stands among the others, the chain alone says")
        made = desk.decisions.decide(subject, whole_number(seen) or 0, act, Said(who, reason), now)
    except Refused as error:
        return _shown(number, error.code, act, reason)
    desk.audit.record(who, Act.QUARANTINE_DECIDED, made.subject, f"{made.act}: {made.reason}", now)
    return redirect(url_for("quarantine.one", number=number), 303)


def _shown(number: int, refused: str = "", act: str = "", reason: str = "") -> Response:
    found = _examined(number)
    if found is None:
        return _gone(number)
    history = doors().desk.decisions.history(Kind.QUARANTINE, str(found.apart.key))
    page = show(
        "quarantine-event.html",
        found=found,
        key=found.apart.key,
        lines=body_lines(found.body),
        differing=differing(found.body, found.place.instead),
        history=history,
        waits=bool(history) and history[-1].act == "take_again" and not history[-1].outcome,
        by_the_reader=found.apart.reason in BY_THE_READER,
        may_decide=current().person.role >= Role.OPERATOR,
        refused=refused,
        act=act,
        reason=reason,
    )
    answer = make_response(page)
    answer.status_code = 409 if refused else 200
    return answer


def _examined(number: int) -> Examined | None:
    if number > _MAX_NUMBER:
        return None
    with sources().ledger.reading() as connection:
        return entries.examined(connection, number)


def _gone(number: int) -> Response:
    """It was taken in, fits by now, or never was."""
    return redirect(url_for("quarantine.everything", gone=number), 303)


def _listed(asked: Asked, before: int | None, *, open_only: bool) -> tuple[Sequence[Listed], int | None]:
    """Rows, and the number below which more may stand; None at the end."""
    rows: list[Listed] = []
    for _ in range(_LOOKED_THROUGH):
        with sources().ledger.reading() as connection:
            found = entries.page(connection, asked, before, _PAGE)
        decided = doors().desk.decisions.latest(Kind.QUARANTINE, [str(one.key) for one in found])
        for one in found:
            listed = Listed(one, decided.get(str(one.key)))
            if listed.is_open or not open_only:
                rows.append(listed)
            before = one.id
            if len(rows) == _PAGE:
                return rows, before
        if len(found) < _PAGE:
            return rows, None
    return rows, before


def body_lines(body: bytes) -> Sequence[str]:
    """The event as it came, a line for each of its parts; what would act on a screen is shown as its number."""
    try:
        laid_out = msgspec.json.format(body, indent=2) if body else b""
    except (ValueError, RecursionError):
        laid_out = body
    lines = laid_out.decode("utf-8", errors="replace").split("\n")
    return [visible(line, _MAX_LINE).replace("\u2028", "<U+2028>").replace("\u2029", "<U+2029>") for line in lines]


@dataclass(frozen=True, slots=True)
class Differing:
    """A field in which two events are not the same, as JSON; "–" where one has none."""

    name: str
    mine: str
    other: str


def differing(body: bytes, other: bytes) -> Sequence[Differing]:
    """At most MAX_DIFFERING; none when one of the two is not here."""
    try:
        mine, theirs = (dict(_fields("", msgspec.json.decode(one))) for one in (body, other) if one)
    except (ValueError, RecursionError):
        return ()
    names = dict.fromkeys((*mine, *theirs))
    found = [Differing(name, mine.get(name, "–"), theirs.get(name, "–")) for name in names]
    return [one for one in found if one.mine != one.other][:MAX_DIFFERING]


def _fields(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Every value that holds no other, with its place."""
    inside = value.items() if isinstance(value, dict) else enumerate(value, 1) if isinstance(value, list) else None
    if inside is None:
        yield visible(name, _MAX_NAME), visible(msgspec.json.encode(value).decode(), _MAX_VALUE)
        return
    for part, held in inside:
        yield from _fields(f"{name}.{part}" if name else str(part), held)
