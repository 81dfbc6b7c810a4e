"""A station's pictures in memory, the lane over them, and what it tells."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import BinaryIO

from kiosk.messaging.contract.photos import UnsentPicture
from kiosk.messaging.relay.photos.lane import PhotosClient, PhotosWork, StationPhotos
from kiosk.messaging.relay.photos.ports import Backlog, PhotoFault
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.shared.settings import RelaySettings
from tests.sorting_center.photos.lanes import REGION, STATION, Shot


@dataclass
class MemoryPictures:
    """``left`` reads of files succeed when it is set, then the card fails once."""

    contents: dict[str, bytes] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, *shots: Shot) -> None:
        self.contents.update({shot.told.sha256: shot.content for shot in shots})

    def waiting(self, limit: int) -> Sequence[UnsentPicture]:
        if self.failures:
            raise self.failures.pop()
        left = [
            UnsentPicture(sha256, len(content)) for sha256, content in self.contents.items() if sha256 not in self.done
        ]
        return sorted(left, key=lambda picture: (picture.size_bytes, picture.sha256))[:limit]

    def backlog(self) -> Backlog:
        left = [len(content) for sha256, content in self.contents.items() if sha256 not in self.done]
        return Backlog(len(left), sum(left))

    def open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self.contents[sha256])

    def sent(self, sha256: str) -> None:
        with self.changed:
            self.done.append(sha256)
            self.changed.notify_all()

    def wait_done(self, count: int, timeout_s: float = 60.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.done) >= count, timeout_s)


@dataclass
class Outbox:
    """Events that wait, or not."""

    waits: bool = False
    asked: int = 0

    def any_waiting(self) -> bool:
        self.asked += 1
        return self.waits


@dataclass
class Heard:
    """What the lane told."""

    backlog: Backlog | None = None
    fault: PhotoFault | None = None

    def report(self, backlog: Backlog, fault: PhotoFault | None) -> None:
        self.backlog, self.fault = backlog, fault


@dataclass
class Clock:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Station:
    """One station's end. ``clock`` None: the machine's own."""

    url: str
    files: dict[str, object] = field(default_factory=dict)
    clock: Clock | None = None
    bytes_per_second: int = 0
    pictures: MemoryPictures = field(default_factory=MemoryPictures)
    outbox: Outbox = field(default_factory=Outbox)
    heard: Heard = field(default_factory=Heard)

    @property
    def settings(self) -> RelaySettings:
        return RelaySettings(
            "mqtts://127.0.0.1:1" if self.files else "mqtt://127.0.0.1:1",
            REGION,
            STATION,
            "kiosk test",
            photos=self.url,
            reconnect_s=0.05,
            reconnect_max_s=0.2,
            bytes_per_second=self.bytes_per_second,
            **self.files,  # type: ignore[arg-type]
        )

    def lane(self, center: PhotosClient | None = None) -> Lane:
        """As of a relay that has just been started."""
        side = StationPhotos(self.pictures, self.outbox, self.heard.report)
        client = center or PhotosClient(self.settings)
        work = PhotosWork(self.settings, client, side, Random(1), self.clock or time.monotonic)
        return Lane(work, client)

    def turn(self, lane: Lane) -> float:
        """One step, and the time until the next goes by."""
        wait_s = lane.turn()
        if self.clock is not None:
            self.clock.now += wait_s
        return wait_s
