"""A station that fetches updates into its real folders, and a center that answers what a test says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

import msgspec

from kiosk.app.update.board import ThisBoard, UpdatePaths
from kiosk.app.update.fetched_bundles import FetchedBundles
from kiosk.messaging.contract.updates import UpdateOffer, UpdateOffers
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.updates.lane import StationUpdates, UpdatesClient, UpdatesWork
from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from tests.messaging.relay.photos.stations import Clock, Outbox
from tests.sorting_center.photos.lanes import STATION
from tests.station.update.machine import Machine


class Arm(ThisBoard):
    """What the bundles of tests are for."""

    @property
    def architecture(self) -> str:
        return "arm64"

    @property
    def python(self) -> str:
        return "3.13"


@dataclass
class Village:
    """Time goes by as the lane says how long it waits."""

    machine: Machine
    url: str
    files: dict[str, object] = field(default_factory=dict)
    bytes_per_second: int = 0
    clock: Clock = field(default_factory=Clock)
    outbox: Outbox = field(default_factory=Outbox)
    told: list[Fetching] = field(default_factory=list)

    @property
    def inbox(self) -> FetchedBundles:
        return FetchedBundles(self.machine.data, UpdatePaths(self.machine.releases, self.machine.package), Arm())

    def lane(self) -> Lane:
        """As of a relay that has just been started."""
        settings = RelaySettings(
            "mqtts://127.0.0.1:1" if self.files else "mqtt://127.0.0.1:1",
            "shache",
            STATION,
            "kiosk test",
            updates=self.url,
            reconnect_s=0.05,
            bytes_per_second=self.bytes_per_second,
            **self.files,  # type: ignore[arg-type]
        )
        client, station = UpdatesClient(settings), StationUpdates(self.inbox, self.outbox, self.report)
        return Lane(UpdatesWork(settings, client, station, Random(1), self.clock), client)

    def report(self, fetching: Fetching) -> None:
        self.told.append(fetching)

    @property
    def fault(self) -> UpdateFault | None:
        """What the lane has told last."""
        return self.told[-1].fault

    def turns(self, lane: Lane, until: Callable[[], object], most: int = 400) -> bool:
        """Whether it is so after some turns; the lane has hung up then."""
        try:
            for _ in range(most):
                if until():
                    return True
                self.clock.now += lane.turn()
            return bool(until())
        finally:
            lane.stop()

    def days(self, lane: Lane, days: float) -> None:
        """All that it does in this time."""
        end = self.clock.now + days * 86_400
        self.turns(lane, lambda: self.clock.now >= end, 100_000)

    @property
    def folder(self) -> Path:
        return self.machine.data / "updates"

    @property
    def fetched(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("fetched-*"))

    @property
    def parts(self) -> list[int]:
        """How long what has come so far is."""
        return [path.stat().st_size for path in self.folder.glob(".*.part")]


def listed(*offers: UpdateOffer) -> bytes:
    """An answer with a list of updates."""
    return ok(msgspec.json.encode(UpdateOffers(tuple(offers))))


def ok(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    rows = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(rows).encode() + body


@dataclass(frozen=True)
class Asked:
    """``size`` bytes from ``first`` on; 0 of a list."""

    path: str
    first: int = 0
    size: int = 0


@dataclass(frozen=True)
class Silent:
    """These bytes, and then nothing more, on a line that stays."""

    begin: bytes


Answer = Callable[[Asked], bytes | Silent | None]


class Hostile:
    """Answers each request with what ``answer`` gives; None: bytes without end."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hostile center")
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        with socket.create_connection(self._listening.getsockname()):
            pass
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                if self._ending.is_set():
                    return
                try:
                    while self._serve(connection):
                        pass
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> bool:
        connection.settimeout(60)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            piece = connection.recv(4096)
            if not piece:
                return False
            request += piece
        found = re.search(rb"Range: bytes=(\d+)-(\d+)", request)
        first, last = (int(found[1]), int(found[2])) if found else (0, -1)
        asked = Asked(request.split()[1].decode(), first, last - first + 1)
        self.asked.append(asked)
        answer = self._answer(asked)
        if isinstance(answer, Silent):
            connection.sendall(answer.begin)
            return bool(connection.recv(1))
        while answer is None:
            connection.sendall(b"x" * 1024)
        connection.sendall(answer)
        return bool(answer)
