"""The roll of members before its page: numbers given once, files all or nothing, who may see names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.test import TestResponse

from kiosk.sorting_center.configuration.members import card_of
from kiosk.sorting_center.desk.county_book import rows_for
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, followed, sign_in
from tests.sorting_center.station_journal import NOW, Station


class Office:
    """Somebody at the county's desk."""

    def __init__(self, client: FlaskClient, stores: Stores, role: StaffRole = StaffRole.OPERATOR) -> None:
        self.client, self._csrf = client, sign_in(client, stores.desk, role)

    def sends(self, path: str, **form: object) -> TestResponse:
        return self.client.post(f"/members/{path}", data={"csrf": self._csrf, "region": "shache", **form})

    def brings(self, content: str, **form: object) -> TestResponse:
        return self.sends("import?lang=en", file=(BytesIO(content.encode()), "members.csv"), **form)

    def sees(self, query: str = "") -> str:
        answer = self.client.get(f"/members?lang=en&{query}")
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def county(stores: Stores) -> Stores:
    """Two stations; a receipt names M-04412."""
    rows = [ExpectedStation("shache", f"S000{n}", "", town) for n, town in ((1, "Azat"), (2, "Ulugh"))]
    stores.desk.registry.replace(rows, [])
    station = Station()
    stores.ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    followed(stores)
    return stores


@pytest.fixture
def office(county: Stores) -> Iterator[Office]:
    with app_of(county).test_client() as client:
        yield Office(client, county)


def members(county: Stores, station: str = "S0001", township: str = "Azat") -> dict[str, str]:
    return dict(rows_for(county.desk.book.rows("shache"), station, township).get("member", {}))


def test_a_number_is_above_those_of_receipts_and_never_given_twice(office: Office, county: Stores) -> None:
    assert office.sends("add", name="Aygul", scope="").status_code == 303
    assert office.sends("add", name="<b>Ali</b>", scope="township:Azat").status_code == 303
    assert members(county) == {
        number: f'{{"card":"{card_of(number)}","short_name":"{name}"}}'
        for number, name in (("M-04413", "Aygul"), ("M-04414", "<b>Ali</b>"))
    }
    assert list(members(county, "S0002", "Ulugh")) == ["M-04413"]
    page = office.sees("q=ali")
    assert str(escape("<b>Ali</b>")) in page and "<b>Ali" not in page
    assert "Aygul" not in page
    assert office.sends("M-04414/name", name="Ali").status_code == 303
    assert office.sends("M-04414/end").status_code == 303
    assert office.sends("M-04414/end").status_code == 409
    assert office.sends("add", name="Turdi", scope="station:S0002").status_code == 303
    assert list(members(county, "S0002", "Ulugh")) == ["M-04413", "M-04415"]
    for wrong in ({"name": "13899990000"}, {"name": "A\u202eB"}, {"name": "Zaynap", "scope": "township:Nowhere"}):
        assert office.sends("add", **{"scope": "", **wrong}).status_code == 409
    assert AuditAction.MEMBER_CHANGED in {row.act for row in county.desk.audit.page()}


def test_two_operators_at_once_give_two_numbers(county: Stores) -> None:
    app = app_of(county)
    offices = [Office(app.test_client(), county) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda office: office.sends("add", name="Aygul", scope=""), offices))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert sorted(members(county)) == ["M-04413", "M-04414"]


def test_a_file_is_taken_in_whole_or_not_at_all(office: Office, county: Stores) -> None:
    head = "where,number,short_name,card\n"
    assert office.brings(f"{head},,Aygul,\nAzat,,Ali,\n").status_code == 303
    assert list(members(county)) == ["M-04413", "M-04414"]
    wrong = office.brings(f"{head},,Turdi,\n,M-1,Zaynap,\n,,0998-7413652,\n")
    assert wrong.status_code == 422
    assert "members!B3" in wrong.text and "members!C4" in wrong.text
    assert list(members(county)) == ["M-04413", "M-04414"]
    assert office.brings(f"{head},M-04412,Zaynap,\n").status_code == 303
    page = office.sees()
    assert 'href="/members/shache/M-04412"' in page and 'href="/members/shache/M-04413"' not in page
    assert office.brings("code,ug,zh,en,picture\n").status_code == 422
    assert office.sends("import").status_code == 422
    card = card_of("M-04413")
    assert office.brings(f"{head},M-04413,Aygul A.,{card}\n", whole="1").status_code == 303
    assert members(county) == {"M-04413": f'{{"card":"{card}","short_name":"Aygul A."}}'}
    assert office.sends("add", name="Turdi", scope="").status_code == 303
    assert "M-04415" in members(county)
    for form in ("csv", "xlsx"):
        assert office.client.get(f"/members/files/members.{form}").status_code == 200
    cards = office.client.get("/members/files/cards.pdf?q=aygul")
    assert (cards.status_code, cards.data[:5]) == (200, b"%PDF-")
    assert office.client.get("/members/files/cards.pdf?q=nobody").status_code == 404


def test_names_are_for_operators(county: Stores) -> None:
    with app_of(county).test_client() as client:
        viewer = Office(client, county, StaffRole.VIEWER)
        for path in ("/members", "/members/files/members.csv", "/members/files/cards.pdf"):
            assert client.get(path).status_code == 403
        for path in ("add", "M-04413/name", "M-04413/end", "import"):
            assert viewer.sends(path, name="Ali").status_code == 403
    with app_of(county).test_client() as client:
        Office(client, county)
        for path in ("add", "M-04413/name", "M-04413/end", "import"):
            assert client.post(f"/members/{path}", data={"name": "Ali"}).status_code == 403
    assert members(county) == {}
