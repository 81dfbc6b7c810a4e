"""Runs with the real programs: a broker, `sorting-center run` and a `kiosk relay` for each station, killed at random.

Ledger and broker are parameters: a run on PostgreSQL or with RabbitMQ is this one with other addresses.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

import psycopg

from kiosk.simulators.processes import Child
from tests.torture.center import Broken
from tests.torture.machine import REGION, Fact, Machine

STATIONS: Final = ("S0001", "S0002")
ROUNDS: Final = 3
SOON_S: Final = 180.0
_SETTINGS: Final = """\
[station]
station = "{station}"
region = "{region}"
village = "Torture"
data = "{data}"

[relay]
broker_url = "{broker_url}"
resend_s = 0.5
resend_max_s = 2.0
reconnect_s = 0.1
reconnect_max_s = 0.5
"""


class KillableBroker(Protocol):
    """A broker in a process of its own."""

    @property
    def url(self) -> str:
        """What a relay is given."""

    def kill(self) -> None:
        """SIGKILL."""

    def restart(self) -> None:
        """Start it again and wait until it takes connections."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where everything is. ``center_url`` is the broker as the sorting center reaches it; ``relay_lines`` are further
    lines of the section ``[relay]``, a user and a password file for a broker that asks for them.
    """

    broker: KillableBroker
    center_url: str
    ledger_url: str
    relay_lines: str = ""


def rows_of(ledger_url: str, sql: str) -> Sequence[tuple[Any, ...]]:
    """What another program reads in a ledger that is being written; nothing while it is not there yet."""
    path = ledger_url.removeprefix("sqlite:///")
    try:
        if path == ledger_url:
            with psycopg.connect(ledger_url) as connection:
                return connection.execute(sql).fetchall()  # type: ignore[arg-type]  # constants of this folder
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return []


class RealRun:
    """The programs of one run, and the stations' own processes: the stores that this process holds."""

    def __init__(self, folder: Path, template: Path, servers: Servers, seed: int) -> None:
        self._folder, self._servers, self._random = folder, servers, Random(seed)
        began = time.monotonic()
        self._machines = [
            Machine(station, f"{station} {seed}", folder / station, template, lambda: time.monotonic() - began)
            for station in STATIONS
        ]
        command = ["kiosk.cli.sorting_center", "run", "--broker", servers.center_url, "--ledger", servers.ledger_url]
        self._center = Child("sorting center", command, folder / "center.log")
        self._relays = [self._relay(machine) for machine in self._machines]

    def _relay(self, machine: Machine) -> Child:
        config = self._folder / f"{machine.station}.toml"
        broker_url = self._servers.broker.url
        config.write_text(
            _SETTINGS.format(station=machine.station, region=REGION, data=machine.folder, broker_url=broker_url)
            + self._servers.relay_lines
        )
        command = ["kiosk.cli.kiosk", "relay", "--config", str(config)]
        return Child(f"relay of {machine.station}", command, self._folder / f"{machine.station}.log")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything is up, and gone afterwards."""
        with ExitStack() as ends:
            for machine in self._machines:
                machine.store()
                ends.callback(machine.off)
            for child in (self._center, *self._relays):
                child.start()
                ends.callback(child.kill)
            yield

    def run(self) -> None:
        """Work and kills by turns, then rest; raises AssertionError when something is missing or there twice."""
        with self.running():
            for _ in range(ROUNDS):
                self._work()
                self._wait("the ledger goes on", self._more_than(self._random.random()))
                self._kill_something()
            self._work()
            self._wait("everything is acknowledged", self._is_at_rest)
            self._judge()

    def _work(self) -> None:
        for machine in self._machines:
            for _ in range(self._random.randint(2, 8)):
                self._random.choice((machine.weigh, machine.weigh, machine.take_parcel))()

    def _more_than(self, share: float) -> Callable[[], bool]:
        """Whether the ledger has got this share of what it lacks now."""
        before = self._held()
        wanted = before + int(share * (sum(len(machine.facts()) for machine in self._machines) - before))
        return lambda: self._held() >= wanted

    def _held(self) -> int:
        found = rows_of(self._servers.ledger_url, "SELECT count(*) FROM event")
        return int(found[0][0]) if found else 0

    def _kill_something(self) -> None:
        """The center, the broker, a relay, or a station's whole machine; each is started again at once."""
        what = self._random.choice(("center", "center", "broker", "relay", "machine"))
        number = self._random.randrange(len(STATIONS))
        if what == "broker":
            self._servers.broker.kill()
            self._servers.broker.restart()
            return
        child = self._center if what == "center" else self._relays[number]
        child.kill()
        if what == "machine":
            self._machines[number].off()
            self._machines[number].store()
        child.start()

    def _is_at_rest(self) -> bool:
        stores = [machine.store() for machine in self._machines]
        if any(store.outbox.counts().pending for store in stores):
            return False
        ((unnumbered,),) = rows_of(self._servers.ledger_url, "SELECT count(*) FROM event WHERE feedseq IS NULL")
        return bool(unnumbered == 0)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SOON_S
        while not condition():
            if time.monotonic() > deadline:
                said = "; ".join(f"{child.name}: {child.last_words()}" for child in (self._center, *self._relays))
                raise Broken(f"never: {what}. {said}")
            time.sleep(0.02)  # two programs meet in a database; nothing announces that

    def _judge(self) -> None:
        url = self._servers.ledger_url
        written = {Fact(one.station, one.epoch, one.seq, one.sha256) for m in self._machines for one in m.facts()}
        found = Counter(Fact(*row) for row in rows_of(url, "SELECT station, epoch, seq, sha256 FROM event"))
        if set(found) != written or max(found.values()) > 1:
            raise Broken(f"{len(written)} events were written, {len(found)} are in the ledger")
        places = [row[0] for row in rows_of(url, "SELECT feedseq FROM event ORDER BY feedseq")]
        if places != list(range(1, len(written) + 1)):
            raise Broken("the feed has a gap or a number twice")
        if rows_of(url, "SELECT id FROM quarantine") or rows_of(url, "SELECT id FROM alarm"):
            raise Broken("something is set apart, and nobody did anything wrong")
        for machine in self._machines:
            receipts = {fact.receipt for fact in machine.facts()}
            if not machine.promised <= receipts:
                raise Broken(f"{machine.name} has lost receipts {sorted(machine.promised - receipts)}")
