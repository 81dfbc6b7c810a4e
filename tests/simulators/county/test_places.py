"""Villages of the demo's county: named, unlike each other, and checked."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from kiosk.domain.catalog import Names
from kiosk.simulators.county.places import StationLocation, as_csv, places


def test_no_two_stations_stand_in_one_village() -> None:
    rows = places([f"S{number}" for number in range(1001, 2001)])
    for language in ("ug", "zh", "en"):
        assert len({(getattr(row.township, language), getattr(row.village, language)) for row in rows}) == len(rows)
    assert 2 <= len({row.township for row in rows}) <= 10


def test_a_line_for_each_station() -> None:
    head, first, *_ = csv.reader(StringIO(as_csv(places(["S1001", "S1002"]))))
    assert head == ["station", *(f"{what}_{code}" for what in ("township", "village") for code in ("ug", "zh", "en"))]
    assert first == ["S1001", "بادام", "巴旦木乡", "Badam", "شاپتۇل", "桃村", "Shaptul"]


def test_what_is_no_place() -> None:
    good = Names("ئالما", "苹果村", "Alma")
    for station, bad in (("1001", good), ("S1001", Names("", "苹果村", "Alma")), ("S1001", Names("a\nb", "b", "c"))):
        with pytest.raises(ValueError, match=r"station id|no name of a place"):
            StationLocation(station, good, bad)
