"""Clerks and technicians of one station, and the answer to a station that asks for a forgotten PIN."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import redirect, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.clerk import Role
from kiosk.domain.telephone_pin import DIGITS, answer
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.station_people import MIN_CLERKS, Station
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import region_of
from kiosk.sorting_center.web.staff.sign_in import throttle_moment

station_people = GuardedBlueprint("station_people", __name__)

_PATH = "/stations/<region>/<station>/people"
_GAPS = re.compile(r"[\s-]")


@dataclass(frozen=True, slots=True)
class PinAnswer:
    """``digits`` in the groups in which they are read aloud."""

    number: str
    name: str
    digits: tuple[str, ...]


@station_people.get_route(_PATH, StaffRole.VIEWER)
def everybody(region: str, station: str) -> str:
    return _render(_station(region, station))


def _station(region: str, station: str) -> Station:
    """Return the station. Raises NotFound for one that is not expected and has sent nothing."""
    found, day = sources(), sources().reports.days.day_of(sources().now())
    if (
        found.desk.registry.station((region_of(region), station)) is None
        and found.reports.fleet.row(region, station, day) is None
    ):
        raise NotFound("no station of this number was heard in this region, and none is expected")
    return Station(region, station)


def _render(station: Station, refused: Refused | None = None, given: PinAnswer | None = None) -> str:
    desk, reports = sources().desk, sources().reports
    people = desk.station_people.at(station)
    numbers = reports.stations.clerk_numbers(station.region, station.number)
    row = reports.fleet.row(station.region, station.number, reports.days.day_of(sources().now()))
    return render_page(
        "station-people.html",
        station=station,
        expected=desk.registry.station((station.region, station.number)),
        people=people,
        former=desk.station_people.former(station),
        numbers=numbers,
        unclaimed=desk.station_people.unclaimed(station, numbers),
        configuration=desk.configurations.of_station(station.region, station.number),
        last_seen=row.last_seen.isoformat() if row is not None and row.last_seen is not None else "",
        too_few=len([one for one in people if one.role is Role.CLERK]) < MIN_CLERKS,
        has_secret=desk.certificates.pin_secret(station.region, station.number) is not None,
        roles=list(Role),
        refused=refused,
        given=given,
        digits=DIGITS,
    )


def _act(region: str, station: str, act: AuditAction, number: str) -> Response:
    """Add, change or end a person, and redirect to the page."""
    place, who, now = _station(region, station), current_principal().person.name, access_policy().now()
    people = access_policy().desk.station_people
    try:
        if act is AuditAction.STATION_PERSON_ENDED:
            person = people.end(place, number, who, now)
        else:
            name, role = form_text("name", 80), _role()
            if act is AuditAction.STATION_PERSON_ADDED:
                used = sources().reports.stations.clerk_numbers(region, station)
                person = people.add(place, (form_text("number", 8), name, role), used, who, now)
            else:
                person = people.change(place, (number, name, role), who, now)
    except Refused as error:
        return page_response(_render(place, error), 409)
    record(act, f"{region}/{station}", f"{person.actor} {person.role}")
    return redirect(url_for("station_people.everybody", region=region, station=station), 303)


def _role() -> Role:
    """Read the role; an unknown one never makes a technician."""
    return Role.TECHNICIAN if form_text("role") == Role.TECHNICIAN.value else Role.CLERK


@station_people.post_route(f"{_PATH}/add", StaffRole.OPERATOR)
def add(region: str, station: str) -> Response:
    return _act(region, station, AuditAction.STATION_PERSON_ADDED, "")


@station_people.post_route(f"{_PATH}/<number>/change", StaffRole.OPERATOR)
def change(region: str, station: str, number: str) -> Response:
    return _act(region, station, AuditAction.STATION_PERSON_CHANGED, number)


@station_people.post_route(f"{_PATH}/<number>/end", StaffRole.OPERATOR)
def end(region: str, station: str, number: str) -> Response:
    return _act(region, station, AuditAction.STATION_PERSON_ENDED, number)


@station_people.post_route(f"{_PATH}/pin", StaffRole.OPERATOR)
def pin(region: str, station: str) -> Response:
    """Show the digits on this one page; they are stored nowhere. The audit has who gave them, and for whom."""
    place = _station(region, station)
    try:
        given = _answer(place)
    except Refused as error:
        return page_response(_render(place, error), 429 if error.code == "pin_wait" else 409)
    return page_response(_render(place, given=given), 200)


def _answer(station: Station) -> PinAnswer:
    desk, who = access_policy().desk, current_principal().person.name
    people = {one.number: one for one in desk.station_people.at(station)}
    person = people.get(form_text("number", 8))
    challenge = _GAPS.sub("", form_text("challenge", 40))
    if person is None:
        raise Refused("unknown_person", "choose somebody of this station", {"name": form_text("number", 8)})
    if len(challenge) != DIGITS or not (challenge.isascii() and challenge.isdecimal()):
        raise Refused("pin_challenge", f"the station shows {DIGITS} digits", {"n": str(DIGITS)})
    secret = desk.certificates.pin_secret(station.region, station.number)
    if secret is None:
        raise Refused("pin_no_secret", "the identity of this station has no secret for PINs")
    wait_ms = desk.throttle.attempt_pin(who, f"{station.region}/{station.number}", throttle_moment())
    if wait_ms:
        raise Refused("pin_wait", "too many PINs in a short time", {"n": str(-(-wait_ms // 60_000))})
    record(AuditAction.PIN_ANSWERED, f"{station.region}/{station.number}", person.actor)
    found = answer(secret, station.number, person.number, challenge)
    return PinAnswer(person.number, person.name, (found[: DIGITS // 2], found[DIGITS // 2 :]))
