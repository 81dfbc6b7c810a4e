"""A county's goods and prices: some in force, some in the draft, with a township and a station of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.configuration.sheets import content_json
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import ExpectedStation

REGION: Final = "shache"
NOW: Final = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
BADAM: Final = {"ug": "بادام", "zh": "巴旦木", "en": "Almond (badam)"}
WALNUT: Final = {"ug": "ياڭاق", "zh": "核桃", "en": "Walnut"}


def price(fen: int, key: str = "BADAM/purchase/", scope: str = "") -> BookRow:
    return BookRow("price", scope, key, f'{{"fen_per_kg":{fen}}}')


def product(code: str, names: dict[str, str], picture: str = "badam") -> BookRow:
    return BookRow("product", "", code, content_json({"code": code, "names": names, "picture": picture}))


def fill(desk: CenterDesk) -> None:
    """Two townships of two stations each; almonds and walnuts in force at 24.00 and 18.00; nothing in the draft."""
    townships = {"S0001": "Azatbagh", "S0002": "Azatbagh", "S0003": "核桃乡", "S0004": "核桃乡"}
    desk.registry.replace([ExpectedStation(REGION, one, "栗子村", town) for one, town in townships.items()], [])
    fill_rows(desk, REGION)


def fill_rows(desk: CenterDesk, region: str) -> None:
    """The same for a county that has its stations."""
    sack = {
        "code": "SACK",
        "names": {"ug": "خالتا", "zh": "布袋", "en": "Cloth sack"},
        "picture": "sack",
        "tare_g": 160,
    }
    rows = [
        product("BADAM", BADAM),
        product("WALNUT", WALNUT, "walnut"),
        price(2400),
        price(1800, "WALNUT/purchase/"),
        BookRow("container", "", "SACK", content_json(sack)),
        BookRow("setting", "", "phone", '{"value":"0998-555-0147"}'),
    ]
    desk.book.change(region, rows, 0, "aygul", NOW)
    desk.book.publish(region, 1, "turdi", "week 47", NOW, alone_allowed=False)


def content(desk: CenterDesk, kind: str, key: str, scope: str = "") -> str | None:
    """Of the draft; None for no row."""
    found = (row.content for row in desk.book.rows(REGION) if (row.kind, row.scope, row.key) == (kind, scope, key))
    return next(found, None)
