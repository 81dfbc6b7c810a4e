"""Where the stations of a county are: villages in a handful of townships, all of them made up."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from typing import Final

from kiosk.domain.catalog import Names
from kiosk.domain.identifiers import check_station

_MAX_NAME: Final = 40
_NAMES: Final = tomllib.loads(files(__package__).joinpath("places.toml").read_text(encoding="utf-8"))
TOWNSHIPS: Final = tuple(Names(*row) for row in _NAMES["townships"])
VILLAGES: Final = tuple(Names(*row) for row in _NAMES["villages"])


@dataclass(frozen=True, slots=True)
class StationLocation:
    """A station and its location. Raises ValueError for an invalid station id or name."""

    station: str
    township: Names
    village: Names

    def __post_init__(self) -> None:
        check_station(self.station)
        for names in (self.township, self.village):
            for name in (names.ug, names.zh, names.en):
                if not (0 < len(name) <= _MAX_NAME and name.isprintable()):
                    raise ValueError(f"{name!r} is no name of a place")


def places(stations: Sequence[str]) -> tuple[StationLocation, ...]:
    """Assign a village to each station, the townships in turn; number the names once all are used."""
    found = []
    for number, station in enumerate(stations):
        nth, township = divmod(number, len(TOWNSHIPS))
        name_round, village = divmod(nth, len(VILLAGES))
        found.append(StationLocation(station, TOWNSHIPS[township], _numbered(VILLAGES[village], name_round + 1)))
    return tuple(found)


def as_csv(rows: Sequence[StationLocation]) -> str:
    """Return a header and one line a station, with its names in three languages."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["station", *(f"{what}_{code}" for what in ("township", "village") for code in ("ug", "zh", "en"))])
    for row in rows:
        names = (row.township, row.village)
        writer.writerow([row.station, *(name for one in names for name in (one.ug, one.zh, one.en))])
    return text.getvalue()


def _numbered(names: Names, number: int) -> Names:
    if number == 1:
        return Names(names.ug, f"{names.zh}村", names.en)
    return Names(f"{names.ug} {number}", f"{names.zh}{number}村", f"{names.en} {number}")
