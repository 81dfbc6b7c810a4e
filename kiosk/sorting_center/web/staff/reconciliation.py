"""Reconciliation: what each station said its day was, beside what the ledger has; receipts that were told twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from flask import abort, make_response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.decisions import Decision, Kind
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.reports import COUNTY
from kiosk.sorting_center.reports.closings import Closing
from kiosk.sorting_center.reports.figures import Figures
from kiosk.sorting_center.reports.following.closes import Verdict
from kiosk.sorting_center.reports.receipts import Receipt
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.texts import formats, html

reconciliation = Pages("reconciliation", __name__)

ROWS: Final = 150
"""Of each list on one page."""
CARDS: Final = 30
"""With all their figures and a form; more of a kind are a line each, so that no page is heavy."""
_CLOSES: Final = 60
_LOOKED_FOR: Final = 1_000
_RECEIPTS: Final = 60
_MAX_REASON: Final = 2_000
_NOTHING: Final = Figures()
_FIRST_DAY: Final = date(2000, 1, 1)
_STATION: Final = re.compile(r"S[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Settling:
    """Something a person settles, and what was decided on it, oldest first."""

    subject: str
    history: Sequence[Decision]

    @property
    def is_settled(self) -> bool:
        """Asked back is not settled: the answer is still to come."""
        return bool(self.history) and self.history[-1].act != "asked_back"


@dataclass(frozen=True, slots=True)
class Day:
    """A close of a day beside the ledger."""

    closing: Closing
    settling: Settling

    @property
    def needs_a_look(self) -> bool:
        closing = self.closing
        return closing.verdict is not Verdict.SAME or bool(closing.voided_since or closing.not_counted)

    @property
    def lines(self) -> Sequence[tuple[str, Markup, Markup, Markup]]:
        """Of each field that differs: its name, what was said, what is here, how much more or less that is."""
        found = []
        for one in self.closing.differences:
            sign = "+" if one.found > one.said else "\u2212"
            texts = (_value(one.field, one.said), _value(one.field, one.found))
            apart = sign + _value(one.field, abs(one.found - one.said))
            said, here, more = (html.bdi(text) for text in (*texts, apart))
            found.append((one.field, said, here, more))
        return found


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A station that has intakes on a day and told no close of it."""

    station: str
    region: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Double:
    """A receipt that two events confirm."""

    receipt: Receipt
    settling: Settling


def _value(field: str, value: int) -> str:
    if field == "net_g":
        return formats.kg_text(value)
    return formats.money(value) if field.endswith("_fen") else formats.number(value)


@reconciliation.look("/reconciliation", Role.VIEWER)
def day() -> str:
    """A day of all stations; yesterday where none is asked for."""
    asked, page = _asked_day(), max(1, _number(request.args.get("page", "")) or 1)
    reports, now = sources().reports, sources().now()
    closings = reports.closings.of_day(asked)
    closed = {(one.station, one.region) for one in closings}
    days = _days(closings)
    not_closed = [
        NotClosed(one.station, one.region, one.figures)
        for one in reports.days.stations(asked, asked)
        if one.figures.intakes and (one.station, one.region) not in closed
    ]
    lists: dict[str, list[Any]] = {
        "open": [one for one in days if one.needs_a_look and not one.settling.is_settled],
        "settled": [one for one in days if one.needs_a_look and one.settling.is_settled],
        "same": [one for one in days if not one.needs_a_look],
        "not_closed": not_closed,
    }
    here = slice((page - 1) * ROWS, page * ROWS)
    return show(
        "reconciliation.html",
        day=asked,
        before=max(_FIRST_DAY, asked - timedelta(days=1)),
        after=asked + timedelta(days=1) if asked < now.date() else None,
        counts={name: len(rows) for name, rows in lists.items()},
        **{name: rows[here] for name, rows in lists.items()},
        doubles=len([one for one in _doubles() if not one.settling.is_settled]),
        villages=_villages(),
        cards=CARDS,
        next=page + 1 if any(len(rows) > here.stop for rows in lists.values()) else None,
        behind=reports.progress().behind,
        may_decide=_may_decide(),
    )


@reconciliation.look("/reconciliation/<region>/<station>", Role.VIEWER)
def of_station(region: str, station: str) -> str:
    """The newest closes of one station."""
    if not _is_there(region, station):
        abort(404)
    return _station_page(region, station)


@reconciliation.act("/reconciliation/<region>/<station>/<epoch>/<int:seq>/settle", Role.OPERATOR)
def settle_day(region: str, station: str, epoch: str, seq: int) -> Response:
    """Accept it with a reason, or ask the station back."""
    if not _is_there(region, station):
        abort(404)
    known = sources().reports.closings.of_station(region, station, _LOOKED_FOR)
    if (epoch, seq) not in {(one.epoch, one.seq) for one in known}:
        abort(404)
    subject = f"{region} {station} {epoch} {seq}"
    if refused := _settle(Kind.DAY, subject):
        return _refused(_station_page(region, station, refused, subject))
    return redirect(_back(url_for("reconciliation.of_station", region=region, station=station)), 303)


@reconciliation.look("/reconciliation/receipts", Role.VIEWER)
def receipts() -> str:
    """Receipts that were told twice; what is decided on one is decided on its own page."""
    doubles = _doubles()
    return show(
        "reconciliation-receipts.html",
        open=[one for one in doubles if not one.settling.is_settled],
        settled=[one for one in doubles if one.settling.is_settled],
    )


def _station_page(region: str, station: str, refused: str = "", subject: str = "") -> str:
    closings = sources().reports.closings.of_station(region, station, _CLOSES)
    return show(
        "reconciliation-station.html",
        region=region,
        station=station,
        days=_days(closings),
        villages=_villages(),
        refused=refused,
        refused_subject=subject,
        said=request.form.get("reason", "")[:_MAX_REASON],
        may_decide=_may_decide(),
    )


def _doubles() -> Sequence[Double]:
    """The newest."""
    reports = sources().reports
    alarms = reports.journal.alarms(RECEIPT_TWICE, COUNTY, _RECEIPTS)
    told = reports.journal.at([(one.station, one.epoch, one.region, one.seq) for one in alarms])
    numbers: dict[tuple[str, ReceiptNumber], None] = {}
    for event in told:
        number = _receipt_number(str(event.data.get("receipt"))) if event is not None else None
        if event is not None and number is not None:
            numbers[event.region, number] = None
    found = [receipt for region, number in numbers for receipt in reports.receipts.find(number, region)]
    settlings = _settlings_of(Kind.RECEIPT, [f"{one.region} {one.station} {one.number}" for one in found])
    return [Double(*pair) for pair in zip(found, settlings, strict=True)]


def _settle(kind: Kind, subject: str) -> str:
    """The code of a refusal; "" when it is done."""
    act, reason, seen = (request.form.get(name, "")[:_MAX_REASON] for name in ("act", "reason", "seen"))
    who, now, desk = current().person.name, doors().now(), doors().desk
    try:
        made = desk.decisions.decide((kind, subject), _number(seen) or 0, act, (who, reason), now)
    except Refused as error:
        return error.code
    desk.audit.record(who, Act.DAY_SETTLED, subject, f"{made.act}: {made.reason}", now)
    return ""


def _refused(page: str) -> Response:
    answer = make_response(page)
    answer.status_code = 409
    return answer


def _days(closings: Sequence[Closing]) -> Sequence[Day]:
    subjects = [f"{one.region} {one.station} {one.epoch} {one.seq}" for one in closings]
    return [Day(*pair) for pair in zip(closings, _settlings_of(Kind.DAY, subjects), strict=True)]


def _settlings_of(kind: Kind, subjects: Sequence[str]) -> Sequence[Settling]:
    decisions = doors().desk.decisions
    decided = decisions.latest(kind, subjects)
    return [Settling(one, decisions.history(kind, one) if one in decided else ()) for one in subjects]


def _villages() -> dict[tuple[str, str], str]:
    """By region and number of the station, as people have written them down."""
    return {key: row.village for key, row in doors().desk.registry.current().stations.items() if row.village}


def _asked_day() -> date:
    """Not after today."""
    today = sources().now().date()
    try:
        asked = date.fromisoformat(request.args.get("day", "")[:10])
    except ValueError:
        return today - timedelta(days=1)
    return max(_FIRST_DAY, min(asked, today))


def _back(otherwise: str) -> str:
    """To the day that was looked at."""
    asked = request.form.get("day", "")[:10]
    try:
        return url_for("reconciliation.day", day=date.fromisoformat(asked).isoformat())
    except ValueError:
        return otherwise


def _is_there(region: str, station: str) -> bool:
    """Whether such a station was heard."""
    is_one = _STATION.fullmatch(station) is not None and region.isprintable()
    return is_one and region in sources().reports.stations.regions(station)


def _may_decide() -> bool:
    return current().person.role >= Role.OPERATOR


def _receipt_number(text: str) -> ReceiptNumber | None:
    try:
        return ReceiptNumber.parse(text)
    except BadIdentifier:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
