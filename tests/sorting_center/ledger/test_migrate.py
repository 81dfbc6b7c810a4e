"""A ledger an older version wrote: read as it is, brought up to date when it is opened for writing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect, select

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from kiosk.sorting_center.ledger.schema import SCHEMA_VERSION, meta, metadata
from tests.sorting_center.stations import NOW, Station

OLD = Path(__file__).parents[2] / "databases" / "center_schema_1.sqlite"
"""S0147 with events 1 to 5 and 2147483647; S0148 with 1, 2 and 4; a status of S0147."""


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    shutil.copyfile(OLD, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_it_becomes_what_a_new_ledger_is(old_url: str) -> None:
    with Ledger.open(old_url) as ledger, ledger.reading() as connection:
        looking = inspect(connection)
        for table in metadata.sorted_tables:
            assert {column["name"] for column in looking.get_columns(table.name)} == set(table.columns.keys())
        values = {row.name: row.value for row in connection.execute(select(meta))}
        assert (values["schema_version"], values["generation"]) == (str(SCHEMA_VERSION), ledger.generation)
        assert len(ledger.generation) == 16
        generation = ledger.generation
    with Ledger.open(old_url) as again:
        assert again.generation == generation
        assert again.feed_position("mqtt") == 5


def test_an_event_out_of_reach_no_longer_holds_a_gap_open(old_url: str) -> None:
    station = Station()
    events = station.run(6)
    with Ledger.open(old_url) as ledger:
        overview = ledger.overview(NOW)
        assert [(row.station, row.first, row.last) for row in overview.gaps] == [("S0148", 3, 3)]
        assert overview.quarantine == (("far_ahead", 1),)
        assert overview.counts.events == 8
        (state,) = ledger.accept(events, "shache", NOW)
        assert (state.upto, state.gaps, state.head) == (6, (), station.head)
        status = Status(online=True, pending=0, software="1.0.0", epoch=station.epoch, alarm="fork")
        ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), NOW)
        assert ledger.counts().alarms == 1


def test_counting_and_exporting_leave_it_as_it_is(old_url: str, tmp_path: Path) -> None:
    with Ledger.open_readonly(old_url) as ledger:
        assert (ledger.counts().events, ledger.counts().alarms, ledger.generation) == (9, 0, "")
        assert len(list(ledger.events())) == 9
    assert (tmp_path / "ledger.db").read_bytes() == OLD.read_bytes()
