"""What is made of the events is the same however often it is made."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from kiosk.sorting_center.ledger import Ledger, LedgerInUse
from kiosk.sorting_center.ledger.care.rebuild import rebuild
from kiosk.sorting_center.ledger.database.schema import alarm, bag, intake, intake_void, station_status
from tests.depth import many
from tests.sorting_center.histories import crowded_ledger
from tests.sorting_center.station_journal import NOW, Station

Rows = dict[str, list[tuple[object, ...]]]


def projections(url: str) -> Rows:
    """Alarms without their numbers: those of a kind that is made again are counted on."""
    found: Rows = {}
    with Ledger.open_readonly(url) as ledger, ledger.reading() as connection:
        for table in (intake, intake_void, bag, station_status, alarm):
            columns = [column for column in table.columns if column.name != "id"]
            found[table.name] = sorted(tuple(row) for row in connection.execute(select(*columns)))
    return found


@pytest.mark.parametrize("seed", range(many(1, torture=4)))
def test_it_is_the_same_before_and_after(ledger_url: str, seed: int) -> None:
    with Ledger.open(ledger_url) as ledger:
        crowded_ledger(ledger, random.Random(seed))
    before = projections(ledger_url)
    assert len(before["intake"]) > 10
    rebuilt = rebuild(ledger_url)
    assert projections(ledger_url) == before
    assert (rebuilt.intakes, rebuilt.voids) == (len(before["intake"]), len(before["intake_void"]))
    assert rebuilt.receipts_twice == len([row for row in before["alarm"] if "receipt_twice" in row])


@settings(max_examples=many(8, torture=100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_it_is_the_same_for_every_history(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('rebuilt') / 'ledger.db'}"
    with Ledger.open(url) as ledger:
        crowded_ledger(ledger, random.Random(seed))
    before = projections(url)
    rebuild(url)
    assert projections(url) == before


def test_what_was_damaged_is_as_it_was(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        crowded_ledger(ledger, random.Random(7))
        before = projections(ledger_url)
        feed = ledger.feed(0, 1000)
        with ledger.writing() as connection:
            stray = connection.execute(select(intake).limit(1)).mappings().one()
            connection.execute(delete(intake).where(intake.c.receipt != stray["receipt"]))
            connection.execute(delete(intake_void))
            connection.execute(delete(bag).where(bag.c.receipt != stray["receipt"]))
            connection.execute(update(bag).values(code="nobody's"))
            connection.execute(delete(alarm).where(alarm.c.kind == "receipt_twice"))
            connection.execute(insert(intake_void), _void_of(dict(stray)))
    rebuild(ledger_url)
    assert projections(ledger_url) == before
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.feed(0, 1000) == feed


def _void_of(row: Mapping[str, Any]) -> dict[str, object]:
    """A void no event tells, under the key of an event that tells something else."""
    names = ("station", "receipt", "region", "epoch", "seq")
    return {**{name: row[name] for name in names}, "reason": "nobody knows", "replacement": None}


def test_a_station_whose_row_is_missing_is_listed_again(ledger_url: str, station: Station) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(3), "shache", NOW)
        with ledger.writing() as connection:
            connection.execute(delete(station_status))
    assert rebuild(ledger_url).stations_added == 1
    with Ledger.open_readonly(ledger_url) as ledger:
        (row,) = ledger.overview("").stations
        assert (row.station, row.region, row.last_seen, row.events) == (station.station, "shache", NOW, 3)


def test_nobody_may_number_meanwhile(postgres_url: str, station: Station) -> None:
    with Ledger.open(postgres_url) as ledger:
        ledger.accept(station.run(3), "shache", NOW)
        ledger.number(10)
        with pytest.raises(LedgerInUse):
            rebuild(postgres_url)
    assert rebuild(postgres_url).intakes == 2
