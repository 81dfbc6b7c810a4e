"""What is wrong in the county, case by case: looked at, taken, closed and opened again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import MAX_REASON, SYSTEM_USER, CaseFilter, CaseState, checked_reason
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal
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

ACTS: Final[Mapping[str, tuple[CaseState, AuditAction]]] = {
    "take": (CaseState.CLAIMED, AuditAction.CASE_CLAIMED),
    "close": (CaseState.CLOSED, AuditAction.CASE_CLOSED),
    "reopen": (CaseState.OPEN, AuditAction.CASE_REOPENED),
}


@alarms.get_route("/alarms", StaffRole.VIEWER)
def cases() -> str:
    """Show cases, the newest first; ``?state=`` one of VIEWS, ``kind=``, ``station=``, ``before=`` a number."""
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
        stations=sources().desk.registry.current().stations,
    )


@alarms.get_route("/alarms/<int:number>", StaffRole.VIEWER)
def case(number: int) -> str:
    return _render(number)


def _render(number: int, refused: str = "", reason: str = "") -> str:
    """Render a case. ``refused``: code of what was not done; ``reason``: what was typed then, to be shown again."""
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
        refused=refused,
        reason=reason,
        max_reason=MAX_REASON,
        itself=SYSTEM_USER,
    )


@alarms.post_route("/alarms/<int:number>/<act>", StaffRole.OPERATOR)
def decide(number: int, act: str) -> Response:
    """Do ``act``, one of ACTS: taken, the case is the person's work; closed and reopened it is with a reason."""
    if act not in ACTS:
        raise NotFound(f"nobody can {act[:20]} a case")
    version = parse_whole_number(request.form.get("version", "")) or 0
    try:
        decide_cases({min(number, MAX_WHOLE_NUMBER): version}, act)
    except Refused as error:
        return page_response(_render(number, error.code, _reason()), 409)
    return redirect(url_for("alarms.case", number=number), 303)


def decide_cases(seen: Mapping[int, int], act: str) -> None:
    """Decide all of ``seen`` or none: numbers of cases with the versions that were read. Raises Refused."""
    state, audited = ACTS[act]
    who, now, desk = current_principal().person.name, access_policy().now(), access_policy().desk
    reason = "" if state is CaseState.CLAIMED else checked_reason(_reason())
    decided = desk.cases.decide_all(seen, state, (who, reason), now)
    details = {f"{one.id} {one.kind} {one.region}/{one.station}": one.reason for one in decided}
    desk.audit.record_all(who, audited, details, now)
    sources().snapshots.settling.expire()


def _reason() -> str:
    return form_text("reason", MAX_REASON * 2)
