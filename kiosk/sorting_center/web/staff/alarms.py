"""What is wrong in the county, case by case: looked at, taken, closed and opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.cases import ITSELF, MAX_REASON, Case, Only, State
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import MOST, whole_number
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources

alarms = Pages("alarms", __name__)

PAGE: Final = 50
VIEWS: Final[Mapping[str, tuple[State, ...]]] = {
    "now": (State.OPEN, State.TAKEN),
    "open": (State.OPEN,),
    "taken": (State.TAKEN,),
    "closed": (State.CLOSED,),
}

Deciding = Callable[[int, int, str, datetime], Case]


@alarms.look("/alarms", Role.VIEWER)
def cases() -> str:
    """``?state=`` one of VIEWS, ``kind=``, ``station=``, ``before=`` a number; the newest first."""
    found = sources().desk.cases
    view = request.args.get("state", "")
    view = view if view in VIEWS else "now"
    only = Only(request.args.get("kind", "")[:40], request.args.get("station", "").strip()[:40])
    rows = found.page(VIEWS[view], whole_number(request.args.get("before", "")), PAGE + 1, only)
    counts = found.counts()
    return show(
        "alarms.html",
        rows=rows[:PAGE],
        more=len(rows) > PAGE,
        view=view,
        views={name: sum(counts[state] for state in states) for name, states in VIEWS.items()},
        only=only,
        kinds=found.kinds(),
    )


@alarms.look("/alarms/<int:number>", Role.VIEWER)
def case(number: int) -> str:
    """With all that was done about it."""
    return _shown(number)


def _shown(number: int, refused: str = "", reason: str = "") -> str:
    """``refused`` is the code of what was not done; ``reason`` what was typed then, so that nobody types it again."""
    desk = sources().desk
    try:
        found = desk.cases.get(number) if number <= MOST else None
    except Refused:
        found = None
    if found is None:
        raise NotFound(f"there is no case {number}")
    return show(
        "alarm.html",
        case=found,
        steps=desk.cases.history(number),
        expected=desk.registry.current().stations.get((found.region, found.station)),
        may_decide=current().person.role >= Role.OPERATOR,
        refused=refused,
        reason=reason,
        max_reason=MAX_REASON,
        itself=ITSELF,
    )


@alarms.act("/alarms/<int:number>/take", Role.OPERATOR)
def take(number: int) -> Response:
    """Who asks works on it from now on."""
    return _decide(number, Act.CASE_TAKEN, doors().desk.cases.take)


@alarms.act("/alarms/<int:number>/close", Role.OPERATOR)
def close(number: int) -> Response:
    """With a reason."""
    reason = _reason()
    found = doors().desk.cases
    return _decide(
        number, Act.CASE_CLOSED, lambda case, version, who, now: found.close(case, version, who, reason, now)
    )


@alarms.act("/alarms/<int:number>/reopen", Role.OPERATOR)
def reopen(number: int) -> Response:
    """With a reason: it was not settled after all."""
    reason = _reason()
    found = doors().desk.cases
    return _decide(
        number, Act.CASE_REOPENED, lambda case, version, who, now: found.reopen(case, version, who, reason, now)
    )


def _decide(number: int, act: Act, deciding: Deciding) -> Response:
    version = whole_number(request.form.get("version", ""))
    who, now = current().person.name, doors().now()
    try:
        decided = deciding(min(number, MOST), version or 0, who, now)
    except Refused as error:
        answer = make_response(_shown(number, error.code, _reason()))
        answer.status_code = 409
        return answer
    subject = f"{decided.id} {decided.kind} {decided.region}/{decided.station}"
    doors().desk.audit.record(who, act, subject, decided.reason, now)
    return redirect(url_for("alarms.case", number=number), 303)


def _reason() -> str:
    return request.form.get("reason", "")[: MAX_REASON * 2]
