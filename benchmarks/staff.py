"""What the county's staff look at, of a million events and 2,000 stations: how long each answer takes.

    python -m benchmarks staff

The follower is measured by processor time, the answers by the clock. Making the two ledgers takes some minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient

from benchmarks.measure import Row, percentile
from benchmarks.staff_ledger import FAR, LAST_DAY, NEAR, fill
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.opening import open_shared
from kiosk.sorting_center.reports import Reports, ReportScope
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.app import create_app, load_pages
from kiosk.sorting_center.web.shared.sources import Stores
from tests.servers.postgres import running_postgres
from tests.sorting_center.staff import sign_in

EVENTS: Final = 1_000_000
STATIONS: Final = 2_000
ZONE: Final = ZoneInfo("Asia/Shanghai")
_TIMES: Final = 20
_DAY: Final = LAST_DAY.date()
_RECEIPT: Final = ReceiptNumber("S1999", "A", 100)
_ASKED: Final = (str(_RECEIPT), _RECEIPT.lot, "M-79961", "S1999", "SF1385000000001", "BADAM", _DAY.isoformat())


@dataclass(frozen=True, slots=True)
class _Answer:
    """Something that is asked, and how many milliseconds it may take; None where it is made beside, before somebody
    looks.
    """

    name: str
    limit_ms: float | None
    ask: Callable[[], object]


def _answers(reports: Reports) -> list[_Answer]:
    days, month = reports.days, _DAY - timedelta(days=30)

    def today() -> None:
        days.compare(_DAY, 14)
        days.goods(_DAY, _DAY)
        days.stations(_DAY, _DAY)
        days.hours(_DAY)

    texts = cycle(_ASKED)

    def month_of_days() -> None:
        days.each(month, _DAY)
        days.goods_by_day(month, _DAY)

    return [
        _Answer("today", None, today),
        _Answer("fleet of 200", None, lambda: reports.fleet.rows(_DAY, ReportScope(NEAR))),
        _Answer("fleet of 2,000", None, lambda: reports.fleet.rows(_DAY)),
        _Answer("search", 100, lambda: reports.search.find(next(texts))),
        _Answer("a receipt", 50, lambda: reports.receipts.find(_RECEIPT)),
        _Answer("a month of days", 200, month_of_days),
        _Answer("closes of a day", None, lambda: reports.closings.of_day(_DAY)),
    ]


def _asked(answer: _Answer) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        answer.ask()
        taken.append(1000 * (time.perf_counter() - began))
    return percentile(taken, 0.95)


def rows_of(name: str, url: str, settle: Callable[[], None]) -> Iterator[Row]:
    """All rows of one database, whose ledger is full; ``settle`` does what a server does by itself after a day."""
    with Ledger.open_readonly(url) as ledger, Reports.open(url, ZONE) as reports:
        follower, began, done = ReportsFollower(ledger, reports), time.process_time(), 0
        # Of the last pages the first answers are asked while the follower goes on.
        while reports.progress().behind > 20_000 and (went_on := follower.step()):
            done += went_on
        yield Row(f"{name}: events followed, by processor time", done / (time.process_time() - began), "/s", least=5000)
        today = next(answer for answer in _answers(reports) if answer.name == "today")
        yield Row(f"{name}: today while the feed is followed, p95", _while_following(follower, today), "ms", 50)
        while follower.step():
            pass
        settle()
        for answer in _answers(reports):
            yield Row(f"{name}: {answer.name}, p95", _asked(answer), "ms", answer.limit_ms)
        with CenterDesk.open(url) as desk:
            yield from page_rows(name, Stores(ledger, desk, reports))


def _while_following(follower: ReportsFollower, answer: _Answer) -> float:
    taken = []
    for _ in range(_TIMES):
        follower.step()
        began = time.perf_counter()
        answer.ask()
        taken.append(1000 * (time.perf_counter() - began))
    return percentile(taken, 0.95)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that is asked, and how many milliseconds its answer may take."""

    name: str
    path: str
    limit_ms: float


_MONTH: Final = f"{_DAY:%Y-%m}"
_PAGES: Final = (
    _Page("the page of today", "/", 50),
    _Page("the page of the stations", "/fleet", 100),
    _Page("the page of a search", f"/search?q={_ASKED[2]}", 100),
    _Page("the page of a receipt", f"/receipts/{FAR}/{_RECEIPT}", 50),
    _Page("the page of a month", f"/days?month={_MONTH}", 50),
    _Page("the page of a product", f"/goods?month={_MONTH}&product=BADAM", 50),
    _Page("the page of what can be sold", "/stock", 50),
)
_SCREENS: Final = 10
_SCREENS_S: Final = 30.0


def page_rows(name: str, stores: Stores) -> Iterator[Row]:
    """Whole answers of the application, and what screens that stand open cost; with what makes pictures beside."""
    noon = (LAST_DAY + timedelta(hours=16)).astimezone(ZONE)
    app = create_app(stores, CenterHealth(), lambda: noon)
    snapshots, ending = app.extensions["sources"].snapshots, threading.Event()

    def tend() -> None:
        while not ending.wait(snapshots.refresh()):
            pass

    tending = threading.Thread(target=tend)
    tending.start()
    load_pages(app)  # as the process does when it begins
    try:
        client = app.test_client()
        sign_in(client, stores.desk)
        time.sleep(3)  # nobody has looked yet: what is made for the first one is made by then
        for page in _PAGES:
            first = _got(client, page)
            again = [_got(client, page) for _ in range(_TIMES)]
            yield Row(f"{name}: {page.name}, first look", first[0], "ms", page.limit_ms)
            yield Row(f"{name}: {page.name}, p95", percentile([one[0] for one in again], 0.95), "ms", page.limit_ms)
            yield Row(f"{name}: {page.name}", first[1] / 1024, "KB", 150)
        yield Row(f"{name}: ten open screens", _screens(client), "% of a core", 5)
    finally:
        ending.set()
        tending.join()


def _got(client: FlaskClient, page: _Page) -> tuple[float, int]:
    began = time.perf_counter()
    answer = client.get(page.path)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code not in (200, 303):  # a search that finds one thing leads to it
        raise SystemExit(f"{page.path} answers {answer.status_code}")
    return took, len(answer.data)


def _screens(client: FlaskClient) -> float:
    """Five that show today and five that show the stations, each asking every two seconds as the page does."""
    marks: dict[int, str] = {}
    began, spent = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < _SCREENS_S:
        for screen in range(_SCREENS):
            path = "/live" if screen % 2 else "/fleet/live"
            answer = client.get(path, headers={"If-None-Match": marks.get(screen, "")})
            marks[screen] = answer.headers.get("ETag", "")
            time.sleep(2 / _SCREENS)
    return 100 * (time.process_time() - spent) / (time.perf_counter() - began)


def filled(url: str) -> str:
    """A new ledger with everything in it."""
    Ledger.open(url).close()
    opened = open_shared(url)
    try:
        with opened.writing.begin() as connection:
            fill(connection, EVENTS, STATIONS)
    finally:
        opened.close()
    return url


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    found = [*rows_of("staff, SQLite", filled(f"sqlite:///{folder / 'county.db'}"), lambda: None)]
    with running_postgres() as server, server.fresh() as database:

        def vacuum() -> None:
            with server.connection(database) as connection:
                connection.execute("VACUUM ANALYZE")

        url = filled(server.url(database))
        vacuum()
        found += rows_of("staff, PostgreSQL", url, vacuum)
    return found
