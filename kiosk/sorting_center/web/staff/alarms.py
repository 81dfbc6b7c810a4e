"""What is wrong in the county, case by case: looked at, taken, closed and opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import MAX_REASON, SYSTEM_USER, Case, CaseFilter, CaseState
from kiosk.sorting_center.web.shared.access import (
    GuardedBlueprint,
    access_policy,
    current_principal,
    may_decide,
    record,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER, parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources

alarms = GuardedBlueprint("alarms", __name__)

PAGE_SIZE: Final = 50
VIEWS: Final[Mapping[str, tuple[CaseState, ...]]] = {
    "now": (CaseState.OPEN, CaseState.CLAIMED),
    "open": (CaseState.OPEN,),
    "taken": (CaseState.CLAIMED,),
    "closed": (CaseState.CLOSED,),
}

DecisionCall = Callable[[int, int, str, datetime], Case]


@alarms.get_route("/alarms", StaffRole.VIEWER)
def cases() -> str:
    """``?state=`` one of VIEWS, ``kind=``, ``station=``, ``before=`` a number; the newest first."""
    found = sources().desk.cases
    view = request.args.get("state", "")
    view = view if view in VIEWS else "now"
    only = CaseFilter(request.args.get("kind", "")[:40], request.args.get("station", "").strip()[:40])
    rows = found.page(VIEWS[view], parse_whole_number(request.args.get("before", "")), PAGE_SIZE + 1, only)
    counts = found.counts()
    return render_page(
        "alarms.html",
        rows=rows[:PAGE_SIZE],
        more=len(rows) > PAGE_SIZE,
        view=view,
        views={name: sum(counts[state] for state in states) for name, states in VIEWS.items()},
        only=only,
        kinds=found.kinds(),
    )


@alarms.get_route("/alarms/<int:number>", StaffRole.VIEWER)
def case(number: int) -> str:
    return _render(number)


def _render(number: int, refused: str = "", reason: str = "") -> str:
    """``refused`` is the code of what was not done; ``reason`` what was typed then, so that nobody types it again."""
    desk = sources().desk
    try:
        found = desk.cases.get(number) if number <= MAX_WHOLE_NUMBER else None
    except Refused:
        found = None
    if found is None:
        raise NotFound(f"there is no case {number}")
    return render_page(
        "alarm.html",
        case=found,
        steps=desk.cases.history(number),
        expected=desk.registry.current().stations.get((found.region, found.station)),
        may_decide=may_decide(),
        refused=refused,
        reason=reason,
        max_reason=MAX_REASON,
        itself=SYSTEM_USER,
    )


@alarms.post_route("/alarms/<int:number>/take", StaffRole.OPERATOR)
def take(number: int) -> Response:
    """Who asks works on it from now on."""
    return _decide(number, AuditAction.CASE_CLAIMED, access_policy().desk.cases.claim)


@alarms.post_route("/alarms/<int:number>/close", StaffRole.OPERATOR)
def close(number: int) -> Response:
    reason = _reason()
    found = access_policy().desk.cases
    return _decide(
        number, AuditAction.CASE_CLOSED, lambda case, version, who, now: found.close(case, version, who, reason, now)
    )


@alarms.post_route("/alarms/<int:number>/reopen", StaffRole.OPERATOR)
def reopen(number: int) -> Response:
    """With a reason: it was not settled after all."""
    reason = _reason()
    found = access_policy().desk.cases
    return _decide(
        number, AuditAction.CASE_REOPENED, lambda case, version, who, now: found.reopen(case, version, who, reason, now)
    )


def _decide(number: int, act: AuditAction, deciding: DecisionCall) -> Response:
    version = parse_whole_number(request.form.get("version", ""))
    who, now = current_principal().person.name, access_policy().now()
    try:
        decided = deciding(min(number, MAX_WHOLE_NUMBER), version or 0, who, now)
    except Refused as error:
        return page_response(_render(number, error.code, _reason()), 409)
    subject = f"{decided.id} {decided.kind} {decided.region}/{decided.station}"
    record(act, subject, decided.reason)
    sources().snapshots.settling.expire()
    return redirect(url_for("alarms.case", number=number), 303)


def _reason() -> str:
    return form_text("reason", MAX_REASON * 2)
