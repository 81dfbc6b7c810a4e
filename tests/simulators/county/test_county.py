"""A county's life: the same for the same seed, gone on with, and all of it at a real sorting center."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from kiosk.simulators.broker import Broker
from kiosk.simulators.county import County, CountyPlan, county_life, process
from kiosk.simulators.county.plan import StationKind
from kiosk.simulators.county.station import CountyStation
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import empty_database
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview
from kiosk.sorting_center.service import SortingCenter

UNTIL: Final = datetime(2026, 11, 27, 9, tzinfo=UTC)
SOON_S: Final = 300.0
"""Processes that are nicer than all others begin late on a busy machine."""


def plan_of(folder: Path, stations: int = 2, seed: int = 3, until: datetime = UNTIL) -> CountyPlan:
    return CountyPlan(folder, stations, 1, seed, until)


def events(folder: Path, station: str = "S1001") -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / station / "station.sqlite")) as reader:
        return [json.loads(body) for (body,) in reader.execute("SELECT body FROM journal ORDER BY position")]


def test_the_same_seed_is_the_same_county(tmp_path: Path) -> None:
    lived = county_life(plan_of(tmp_path / "a"))
    assert lived.acts > lived.intakes > 20
    assert county_life(plan_of(tmp_path / "b")) == lived
    county_life(plan_of(tmp_path / "c", seed=4))
    for station in ("S1001", "S1002"):
        assert events(tmp_path / "a", station) == events(tmp_path / "b", station)
        assert events(tmp_path / "a", station) != events(tmp_path / "c", station)


def test_a_week_has_all_that_happens_at_a_station(tmp_path: Path) -> None:
    county_life(plan_of(tmp_path, 1))
    told = events(tmp_path)
    kinds = Counter(event["type"].removeprefix("station.").removesuffix(".v1") for event in told)
    assert {"intake.confirmed", "scale.checked", "parcel.arrived", "parcel.collected", "day.closed"} <= kinds.keys()
    assert kinds["day.closed"] == 6  # no Sunday
    intakes = [event["data"] for event in told if event["type"] == "station.intake.confirmed.v1"]
    assert {intake["mode"] for intake in intakes} == {"purchase", "consignment"}
    parties = [intake["party"] for intake in intakes]
    assert "non_member" in parties
    assert any(party.startswith("M-") for party in parties)
    hours = {int(event["time"][11:13]) + 8 for event in told if event["type"] == "station.intake.confirmed.v1"}
    assert min(hours) >= 9
    assert max(hours) < 21
    assert [event["time"] for event in told] == sorted(event["time"] for event in told)


def test_a_life_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    county_life(plan_of(tmp_path, 1, until=datetime(2026, 11, 25, 5, tzinfo=UTC)))
    before = events(tmp_path)
    county_life(plan_of(tmp_path, 1))
    after = events(tmp_path)
    assert after[: len(before)] == before
    assert after[len(before)]["time"] >= "2026-11-25T05"
    assert after[-1]["time"] >= "2026-11-27T"
    assert county_life(plan_of(tmp_path, 1)).acts == 0
    assert events(tmp_path) == after


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"stations": 0}, "1 to 1000 stations"),
        ({"stations": 1001}, "1 to 1000 stations"),
        ({"weeks": 0}, "1 to 52 weeks"),
        ({"until": datetime(2026, 11, 27)}, "in UTC"),
        ({"broker_url": "http://x"}, "must look like mqtt://"),
        ({"region": "feed"}, "region id"),
    ],
)
def test_no_county(change: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=text):
        replace(plan_of(tmp_path), **change)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as one:
        yield one


@contextmanager
def sorting_center(broker: Broker, ledger_url: str) -> Iterator[None]:
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center:
        assert center.start(SOON_S)
        yield


def seen(ledger_url: str) -> Overview:
    with Ledger.open_readonly(ledger_url) as ledger:
        return ledger.overview("2020-01-01T00:00:00.000Z")


def test_a_county_that_goes_on_is_online_and_somebody_comes(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PER_MINUTE", 3000)
    plan = replace(plan_of(tmp_path / "county"), broker_url=broker.url)
    ledger_url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ending = FleetShutdown()
    with sorting_center(broker, ledger_url), empty_database() as template:
        stations = [CountyStation(plan, name, template, ending) for name in plan.own_stations]
        for station in stations:
            station.live()
        before = seen(ledger_url).totals.intakes
        going_on = threading.Thread(target=process.go_on, args=(plan, stations, ending))
        going_on.start()
        usual = {name for name, kind in plan.own_stations.items() if kind is StationKind.USUAL}
        try:
            online: set[str] = set()  # the status of each comes by a way of its own: it may be later than the intakes
            while not usual <= online or seen(ledger_url).totals.intakes < before + 5:
                assert going_on.is_alive()
                online = {row.station for row in seen(ledger_url).stations if row.online}
        finally:
            ending.end()
            going_on.join()
    assert online == usual


def test_processes_write_it_and_say_how_far_they_are(broker: Broker, tmp_path: Path) -> None:
    plan = replace(plan_of(tmp_path / "county", 3), broker_url=broker.url)
    damaged = plan.folder / "S1002" / "station.sqlite"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"not a database at all" * 1000)
    said: list[str] = []
    ledger_url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with sorting_center(broker, ledger_url), County(plan, 2, said.append) as county:
        assert county.lived.wait(SOON_S)
        assert {row.station for row in seen(ledger_url).stations} == {"S1001", "S1003"}
    assert any("station S1002 is left out" in line and "not an SQLite file" in line for line in said)
    assert "3 of 3 stations have told their weeks" in said[-1]
    assert (plan.folder / "county.csv").read_text(encoding="utf-8").count("\n") == 4


def test_a_process_that_is_killed_is_told_and_the_demo_goes_on(broker: Broker, tmp_path: Path) -> None:
    plan = replace(plan_of(tmp_path / "county", 2), broker_url=broker.url)
    told = threading.Event()
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        if "has ended with -9" in line:
            told.set()

    with County(plan, 2, tell) as county:
        county.processes[0].kill()
        assert told.wait(SOON_S)
