"""A county whose stations are given prices, goods, people and members: its key, its list of stations, its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.stations.authority import CountyAuthority

NOW: Final = datetime(2026, 12, 1, 8, tzinfo=UTC)


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
