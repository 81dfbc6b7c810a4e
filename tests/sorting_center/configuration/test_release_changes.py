"""At how many stations a change makes something else hold."""

from __future__ import annotations

from kiosk.sorting_center.configuration.release_changes import release_changes
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, township_scope

TOWNSHIPS = {"S0001": "Charbag", "S0002": "Azatbag", "S0003": ""}
CHARBAG = township_scope("Charbag")


def price(since: str, fen: int, scope: str = COUNTY) -> BookRow:
    return BookRow("price", scope, f"BADAM/purchase/{since}", f'{{"fen_per_kg":{fen}}}')


def reached(before: list[BookRow], after: list[BookRow]) -> dict[tuple[str, str], list[str]]:
    return {(row.scope, row.key[-10:]): sorted(row.stations) for row in release_changes(before, after, TOWNSHIPS)}


def test_a_later_price_of_the_county_does_not_reach_a_township_with_its_own() -> None:
    before = [price("", 2400), price("", 2600, CHARBAG)]
    day = "2026-12-20"
    assert reached(before, [*before, price(day, 2500)]) == {(COUNTY, day): ["S0002", "S0003"]}
    assert reached(before, [*before, price(day, 2700, CHARBAG)]) == {(CHARBAG, day): ["S0001"]}
    assert reached(before, [*before, price(day, 2400)]) == {(COUNTY, day): []}, "the same as before"


def test_a_price_of_the_township_that_ends_brings_the_county_s_back() -> None:
    before = [price("", 2400), price("2026-12-01", 2600, CHARBAG)]
    assert reached(before, before[:1]) == {(CHARBAG, "2026-12-01"): ["S0001"]}
    assert reached(before, [price("", 2450), before[1]]) == {(COUNTY, "/purchase/"): ["S0001", "S0002", "S0003"]}
