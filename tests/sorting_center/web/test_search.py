"""The field for everything that has a number or a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from kiosk.domain.events import PrintReprinted
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.station_journal import NOW
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
    told = [offering.start(), offering.intake(1, product="WALNUT"), offering.intake(2, product="CHILI")]
    told += [offering.add(PrintReprinted("tote_tag", 0, "T-0150-A-000007", "clerk:07"))]
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
        ("شاپتۇل", f"/stations/{REGION}/S0148"),
        ("alma kenti", f"/stations/{REGION}/S0199"),
        ("ئۆرۈك", "/fleet?q=<b>Örük</b>"),
        ("نەشپۈت", None),
        ("örük", "/fleet?q=<b>Örük</b>"),
        ("walnut", "/goods?product=WALNUT"),
        ("ياڭاق", None),  # goods, and a township
        ("辣椒", "/goods?product=CHILI"),
        ("ئاچچىق مۇچ", "/goods?product=CHILI"),
        ("pomegranate", None),
        ("T-0147-A-000001", None),
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


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_each_result_says_in_words_what_it_is(client: FlaskClient, lang: str) -> None:
    goods = {"en": "Walnut", "zh": "核桃", "ug": "ياڭاق"}[lang]
    page = client.get("/search", query_string={"q": "A-000001", "lang": lang}).text
    (own,) = [hit for hit in page.split("<li") if f"/receipts/{REGION}/0150-A-000001" in hit]
    for shown in (f">{goods}<", "12.450\xa0kg", "2026-11-25 11:00:00", "S0150"):
        assert shown in own, shown
    (other,) = [hit for hit in page.split("<li") if f"/receipts/{REGION}/0147-A-000001" in hit]
    assert "栗子村 Kashtan" in other and f"/stations/{REGION}/S0147" in other


def test_a_tote_is_answered_by_what_is_known_of_it(client: FlaskClient) -> None:
    never = client.get("/search", query_string={"q": "Z-0147-A-000001", "lang": "en"}).text
    assert "numbered by the station" in never and "栗子村 Kashtan" in never
    assert "nobody reports" in never and "several results" not in never
    seen = client.get("/search", query_string={"q": "T-0150-A-000007", "lang": "en"}).text
    assert "Last seen:" in seen and "printed again" in seen and "2026-11-25 11:00:00" in seen
    assert "Last seen:" not in client.get("/search", query_string={"q": "M-0150-A-000007", "lang": "en"}).text


def test_villages_are_few_and_their_names_are_text(client: FlaskClient, stores: Stores) -> None:
    many = [ExpectedStation(REGION, f"S{number:04}", village=f"Melon <i>{number}") for number in range(300)]
    stores.desk.registry.replace(many, [])
    page = client.get("/search", query_string={"q": "melon"}).text
    assert page.count("&lt;i&gt;") == 20 and "<i>" not in page
    assert client.get("/search", query_string={"q": "\u202e" * 500 + "x" * 10_000}).status_code == 200
