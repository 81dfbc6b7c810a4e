"""The people of a station before its page: who may change them, and digits for a PIN that are nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.test import TestResponse

from kiosk.domain.clerk import Role
from kiosk.domain.events import ClerkAdded
from kiosk.domain.telephone_pin import answer
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.station_people import Station as Place
from kiosk.sorting_center.desk.throttle import STATION_PINS
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, followed, sign_in
from tests.sorting_center.station_journal import NOW, Station

SECRET: Final = bytes(range(32))
PAGE: Final = "/stations/shache/S0147/people"


class Office:
    """Somebody at the county's desk."""

    def __init__(self, client: FlaskClient, stores: Stores, role: StaffRole) -> None:
        self.client, self._csrf = client, sign_in(client, stores.desk, role)

    def sends(self, path: str, **form: str) -> TestResponse:
        return self.client.post(f"{PAGE}/{path}", data={"csrf": self._csrf, **form})

    def sees(self) -> str:
        answer = self.client.get(f"{PAGE}?lang=en")
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def county(stores: Stores) -> Stores:
    """One station that has added two people itself."""
    stores.desk.registry.replace([ExpectedStation("shache", "S0147", "Azat Bagh", "", "+86 998 555 0001")], [])
    station = Station()
    events = [station.start(), *(station.add(ClerkAdded(f"clerk:0{n}", Role.TECHNICIAN)) for n in (1, 2))]
    stores.ledger.accept(events, "shache", NOW)
    followed(stores)
    return stores


@pytest.fixture
def office(county: Stores) -> Iterator[Office]:
    with app_of(county).test_client() as client:
        yield Office(client, county, StaffRole.OPERATOR)


def with_secret(stores: Stores, secret: bytes | None = SECRET) -> None:
    subjects, now = stores.desk.certificates.next_subjects("shache", MachineKind.STATION, ["S0147"]), datetime.now(UTC)
    secrets = {subjects[0]: secret} if secret is not None else {}
    stores.desk.certificates.add(
        [(subjects[0], now + timedelta(days=1), b"")], now, replacing=True, pin_secrets=secrets
    )


def test_people_come_and_go(office: Office, county: Stores) -> None:
    assert "has named nobody here yet" in office.sees()
    assert office.sends("add", name="Turdi", role="clerk").status_code == 409
    assert office.sends("add", name="Turdi", role="technician").status_code == 303
    assert "Fewer than two clerks" in office.sees()
    for name in ("Aygul", "<b>Ali</b>"):
        assert office.sends("add", name=name, role="clerk").status_code == 303
    page = office.sees()
    assert "Fewer than two clerks" not in page
    assert str(escape("<b>Ali</b>")) in page
    assert "<b>Ali" not in page
    assert [one.number for one in county.desk.station_people.at(Place("shache", "S0147"))] == ["03", "04", "05"]
    assert office.sends("05/change", name="Ali", role="technician").status_code == 303
    assert office.sends("04/end").status_code == 303
    page = office.sees()
    assert "not yet" in page
    assert "last heard" in page or "never been heard" in page
    assert office.sends("04/end").status_code == 409
    acts = [(row.act, row.detail) for row in county.desk.audit.page(who="operator-0")]
    assert acts == [
        (AuditAction.STATION_PERSON_ENDED, "clerk:04 clerk"),
        (AuditAction.STATION_PERSON_CHANGED, "clerk:05 technician"),
        (AuditAction.STATION_PERSON_ADDED, "clerk:05 clerk"),
        (AuditAction.STATION_PERSON_ADDED, "clerk:04 clerk"),
        (AuditAction.STATION_PERSON_ADDED, "clerk:03 technician"),
    ]


def test_who_works_there_already_is_named_under_the_own_number(office: Office, county: Stores) -> None:
    assert "<option>01</option><option>02</option>" in office.sees()
    assert office.sends("add", number="01", name="Turdi", role="technician").status_code == 303
    assert office.sends("add", number="01", name="Ali", role="clerk").status_code == 409
    page = office.sees()
    assert "<option>02</option>" in page
    assert "<option>01</option>" not in page
    assert [one.number for one in county.desk.station_people.at(Place("shache", "S0147"))] == ["01"]


def test_a_pin_by_telephone_is_what_the_station_expects(office: Office, county: Stores) -> None:
    office.sends("add", name="Turdi", role="technician")
    asked = {"number": "03", "challenge": "1234 5678"}
    assert "made before PINs" in office.sends("pin", **asked).text
    with_secret(county, None)
    assert office.sends("pin", **asked).status_code == 409
    with_secret(county)
    given = office.sends("pin", **asked)
    expected = answer(SECRET, "S0147", "03", "12345678")
    assert given.status_code == 200
    assert given.headers["Cache-Control"] == "no-store"
    for group in (expected[:4], expected[4:]):
        assert f"<bdi>{group}</bdi>" in given.text or group in given.text
    (row, *_) = county.desk.audit.page(who="operator-0")
    assert (row.act, row.subject, row.detail) == (AuditAction.PIN_ANSWERED, "shache/S0147", "clerk:03")
    for wrong in ({"challenge": "1234567"}, {"challenge": "١٢٣٤٥٦٧٨"}, {"number": "09"}):
        assert office.sends("pin", **asked | wrong).status_code == 409


def test_pins_are_limited_by_station(office: Office, county: Stores) -> None:
    office.sends("add", name="Turdi", role="technician")
    with_secret(county)
    statuses = [
        office.sends("pin", number="03", challenge=f"0000000{n}").status_code for n in range(STATION_PINS.tries + 1)
    ]
    assert statuses == [200] * STATION_PINS.tries + [429]
    with app_of(county).test_client() as client:
        assert (
            Office(client, county, StaffRole.ADMIN).sends("pin", number="03", challenge="00000001").status_code == 429
        )


def test_who_only_looks_changes_nothing(county: Stores) -> None:
    with_secret(county)
    with app_of(county).test_client() as client:
        viewer = Office(client, county, StaffRole.VIEWER)
        assert "<form" not in viewer.sees().partition("<main")[2]
        for path in ("add", "03/change", "03/end", "pin"):
            assert viewer.sends(path, name="Turdi", role="technician").status_code == 403
    with app_of(county).test_client() as client:
        office = Office(client, county, StaffRole.OPERATOR)
        for path in ("add", "03/change", "03/end", "pin"):
            assert office.client.post(f"{PAGE}/{path}", data={"name": "Turdi"}).status_code == 403
    assert county.desk.book.rows("shache") == []
