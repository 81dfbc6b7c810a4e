"""Every station as a tile: its name, its place and its state."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import StationKey, StationRegister
from kiosk.sorting_center.desk.shared.cases import Case
from kiosk.sorting_center.desk.station_configurations import NO_CONFIGURATION, StationConfiguration
from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.measure import MARK_OF_CASE, Measure, StationMark, marks, marks_of_unseen

# Also of kinds that are no mark by themselves: they say since when one is there.
_CASE_MARKS: Final = {
    **MARK_OF_CASE,
    "reports": StationMark.FAULT,
    "backlog": StationMark.LATE,
    "old_software": StationMark.OLD,
}


@dataclass(frozen=True, slots=True)
class Tile:
    """``marks`` are all it has, the gravest first. ``township``, ``village`` and ``contact`` are "" where the registry
    has none. ``case_kind`` is of the oldest case behind the gravest mark, ``since`` the time at which that mark was
    first seen, RFC 3339; each "" if there is none. ``broken`` is what its doctor reports as broken. ``configuration``
    is what it has of the county's documents.
    """

    region: str
    station: str
    marks: tuple[StationMark, ...]
    township: str
    village: str
    contact: str
    has_intakes: bool
    case_kind: str = ""
    since: str = ""
    broken: DatedDoctorRow | None = None
    configuration: StationConfiguration = NO_CONFIGURATION

    @property
    def mark(self) -> StationMark:
        return self.marks[0]

    @property
    def is_well(self) -> bool:
        return self.mark is StationMark.WELL

    def matches(self, words: str) -> bool:
        """Return whether a search for ``words``, in lower case, finds it."""
        return any(words in text.casefold() for text in (self.station, self.village, self.township, self.region))


@dataclass(frozen=True)
class FleetSnapshot:
    """``tiles`` by township, the worst townships and stations first; ``cases`` are how many are not closed, by kind."""

    day: date
    tiles: tuple[Tile, ...]
    cases: tuple[tuple[str, int], ...]
    stations_seen: int
    quarantined: int  # Events in quarantine, of all stations
    revoked: frozenset[StationKey] = frozenset()  # Their machines are let in no more

    @cached_property
    def behind(self) -> int:
        """Stations with something else in force than the county wants."""
        return sum(tile.configuration.is_behind for tile in self.tiles)

    @cached_property
    def counts(self) -> Mapping[StationMark, int]:
        """Of stations, by their gravest mark."""
        counted = Counter(tile.mark for tile in self.tiles)
        return {mark: counted.get(mark, 0) for mark in StationMark}


def fleet_snapshot(reports: Reports, desk: CenterDesk, now: datetime) -> FleetSnapshot:
    day = reports.days.day_of(now)
    rows = reports.fleet.rows(day)
    register = desk.registry.current()
    cases = desk.cases.all_open()
    counted = Counter(case.kind for case in cases)
    return FleetSnapshot(
        day,
        _tiles(rows, (register, desk.configurations.all()), cases, now.astimezone(reports.zone)),
        tuple(sorted(counted.items())),
        stations_seen=len(rows),
        quarantined=sum(sum(row.quarantined.values()) for row in rows),
        revoked=desk.certificates.revoked_stations(),
    )


def _tiles(
    rows: Sequence[FleetRow],
    county: tuple[StationRegister, Mapping[StationKey, StationConfiguration]],
    cases: Iterable[Case],
    now: datetime,
) -> tuple[Tile, ...]:
    register, configurations = county
    measure = Measure.of(rows, register, now)
    cases_by_key: dict[StationKey, list[Case]] = defaultdict(list)
    for case in cases:
        cases_by_key[case.region, case.station].append(case)
    rows_by_key = {(row.region, row.station): row for row in rows}
    tiles = []
    for key in {**dict.fromkeys(rows_by_key), **dict.fromkeys(register.stations)}:
        row, expected, own = rows_by_key.get(key), register.stations.get(key), cases_by_key[key]
        kinds = {case.kind for case in own}
        tile_marks = marks_of_unseen(kinds) if row is None else marks(row, measure, kinds)
        oldest = next((case for case in reversed(own) if _CASE_MARKS.get(case.kind) is tile_marks[0]), None)
        place = (expected.township, expected.village, expected.contact) if expected is not None else ("", "", "")
        brings, broken = (row.today.intakes > 0, row.broken) if row is not None else (False, None)
        kind, since = oldest.kind if oldest is not None else "", _since(tile_marks[0], row, oldest)
        configuration = configurations.get(key, NO_CONFIGURATION)
        tiles.append(Tile(*key, tile_marks, *place, brings, kind, since, broken, configuration))
    return _in_order(tiles)


def _since(mark: StationMark, row: FleetRow | None, case: Case | None) -> str:
    """Return when the mark was first seen; "" when that is unknown."""
    if mark is StationMark.DEVICE and row is not None and row.broken is not None:
        return row.broken.since
    if mark is StationMark.QUIET and row is not None and row.last_seen is not None:
        return row.last_seen.isoformat()
    return case.opened_at if case is not None else ""


def _in_order(tiles: Sequence[Tile]) -> tuple[Tile, ...]:
    """Sort them; those of no township come after the others that are as badly off."""
    gravity = {mark: number for number, mark in enumerate(StationMark)}
    worst: dict[StationKey, int] = {}
    for tile in tiles:
        place = tile.region, tile.township
        worst[place] = min(worst.get(place, len(gravity)), gravity[tile.mark])

    def order(tile: Tile) -> tuple[object, ...]:
        place = tile.region, tile.township
        return worst[place], not tile.township, *place, gravity[tile.mark], tile.station

    return tuple(sorted(tiles, key=order))
