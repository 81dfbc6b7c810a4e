"""The page of one station of the list: its row, its identity, and who may do what with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from markupsafe import Markup

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, looked_after
from tests.sorting_center.station_journal import NOW as HEARD
from tests.sorting_center.station_journal import Station
from tests.sorting_center.web.test_alarms import HOSTILE, Person
from tests.sorting_center.web.test_registry import HEAD, ONE, TWO, brought

PAGE = "/registry/shache/S0001"
KIND = MachineKind.STATION
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def app(stores: Stores, desk: CenterDesk) -> Flask:
    brought(desk, HEAD + ONE + TWO)
    return app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


@pytest.fixture
def admin(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk, StaffRole.ADMIN)


def given(desk: CenterDesk, station: str = "S0001", at: datetime = NOW, *, replacing: bool = False) -> MachineSubject:
    (subject,) = desk.certificates.next_subjects("shache", KIND, [station])
    rows = [(subject, at + timedelta(days=14_600), b"sealed under a code")]
    desk.certificates.add(rows, at, replacing=replacing)
    return subject


def row_of(desk: CenterDesk, person: Person, page: str = PAGE, **changed: str) -> dict[str, str]:
    """The form of the page as a browser sends it."""
    names = "region station village township hours quiet_min contact scale route verified_on valid_until base"
    text = person.sees(f"{page}?lang=en")
    found = {name: text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in names.split()}
    return {name: str(Markup(value).unescape()) for name, value in found.items()} | changed


def test_a_station_is_changed_and_added_on_the_page(operator: Person, desk: CenterDesk) -> None:
    changed = operator.does("/registry/station", **row_of(desk, operator, route="R2", hours="mon-fri 10:00-18:00"))
    assert (changed.status_code, changed.location) == (303, f"{PAGE}?done=1")
    register = desk.registry.current()
    assert register.stations["shache", "S0001"].route == "R2"
    assert str(register.townships["shache", "Tomosteng"].hours) == "mon-fri 10:00-18:00", "of both stations there"
    new = row_of(
        desk, operator, "/registry/new", region="shache", station="S0003", village="=1+1", township="Tomosteng"
    )
    assert operator.does("/registry/station", **new).status_code == 303
    assert len(desk.registry.current().stations) == 3
    assert str(desk.registry.current().townships["shache", "Tomosteng"].hours) == "mon-fri 10:00-18:00"
    audited = [(row.who, row.subject) for row in desk.audit.page(act=AuditAction.STATION_CHANGED)]
    assert audited == [("operator-0", "shache/S0003"), ("operator-0", "shache/S0001")]
    assert "R2" in operator.sees("/registry?lang=en")


def test_what_the_file_refuses_the_form_refuses_and_shows_again(operator: Person, desk: CenterDesk) -> None:
    before = desk.registry.current()
    for changed, said in (
        ({"valid_until": "31.5.2026"}, "Verification valid until"),
        ({"hours": "always"}, "Open"),
        ({"village": HOSTILE}, "Village"),
        ({"village": "x" * 200}, "Village"),
        ({"township": "", "quiet_min": "5"}, "Township"),
    ):
        answer = operator.does("/registry/station?lang=en", **row_of(desk, operator, **changed))
        assert answer.status_code == 422, changed
        assert f"<strong>{said}</strong>: " in answer.text
        assert "<script>alert" not in answer.text
    lost = operator.does("/registry/station?lang=en", **row_of(desk, operator, "/registry/new", station="S1"))
    assert (lost.status_code, 'value="S1"' in lost.text) == (422, True)
    mine, theirs = row_of(desk, operator, route="R1"), row_of(desk, operator, route="R2")
    assert operator.does("/registry/station", **theirs).status_code == 303
    second = operator.does("/registry/station?lang=en", **mine)
    assert (second.status_code, "changed the list in the meantime" in second.text) == (409, True)
    assert desk.registry.current().stations["shache", "S0001"].route == "R2"
    assert len(before.stations) == len(desk.registry.current().stations)


def test_the_state_of_an_identity_is_said_in_words(operator: Person, stores: Stores, ledger: Ledger) -> None:
    desk = stores.desk
    assert "none" in operator.sees(f"{PAGE}?lang=en") and "station identity S0001" in operator.sees(PAGE)
    made_at = datetime.fromisoformat(HEARD) - timedelta(minutes=9)
    given(desk, at=made_at)
    ledger.accept(Station("S0001").run(2), "shache", HEARD)
    looked_after(stores)
    assert "not yet used by its machine" in operator.sees(f"{PAGE}?lang=en"), "the machine before may have been heard"
    given(desk, at=made_at - timedelta(minutes=2), replacing=True)
    looked_after(stores)
    page = Markup(operator.sees(f"{PAGE}?lang=en")).striptags()
    assert "valid since 2026-11-" in page and "replaced 2026-11-" in page
    assert not any(one.has_file for one in desk.certificates.all())
    assert "station replace S0001" in page
    desk.certificates.revoke("shache", KIND, "S0001", HOSTILE, made_at)
    for path in (PAGE, "/registry", "/stations/shache/S0001"):
        html = operator.sees(f"{path}?lang=en")
        assert "revoked" in html and "<script>alert" not in html
    assert "identity revoked" in operator.sees("/fleet?lang=en")


def test_an_administrator_revokes_with_a_reason_once(admin: Person, desk: CenterDesk) -> None:
    subject, other = given(desk), given(desk, "S0002")
    assert 'type="checkbox" required' in admin.sees(PAGE)
    silent = admin.does(f"{PAGE}/revoke?lang=en", reason=" ")
    assert (silent.status_code, desk.certificates.is_valid(subject)) == (409, True)
    assert admin.does(f"{PAGE}/revoke", reason="stolen on the road").status_code == 303
    assert (desk.certificates.is_valid(subject), desk.certificates.is_valid(other)) == (False, True)
    twice = admin.does(f"{PAGE}/revoke?lang=en", reason="stolen on the road")
    assert (twice.status_code, "There is no valid identity" in twice.text) == (409, True)
    (row,) = desk.audit.page(act=AuditAction.IDENTITY_REVOKED)
    assert (row.who, row.subject, row.detail) == ("admin-0", "shache/S0001", "stolen on the road")
    assert "stolen on the road" in admin.sees(f"{PAGE}?lang=en")


def test_the_file_of_an_identity_is_fetched_until_its_machine_has_it(admin: Person, desk: CenterDesk) -> None:
    assert admin.client.get(f"{PAGE}/identity").status_code == 404
    subject = given(desk)
    answer = admin.client.get(f"{PAGE}/identity")
    assert answer.get_data() == b"sealed under a code"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="identity-S0001.toml"'
    assert "no-store" in answer.headers["Cache-Control"]
    (row,) = desk.audit.page(act=AuditAction.EXPORTED)
    assert (row.subject, row.detail) == ("identity-S0001.toml", "shache")
    desk.certificates.discard_sealed(subject)
    assert admin.client.get(f"{PAGE}/identity").status_code == 404
    assert f"{PAGE}/identity" not in admin.sees(PAGE)


def test_each_role_has_its_own_rights(app: Flask, operator: Person, admin: Person, desk: CenterDesk) -> None:
    given(desk)
    viewer = Person(app, desk, StaffRole.VIEWER)
    row = row_of(desk, operator, route="R9")
    assert viewer.does("/registry/station", **row).status_code == 403
    assert viewer.client.get("/registry/new").status_code == 403
    for person in (viewer, operator):
        page = person.sees(PAGE)
        assert "/revoke" not in page and "/identity" not in page
        assert person.does(f"{PAGE}/revoke", reason="stolen").status_code == 403
        assert person.client.get(f"{PAGE}/identity").status_code == 403
    assert 'name="village"' not in viewer.sees(PAGE) and 'name="village"' in operator.sees(PAGE)
    assert admin.client.post(f"{PAGE}/revoke", data={"reason": "stolen"}).status_code == 403, (
        "without the session's word"
    )
    assert desk.certificates.newest(KIND)["shache", "S0001"].state == "made"
    assert admin.client.get("/registry/shache/S0999").status_code == 404
