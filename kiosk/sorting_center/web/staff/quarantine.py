"""The quarantine desk: what was set apart, why, beside what is around its place; and what people decide on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.events import IntakeConfirmed
from kiosk.messaging.contract.envelope import data_as
from kiosk.sorting_center.desk.decisions import Decision, DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction, escaped_text
from kiosk.sorting_center.ledger import quarantine as entries
from kiosk.sorting_center.ledger.quarantine import (
    READMITTABLE_REASONS,
    QuarantineDetails,
    QuarantinedEvent,
    QuarantineFilter,
)
from kiosk.sorting_center.ledger.shared.records import EventKey
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import receipt_number, record_context

quarantine = GuardedBlueprint("quarantine", __name__)

REASONS: Final = ("fork", "broken_chain", "far_ahead", "unknown_type", "bad_data", "oversized", "bad_signature")
OPEN, ALL = "open", "all"
_PAGE_SIZE: Final = 50
# Pages of what is decided already, before a list of what is open is shown as far as it goes.
_MAX_SCANNED_PAGES: Final = 20
_DECIDED_SHOWN: Final = 10
_MAX_LINE: Final = 4_000
_MAX_REASON: Final = 2_000
_MAX_NUMBER: Final = 2**53  # Far above every event that is set apart, and within what both databases count with


@dataclass(frozen=True, slots=True)
class ListedEvent:
    apart: QuarantinedEvent
    decided: Decision | None

    @property
    def is_open(self) -> bool:
        return self.decided is None or self.decided.act != "set_aside"


@quarantine.get_route("/quarantine", StaffRole.VIEWER)
def everything() -> str:
    query_values = (request.args.get(name, "")[:64].strip() for name in ("reason", "station", "region"))
    criteria = QuarantineFilter(*(text if text.isprintable() else "" for text in query_values))
    before, missing_number = (parse_whole_number(request.args.get(name, "")) for name in ("before", "gone"))
    state = ALL if request.args.get("state") == ALL else OPEN
    rows, last = _load_listed(criteria, before, open_only=state == OPEN)
    decided = access_policy().desk.decisions.newest(DecisionKind.QUARANTINE, _DECIDED_SHOWN)
    return render_page(
        "quarantine.html",
        rows=rows,
        last=last,
        decided=decided,
        asked=criteria,
        state=state,
        stations=access_policy().desk.registry.current().stations,
        reasons=REASONS,
        gone=missing_number,
    )


@quarantine.get_route("/quarantine/<int:number>", StaffRole.VIEWER)
def one(number: int) -> Response:
    return _render(number)


@quarantine.post_route("/quarantine/<int:number>/decide", StaffRole.OPERATOR)
def decide(number: int) -> Response:
    """Store a decision; ``seen``: how many decisions the person has seen."""
    found = _load_details(number)
    if found is None:
        return _redirect_missing(number)
    act, reason, seen = (form_text(name, _MAX_REASON) for name in ("act", "reason", "seen"))
    subject = (DecisionKind.QUARANTINE, str(found.apart.key))
    who, now, desk = current_principal().person.name, access_policy().now(), access_policy().desk
    try:
        if act == "take_again" and found.apart.reason not in READMITTABLE_REASONS:
            raise Refused("only_the_chain", "whether this event stands among the others, the chain alone says")
        made = desk.decisions.decide(subject, parse_whole_number(seen) or 0, act, DecisionRationale(who, reason), now)
    except Refused as error:
        return _render(number, error.code, act, reason)
    record(AuditAction.QUARANTINE_DECIDED, made.subject, f"{made.act}: {made.reason}")
    return redirect(url_for("quarantine.one", number=number), 303)


def _render(number: int, refused: str = "", act: str = "", reason: str = "") -> Response:
    found = _load_details(number)
    if found is None:
        return _redirect_missing(number)
    history = access_policy().desk.decisions.history(DecisionKind.QUARANTINE, str(found.apart.key))
    shown = ShownReceipt.parse(found.body)
    page = render_page(
        "quarantine-event.html",
        found=found,
        key=found.apart.key,
        bodies=[body_lines(body) for body in (found.body, found.place.instead) if body],
        shown=shown,
        counted=contradicted_receipt(shown, found.apart.key, found.place.instead) if shown is not None else None,
        expected=access_policy()
        .desk.registry.current()
        .stations.get((found.apart.key.region, found.apart.key.station)),
        history=history,
        waits=bool(history) and history[-1].act == "take_again" and not history[-1].outcome,
        by_the_reader=found.apart.reason in READMITTABLE_REASONS,
        refused=refused,
        act=act,
        reason=reason,
        **record_context(),
    )
    return page_response(page, 409 if refused else 200)


def _load_details(number: int) -> QuarantineDetails | None:
    if number > _MAX_NUMBER:
        return None
    with sources().ledger.reading() as connection:
        return entries.load_details(connection, number)


def _redirect_missing(number: int) -> Response:
    """Redirect to the list: the event was taken in, fits by now, or never was."""
    return redirect(url_for("quarantine.everything", gone=number), 303)


def _load_listed(
    criteria: QuarantineFilter, before: int | None, *, open_only: bool
) -> tuple[Sequence[ListedEvent], int | None]:
    """Return rows, and the number below which more may follow; None at the end."""
    rows: list[ListedEvent] = []
    for _ in range(_MAX_SCANNED_PAGES):
        with sources().ledger.reading() as connection:
            found = entries.load_page(connection, criteria, before, _PAGE_SIZE)
        decided = access_policy().desk.decisions.latest(DecisionKind.QUARANTINE, [str(one.key) for one in found])
        for one in found:
            listed = ListedEvent(one, decided.get(str(one.key)))
            if listed.is_open or not open_only:
                rows.append(listed)
            before = one.id
            if len(rows) == _PAGE_SIZE:
                return rows, before
        if len(found) < _PAGE_SIZE:
            return rows, None
    return rows, before


def body_lines(body: bytes) -> Sequence[str]:
    """Return the event as received, a line for each part; characters that act on a screen are shown as numbers."""
    try:
        laid_out = msgspec.json.format(body, indent=2) if body else b""
    except (ValueError, RecursionError):
        laid_out = body
    lines = laid_out.decode("utf-8", errors="replace").split("\n")
    return [escaped_text(line, _MAX_LINE).replace("\u2028", "<U+2028>").replace("\u2029", "<U+2029>") for line in lines]


@dataclass(frozen=True, slots=True)
class ShownReceipt:
    """What an event says of a receipt; ``at`` is when it was written, as the event says."""

    intake: IntakeConfirmed
    at: datetime

    @classmethod
    def parse(cls, body: bytes) -> ShownReceipt | None:
        """Parse the event; None when it is about anything else, or cannot be read."""
        try:
            event = msgspec.json.decode(body) if body else {}
            # A moment at the ends of the calendar is invalid in another zone.
            if event.get("type") != IntakeConfirmed.TYPE or not "0002" < event["time"] < "9999":
                return None
            return cls(data_as(IntakeConfirmed, event["data"]), datetime.fromisoformat(event["time"]).astimezone(UTC))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None


def contradicted_receipt(shown: ShownReceipt, key: EventKey, instead: bytes) -> ShownReceipt | None:
    """Return what counts instead: the receipt with its number, else what the event in its place says."""
    number = receipt_number(shown.intake.receipt)
    for found in sources().reports.receipts.find(number, key.region) if number is not None else ():
        event = found.counted_event
        if event is not None and event.sha256 != key.sha256 and found.confirmed is not None and event.written_at:
            return ShownReceipt(found.confirmed, event.written_at)
    return ShownReceipt.parse(instead)
