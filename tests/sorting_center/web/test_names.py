"""Goods, containers, carriers, types of events and opening hours by their names; the codes stay to be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook

from kiosk.domain.events import EVENT_CLASSES, NO_WORDS, ParcelArrived, WordsData
from kiosk.domain.parcel import Consent
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.reports.search import GoodsNames
from kiosk.sorting_center.web.shared.names import DisplayNames
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.station_journal import NOW, WORDS, believed, of_weight
from tests.sorting_center.web.county_month import read

REGION: Final = "yarkant"
RECEIPT: Final = f"/receipts/{REGION}/0147-A-000001"
MEMBER: Final = f"/members/{REGION}/M-04412"
WALNUT: Final = WordsData("ياڭاق", "核桃", "Walnut")
PARCEL: Final = ParcelArrived(
    "P-0147-A-000001", "clerk:07", "SF", "ab" * 4, Consent.RECIPIENT_CONSENTED, False, False, False
)
NAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "en": ("Walnut", "cloth sack", "SF Express"),
    "zh": ("核桃", "布袋", "顺丰"),
    "ug": ("ياڭاق", "خالتا", "شۈنفېڭ"),
}


@pytest.fixture
def station() -> ClockedStation:
    return ClockedStation()


@pytest.fixture
def client(stores: Stores, station: ClockedStation) -> Iterator[FlaskClient]:
    """Walnuts and cheese of one day; only the walnuts were offered."""
    told = [
        station.start(),
        station.intake(1, **of_weight(10_000), product="WALNUT"),
        station.intake(2, **of_weight(1_000), product="QURUT"),
        station.offer(1, "ab" * 32, product="WALNUT", title=WALNUT, grade="1", **WORDS),
        station.add(PARCEL),
    ]
    stores.ledger.accept(told, REGION, NOW)
    read(stores)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        yield client


def named(name: str, code: str, lang: str) -> str:
    return f'<bdi lang="{lang}" title="{code}">{name}</bdi>'


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_goods_containers_and_carriers_are_said_by_name(client: FlaskClient, lang: str) -> None:
    goods, sack, carrier = NAMES[lang]
    for path in ("/", RECEIPT, MEMBER, "/days/2026-11-25", "/goods?month=2026-11", f"/stations/{REGION}/S0147"):
        page = client.get(f"{path}{'&' if '?' in path else '?'}lang={lang}").text
        beside = f'{named(goods, "WALNUT", lang)} <span class="aside"><bdi dir="ltr">WALNUT</bdi></span>'
        assert beside in page, path
        assert path == RECEIPT or '<bdi dir="ltr">QURUT</bdi>' in page, "without a name the code itself"
    assert named(sack, "SACK", lang) in client.get(f"{RECEIPT}?lang={lang}").text
    assert named(carrier, "SF", lang) in client.get(f"/parcels/{REGION}/P-0147-A-000001?lang={lang}").text


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_every_type_of_event_has_its_words(lang: str, stores: Stores) -> None:
    words = DisplayNames(center_texts(lang), stores.reports)
    for event_class in EVENT_CLASSES:
        said = words.event(event_class.TYPE)
        assert said.startswith(f'<bdi lang="{lang}" title="{event_class.TYPE}">')
    for strange in ("station.later.thing.v1", "station.intake.confirmed", "<b>\u202e", ""):
        assert "title=" not in words.event(strange) and "\u202e" not in words.event(strange)


def test_the_words_stand_on_the_pages_of_events(client: FlaskClient, stores: Stores, station: ClockedStation) -> None:
    assert named("offered for sale", "station.listing.submitted.v1", "en") in client.get(f"{RECEIPT}?lang=en").text
    stores.ledger.accept([station.intake(3, net_g=1)], REGION, NOW)
    for path in ("/quarantine", "/quarantine/1"):
        assert named("intake confirmed", "station.intake.confirmed.v1", "en") in client.get(f"{path}?lang=en").text


def test_the_region_is_said_only_where_there_are_several(client: FlaskClient, stores: Stores) -> None:
    stores.desk.registry.replace([ExpectedStation(REGION, "S0147", township="Kashtan")], [])
    paths = (RECEIPT, MEMBER, "/days/2026-11-25", "/search?q=WALNUT", "/alarms", "/quarantine")
    said = re.compile(rf">{REGION}<")
    assert not [path for path in paths if said.search(client.get(path).text)]
    other = ClockedStation("S0148", "00112233445566bb")
    stores.ledger.accept([other.start(), other.intake(1)], "shache", NOW)
    read(stores)
    for path in paths[:3]:
        assert said.search(client.get(path).text), path


def test_opening_hours_are_said_in_words(client: FlaskClient, stores: Stores) -> None:
    hours = OpeningHours.parse("mon-fri 09:00-19:00; sat 10:00-24:00")
    township = Township(REGION, "Kashtan", hours, 60)
    stores.desk.registry.replace([ExpectedStation(REGION, "S0147", township="Kashtan")], [township])
    for lang, first, last, single in (
        ("en", "Monday", "Friday", "Saturday"),
        ("zh", "星期一", "星期五", "星期六"),
        ("ug", "دۈشەنبە", "جۈمە", "شەنبە"),
    ):
        whole = f'{first} – {last} <bdi dir="ltr">09:00–19:00</bdi></span> · <span class="whole">{single} '
        for path in (f"/stations/{REGION}/S0147", "/registry"):
            page = client.get(f"{path}?lang={lang}").text
            assert whole in page and "mon-fri 09:00" not in page.partition("<form")[0], path
    assert DisplayNames(center_texts("en"), stores.reports).hours(OpeningHours.parse("")) == "–"


def test_a_name_of_a_stranger_is_text_and_a_missing_language_is_lent(
    client: FlaskClient, stores: Stores, station: ClockedStation
) -> None:
    title = WordsData("", "<script>\u202e核" + "x" * 10_000, "")
    offer = believed(station.offer(2, "ab" * 32, product="QURUT", title=title, origin_words=NO_WORDS))
    stores.ledger.accept([offer], REGION, NOW)
    read(stores)
    page = client.get("/goods?month=2026-11&lang=ug").text
    assert '<bdi lang="zh" title="QURUT">&lt;script&gt;核xxx' in page
    assert "\u202e" not in page and len(page) < 100_000


def test_common_goods_have_a_name_before_any_offer_and_that_of_an_offer_holds(
    client: FlaskClient, stores: Stores, station: ClockedStation
) -> None:
    stores.ledger.accept([station.intake(3, product="RAISIN")], REGION, NOW)
    read(stores)
    path = f"/receipts/{REGION}/0147-A-000003"
    for lang, name in {"en": "Raisin", "zh": "葡萄干", "ug": "قۇرۇق ئۈزۈم"}.items():
        assert named(name, "RAISIN", lang) in client.get(f"{path}?lang={lang}").text
    offer = station.offer(3, "ab" * 32, product="RAISIN", title=WordsData("", "和田葡萄干", "Sultanas"))
    stores.ledger.accept([offer], REGION, NOW)
    read(stores)
    assert named("Sultanas", "RAISIN", "en") in client.get(f"{path}?lang=en").text


def test_grades_origins_and_regions_have_the_newest_words_of_offers(
    client: FlaskClient, stores: Stores, station: ClockedStation
) -> None:
    words = DisplayNames(center_texts("zh"), stores.reports)
    assert words.grade("WALNUT", "1") == named("一级", "1", "zh")
    assert words.origin("SHACHE") == named("莎车县", "SHACHE", "zh")
    assert words.grade("QURUT", "1") == '<bdi dir="ltr">1</bdi>', "a grade is one of its goods"
    assert words.grade("WALNUT", "2") == '<bdi dir="ltr">2</bdi>'
    assert DisplayNames(center_texts("ug"), stores.reports).grade("WALNUT", "1") == named("一级", "1", "zh")
    other = ClockedStation("S0148", "00112233445566bb")
    stores.ledger.accept([other.start(), other.intake(1)], "shache", NOW)
    read(stores)
    assert DisplayNames(center_texts("zh"), stores.reports).region("shache") == named("莎车县", "shache", "zh")


def test_another_source_of_names_may_take_the_place(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GoodsNames, "of", lambda *_: WordsData("قىچا", "辣椒", "Chili"))
    assert "Chili" in client.get("/goods?month=2026-11&lang=en").text


@pytest.mark.parametrize(("lang", "head"), [("en", "Name of the goods"), ("zh", "货品名称"), ("ug", "مالنىڭ نامى")])
def test_files_have_the_name_beside_the_code(client: FlaskClient, lang: str, head: str) -> None:
    for name, at in (("receipts.csv", 6), ("goods.csv", 0)):
        answer = client.get(f"/exports/2026-11/{name}?lang={lang}", buffered=True)
        first, *rows = csv.reader(answer.data.decode("utf-8-sig").splitlines())
        assert first[at + 1] == head, name
        assert {row[at]: row[at + 1] for row in rows} == {"WALNUT": NAMES[lang][0], "QURUT": ""}, name
    answer = client.get(f"/exports/2026-11/all.xlsx?lang={lang}", buffered=True)
    book = load_workbook(BytesIO(answer.data))
    for sheet, at in zip(book.worksheets[::2], (6, 0), strict=False):
        assert [cells[at + 1] for cells in sheet.iter_rows(values_only=True)][:2] in (
            [head, NAMES[lang][0]],
            [head, None],
        )
