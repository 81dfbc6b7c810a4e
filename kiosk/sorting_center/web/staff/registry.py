"""The stations a county expects: the list, those that have reported beside it, and the import of a new list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.certificates import MachineCertificate
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import (
    ExpectedStation,
    StationKey,
    StationRegister,
    Township,
    build_register,
    differences,
    registry_coverage,
)
from kiosk.sorting_center.desk.registry_csv import (
    COLUMNS,
    MAX_BYTES,
    MAX_TEXT,
    REQUIRED_COLUMNS,
    BadRegistry,
    ParsedRegistry,
    read_registry,
    station_cells,
    with_station,
    write_registry,
)
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import MAX_REASON, checked_reason
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.watch.county_watch import known_stations
from kiosk.sorting_center.web.shared.access import (
    AccessRule,
    GuardedBlueprint,
    access_policy,
    current_principal,
    record,
)
from kiosk.sorting_center.web.shared.files import (
    ENVELOPE_BYTES,
    READ_LOCK,
    discard_checked,
    file_response,
    find_checked,
    sent_file,
    store_checked,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.fleet import telephone
from kiosk.sorting_center.web.staff.links import requested_page

registry = GuardedBlueprint("registry", __name__)

PAGE_SIZE: Final = 200  # A county is printed as one list
MAX_SHOWN: Final = 100  # Of each sort of difference; the total is shown
EXPIRY_WARNING: Final = timedelta(days=30)  # So long a village needs to have a scale verified again
VIEWS: Final = ("all", "never", "unexpected", "over", "soon")
_FORM_CHARACTERS: Final = MAX_TEXT * 2  # What is longer than MAX_TEXT is refused in words, not cut
_MAY_IMPORT: Final = AccessRule(role=StaffRole.OPERATOR, form_bytes=MAX_BYTES + ENVELOPE_BYTES)


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """``verification``: over, soon, valid or "" for unknown."""

    expected: ExpectedStation
    has_reported: bool
    verification: str
    identity: MachineCertificate | None


@dataclass(frozen=True, slots=True)
class TownshipGroup:
    """Rows of one township; ``township`` is None for those without one."""

    region: str
    name: str
    township: Township | None
    rows: tuple[RegistryRow, ...]


@registry.get_route("/registry", StaffRole.VIEWER, menu=(110, "nav_registry"))
def stations() -> str:
    """Show stations; ``?view=`` one of VIEWS, ``words=``, ``page=`` from 1."""
    return _render()


def _render(refused: str = "") -> str:
    register, known = sources().desk.registry.current(), known_stations(sources().ledger)
    against = registry_coverage(register, known)
    view = request.args.get("view", "")
    view = view if view in VIEWS else "all"
    words = request.args.get("words", "").strip()[:60]
    rows = [*_rows(register, known)]
    chosen = [row for row in rows if _is_shown(row, view, words)]
    page = requested_page(len(chosen), PAGE_SIZE)
    return render_page(
        "registry.html",
        groups=_groups(register, chosen[page.first : page.first + PAGE_SIZE]),
        unexpected=[key for key in against.unexpected if words.casefold() in key[1].casefold()][:PAGE_SIZE],
        counts={
            "all": len(rows),
            "never": len(against.never),
            "unexpected": len(against.unexpected),
            "over": sum(row.verification == "over" for row in rows),
            "soon": sum(row.verification == "soon" for row in rows),
        },
        view=view,
        words=words,
        page=page,
        telephone=telephone,
        refused=refused,
    )


def _rows(register: StationRegister, known: set[StationKey]) -> Iterator[RegistryRow]:
    today, identities = sources().now().date(), sources().desk.certificates.newest(MachineKind.STATION)
    last, soon = today.isoformat(), (today + EXPIRY_WARNING).isoformat()
    for key in sorted(register.stations, key=lambda key: (key[0], register.stations[key].township, key[1])):
        expected = register.stations[key]
        until = expected.valid_until
        word = "" if not until else "over" if until < last else "soon" if until <= soon else "valid"
        yield RegistryRow(expected, key in known, word, identities.get(key))


def _is_shown(row: RegistryRow, view: str, words: str) -> bool:
    expected = row.expected
    searchable = f"{expected.region} {expected.station} {expected.village} {expected.township}".casefold()
    in_view = view == "all" or (view == "never" and not row.has_reported) or view == row.verification
    return in_view and all(word in searchable for word in words.casefold().split())


def _groups(register: StationRegister, rows: list[RegistryRow]) -> list[TownshipGroup]:
    def of(row: RegistryRow) -> StationKey:
        return row.expected.region, row.expected.township

    return [TownshipGroup(*key, register.townships.get(key), tuple(found)) for key, found in groupby(rows, of)]


@registry.get_route("/registry.csv", StaffRole.VIEWER)
def export() -> Response:
    content = write_registry(access_policy().desk.registry.current())
    record(AuditAction.EXPORTED, "registry.csv", f"{len(content)} bytes")
    return file_response(content, "stations.csv")


@registry.post_route("/registry/check", _MAY_IMPORT)
def check() -> Response:
    with READ_LOCK:
        name, content = sent_file(MAX_BYTES)
        if not name:
            return page_response(_render("no_file"), 422)
        try:
            read = read_registry(content)
        except BadRegistry as error:
            return page_response(
                render_page("registry-check.html", name=name, faults=error.faults, columns=COLUMNS), 422
            )
        return make_response(_render_check(name, content, read))


def _render_check(name: str, content: bytes, read: ParsedRegistry) -> str:
    before, after = access_policy().desk.registry.current(), build_register(read.stations, read.townships)
    draft, found = store_checked(content, before.digest), differences(before, after)
    changes = {}  # By station: column, old text, new text
    for key in found.changed[:MAX_SHOWN]:
        old, new = asdict(before.stations[key]), asdict(after.stations[key])
        changes[key] = [(column, old[column], new[column]) for column in new if old[column] != new[column]]
    return render_page(
        "registry-check.html",
        name=name,
        read=read,
        file_sha256=draft.file_sha256,
        found=found,
        changes=changes,
        before=before,
        after=after,
        limit=MAX_SHOWN,
    )


@registry.post_route("/registry/apply", StaffRole.OPERATOR)
def apply() -> Response:
    """Take the file that was shown, if the list is still the one it was compared with."""
    try:
        draft = find_checked()
        with READ_LOCK:
            read = read_registry(draft.content)
        done = access_policy().desk.registry.replace(read.stations, read.townships, draft.base)
    except Refused as error:
        return page_response(_render(error.code), 409)
    record(AuditAction.REGISTRY_IMPORTED, draft.file_sha256, str(done))
    discard_checked()
    return redirect(url_for("registry.stations", done=1), 303)


@registry.get_route("/registry/new", StaffRole.OPERATOR)
def new_station() -> str:
    return _render_station("", "")


@registry.get_route("/registry/<region>/<station>", StaffRole.VIEWER)
def station_page(region: str, station: str) -> str:
    if (region, station) not in sources().desk.registry.current().stations:
        raise NotFound("there is no such station in the list")
    return _render_station(region, station)


def _render_station(region: str, station: str, refused: Refused | BadRegistry | None = None) -> str:
    """Render the form of a station; when ``refused``, with what was sent."""
    desk = sources().desk
    register = desk.registry.current()
    cells = station_cells(register, (region, station))
    if refused is not None:
        cells |= {name: form_text(name, _FORM_CHARACTERS) for name in COLUMNS if name in request.form}
    return render_page(
        "registry-station.html",
        region=region,
        station=station,
        cells=cells,
        required=REQUIRED_COLUMNS,
        base=register.digest,
        identities=[
            one
            for one in desk.certificates.all()
            if one.subject.kind is MachineKind.STATION and (one.subject.region, one.subject.name) == (region, station)
        ],
        may_revoke=current_principal().person.role >= StaffRole.ADMIN,
        max_reason=MAX_REASON,
        max_text=MAX_TEXT,
        faults=refused.faults if isinstance(refused, BadRegistry) else (),
        refused=refused if isinstance(refused, Refused) else None,
    )


def _to_station(region: str, station: str) -> Response:
    return redirect(url_for("registry.station_page", region=region, station=station, done=1), 303)


@registry.post_route("/registry/station", StaffRole.OPERATOR)
def change_station() -> Response:
    """Add or change one station; ``base`` is the digest of the list that the person saw."""
    desk, cells = sources().desk, {name: form_text(name, _FORM_CHARACTERS) for name in COLUMNS}
    region, station = (cells[name].strip() for name in REQUIRED_COLUMNS)
    try:
        read = with_station(desk.registry.current(), cells | {"region": region, "station": station})
        found = desk.registry.replace(read.stations, read.townships, form_text("base"))
    except (BadRegistry, Refused) as error:
        known = (region, station) in desk.registry.current().stations
        page = _render_station(*((region, station) if known else ("", "")), error)
        return page_response(page, 422 if isinstance(error, BadRegistry) else 409)
    record(AuditAction.STATION_CHANGED, f"{region}/{station}", str(found))
    return _to_station(region, station)


@registry.post_route("/registry/<region>/<station>/revoke", StaffRole.ADMIN)
def revoke_identity(region: str, station: str) -> Response:
    """Revoke the identity: the machine that has it is admitted no more."""
    desk = sources().desk
    try:
        reason = checked_reason(form_text("reason", MAX_REASON))
        desk.certificates.revoke(region, MachineKind.STATION, station, reason, sources().now())
    except Refused as error:
        return page_response(_render_station(region, station, error), 409)
    record(AuditAction.IDENTITY_REVOKED, f"{region}/{station}", reason)
    return _to_station(region, station)


@registry.get_route("/registry/<region>/<station>/identity", StaffRole.ADMIN)
def identity_file(region: str, station: str) -> Response:
    """Send the sealed identity, for a station without its stick; the paper opens it."""
    desk = sources().desk
    newest = desk.certificates.newest(MachineKind.STATION).get((region, station))
    content = desk.certificates.sealed(newest.subject) if newest is not None else None
    if content is None:
        raise NotFound("there is no file of this identity: its machine has it, or it was revoked")
    name = f"identity-{station}.toml"
    record(AuditAction.EXPORTED, name, region)
    return file_response(content, name)
