"""From the county's rows to the parts of a station's document."""

from __future__ import annotations

import json

import pytest

from kiosk.messaging.contract.configuration import MembersPart, parse_part
from kiosk.sorting_center.configuration.rendering import BadRow, CountyRendering, render
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, station_scope, township_scope


def _row(kind: str, key: str, content: object = None, scope: str = COUNTY) -> BookRow:
    return BookRow(kind, scope, key, json.dumps(content) if content is not None else "")


NAMES = {"ug": "بادام", "zh": "巴旦木", "en": "Almond"}
ROWS = (
    _row("product", "BADAM", {"code": "BADAM", "names": NAMES, "picture": "badam"}),
    _row("product", "WALNUT", {"code": "WALNUT", "names": NAMES, "picture": "walnut"}),
    _row("product", "WALNUT", None, township_scope("Azatbagh")),
    _row("price", "BADAM/consignment/", {"fen_per_kg": 2600}),
    _row("price", "BADAM/purchase/", {"fen_per_kg": 2400}),
    _row("price", "BADAM/purchase/2026-12-01", {"fen_per_kg": 2500}, township_scope("Azatbagh")),
    _row("price", "WALNUT/purchase/", {"fen_per_kg": 1800}),
    _row("setting", "phone", {"value": "0998 123"}),
    _row("setting", "phone", {"value": "0998 456"}, station_scope("S0147")),
    _row("member", "M-00001", {"short_name": "Tursun", "card": ""}),
    _row("person", "01", {"name": "Amina", "role": "clerk"}, station_scope("S0147")),
)


def test_parts_of_a_station_are_those_of_the_narrowest_scope() -> None:
    parts = {name: json.loads(content) for name, content in render(ROWS, "S0147", "Azatbagh").items()}
    assert set(parts) == {"goods", "prices", "members", "clerks", "settings"}
    assert [row["code"] for row in parts["goods"]["products"]] == ["BADAM"]
    assert [(row["mode"], row.get("since", ""), row["fen_per_kg"]) for row in parts["prices"]["prices"]] == [
        ("purchase", "", 2400),
        ("purchase", "2026-12-01", 2500),
        ("consignment", "", 2600),
    ]
    assert parts["settings"]["settings"] == {"phone": "0998 456"}
    assert parts["members"]["members"] == [["M-00001", "Tursun", ""]]
    assert parts["clerks"]["clerks"] == [{"number": "01", "name": "Amina", "role": "clerk"}]


def test_a_station_without_people_in_the_book_has_no_list_of_people() -> None:
    parts = render(ROWS, "S0148", "Karasu")
    assert set(parts) == {"goods", "prices", "members", "settings"}
    assert b"WALNUT" in parts["goods"]
    # Who has left is a row without content: the list is there, and empty.
    left = [*ROWS, _row("person", "01", None, station_scope("S0148"))]
    assert json.loads(render(left, "S0148", "Karasu")["clerks"]) == {"clerks": []}


def test_every_part_is_read_by_the_station_and_made_once_for_stations_that_share_it() -> None:
    rendering = CountyRendering(ROWS)
    first, second, third = (rendering.parts(*place) for place in (("S0147", "Azatbagh"), ("S0148", ""), ("S0149", "")))
    for name, content in first.items():
        parse_part(name, content)
    assert first["members"] is second["members"]
    assert second["prices"] is third["prices"]
    assert first["prices"] is not second["prices"]
    assert {name: bytes(content) for name, content in first.items()} == render(ROWS[::-1], "S0147", "Azatbagh")


def test_20_000_members_fit_in_their_part() -> None:
    rows = [
        _row("member", f"M-{n:05d}", {"short_name": "مۇھەممەتجان تۇ", "card": f"Y1P{n:05d}X"}) for n in range(20_000)
    ]
    content = render(rows, "S0147", "")["members"]
    assert len(content) < 1_500_000
    part = parse_part("members", content)
    assert isinstance(part, MembersPart)
    assert len(part.members) == 20_000


@pytest.mark.parametrize(
    "row",
    [
        _row("price", "BADAM/purchase/", {"fen_per_kg": 0}),
        _row("price", "BADAM", {"fen_per_kg": 100}),
        _row("setting", "color", {"value": "green"}),
        _row("member", "M-00001", {}),
        BookRow("product", COUNTY, "BADAM", "{"),
    ],
)
def test_a_row_that_is_none_is_named(row: BookRow) -> None:
    with pytest.raises(BadRow, match=row.key):
        render([row], "S0147", "")
