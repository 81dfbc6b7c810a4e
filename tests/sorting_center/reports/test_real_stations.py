"""What real stations of several versions have written, kept as their databases: their closes agree with the ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import Follower
from kiosk.sorting_center.reports.following.closes import Verdict
from tests.sorting_center.reports.ledgers import followed

NOW = "2026-11-28T04:00:00.000Z"
MORNINGS = sorted((Path(__file__).parents[2] / "databases").glob("station_schema_*_morning.sqlite"))


def test_a_days_close_of_every_version_is_what_the_ledger_has(
    ledger: Ledger, reports: Reports, follower: Follower
) -> None:
    compared = []
    for number, path in enumerate(MORNINGS):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            bodies = [row[0] for row in connection.execute("SELECT body FROM journal ORDER BY position")]
        events = [parse_event(bytes(body)) for body in bodies]
        region = f"county-{number}"
        ledger.accept(events, region, NOW)
        followed(follower)
        compared += [one.verdict for one in reports.closings.of_station(region, events[0].station)]
    assert len(compared) >= 2
    assert set(compared) == {Verdict.SAME}
