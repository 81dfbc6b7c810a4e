"""The consumer of docs/feed/example: another language, across outages and a restored ledger."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.http_server import WebServer
from tests.messaging.ports import claimed_port
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.staff import app_of, stores_of
from tests.sorting_center.station_journal import NOW, Station

PROGRAM = Path(__file__).resolve().parents[3] / "docs/feed/example/follow.mjs"


@contextmanager
def served(ledger: Ledger, port: int) -> Iterator[int]:
    """The center's pages; the port they have."""
    with stores_of(ledger) as stores, socket.create_server(("127.0.0.1", port)) as listening:
        server = WebServer(app_of(stores), listening)
        server.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.stop(SOON_S)


class Follower:
    """The example as its reader runs it."""

    def __init__(self, port: int, position: Path, token: str) -> None:
        command = ["node", str(PROGRAM), f"http://127.0.0.1:{port}", str(position)]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "CENTER_TOKEN": token},
        )
        self.told: list[dict[str, object]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.told.append(json.loads(line))

    @property
    def ids(self) -> list[object]:
        return [event["id"] for event in self.told]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(SOON_S)
        self._reader.join(SOON_S)


@contextmanager
def following(port: int, position: Path, token: str) -> Iterator[Follower]:
    follower = Follower(port, position, token)
    try:
        yield follower
    finally:
        follower.kill()


def test_every_event_is_followed_once_across_outages_and_a_restored_ledger(tmp_path: Path, station: Station) -> None:
    with claimed_port() as port:
        follow_through(tmp_path, station, port)


def follow_through(folder: Path, station: Station, port: int) -> None:
    path, position = folder / "ledger.db", folder / "position.json"
    url = f"sqlite:///{path}"
    events = station.run(30)
    ids = [f"{station.epoch}-{seq}" for seq in range(1, 31)]
    with Ledger.open(url) as ledger:
        ledger.accept(events[:10], "shache", NOW)
    with CenterDesk.open(url) as desk:
        token = desk.tokens.add("reader", [Scope.FEED], datetime.now(UTC), MAX_PER_MINUTE)
    shutil.copy(path, folder / "backup.db")
    with Ledger.open(url) as ledger, served(ledger, port):
        with following(port, position, token) as follower:
            until(lambda: len(follower.ids) >= 10)
            ledger.accept(events[10:20], "shache", NOW)
            until(lambda: len(follower.ids) >= 20)
            until(lambda: json.loads(position.read_bytes())["after"] == 20)
            assert follower.ids == ids[:20]
        with following(port, position, token) as follower:
            ledger.accept(events[20:25], "shache", NOW)
            until(lambda: len(follower.ids) >= 5)
            until(lambda: json.loads(position.read_bytes())["after"] == 25)
            assert follower.ids == ids[20:25], "it went on where it was killed"
    # The center is away, and comes back with the ledger of before: shorter, and with places that count anew.
    with following(port, position, token) as follower:
        for leftover in folder.glob("ledger.db-*"):
            leftover.unlink()
        shutil.copy(folder / "backup.db", path)
        generation = Ledger.begin_generation(url)
        with Ledger.open(url) as ledger, served(ledger, port):
            ledger.accept(events, "shache", NOW)
            until(lambda: len(follower.ids) >= 5)
            until(lambda: json.loads(position.read_bytes())["after"] == 30)
            assert follower.ids == ids[25:], "what it had is not told twice"
            assert json.loads(position.read_bytes())["generation"] == generation
            assert [event["feedseq"] for event in follower.told] == list(range(26, 31))
