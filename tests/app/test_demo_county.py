"""Each kind of trouble that the demo's county promises is really reported by its sorting center."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from kiosk.app.demo import take_in_past
from kiosk.cli.demo import STATIONS
from kiosk.simulators.broker import Broker
from kiosk.simulators.county import CountyPlan, process
from kiosk.simulators.county.places import places
from kiosk.simulators.county.plan import SPECIAL, StationKind
from kiosk.simulators.county.station import CountyStation
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import empty_database
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.service import SortingCenter
from kiosk.sorting_center.watch.conditions import conditions
from kiosk.sorting_center.watch.county_watch import county_snapshot
from tests.sorting_center.staff import ZONE

UNTIL: Final = datetime(2026, 11, 27, 9, tzinfo=UTC)
SOON_S: Final = 300.0
BENCH_PAGE: Final = Path(__file__).parents[2] / "docs" / "bench.md"
# The kind of the case that the sorting center opens, or what `other_marks` finds.
REPORTED: Final[Mapping[StationKind, set[str]]] = {
    StationKind.PAPER_OUT: {"fail printer_label"},
    StationKind.QUIET: {"quiet"},
    StationKind.CLONED: {"twin", "fork"},
    StationKind.GAP: {"gap"},
    StationKind.CLOCK: {"clock unset", "warn "},
    StationKind.DISK_LOW: {"warn "},
    StationKind.CONTRADICTION: {"quarantine"},
    StationKind.DAY_DIFFERS: {"voided since"},
    StationKind.SLOW_LINE: {"backlog"},
    StationKind.OLD_SOFTWARE: {"old_software"},
    StationKind.RESTORED: {"behind"},
    StationKind.USUAL: set(),
}


class County:
    """One station of each kind, and what the center has to say of it."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        plan = CountyPlan(folder / "county", 2 * len(SPECIAL), 1, 3, UNTIL, broker.url)
        self.stations = {kind: name for name, kind in reversed(plan.own_stations.items())}
        self.plan, self.ledger_url = plan, f"sqlite:///{folder / 'ledger.db'}"

    def live(self, ending: FleetShutdown, template: Path) -> list[CountyStation]:
        found = [CountyStation(self.plan, name, template, ending) for name in self.stations.values()]
        for station in found:
            station.live()
        return found

    def reported(self, center: tuple[Ledger, Reports, CenterDesk]) -> dict[StationKind, set[str]]:
        ledger, reports, desk = center
        while ReportsFollower(ledger, reports).step():
            pass
        snapshot = county_snapshot(ledger, reports, desk, max(UNTIL, datetime.now(UTC)) + timedelta(minutes=20))
        found: dict[str, set[str]] = {name: set() for name in self.stations.values()}
        for condition in conditions(snapshot):
            found[condition.station].add(condition.kind)
        for row in snapshot.rows:
            words = found[row.station]
            broken = row.broken.row if row.broken is not None else ""
            words |= {f"{row.doctor} {broken}"} if row.doctor not in ("", "ok") else set()
            words |= {"clock unset"} if row.newest is not None and row.newest.clock == "unset" else set()
            for closing in reports.closings.of_station(row.region, row.station):
                words |= {closing.verdict.value} | ({"voided since"} if closing.voided_since else set())
        for row in ledger.overview("2020-01-01T00:00:00.000Z").stations:
            found[row.station] |= {epoch.why for epoch in row.epochs}
        return {kind: found[name] for kind, name in self.stations.items()}


@contextmanager
def center_of(ledger_url: str, broker: Broker) -> Iterator[tuple[Ledger, Reports, CenterDesk]]:
    with ExitStack() as ends:
        ledger = Ledger.open(ledger_url)
        center = ends.enter_context(SortingCenter(ledger, BrokerAddress.parse(broker.url), None))
        assert center.start(SOON_S)
        reports = ends.enter_context(Reports.open(ledger_url, ZONE))
        yield ledger, reports, ends.enter_context(CenterDesk.open(ledger_url))


def until(missing: Callable[[], Mapping[StationKind, set[str]]]) -> None:
    pause, end = threading.Event(), time.monotonic() + SOON_S
    while still := missing():
        assert time.monotonic() < end, still
        pause.wait(0.2)


def test_the_center_reports_each_kind_of_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_PER_MINUTE", 0.001)
    ending = FleetShutdown()
    with Broker(tmp_path / "broker") as broker, empty_database() as template:
        county = County(tmp_path, broker)
        assert set(county.stations) == set(StationKind)
        take_in_past(county.ledger_url, county.plan)
        with center_of(county.ledger_url, broker) as center:
            stations = county.live(ending, template)
            going_on = threading.Thread(target=process.go_on, args=(county.plan, stations, ending))
            going_on.start()
            try:
                missing = lambda: {  # noqa: E731
                    kind: REPORTED[kind] - there
                    for kind, there in county.reported(center).items()
                    if not REPORTED[kind] <= there
                }
                until(missing)
                found = county.reported(center)
            finally:
                ending.end()
                going_on.join()
    assert found[StationKind.USUAL] <= {"new", "same"}
    assert "impossible_clock" not in found[StationKind.RESTORED]


def test_the_table_of_the_bench_page_names_the_station_of_each_kind(tmp_path: Path) -> None:
    plan = CountyPlan(tmp_path, STATIONS, 1, 1, UNTIL)
    where = {place.station: place for place in places(plan.names)}
    kinds = {
        (kind.value.replace("_", " "), f"{name}, {where[name].village.en} in {where[name].township.en}")
        for name, kind in plan.own_stations.items()
        if kind is not StationKind.USUAL
    }
    table = re.findall(r"^\| ([a-z ]+) \| (S\d{4}, [^|]+) \|", BENCH_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(table) == kinds
    larger = replace(plan, stations=200).own_stations
    assert {name: kind for name, kind in larger.items() if name in plan.names} == plan.own_stations
