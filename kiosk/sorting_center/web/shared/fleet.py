"""Every station as a tile: what it is called, where it stands, and how it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import StationKey, StationRegister
from kiosk.sorting_center.desk.shared.cases import Case
from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.measure import Measure, StationMark, marks, marks_of_unseen


@dataclass(frozen=True, slots=True)
class Tile:
    """``marks`` are all it has, the gravest first. ``township`` and ``village`` are "" where the registry has none.
    ``broken`` is what its doctor says is broken, as a code, "" for nothing.
    """

    region: str
    station: str
    marks: tuple[StationMark, ...]
    township: str
    village: str
    has_intakes: bool
    broken: str = ""

    @property
    def mark(self) -> StationMark:
        return self.marks[0]

    def matches(self, words: str) -> bool:
        """Whether a person who typed this meant it, too; ``words`` in lower case."""
        return any(words in text.casefold() for text in (self.station, self.village, self.township, self.region))


@dataclass(frozen=True)
class FleetSnapshot:
    """``tiles`` in the order of region, township, number; ``cases`` are how many are not closed, by kind."""

    day: date
    tiles: tuple[Tile, ...]
    cases: tuple[tuple[str, int], ...]
    stations_seen: int
    quarantined: int  # Events in quarantine, of all stations

    @cached_property
    def counts(self) -> Mapping[StationMark, int]:
        """Of stations, by their gravest mark."""
        counted = Counter(tile.mark for tile in self.tiles)
        return {mark: counted.get(mark, 0) for mark in StationMark}

    @cached_property
    def stations_with_intakes(self) -> int:
        return sum(tile.has_intakes for tile in self.tiles)


def fleet_snapshot(reports: Reports, desk: CenterDesk, now: datetime) -> FleetSnapshot:
    day = reports.days.day_of(now)
    rows = reports.fleet.rows(day)
    register = desk.registry.current()
    cases = desk.cases.all_open()
    counted = Counter(case.kind for case in cases)
    return FleetSnapshot(
        day,
        _tiles(rows, register, cases, now.astimezone(reports.zone)),
        tuple(sorted(counted.items())),
        stations_seen=len(rows),
        quarantined=sum(sum(row.quarantined.values()) for row in rows),
    )


def _tiles(
    rows: Sequence[FleetRow], register: StationRegister, cases: Iterable[Case], now: datetime
) -> tuple[Tile, ...]:
    measure = Measure.of(rows, register, now)
    kinds: dict[StationKey, set[str]] = defaultdict(set)
    for case in cases:
        kinds[case.region, case.station].add(case.kind)
    rows_by_key = {(row.region, row.station): row for row in rows}
    tiles = []
    for key in {**dict.fromkeys(rows_by_key), **dict.fromkeys(register.stations)}:
        row, expected = rows_by_key.get(key), register.stations.get(key)
        tile_marks = marks_of_unseen(kinds[key]) if row is None else marks(row, measure, kinds[key])
        township, village = (expected.township, expected.village) if expected is not None else ("", "")
        brings, broken = (row.today.intakes > 0, row.broken) if row is not None else (False, "")
        tiles.append(Tile(*key, tile_marks, township, village, brings, broken))
    # Those of no township stand behind the others of their region.
    return tuple(sorted(tiles, key=lambda tile: (tile.region, not tile.township, tile.township, tile.station)))
