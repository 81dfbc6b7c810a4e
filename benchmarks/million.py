"""The sorting center with a ledger of a million events (see `large_ledger`): pages of the feed, start, memory, exports.

    python -m benchmarks million

The first run makes the ledgers, which takes some minutes. The baseline of a page is the bare SELECT of its bodies.
"""

from __future__ import annotations

import http.client
import re
import secrets
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import delete, select

from benchmarks.county import GIVE_UP_S, children, publish, taken, until
from benchmarks.large_ledger import EVENTS, REGION, STATION_NAMES, Journal, epoch_of, postgres_ledger, sqlite_ledger
from benchmarks.measure import Row, cpu_seconds, percentile, pss_mb
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS, build_batch
from kiosk.messaging.contract.topics import Topics
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.schema import listing_place
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import intake, log_checkpoint
from kiosk.sorting_center.log.checkpoints import receipt_proof
from kiosk.sorting_center.log.worker import CountyLog
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
from tests.sorting_center.brokers import Peer

_PAGE: Final = 1000
_PAGES: Final = 100
_PLACES: Final = {"beginning": 0, "middle": EVENTS // 2, "end": EVENTS - (_PAGES + 1) * _PAGE}
_NEW_STATION: Final = "S0999"
_LOOK_S: Final = 0.02
_FOLLOW_S: Final = 900
_ROUNDS: Final = 2
"""Batches of each station that come on top."""
_BODIES: Final = {
    "million, SQLite": "SELECT body FROM event WHERE feedseq > {} ORDER BY feedseq LIMIT {}",
    "million, PostgreSQL": (
        "SELECT body FROM event_by_month WHERE seq > {} % 5000 ORDER BY station, epoch, seq LIMIT {}"
    ),
}

Query = Callable[[str], Sequence[Any]]
"""Bare: straight to the driver."""


@dataclass(frozen=True, slots=True)
class Running:
    """A sorting center that has said it is ready."""

    broker: Broker
    process: subprocess.Popen[str]
    pages: str
    token: str

    def get(self, path: str) -> float:
        """Seconds until the whole answer is here."""
        where = urlsplit(self.pages)
        with closing(http.client.HTTPConnection(str(where.hostname), where.port, timeout=GIVE_UP_S)) as line:
            line.connect()
            started = time.perf_counter()
            line.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}")
            return time.perf_counter() - started

    def memory_mb(self) -> float:
        """Of its largest process."""
        return max(pss_mb(pid) for pid in (self.process.pid, *children(self.process.pid)))


@contextmanager
def center(broker: Broker, url: str) -> Iterator[Running]:
    """`sorting-center run` with its pages."""
    command = [sys.executable, "-m", "kiosk.cli.sorting_center", "run", "--broker", broker.url]
    command += ["--ledger", url, "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        lines = iter(process.stderr or ())
        ready = next((line for line in lines if "ready" in line), "")
        drain = threading.Thread(target=lambda: [None for _ in lines])
        drain.start()
        try:
            found = re.search(r"http (\S+)$", ready)
            if found is None:
                raise SystemExit(f"the sorting center says {ready!r}")
            with CenterDesk.open(url) as desk:
                name = f"bench-{secrets.token_hex(4)}"
                token = desk.tokens.add(name, list(Scope), datetime.now(UTC), MAX_PER_MINUTE)
            yield Running(broker, process, found[1], token)
        finally:
            process.terminate()
            process.wait()
            drain.join()


@contextmanager
def started(folder: Path, url: str) -> Iterator[tuple[Running, float]]:
    """A center, and how many seconds after its start a new station had its first acknowledgement."""
    topics = Topics(REGION, _NEW_STATION)
    with Broker(folder) as broker, closing(Peer(broker, topics.ack)) as peer:
        began = time.perf_counter()
        with center(broker, url) as running:
            peer.send(topics.event, Journal(_NEW_STATION).next())
            give_up = time.monotonic() + GIVE_UP_S
            while peer.last(topics.ack) is None:
                if time.monotonic() > give_up:
                    raise SystemExit("the first event was never acknowledged")
                time.sleep(0.005)
            yield running, time.perf_counter() - began


def exported(url: str, form: str) -> tuple[float, float]:
    """Seconds, and the most memory it ever had, in megabytes."""
    command = [sys.executable, "-m", "kiosk.cli.sorting_center", "ledger", "export", "--ledger", url, "--format", form]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, _peak_kb(process.pid))
            time.sleep(_LOOK_S)
        if process.returncode:
            raise SystemExit(f"the export as {form} failed")
    return time.perf_counter() - began, peak * 1024 / 1e6


def _peak_kb(pid: int) -> int:
    # What the process itself has had: the kernel's figure for a child begins with that of its parent.
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def counted(url: str) -> float:
    """Seconds of `ledger count`, the start of the program included."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "kiosk.cli.sorting_center", "ledger", "count", "--ledger", url]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def timed(query: Query, statement: str) -> float:
    """Seconds until all rows are here."""
    began = time.perf_counter()
    query(statement)
    return time.perf_counter() - began


def followed(url: str) -> float:
    """Seconds until the reports and the listings, which were not there yet, are made of the whole ledger."""
    began = time.monotonic()
    with Reports.open(url, ZoneInfo(CenterWebSettings().zone)) as reports, CenterDesk.open(url) as desk:
        while reports.progress().behind or _listings_behind(desk, reports.progress().end):
            if time.monotonic() - began > _FOLLOW_S:
                raise SystemExit(f"the reports are still {reports.progress().behind} events behind")
            time.sleep(0.5)
    return time.monotonic() - began


def _listings_behind(desk: CenterDesk, end: int) -> bool:
    with desk.database.reading() as connection:
        return (connection.execute(select(listing_place.c.feedseq)).scalar() or 0) < end


def feed_rows(name: str, running: Running, query: Query) -> Iterator[Row]:
    """Pages of the feed, as a reader gets them who follows it from there on."""
    processes = [running.process.pid, *children(running.process.pid)]
    spent = sum(map(cpu_seconds, processes))
    for place, first in _PLACES.items():
        afters = range(first, first + _PAGES * _PAGE, _PAGE)
        bare = [1000 * timed(query, _BODIES[name].format(after, _PAGE)) for after in afters]
        whole = [1000 * running.get(f"/feed?after={after}&limit={_PAGE}") for after in afters]
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            yield Row(
                f"{name}: {_PAGE} events of the feed, at its {place}, {label}",
                percentile(whole, share),
                "ms",
                30,
                percentile(bare, share),
                "the bare SELECT",
            )
    spent = sum(map(cpu_seconds, processes)) - spent
    yield Row(f"{name}: processor time of {_PAGE} events of the feed", 1000 * spent / (3 * _PAGES), "ms")


def more(running: Running, url: str) -> float:
    """Events a second to the commit, of batches that all stations send on top of what they have sent before."""
    with Ledger.open_readonly(url) as ledger:
        states = [ledger.stream(station, epoch_of(station), REGION) for station in STATION_NAMES]
        journals = [Journal.after(state.station, state.upto, state.head) for state in states]
        messages = [
            (Topics(REGION, journal.station).batch, build_batch([journal.next() for _ in range(MAX_BATCH_EVENTS)]))
            for _ in range(_ROUNDS)
            for journal in journals
        ]
        events = len(messages) * MAX_BATCH_EVENTS
        wanted, began = taken(ledger) + events, time.perf_counter()
        sender = threading.Thread(target=publish, args=(running.broker.port, messages))
        sender.start()
        ended = until(lambda: taken(ledger) >= wanted)
        sender.join()
    return events / (ended - began)


def export_rows(name: str, url: str, query: Query) -> Iterator[Row]:
    """Time and memory of each form."""
    bare = timed(query, "SELECT count(*), sum(length(body)) FROM event")
    for form in ("jsonl", "csv", "epcis"):
        seconds, peak_mb = exported(url, form)
        yield Row(f"{name}: export as {form}", seconds, "s", None, bare, "reading every body")
        yield Row(f"{name}: export as {form}, at most", peak_mb, "MB RSS", 100)


def log_rows(name: str, url: str) -> Iterator[Row]:
    """The county's log of all of it, and proofs of a hundred receipts."""
    zone, now = ZoneInfo(CenterWebSettings().zone), datetime.now(UTC)
    key = ConfigurationKey(CountyAuthority.create(REGION, now).issue_configuration_key(REGION, 1, now))
    with Ledger.open(url) as ledger:
        log, began = CountyLog(ledger, zone, None), time.perf_counter()
        appended = sum(iter(log.step, 0))
        seconds = time.perf_counter() - began
        if appended:  # The center that ran before may have done it
            yield Row(f"{name}: appended to the county's log", appended / seconds, "/s")
        with ledger.writing() as connection:  # A kept ledger may have one of today that covers fewer receipts
            connection.execute(delete(log_checkpoint))
        log.make_checkpoints(key, now.date())
        with ledger.writing() as connection:
            if connection.dialect.name == "postgresql":  # Else it writes the whole log to the disk meanwhile
                connection.exec_driver_sql("CHECKPOINT")
        with ledger.reading() as connection:
            receipts = connection.execute(select(intake.c.receipt).order_by(intake.c.feedseq)).scalars().all()
        spent, sizes = [], []
        for receipt in receipts[:: len(receipts) // 100]:
            began = time.perf_counter()
            with ledger.reading() as connection:
                sizes.append(len(receipt_proof(connection, receipt).text))
            spent.append(1000 * (time.perf_counter() - began))
    yield Row(f"{name}: the proof of a receipt, p99", percentile(spent, 0.99), "ms", 20)
    yield Row(f"{name}: the proof of a receipt, at most", max(sizes), "bytes", 2048)


def rows_of(name: str, folder: Path, url: str, empty_url: str, query: Query) -> Iterator[Row]:
    """All rows of one database."""
    with started(folder / "empty", empty_url) as (_, least):
        pass
    yield Row(f"{name}: ledger count", counted(url), "s", None, counted(empty_url), "of an empty ledger")
    yield from export_rows(name, url, query)
    with started(folder / "broker", url) as (running, seconds):
        yield Row(f"{name}: start to the first acknowledgement", seconds, "s", 3, least, "of an empty ledger")
        yield Row(f"{name}: the reports made of all of it, beside the pages", followed(url), "s")
        yield from feed_rows(name, running, query)
        running.get("/metrics")
        yield Row(f"{name}: more batches to the commit", more(running, url), "/s")
        yield Row(f"{name}: largest process of the center", running.memory_mb(), "MB PSS", 120)
    yield from log_rows(name, url)


def sqlite_rows(folder: Path) -> Iterator[Row]:
    """A file."""
    with sqlite_ledger(folder) as url, closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as line:

        def query(text: str) -> Sequence[Any]:
            return line.execute(text).fetchall()

        ((size,),) = query("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        yield Row("million, SQLite: the ledger with its indices", size / 1e9, "GB")
        yield from rows_of("million, SQLite", folder, url, f"sqlite:///{folder / 'empty.db'}", query)


def postgres_rows(folder: Path) -> Iterator[Row]:
    """A database on the same machine."""
    with postgres_ledger() as (server, url), server.fresh() as empty, psycopg.connect(url, autocommit=True) as line:

        def query(text: str) -> Sequence[Any]:
            return line.execute(text.encode()).fetchall()

        ((size,),) = query("SELECT pg_database_size(current_database())")
        yield Row("million, PostgreSQL: the ledger with its indices", size / 1e9, "GB")
        yield from rows_of("million, PostgreSQL", folder, url, server.url(empty), query)


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    return [row for rows in (sqlite_rows, postgres_rows) for row in rows(_made(folder / rows.__name__))]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
