"""Reconciliation: the day that each station reported, beside the ledger's; receipts that were reported twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask import abort, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.desk.decisions import Decision, DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger.overview import AlarmRow
from kiosk.sorting_center.ledger.shared.records import RECEIPT_TWICE
from kiosk.sorting_center.reports import COUNTY
from kiosk.sorting_center.reports.closings import Closing
from kiosk.sorting_center.reports.days import StationFigures
from kiosk.sorting_center.reports.receipts import ReceiptDetails
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER, parse_whole_number
from kiosk.sorting_center.web.shared.settling import ReviewItem, subject_of
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import receipt_number
from kiosk.texts import formats, html

reconciliation = GuardedBlueprint("reconciliation", __name__)

MAX_ROWS: Final = 150  # Of each list on one page
MAX_CARDS: Final = 30  # With all their figures and a form; more of a kind are a line each, so that no page is heavy
_MAX_CLOSINGS: Final = 60
_MAX_RECEIPTS: Final = 60  # Reported twice: so many that are open, and as many that are settled
_ALARMS_PER_PAGE: Final = 200
_MAX_ALARM_PAGES: Final = 20  # Pages of alarms; the ledger keeps 1,000 of one station
_MAX_REASON: Final = 2_000
_FIRST_DAY: Final = date(2000, 1, 1)
_STATION: Final = re.compile(r"S[0-9]{4}")


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    closing: Closing
    settling: ReviewItem

    @property
    def needs_review(self) -> bool:
        """Also when it agrees by now, and a person has decided on something else."""
        return self.closing.differs or self.settling.has_changed

    @property
    def lines(self) -> Sequence[tuple[str, Markup, Markup, Markup]]:
        """Of each field that differs: its name, what was said, what is here, how much more or less that is."""
        found = []
        for one in self.closing.differences:
            sign = "+" if one.found > one.reported else "\u2212"
            texts = (_value(one.field, one.reported), _value(one.field, one.found))
            apart = sign + _value(one.field, abs(one.found - one.reported))
            reported, here, more = (html.bdi(text) for text in (*texts, apart))
            found.append((one.field, reported, here, more))
        return found


@dataclass(frozen=True, slots=True)
class DoubleReceipt:
    receipt: ReceiptDetails
    settling: ReviewItem


def _value(field: str, value: int) -> str:
    if field == "net_g":
        return formats.kg_text(value)
    return formats.money(value) if field.endswith("_fen") else formats.number(value)


@reconciliation.get_route("/reconciliation", StaffRole.VIEWER)
def day() -> str:
    """Show a day of all stations; yesterday when none is requested."""
    selected, page = _requested_day(), max(1, parse_whole_number(request.args.get("page", "")) or 1)
    reports, now = sources().reports, sources().now()
    closings = reports.closings.of_day(selected)
    closed = {(one.station, one.region) for one in closings}
    days = _days(closings)
    not_closed = [
        one
        for one in reports.days.stations(selected, selected)
        if one.figures.intakes and (one.station, one.region) not in closed
    ]
    lists: dict[str, Sequence[ReconciledDay | StationFigures]] = {
        "open": [one for one in days if one.needs_review and not one.settling.is_settled],
        "settled": [one for one in days if one.needs_review and one.settling.is_settled],
        "same": [one for one in days if not one.needs_review],
        "not_closed": not_closed,
    }
    here = slice((page - 1) * MAX_ROWS, page * MAX_ROWS)
    return render_page(
        "reconciliation.html",
        day=selected,
        before=max(_FIRST_DAY, selected - timedelta(days=1)),
        after=selected + timedelta(days=1) if selected < now.date() else None,
        counts={name: len(rows) for name, rows in lists.items()},
        **{name: rows[here] for name, rows in lists.items()},
        doubles=len([one for one in _load_doubles() if not one.settling.is_settled]),
        villages=_villages(),
        cards=MAX_CARDS,
        next=page + 1 if any(len(rows) > here.stop for rows in lists.values()) else None,
        behind=reports.progress().behind,
    )


@reconciliation.get_route("/reconciliation/<region>/<station>", StaffRole.VIEWER)
def of_station(region: str, station: str) -> str:
    if not _is_known_station(region, station):
        abort(404)
    return _station_page(region, station)


@reconciliation.post_route("/reconciliation/<region>/<station>/<epoch>/<int:seq>/settle", StaffRole.OPERATOR)
def settle_day(region: str, station: str, epoch: str, seq: int) -> Response:
    """Accept the day with a reason, or ask the station back."""
    if seq > MAX_WHOLE_NUMBER or not _is_known_station(region, station):
        abort(404)
    known = sources().reports.closings.of_event(region, station, epoch, seq)
    settling = next((one.settling for one in _days(known)), None)
    if settling is None:
        abort(404)
    if refused := _record_decision(settling):
        return page_response(_station_page(region, station, refused, settling.subject), 409)
    return redirect(_day_address(url_for("reconciliation.of_station", region=region, station=station)), 303)


@reconciliation.get_route("/reconciliation/receipts", StaffRole.VIEWER)
def receipts() -> str:
    """Show receipts that were reported twice; each is decided on its own page."""
    doubles = _load_doubles()
    return render_page(
        "reconciliation-receipts.html",
        open=[one for one in doubles if not one.settling.is_settled],
        settled=[one for one in doubles if one.settling.is_settled],
    )


def _station_page(region: str, station: str, refused: str = "", subject: str = "") -> str:
    closings = sources().reports.closings.of_station(region, station, _MAX_CLOSINGS)
    return render_page(
        "reconciliation-station.html",
        region=region,
        station=station,
        days=_days(closings),
        villages=_villages(),
        refused=refused,
        refused_subject=subject,
        said=form_text("reason", _MAX_REASON),
    )


def _load_doubles() -> Sequence[DoubleReceipt]:
    """Return the newest that are open, and the newest that are settled: however many those are, no older open one is
    left out for them.
    """
    found, alarms = sources().reports.receipts, sources().reports.journal.alarms
    seen, doubles = set[str](), list[DoubleReceipt]()
    for skip in range(0, _ALARMS_PER_PAGE * _MAX_ALARM_PAGES, _ALARMS_PER_PAGE):
        page = alarms(RECEIPT_TWICE, COUNTY, _ALARMS_PER_PAGE, skip)
        duplicates = _duplicate_receipts(page)
        decided = access_policy().desk.decisions.latest(
            DecisionKind.RECEIPT, [subject for subject in duplicates if subject not in seen]
        )
        for subject, (number, region, places) in duplicates.items():
            is_known = subject in decided and _decides_all(decided[subject], places)
            if subject not in seen and not (is_known and _count(doubles, settled=True) >= _MAX_RECEIPTS):
                doubles += [DoubleReceipt(one, review_item_of(one)) for one in found.find(number, region)]
            seen.add(subject)
        if len(page) < _ALARMS_PER_PAGE or _count(doubles, settled=False) >= _MAX_RECEIPTS:
            break
    return doubles


def _count(doubles: Sequence[DoubleReceipt], *, settled: bool) -> int:
    return sum(one.settling.is_settled is settled for one in doubles)


def _duplicate_receipts(alarms: Sequence[AlarmRow]) -> Mapping[str, tuple[ReceiptNumber, str, set[str]]]:
    """Return their receipts by subject: number, region, and the places of the events that were one too many."""
    found: dict[str, tuple[ReceiptNumber, str, set[str]]] = {}
    for event in sources().reports.journal.by_keys([(one.station, one.epoch, one.region, one.seq) for one in alarms]):
        number = receipt_number(str(event.data.get("receipt"))) if event is not None else None
        if event is not None and number is not None:
            subject = f"{event.region} {number.station} {number}"
            found.setdefault(subject, (number, event.region, set()))[2].add(f"{event.epoch}-{event.seq}")
    return found


def _decides_all(decided: Decision, places: set[str]) -> bool:
    """Return whether it settles what these events report, without a look at the receipt."""
    return decided.act != "asked_back" and (not decided.figures or places <= set(decided.figures.split()))


def review_item_of(found: ReceiptDetails) -> ReviewItem:
    """Return the item of a receipt that is there twice. Its figures are the places of the events that confirm it
    differently. Those it was decided on stay when one of them has left for an archive since: that is no other receipt.
    """
    subject = f"{found.region} {found.station} {found.number}"
    history = access_policy().desk.decisions.history(DecisionKind.RECEIPT, subject)
    positions, decided = [f"{one.epoch}-{one.seq}" for one in found.conflicts], history[-1].figures if history else ""
    return ReviewItem(subject, history, decided if set(positions) <= set(decided.split()) else " ".join(positions))


def _record_decision(settling: ReviewItem) -> str:
    """Record the decision; return the code of a refusal, "" when it is done."""
    act, reason, seen = (form_text(name, _MAX_REASON) for name in ("act", "reason", "seen"))
    who, now, desk = current_principal().person.name, access_policy().now(), access_policy().desk
    if request.form.get("figures", "") != settling.mark:
        return "figures_changed"
    statement = DecisionRationale(who, reason, settling.figures)
    try:
        made = desk.decisions.decide(
            (DecisionKind.DAY, settling.subject), parse_whole_number(seen) or 0, act, statement, now
        )
    except Refused as error:
        return error.code
    record(AuditAction.DAY_SETTLED, settling.subject, f"{made.act}: {made.reason}")
    sources().snapshots.settling.expire()
    return ""


def _days(closings: Sequence[Closing]) -> Sequence[ReconciledDay]:
    figures = {subject_of(one): one.figures for one in closings}
    return [ReconciledDay(*pair) for pair in zip(closings, _review_items(DecisionKind.DAY, figures), strict=True)]


def _review_items(kind: DecisionKind, figures: Mapping[str, str]) -> Sequence[ReviewItem]:
    decisions = access_policy().desk.decisions
    decided = decisions.latest(kind, figures)
    return [
        ReviewItem(subject, decisions.history(kind, subject) if subject in decided else (), of_now)
        for subject, of_now in figures.items()
    ]


def _villages() -> dict[tuple[str, str], str]:
    """Return villages by region and number of the station, as people have written them down."""
    return {key: row.village for key, row in access_policy().desk.registry.current().stations.items() if row.village}


def _requested_day() -> date:
    today = sources().now().date()
    try:
        requested = date.fromisoformat(request.args.get("day", "")[:10])
    except ValueError:
        return today - timedelta(days=1)
    return max(_FIRST_DAY, min(requested, today))


def _day_address(otherwise: str) -> str:
    """Return the address of the day that was shown, else ``otherwise``."""
    day_text = form_text("day", 10)
    try:
        return url_for("reconciliation.day", day=date.fromisoformat(day_text).isoformat())
    except ValueError:
        return otherwise


def _is_known_station(region: str, station: str) -> bool:
    is_one = _STATION.fullmatch(station) is not None and region.isprintable()
    return is_one and region in sources().reports.stations.regions(station)
