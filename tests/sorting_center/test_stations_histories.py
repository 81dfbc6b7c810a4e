"""What stations of every version have written is believed: the rules are held against their stored databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.stations import NOW

MORNINGS = sorted((Path(__file__).parents[1] / "databases").glob("station_schema_*_morning.sqlite"))


def told(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        for (body,) in connection.execute("SELECT body FROM journal ORDER BY position"):
            yield bytes(body)


@pytest.mark.parametrize("path", MORNINGS, ids=lambda path: path.stem)
def test_a_morning_of_an_older_station_is_taken_in_whole(path: Path, ledger: Ledger) -> None:
    events = [parse_event(body) for body in told(path)]
    assert len(events) > 5
    assert [(event.type, event.data) for event in events if event.problem is not None] == []
    for event in events:
        (state,) = ledger.accept([event], "shache", NOW)
    assert (state.upto, state.quarantined, state.gaps) == (len(events), (), ())
    assert ledger.overview("").totals.intakes > 0


def test_there_are_databases_of_several_versions() -> None:
    assert len(MORNINGS) >= 3
