"""What the county's staff look at, of a million events and 2,000 stations: how long each answer takes.

    python -m benchmarks staff

The follower is measured by processor time, the answers by the clock. Making the two ledgers takes some minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.measure import Row, percentile
from benchmarks.staff_ledger import LAST_DAY, NEAR, fill
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.opening import open_beside
from kiosk.sorting_center.reports import Part, Reports
from kiosk.sorting_center.reports.follower import Follower
from tests.servers.postgres import running_postgres

EVENTS: Final = 1_000_000
STATIONS: Final = 2_000
ZONE: Final = ZoneInfo("Asia/Shanghai")
_TIMES: Final = 20
_DAY: Final = LAST_DAY.date()
_RECEIPT: Final = ReceiptNumber("S1999", "A", 100)
_ASKED: Final = (str(_RECEIPT), _RECEIPT.lot, "M-79961", "S1999", "SF1385000000001", "BADAM", _DAY.isoformat())


@dataclass(frozen=True, slots=True)
class _Answer:
    """Something that is asked, and how many milliseconds it may take."""

    name: str
    limit_ms: float
    ask: Callable[[], object]


def _answers(reports: Reports) -> list[_Answer]:
    days, month = reports.days, _DAY - timedelta(days=30)

    def today() -> None:
        days.compared(_DAY, 14)
        days.goods(_DAY, _DAY)
        days.stations(_DAY, _DAY)
        days.hours(_DAY)

    texts = cycle(_ASKED)

    def month_of_days() -> None:
        days.each(month, _DAY)
        days.goods_by_day(month, _DAY)

    return [
        _Answer("today", 50, today),
        _Answer("fleet of 200", 100, lambda: reports.fleet.rows(_DAY, Part(NEAR))),
        _Answer("fleet of 2,000", 100, lambda: reports.fleet.rows(_DAY)),
        _Answer("search", 100, lambda: reports.search.find(next(texts))),
        _Answer("a receipt", 50, lambda: reports.receipts.find(_RECEIPT)),
        _Answer("a month of days", 200, month_of_days),
        _Answer("closes of a day", 100, lambda: reports.closings.of_day(_DAY)),
    ]


def _asked(answer: _Answer) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        answer.ask()
        taken.append(1000 * (time.perf_counter() - began))
    return percentile(taken, 0.95)


def rows_of(name: str, url: str) -> Iterator[Row]:
    """All rows of one database, whose ledger is full."""
    with Ledger.open_readonly(url) as ledger, Reports.open(url, ZONE) as reports:
        follower, began, done = Follower(ledger, reports), time.process_time(), 0
        # Of the last pages the first answers are asked while the follower goes on.
        while reports.progress().behind > 20_000 and (went_on := follower.step()):
            done += went_on
        yield Row(f"{name}: events followed, by processor time", done / (time.process_time() - began), "/s", least=5000)
        today = next(answer for answer in _answers(reports) if answer.name == "today")
        yield Row(f"{name}: today while the feed is followed, p95", _while_following(follower, today), "ms", 50)
        while follower.step():
            pass
        for answer in _answers(reports):
            yield Row(f"{name}: {answer.name}, p95", _asked(answer), "ms", answer.limit_ms)


def _while_following(follower: Follower, answer: _Answer) -> float:
    taken = []
    for _ in range(_TIMES):
        follower.step()
        began = time.perf_counter()
        answer.ask()
        taken.append(1000 * (time.perf_counter() - began))
    return percentile(taken, 0.95)


def filled(url: str) -> str:
    """A new ledger with everything in it."""
    Ledger.open(url).close()
    opened = open_beside(url)
    try:
        with opened.writing.begin() as connection:
            fill(connection, EVENTS, STATIONS)
    finally:
        opened.close()
    return url


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    found = [*rows_of("staff, SQLite", filled(f"sqlite:///{folder / 'county.db'}"))]
    with running_postgres() as server, server.fresh() as database:
        url = filled(server.url(database))
        with server.connection(database) as connection:
            connection.execute("VACUUM ANALYZE")  # as a server has done that is not of tests
        found += rows_of("staff, PostgreSQL", url)
    return found
