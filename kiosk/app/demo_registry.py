"""What the county behind a demo expects to hear: most of it is heard, some is not, and some is heard unexpected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Final

from kiosk.domain.catalog import Names
from kiosk.simulators.county.places import TOWNSHIPS, places
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township

UNSEEN_STATIONS: Final = 3  # Stations that were promised, and stand in no village yet
_YEAR: Final = timedelta(days=365)
_OVER: Final = timedelta(days=-20)
_SOON: Final = timedelta(days=12)
_HOURS: Final = OpeningHours.parse("mon-fri 09:00-19:00; sat 10:00-14:00")
_MARKET_HOURS: Final = OpeningHours.parse("mon-sun 08:00-21:00")  # Of the town
_SCALES: Final = ("XK3190-A12E", "XK3190-A27E", "DIGI DS-788", "T520")


def registry(
    region: str, own: tuple[str, str], stations: Sequence[str], today: date
) -> tuple[list[ExpectedStation], list[Township]]:
    """For the demo's ``own`` station, number and village, and the county's ``stations``.

    The last of them is not expected; one verification is over, one soon is.
    """
    following = (
        [f"S{int(stations[-1][1:]) + number:04}" for number in range(1, UNSEEN_STATIONS + 1)] if stations else []
    )
    rows = [_expected(region, own[0], own[1], _name(TOWNSHIPS[0]), today + _YEAR)]
    there = [place for place in places([*stations, *following]) if place.station not in stations[-1:]]
    for number, place in enumerate(there):
        left = Random(place.station).randrange(40, 340)  # noqa: S311  a simulator
        until = {0: _OVER, 1: _SOON}.get(number, timedelta(days=left))
        rows.append(_expected(region, place.station, _name(place.village), _name(place.township), today + until))
    used = {row.township for row in rows}
    town = _name(TOWNSHIPS[-1])
    townships = [Township(region, name, _MARKET_HOURS if name == town else _HOURS) for name in sorted(used)]
    return rows, townships


def _expected(region: str, station: str, village: str, township: str, until: date) -> ExpectedStation:
    number = int(station[1:])
    return ExpectedStation(
        region,
        station,
        village,
        township,
        contact=f"0998-555-{number:04}",
        scale=f"{_SCALES[number % len(_SCALES)]} no. {70_000 + number}",
        verified_on=(until - _YEAR).isoformat(),
        valid_until=until.isoformat(),
    )


def _name(names: Names) -> str:
    return f"{names.zh} {names.en}"
