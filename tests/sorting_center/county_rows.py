"""A county whose stations are given prices, goods, people and members: its key, its list of stations, its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.contract.catalog.tables import PriceTable, ProductTable
from kiosk.messaging.contract.configuration import (
    AnyPart,
    ClerkRow,
    ClerksPart,
    GoodsPart,
    MemberRow,
    MembersPart,
    PricesPart,
    encode_part,
)
from kiosk.sorting_center.desk.county_book import BookRow, rows_for
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.stations.authority import CountyAuthority

NOW: Final = datetime(2026, 12, 1, 8, tzinfo=UTC)


class SmallRendering:
    """Of goods, prices, people and members alone; what has no row is not named."""

    rendered: int = 0  # Parts of members that were made

    def __init__(self, rows: Sequence[BookRow]) -> None:
        self._rows = rows
        self._members: bytes | None = None

    def parts(self, station: str, township: str) -> Mapping[str, bytes]:
        found = rows_for((row for row in self._rows if row.kind != "member"), station, township)
        made: dict[str, AnyPart] = {}
        if rows := found.get("product"):
            tables = (json.loads(content) | {"code": key} for key, content in rows.items())
            made["goods"] = GoodsPart(tuple(msgspec.convert(table, ProductTable) for table in tables))
        if rows := found.get("price"):
            made["prices"] = PricesPart(tuple(_price(key, content) for key, content in rows.items()))
        if rows := found.get("person"):
            people = (json.loads(content) | {"number": key} for key, content in rows.items())
            made["clerks"] = ClerksPart(tuple(msgspec.convert(person, ClerkRow) for person in people))
        parts = {name: encode_part(part) for name, part in made.items()}
        if any(row.kind == "member" for row in self._rows):
            self._members = self._members or self._encode_members()
            parts["members"] = self._members
        return parts

    def _encode_members(self) -> bytes:
        members = rows_for((row for row in self._rows if row.kind == "member"), "S0001", "")["member"]
        SmallRendering.rendered += 1
        rows = (MemberRow(key, **json.loads(content)) for key, content in members.items())
        return encode_part(MembersPart(tuple(rows)))


def _price(key: str, content: str) -> PriceTable:
    code, mode, since = key.split("/")
    if not content.startswith("{"):
        raise ValueError(f"price {key}: this is no price")
    fields = json.loads(content) | {"product": code, "mode": mode, "since": since}
    return msgspec.convert(fields, PriceTable)


def price(fen: int, scope: str = "") -> BookRow:
    return BookRow("price", scope, "ALMOND/purchase/", f'{{"fen_per_kg":{fen}}}')


def person(station: str, number: str, name: str = "Guli") -> BookRow:
    return BookRow("person", f"station:{station}", number, json.dumps({"name": name, "role": "clerk"}))


def members(count: int) -> list[BookRow]:
    texts = [(f"M-{number:05d}", f"member {number}") for number in range(1, count + 1)]
    return [BookRow("member", "", key, json.dumps({"short_name": name, "card": ""})) for key, name in texts]


class County:
    """``folder`` gets the files of its key."""

    def __init__(self, desk: CenterDesk, folder: Path, region: str = "shache") -> None:
        self.desk, self.region, self.key_file = desk, region, folder / "configuration.key"
        self.authority = CountyAuthority.create(region, NOW)
        self.use_key(1)

    def use_key(self, generation: int) -> None:
        made = self.authority.issue_configuration_key(self.region, generation, NOW)
        self.key_file.write_text(made.key)
        self.key_file.with_suffix(".crt").write_text(made.certificate)

    def expect(self, townships: Mapping[str, str]) -> None:
        """Stations and their townships."""
        stations = [ExpectedStation(self.region, name, township=place) for name, place in townships.items()]
        names = dict.fromkeys(place for place in townships.values() if place)
        self.desk.registry.replace(
            stations, [Township(self.region, name, OpeningHours.parse("mon-sun 10:00-19:00")) for name in names]
        )

    def change(self, *rows: BookRow) -> None:
        seen = self.desk.book.draft(self.region).revision
        self.desk.book.change(self.region, rows, seen, "ali", NOW)

    def publish(self, *rows: BookRow) -> None:
        self.change(*rows)
        seen = self.desk.book.draft(self.region).revision
        self.desk.book.publish(self.region, seen, "guli", "", NOW, alone_allowed=False)
