"""One station of the county's list: its row, changed on the page, and the identity of its machine."""

from __future__ import annotations

from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry_csv import (
    COLUMNS,
    MAX_TEXT,
    REQUIRED_COLUMNS,
    BadRegistry,
    station_cells,
    with_station,
)
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import MAX_REASON, checked_reason
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.web.shared.access import (
    GuardedBlueprint,
    access_policy,
    current_principal,
    may_decide,
    record,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page

registered_station = GuardedBlueprint("registered_station", __name__)

_STATION: Final = MachineKind.STATION
_FORM_CHARACTERS: Final = MAX_TEXT * 2  # What is longer than MAX_TEXT is refused in words, not cut


@registered_station.get_route("/registry/new", StaffRole.OPERATOR)
def new() -> str:
    return _render("", "")


@registered_station.get_route("/registry/<region>/<station>", StaffRole.VIEWER)
def shown(region: str, station: str) -> str:
    if (region, station) not in access_policy().desk.registry.current().stations:
        raise NotFound("there is no such station in the list")
    return _render(region, station)


def _render(region: str, station: str, refused: Refused | BadRegistry | None = None) -> str:
    """``refused``: the form as it was sent stands there again."""
    desk = access_policy().desk
    register = desk.registry.current()
    cells = station_cells(register, (region, station))
    if refused is not None:
        cells |= {name: form_text(name, _FORM_CHARACTERS) for name in COLUMNS if name in request.form}
    return render_page(
        "registered-station.html",
        region=region,
        station=station,
        cells=cells,
        required=REQUIRED_COLUMNS,
        base=register.digest,
        identities=[
            one
            for one in desk.certificates.all()
            if one.subject.kind is _STATION and (one.subject.region, one.subject.name) == (region, station)
        ],
        may_change=may_decide(),
        may_revoke=current_principal().person.role >= StaffRole.ADMIN,
        max_reason=MAX_REASON,
        max_text=MAX_TEXT,
        faults=refused.faults if isinstance(refused, BadRegistry) else (),
        refused=refused if isinstance(refused, Refused) else None,
        done=request.args.get("done") == "1",
    )


def _back(region: str, station: str) -> Response:
    return redirect(url_for("registered_station.shown", region=region, station=station, done=1), 303)


@registered_station.post_route("/registry/station", StaffRole.OPERATOR)
def change() -> Response:
    """Add or change one station; ``base`` is the digest of the list that the person saw."""
    desk, cells = access_policy().desk, {name: form_text(name, _FORM_CHARACTERS) for name in COLUMNS}
    region, station = (cells[name].strip() for name in REQUIRED_COLUMNS)
    try:
        read = with_station(desk.registry.current(), cells | {"region": region, "station": station})
        found = desk.registry.replace(read.stations, read.townships, form_text("base"))
    except (BadRegistry, Refused) as error:
        known = (region, station) in desk.registry.current().stations
        page = _render(*((region, station) if known else ("", "")), error)
        return page_response(page, 422 if isinstance(error, BadRegistry) else 409)
    record(AuditAction.STATION_CHANGED, f"{region}/{station}", str(found))
    return _back(region, station)


@registered_station.post_route("/registry/<region>/<station>/revoke", StaffRole.ADMIN)
def revoke(region: str, station: str) -> Response:
    """Let the machine that has the identity in no more."""
    found = access_policy()
    try:
        reason = checked_reason(form_text("reason", MAX_REASON))
        found.desk.certificates.revoke(region, _STATION, station, reason, found.now())
    except Refused as error:
        return page_response(_render(region, station, error), 409)
    record(AuditAction.IDENTITY_REVOKED, f"{region}/{station}", reason)
    return _back(region, station)


@registered_station.get_route("/registry/<region>/<station>/identity", StaffRole.ADMIN)
def identity_file(region: str, station: str) -> Response:
    """The sealed identity, for a station without its stick; the paper opens it."""
    desk = access_policy().desk
    newest = desk.certificates.newest(_STATION).get((region, station))
    content = desk.certificates.sealed(newest.subject) if newest is not None else None
    if content is None:
        raise NotFound("there is no file of this identity: its machine has it, or it was revoked")
    name = f"identity-{station}.toml"
    record(AuditAction.EXPORTED, name, region)
    answer = make_response(content)
    answer.headers["Content-Type"] = "application/toml"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
