"""The field for everything that has a number or a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.stations import NOW
from tests.sorting_center.web.county_month import PARCEL, REGION, fill, read
from tests.sorting_center.web.test_names import WALNUT

PLACES = (
    ExpectedStation(REGION, "S0147", village="栗子村 Kashtan", township="核桃乡 Yangaq"),
    ExpectedStation(REGION, "S0148", village="桃村 Shaptul", township="核桃乡 Yangaq"),
    ExpectedStation(REGION, "S0199", village="ئالما كەنتى", township="<b>Örük</b>"),
)


@pytest.fixture
def client(stores: Stores) -> Iterator[FlaskClient]:
    fill(stores.ledger)
    offering = ClockedStation("S0150", "00112233445566dd")
    told = [offering.start(), offering.intake(1, product="WALNUT")]
    stores.ledger.accept([*told, offering.offer(1, "ab" * 32, product="WALNUT", title=WALNUT)], REGION, NOW)
    read(stores)
    stores.desk.registry.replace(PLACES, [])
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        yield client


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("栗子村", f"/stations/{REGION}/S0147"),
        ("kashtan", f"/stations/{REGION}/S0147"),
        ("ئالما كەنتى", f"/stations/{REGION}/S0199"),
        ("شاپتۇل", None),
        ("örük", "/fleet?q=<b>Örük</b>"),
        ("walnut", "/goods?product=WALNUT"),
        ("ياڭاق", "/goods?product=WALNUT"),
        ("T-0147-A-000001", f"/stations/{REGION}/S0147"),
        (str(PARCEL), f"/parcels/{REGION}/{PARCEL}"),
    ],
)
def test_a_word_leads_to_what_is_called_so(client: FlaskClient, asked: str, there: str | None) -> None:
    answer = client.get("/search", query_string={"q": asked})
    assert unquote(answer.headers.get("Location", "")) == (there or "")
    assert answer.status_code == (303 if there else 200)


@pytest.mark.parametrize(
    ("lang", "kinds"),
    [
        ("en", ("Goods", "Village", "Township")),
        ("zh", ("货品", "村", "乡镇")),
        ("ug", ("مال", "كەنت", "يېزا")),
    ],
)
def test_several_things_of_one_name_are_a_list_by_kind(client: FlaskClient, lang: str, kinds: tuple[str, ...]) -> None:
    page = client.get("/search", query_string={"q": "核桃", "lang": lang}).text
    found = re.findall(r"<h3[^>]*>([^<]+)</h3>", page)
    assert found == [kinds[0], kinds[2]]
    assert f'title="WALNUT">{ {"en": "Walnut", "zh": "核桃", "ug": "ياڭاق"}[lang] }<' in page
    assert "<bdi>核桃乡 Yangaq</bdi>" in page
    page = client.get("/search", query_string={"q": "桃村", "lang": lang}).text + client.get("/search?q=A-000001").text
    assert "A-000001" in page
    both = client.get("/search", query_string={"q": "a", "lang": lang}).text
    assert "<h3" not in both, "a letter is no word"


def test_villages_are_few_and_their_names_are_text(client: FlaskClient, stores: Stores) -> None:
    many = [ExpectedStation(REGION, f"S{number:04}", village=f"Melon <i>{number}") for number in range(300)]
    stores.desk.registry.replace(many, [])
    page = client.get("/search", query_string={"q": "melon"}).text
    assert page.count("&lt;i&gt;") == 20 and "<i>" not in page
    assert client.get("/search", query_string={"q": "\u202e" * 500 + "x" * 10_000}).status_code == 200
