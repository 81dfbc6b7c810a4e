"""Reconciliation: what each station said its day was, beside what the ledger has; receipts that were told twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask import abort, make_response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.decisions import Decision, Kind, Said
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.ledger.overview import AlarmRow
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.reports import COUNTY
from kiosk.sorting_center.reports.closings import Closing, Stood
from kiosk.sorting_center.reports.figures import Figures
from kiosk.sorting_center.reports.following.closes import Verdict
from kiosk.sorting_center.reports.receipts import Receipt
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import MOST, whole_number
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.texts import formats, html

reconciliation = Pages("reconciliation", __name__)

ROWS: Final = 150
"""Of each list on one page."""
CARDS: Final = 30
"""With all their figures and a form; more of a kind are a line each, so that no page is heavy."""
_CLOSES: Final = 60
_RECEIPTS: Final = 60
"""Told twice: so many that are open, and as many that are settled."""
_ALARMS: Final = 200
_LOOKED_THROUGH: Final = 20
"""Pages of alarms; the ledger keeps 1,000 of one station."""
_MAX_REASON: Final = 2_000
_MARK_CHARACTERS: Final = 16
_NOTHING: Final = Figures()
_FIRST_DAY: Final = date(2000, 1, 1)
_STATION: Final = re.compile(r"S[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Settling:
    """Something a person settles, and what was decided on it, oldest first. ``figures`` are those of now, "" where
    there are none.
    """

    subject: str
    history: Sequence[Decision]
    figures: str = ""

    @property
    def is_settled(self) -> bool:
        """Asked back is not settled: the answer is still to come. Nor is what was decided on other figures."""
        return bool(self.history) and self.history[-1].act != "asked_back" and not self.has_changed

    @property
    def has_changed(self) -> bool:
        """Whether the figures are others than those of the last decision."""
        return bool(self.history) and self.history[-1].figures not in ("", self.figures)

    @property
    def mark(self) -> str:
        """Stands for the figures in a form: nobody decides on others than those on the page."""
        return hashlib.sha256(self.figures.encode()).hexdigest()[:_MARK_CHARACTERS]

    def then(self, row: Decision) -> Stood | None:
        """How it stood when that was decided; None when that is how it stands now, or nobody knows."""
        return Stood.read(row.figures) if row.figures != self.figures else None


@dataclass(frozen=True, slots=True)
class Day:
    """A close of a day beside the ledger."""

    closing: Closing
    settling: Settling

    @property
    def needs_a_look(self) -> bool:
        """Also when it agrees by now, and a person has decided on something else."""
        closing = self.closing
        differs = closing.verdict is not Verdict.SAME or bool(closing.voided_since or closing.not_counted)
        return differs or self.settling.has_changed

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
    asked, page = _asked_day(), max(1, whole_number(request.args.get("page", "")) or 1)
    reports, now = sources().reports, sources().now()
    closings = reports.closings.of_day(asked)
    closed = {(one.station, one.region) for one in closings}
    days = _days(closings)
    not_closed = [
        NotClosed(one.station, one.region, one.figures)
        for one in reports.days.stations(asked, asked)
        if one.figures.intakes and (one.station, one.region) not in closed
    ]
    lists: dict[str, Sequence[Day | NotClosed]] = {
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
    if seq > MOST or not _is_there(region, station):
        abort(404)
    known = sources().reports.closings.told_by(region, station, epoch, seq)
    settling = next((one.settling for one in _days(known)), None)
    if settling is None:
        abort(404)
    if refused := _settle(settling):
        return _refused(_station_page(region, station, refused, settling.subject))
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
    """The newest that are open, and the newest that are settled: however many those are, no older one that is open is
    left out for them.
    """
    found, alarms = sources().reports.receipts, sources().reports.journal.alarms
    seen, doubles = set[str](), list[Double]()
    for skip in range(0, _ALARMS * _LOOKED_THROUGH, _ALARMS):
        page = alarms(RECEIPT_TWICE, COUNTY, _ALARMS, skip)
        told = _told_twice(page)
        decided = doors().desk.decisions.latest(Kind.RECEIPT, [subject for subject in told if subject not in seen])
        for subject, (number, region, places) in told.items():
            is_known = subject in decided and _covers(decided[subject], places)
            if subject not in seen and not (is_known and _count(doubles, settled=True) >= _RECEIPTS):
                doubles += [Double(one, settling_of(one)) for one in found.find(number, region)]
            seen.add(subject)
        if len(page) < _ALARMS or _count(doubles, settled=False) >= _RECEIPTS:
            break
    return doubles


def _count(doubles: Sequence[Double], *, settled: bool) -> int:
    return sum(one.settling.is_settled is settled for one in doubles)


def _told_twice(alarms: Sequence[AlarmRow]) -> Mapping[str, tuple[ReceiptNumber, str, set[str]]]:
    """The receipts they are about, by subject: number, region, and the places of the events that were one too many."""
    found: dict[str, tuple[ReceiptNumber, str, set[str]]] = {}
    for event in sources().reports.journal.at([(one.station, one.epoch, one.region, one.seq) for one in alarms]):
        number = _receipt_number(str(event.data.get("receipt"))) if event is not None else None
        if event is not None and number is not None:
            subject = f"{event.region} {number.station} {number}"
            found.setdefault(subject, (number, event.region, set()))[2].add(f"{event.epoch}-{event.seq}")
    return found


def _covers(decided: Decision, places: set[str]) -> bool:
    """Whether it settles what these events tell, without a look at the receipt."""
    return decided.act != "asked_back" and (not decided.figures or places <= set(decided.figures.split()))


def settling_of(found: Receipt) -> Settling:
    """Of a receipt that is there twice. Its figures are the events that confirm it differently, by their places. Those
    it was decided on stay when one of them has left for an archive since: that is no other receipt.
    """
    subject = f"{found.region} {found.station} {found.number}"
    history = doors().desk.decisions.history(Kind.RECEIPT, subject)
    told, decided = [f"{one.epoch}-{one.seq}" for one in found.twice], history[-1].figures if history else ""
    return Settling(subject, history, decided if set(told) <= set(decided.split()) else " ".join(told))


def _settle(settling: Settling) -> str:
    """The code of a refusal; "" when it is done."""
    act, reason, seen = (request.form.get(name, "")[:_MAX_REASON] for name in ("act", "reason", "seen"))
    who, now, desk = current().person.name, doors().now(), doors().desk
    if request.form.get("figures", "") != settling.mark:
        return "figures_changed"
    said = Said(who, reason, settling.figures)
    try:
        made = desk.decisions.decide((Kind.DAY, settling.subject), whole_number(seen) or 0, act, said, now)
    except Refused as error:
        return error.code
    desk.audit.record(who, Act.DAY_SETTLED, settling.subject, f"{made.act}: {made.reason}", now)
    return ""


def _refused(page: str) -> Response:
    answer = make_response(page)
    answer.status_code = 409
    return answer


def _days(closings: Sequence[Closing]) -> Sequence[Day]:
    figures = {f"{one.region} {one.station} {one.epoch} {one.seq}": one.figures for one in closings}
    return [Day(*pair) for pair in zip(closings, _settlings_of(Kind.DAY, figures), strict=True)]


def _settlings_of(kind: Kind, figures: Mapping[str, str]) -> Sequence[Settling]:
    """``figures`` by subject."""
    decisions = doors().desk.decisions
    decided = decisions.latest(kind, figures)
    return [
        Settling(subject, decisions.history(kind, subject) if subject in decided else (), of_now)
        for subject, of_now in figures.items()
    ]


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
