"""The table of prices: what is typed, by whom, beside what is in force; two people at once; files."""

from __future__ import annotations

import io

import openpyxl
import pytest
from flask import Flask
from markupsafe import Markup
from werkzeug.test import TestResponse

from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of
from tests.sorting_center.web import county_rows
from tests.sorting_center.web.county_rows import REGION, content, price
from tests.sorting_center.web.test_alarms import HOSTILE, Person

ALMONDS = "BADAM/purchase/"
PATH = f"/prices?region={REGION}&lang=en"


@pytest.fixture
def app(stores: Stores) -> Flask:
    county_rows.fill(stores.desk)
    return app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def saves(person: Person, cells: dict[str, str], seen: dict[str, str], revision: int, scope: str = "") -> TestResponse:
    form = {f"p.{key}": text for key, text in cells.items()} | {f"w.{key}": text for key, text in seen.items()}
    return person.does(f"{PATH}&scope={scope}", act="save", revision=revision, **form)


def brings(person: Person, name: str, file: bytes) -> TestResponse:
    data = {"csrf": person.csrf, "file": (io.BytesIO(file), name)}
    return person.client.post(f"/prices/check?region={REGION}&lang=en", data=data)


def plain(answer: TestResponse) -> str:
    return Markup(answer.text).striptags()


def test_a_price_is_typed_into_the_draft_and_shown_beside_the_one_in_force(operator: Person, desk: CenterDesk) -> None:
    answer = saves(operator, {ALMONDS: "２６.5", f"{ALMONDS}2026-12-15": " ¥ 30 "}, {ALMONDS: "24.00"}, 2)
    assert answer.status_code == 303
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2650}'
    assert content(desk, "price", f"{ALMONDS}2026-12-15") == '{"fen_per_kg":3000}'
    assert {row.key for row in desk.book.released(REGION) if row.content == '{"fen_per_kg":2400}'} == {ALMONDS}
    page = operator.sees(PATH)
    for shown in ("+10.4%", "+25.0%", 'value="26.50"', "From", "2026-12-15"):
        assert shown in page, shown
    (row,) = desk.audit.page(act=AuditAction.PRICES_CHANGED)
    assert (row.who, row.subject, row.detail) == (
        "operator-0",
        REGION,
        "BADAM/purchase/ 26.50; BADAM/purchase/2026-12-15 30.00",
    )


def test_what_is_no_price_is_marked_and_nothing_is_saved(operator: Person, desk: CenterDesk) -> None:
    for text, said in (
        ("0", "never 0"),
        ("24,00", "Not a price"),
        ("12 jin", "Not a price"),
        ("1.234", "Not a price"),
        ("100000.01", "never 0"),
        (HOSTILE[:20], "Not a price"),
        ("\u202e42", "Not a price"),
    ):
        answer = saves(operator, {ALMONDS: text, "WALNUT/purchase/": "19.00"}, {ALMONDS: "24.00"}, 2)
        assert (answer.status_code, said in answer.text) == (422, True), text
        assert "<script>" not in answer.text.replace('<script type="module"', "")
        assert 'value="19.00"' in answer.text, "what was typed stands there again"
    assert content(desk, "price", "WALNUT/purchase/") == '{"fen_per_kg":1800}'
    assert saves(operator, {"BAD/KEY": "1", "x/purchase/": "2"}, {}, 2).location.endswith("done=0")


def test_a_township_has_its_own_price_inherits_the_others_and_lets_goods_go(operator: Person, desk: CenterDesk) -> None:
    scope = "township:核桃乡"
    page = operator.sees(f"{PATH}&scope={scope}")
    assert 'placeholder="24.00"' in page
    assert saves(operator, {ALMONDS: "25", "WALNUT/purchase/": "–"}, {}, 2, scope).status_code == 303
    assert content(desk, "price", "WALNUT/purchase/", scope) == ""
    county = Markup(operator.sees(PATH)).striptags()
    assert "Townships: 1" in county
    station = operator.sees(f"{PATH}&scope=station:S0003")
    assert 'placeholder="25.00"' in station
    assert 'placeholder="-"' in station
    assert saves(operator, {ALMONDS: ""}, {ALMONDS: "25.00"}, 3, scope).status_code == 303
    assert content(desk, "price", ALMONDS, scope) is None
    assert operator.client.get(f"{PATH}&scope=township:nowhere").status_code == 404
    assert operator.client.get("/prices?region=nowhere").status_code == 404


def test_the_second_of_two_operators_sees_what_the_first_did_and_loses_nothing(
    app: Flask, operator: Person, desk: CenterDesk
) -> None:
    seen = {ALMONDS: "24.00", "WALNUT/purchase/": "18.00"}
    other = Person(app, desk)
    assert saves(other, {ALMONDS: "25.00", "WALNUT/purchase/": "17.00"}, seen, 2).status_code == 303
    answer = saves(operator, {ALMONDS: "26.00", "WALNUT/purchase/": "18.00"}, seen, 2)
    assert answer.status_code == 409
    assert "operator-1 put 25.00 here" in plain(answer)
    assert 'value="26.00"' in answer.text, "typed, and still there"
    assert 'value="17.00"' in answer.text, "not typed: what the other put"
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2500}'
    now_seen = {ALMONDS: "25.00", "WALNUT/purchase/": "17.00"}
    assert f'name="w.{ALMONDS}" value="25.00"' in answer.text
    assert saves(operator, {ALMONDS: "26.00", "WALNUT/purchase/": "17.00"}, now_seen, 3).status_code == 303
    assert content(desk, "price", "WALNUT/purchase/") == '{"fen_per_kg":1700}'


def test_a_change_elsewhere_in_the_book_is_no_conflict(operator: Person, desk: CenterDesk) -> None:
    member = BookRow("member", "", "M-00001", '{"short_name":"x"}')
    desk.book.change(REGION, [member, price(1900, "WALNUT/purchase/", "station:S0001")], 2, "turdi", county_rows.NOW)
    assert saves(operator, {ALMONDS: "26.00"}, {ALMONDS: "24.00"}, 2).status_code == 303
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2600}'


def test_a_day_and_goods_are_added_without_losing_what_was_typed(operator: Person) -> None:
    form = {f"p.{ALMONDS}": "77.00", "revision": 2, "day": "2027-01-01", "product": "WALNUT", "mode": "consignment"}
    for act, shown in (("day", f'name="p.{ALMONDS}2027-01-01"'), ("row", 'name="p.WALNUT/consignment/"')):
        answer = operator.does(PATH, act=act, **form)
        assert (answer.status_code, shown in answer.text, 'value="77.00"' in answer.text) == (200, True, True), act


def test_days_that_hold_no_more_are_folded_away(operator: Person, desk: CenterDesk) -> None:
    days = [price(2000 + n, f"{ALMONDS}2026-{n:02}-01") for n in range(1, 12)] + [price(9900, f"{ALMONDS}2027-01-01")]
    desk.book.change(REGION, days, 2, "turdi", county_rows.NOW)
    page = operator.sees(PATH)
    assert 'name="p.BADAM/purchase/2026-11-01"' in page
    assert 'name="p.BADAM/purchase/2027-01-01"' in page
    assert "2026-10-01" not in page
    assert "2026-10-01" in operator.sees(f"{PATH}&all=1")


def test_a_viewer_sees_prices_and_changes_none(app: Flask, desk: CenterDesk) -> None:
    viewer = Person(app, desk, StaffRole.VIEWER)
    page = viewer.sees(PATH)
    assert "24.00" in page
    assert 'name="p.' not in page
    for path in (
        PATH,
        "/prices/apply",
        "/county-goods/product",
        "/county-goods/settings",
        "/county-goods/labels",
        "/publish",
        "/publish/1/restore",
    ):
        assert viewer.does(path).status_code == 403, path
    operator = Person(app, desk)
    assert operator.client.post(PATH, data={f"p.{ALMONDS}": "1.00", "revision": 2}).status_code == 403, "without csrf"
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2400}'


def test_a_table_comes_back_as_a_file_with_its_faults_by_cell(operator: Person, desk: CenterDesk) -> None:
    csv = operator.client.get(f"/prices/prices.csv?region={REGION}").data
    assert "24.00" in csv.decode("utf-8-sig")
    bad = brings(operator, "prices.csv", csv.replace(b"24.00", b"0").replace(b"18.00", b"abc"))
    assert bad.status_code == 422
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2400}'
    lines = csv.decode("utf-8-sig").splitlines()
    at = f"{chr(ord('A') + lines[0].split(',').index('cny_per_kg'))}3"
    assert at in plain(bad)
    good = brings(operator, f"{HOSTILE}.csv", csv.replace(b"24.00", b"27.00"))
    assert good.status_code == 200
    assert "<script>alert" not in good.text
    assert "+12.5%" in plain(good)
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2400}', "shown, not written"
    sha256 = good.text.partition('name="file" value="')[2].partition('"')[0]
    assert operator.does(f"/prices/apply?region={REGION}", file=sha256).status_code == 303
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2700}'
    assert desk.audit.page(act=AuditAction.CONFIGURATION_IMPORTED)[0].detail.startswith("price ")
    assert operator.does(f"/prices/apply?region={REGION}", file=sha256).status_code == 409, "once"


def test_a_workbook_that_was_compared_with_an_older_draft_is_not_taken(operator: Person, desk: CenterDesk) -> None:
    answer = operator.client.get(f"/prices/county.xlsx?region={REGION}")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert {"goods", "prices", "containers"} <= set(book.sheetnames)
    book["goods"].append([None if name != "code" else "FIG" for name in [cell.value for cell in book["goods"][1]]])
    written = io.BytesIO()
    book.save(written)
    assert brings(operator, "county.xlsx", written.getvalue()).status_code == 422, "goods without names"
    checked = brings(operator, "county.xlsx", answer.data)
    assert "nothing to import" in checked.text
    csv = operator.client.get(f"/prices/prices.csv?region={REGION}").data
    checked = brings(operator, "prices.csv", csv.replace(b"24.00", b"27.00"))
    desk.book.change(REGION, [price(2500)], 2, "turdi", county_rows.NOW)
    sha256 = checked.text.partition('name="file" value="')[2].partition('"')[0]
    assert operator.does(f"/prices/apply?region={REGION}", file=sha256).status_code == 409
    assert content(desk, "price", ALMONDS) == '{"fen_per_kg":2500}'
    assert brings(operator, "x.xlsx", b"PK\x03\x04 damaged").status_code == 422
    assert openpyxl.load_workbook(io.BytesIO(operator.client.get(f"/prices/template.xlsx?region={REGION}").data))


def test_a_large_county_is_one_small_page(operator: Person, desk: CenterDesk) -> None:
    """50 goods, 200 stations with prices of their own."""
    stations = [f"S{number:04}" for number in range(1, 201)]
    desk.registry.replace([county_rows.ExpectedStation(REGION, one, "", "T") for one in stations], [])
    goods = [county_rows.product(f"G{number}", county_rows.BADAM) for number in range(50)]
    rows = [
        price(1000 + n, f"G{n}/purchase/", scope)
        for n in range(50)
        for scope in ("", *map("station:{}".format, stations))
    ]
    desk.book.change(REGION, [*goods, *rows], 2, "turdi", county_rows.NOW)
    page = operator.sees(PATH)
    assert "Stations: 200" in Markup(page).striptags()
    assert len(page) < 250_000
