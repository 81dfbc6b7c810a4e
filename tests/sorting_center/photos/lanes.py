"""Pictures, stations that announce them, and the receiving end of the photos lane in this process."""

from __future__ import annotations

import hashlib
import http.client
import io
import logging
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from PIL import Image
from sqlalchemy import Row, select

from kiosk.domain.events import PhotoAccepted
from kiosk.domain.events.photo import PictureData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.domain.verdict import Measures
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.sorting_center.desk.certificates import MachineCertificates
from kiosk.sorting_center.desk.documents import StationDocuments
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.follower import PhotoFollower
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.photos.refusals import RefusalCounter
from kiosk.sorting_center.photos.schema import refused
from kiosk.sorting_center.photos.server import station_server
from kiosk.sorting_center.photos.uploads import DAY_BYTES, DAY_REQUESTS, Allowance, Uploads
from kiosk.sorting_center.shared.listen_socket import unix_socket
from kiosk.sorting_center.updates.configurations import ConfigurationDownloads
from kiosk.sorting_center.updates.downloads import Downloads
from tests.messaging.authority import Authority
from tests.servers.nginx import running_nginx
from tests.sorting_center.station_journal import NOW, Station

REGION: Final = "shache"
STATION: Final = "S0147"
SOON_S: Final = 60.0
SITE: Final = "sorting-center-photos"
_MEASURES: Final = Measures(3000, 120, 80, 1, 2100, 1500, 4000)


def jpeg(seed: int, side: int = 64, **more: object) -> bytes:
    """A picture of noise: every seed another one, a larger side more bytes."""
    noise = Image.frombytes("RGB", (side, side), Random(seed).randbytes(side * side * 3))
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=92, **more)  # type: ignore[arg-type]
    return file.getvalue()


@dataclass(frozen=True)
class Shot:
    """A file and what an event says of it."""

    content: bytes = field(repr=False)
    told: PictureData

    @classmethod
    def of(cls, content: bytes, side: int = 64) -> Self:
        return cls(content, PictureData(hashlib.sha256(content).hexdigest(), len(content), side, side))

    def name(self, station: str = STATION, region: str = REGION) -> PictureName:
        return PictureName(region, station, self.told.sha256)

    def part(self, first: int, size: int | None = None) -> tuple[ContentRange, bytes]:
        """Of its bytes."""
        last = len(self.content) if size is None else min(len(self.content), first + size)
        return ContentRange(first, last - 1, len(self.content)), self.content[first:last]


def shots(count: int, side: int = 64) -> list[Shot]:
    return [Shot.of(jpeg(seed, side), side) for seed in range(1, count + 1)]


def announce(ledger: Ledger, station: Station, *pictures: Shot, region: str = REGION) -> None:
    """Events that tell of them, two by two, accepted by the ledger."""
    pairs = [(pictures[at], pictures[min(at + 1, len(pictures) - 1)]) for at in range(0, len(pictures), 2)]
    events = [] if station.sealed else [station.start()]
    for number, (master, natural) in enumerate(pairs, len(station.sealed) + 1):
        lot = ReceiptNumber(station.station, "A", number).lot
        events.append(station.add(PhotoAccepted(lot, master.told, natural.told, _MEASURES)))
    ledger.accept(events, region, NOW)


class Memory:
    """A body of a request that is in memory; ``left``: the line breaks after so many bytes."""

    def __init__(self, content: bytes, left: int | None = None) -> None:
        self._file = io.BytesIO(content if left is None else content[:left])

    def read(self, size: int) -> bytes:
        return self._file.read(size)


class Receiving:
    """Everything behind the server, in this process; one object for each life of it."""

    def __init__(
        self,
        ledger: Ledger,
        root: Path,
        day: tuple[int, int] = (DAY_BYTES, DAY_REQUESTS),
        now: datetime | None = None,
    ) -> None:
        self.ledger = ledger
        self.now = now or datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
        self.photos = PhotoIndex(ledger.url)
        self.folder = PictureFolder(root)
        self.arrivals = ReceivedPictures(self.photos, self.folder, lambda: NOW)
        self.refusals = RefusalCounter(self.photos, lambda: NOW)
        self.follower = PhotoFollower(ledger, self.photos, self.arrivals)
        log = RateLimitedLog(logging.getLogger("test.photos"), time.monotonic, 300.0)
        allowance = Allowance(lambda: self.now, *day)
        self.uploads = Uploads(self.photos, self.folder, self.arrivals, allowance, self.refusals, log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.photos.close()

    def follow(self) -> None:
        while self.follower.step():
            pass

    def send(self, shot: Shot, first: int = 0, size: int | None = None) -> int:
        """One part of it; the status of the answer."""
        part, data = shot.part(first, size)
        return self.uploads.receive_part(STATION, shot.name(), part, Memory(data)).status

    def send_on(self, shot: Shot, size: int = 1000) -> int:
        """As a station does: ask, and go on from there to the end. The last status."""
        while True:
            answer = self.uploads.progress(STATION, shot.name())
            if answer.offset is None:
                return answer.status
            status = self.send(shot, answer.offset, size)
            if status != 204:
                return status

    def has(self, shot: Shot, station: str = STATION) -> bool:
        """Its file is there and whole, and it counts as received."""
        received = self.photos.status(REGION, station, shot.told.sha256) == "received"
        path = self.folder.path(shot.name(station))
        return received and path.read_bytes() == shot.content


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]

    @property
    def offset(self) -> int | None:
        text = self.headers.get("Upload-Offset")
        return None if text is None else int(text)


def lay_certificates(folder: Path, authority: Authority, key_of: str = "center") -> None:
    """New ones, as the site names them below ``/etc/sorting-center/tls``."""
    cert, _ = authority.issue("center", host="127.0.0.1")
    if key_of != "center":
        authority.issue(key_of)
    key = cert.with_name(f"{authority.name}-{key_of}.key")
    for source, name in ((cert, "photos.crt"), (key, "photos.key"), (authority.file, "photos-ca.crt")):
        shutil.copyfile(source, folder / name)


def places_in(folder: Path) -> dict[str, str]:
    """Where the site finds its certificates and the socket."""
    return {"/etc/sorting-center/tls": str(folder), "/run/sorting-center": str(folder)}


class Listening:
    """The program that serves stations, in this process, behind nginx with the shipped site and real certificates;
    without ``authority`` alone, on a free port of loopback.
    """

    def __init__(
        self, receiving: Receiving, authority: Authority | None = None, downloads: Downloads | None = None
    ) -> None:
        self.authority = authority
        self._receiving, self._downloads = receiving, downloads
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            if self.authority is None:
                listening = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
                self.port = int(listening.getsockname()[1])
            else:
                self.folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="lane-")))
                self.socket = self.folder / "photos.sock"
                listening = ends.enter_context(unix_socket(str(self.socket)))
                self.certify()
                self.nginx = ends.enter_context(running_nginx(self.folder, {SITE: places_in(self.folder)}))
                self.port = self.nginx.ports[SITE]
            desk = ends.enter_context(closing(DeskDatabase(self._receiving.ledger.url)))
            admits = MachineCertificates(desk).admits
            log = RateLimitedLog(logging.getLogger("test.configuration"), time.monotonic, 300.0)
            documents = ConfigurationDownloads(StationDocuments(desk), log)
            server = station_server(self._receiving.uploads, self._downloads, documents, admits, listening)
            ends.callback(server.stop, SOON_S)
            server.start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def certify(self, key_of: str = "center") -> None:
        """Lay a new certificate of the server there, and its key or another one."""
        assert self.authority is not None
        lay_certificates(self.folder, self.authority, key_of)

    def context(self, station: str | None = STATION, of: Authority | None = None, days: int = 1) -> ssl.SSLContext:
        """As a station with this name in a certificate of ``of`` has it."""
        assert self.authority is not None
        context = ssl.create_default_context(cafile=str(self.authority.file))
        if station is not None:
            context.load_cert_chain(*(of or self.authority).issue(station, days=days))
        return context

    def client(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if self.authority is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON_S)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SOON_S, context=context or self.context())

    def raw(self, ends: ExitStack, context: ssl.SSLContext | None = None) -> socket.socket:
        """A bare connection, over TLS where the server is."""
        bare = ends.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=SOON_S))
        if self.authority is None:
            return bare
        return ends.enter_context((context or self.context()).wrap_socket(bare, server_hostname="127.0.0.1"))


def stored_refusals(photos: PhotoIndex) -> list[Row[Any]]:
    """How often what each station sent was refused, as the table has it."""
    with photos._reading() as connection:
        return list(connection.execute(select(refused)))


def head(client: http.client.HTTPConnection, path: object) -> Reply:
    client.request("HEAD", str(path))
    return _reply(client)


def put(client: http.client.HTTPConnection, path: object, part: tuple[object, bytes]) -> Reply:
    client.request("PUT", str(path), body=part[1], headers={"Content-Range": str(part[0])})
    return _reply(client)


def _reply(client: http.client.HTTPConnection) -> Reply:
    answer = client.getresponse()
    answer.read()
    return Reply(answer.status, dict(answer.headers))
