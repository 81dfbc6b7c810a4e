"""Who is let in by the county's list of certificates: for pictures and for updates, through the real nginx."""

from __future__ import annotations

import http.client
import logging
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.downloads import UPDATES, DownloadPath
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos import server
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject
from kiosk.sorting_center.updates.downloads import DownloadRequest, DownloadResponse, Downloads
from kiosk.sorting_center.updates.folder import OfferFolder
from tests.messaging.authority import Authority
from tests.servers.mosquitto import CountyFiles, station
from tests.sorting_center.photos.lanes import (
    REGION,
    SOON_S,
    STATION,
    Listening,
    Receiving,
    Reply,
    Shot,
    announce,
    head,
    put,
    shots,
    stored_refusals,
)
from tests.sorting_center.station_journal import Station

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
OWN, OTHER = station(STATION, region=REGION), station("S0148", region=REGION)
LIST = DownloadPath(UPDATES, STATION)


class County(Authority):
    """Its certificates say region, kind and generation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.county = CountyFiles(self.folder, REGION)
        self.file = self.county.file

    def issue(
        self, common_name: str, *, host: str | None = None, days: int = 1, subject: x509.Name | None = None
    ) -> tuple[Path, Path]:
        assert host is not None, "only that of the server"
        files = self.county.server(host)
        named = [self.folder / f"{self.name}-{common_name}{path.suffix}" for path in files]
        for source, target in zip(files, named, strict=True):
            shutil.copyfile(source, target)
        return named[0], named[1]


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[CenterDesk]:
    with CenterDesk.open(ledger.url) as opened:
        yield opened


@pytest.fixture
def pictures(receiving: Receiving, station: Station) -> list[Shot]:
    made = shots(2)
    announce(receiving.ledger, station, *made)
    receiving.follow()
    return made


@pytest.fixture
def county(tmp_path: Path) -> County:
    return County(tmp_path)


@pytest.fixture
def lane(receiving: Receiving, county: County, tmp_path: Path) -> Iterator[Listening]:
    log = RateLimitedLog(logging.getLogger("test.updates"), lambda: 0.0, 300.0)
    with Listening(receiving, county, Downloads(OfferFolder(tmp_path / "updates"), log)) as listening:
        yield listening


def client_of(lane: Listening, subject: MachineSubject) -> http.client.HTTPSConnection:
    assert isinstance(lane.authority, County)
    return with_files(lane, lane.authority.county.machine(subject))


def with_files(lane: Listening, files: tuple[Path, Path]) -> http.client.HTTPSConnection:
    context = lane.context(None)
    context.load_cert_chain(*files)
    client = lane.client(context)
    assert isinstance(client, http.client.HTTPSConnection)
    return client


def updates(client: http.client.HTTPConnection, path: DownloadPath = LIST) -> tuple[int, str]:
    client.request("GET", str(path))
    answer = client.getresponse()
    answer.read()
    return answer.status, answer.headers["Picture-Refused"] or ""


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.headers.get("Picture-Refused", "")


def add(desk: CenterDesk, *subjects: MachineSubject, replacing: bool = False) -> None:
    desk.certificates.add([(one, NOW, b"") for one in subjects], NOW, replacing=replacing)


def test_half_a_picture_of_a_revoked_certificate_is_finished_by_the_one_that_replaces_it(
    lane: Listening, receiving: Receiving, desk: CenterDesk, pictures: list[Shot]
) -> None:
    one, new = pictures[0], station(STATION, 2, REGION)
    add(desk, OWN)
    with closing(client_of(lane, OWN)) as client:
        assert put(client, one.name(), one.part(0, 1000)).offset == 1000
        assert updates(client) == (200, "")
        desk.certificates.revoke(REGION, MachineKind.STATION, STATION, "stolen", NOW)
        assert refusal(put(client, one.name(), one.part(1000))) == (403, "revoked"), "over the same connection"
    with closing(client_of(lane, OWN)) as client:
        assert refusal(head(client, one.name())) == updates(client) == (403, "revoked")
    add(desk, new)
    with closing(client_of(lane, OWN)) as client:
        assert refusal(head(client, one.name())) == (403, "revoked")
    with closing(client_of(lane, new)) as client:
        assert head(client, one.name()).offset == 1000
        assert put(client, one.name(), one.part(1000)).status == 201
        assert updates(client) == (200, "")
    assert receiving.has(one)
    receiving.refusals.flush()
    assert [(row.station, row.reason, row.region, row.times) for row in stored_refusals(receiving.photos)] == [
        (STATION, "revoked", "", 3)
    ]


def test_what_certificates_of_other_kinds_and_regions_open(
    lane: Listening, county: County, desk: CenterDesk, pictures: list[Shot]
) -> None:
    name = pictures[0].name()
    foreign = station(STATION, region="kashgar")
    reader = MachineSubject(REGION, MachineKind.READER, "office")
    add(desk, OWN, OTHER, foreign, reader)
    with closing(client_of(lane, OWN)) as client:
        assert (head(client, name).status, updates(client)[0]) == (204, 200)
    with closing(client_of(lane, OTHER)) as client:
        assert (refusal(head(client, name)), updates(client)[0]) == ((403, "not_yours"), 403)
    with closing(client_of(lane, foreign)) as client:
        assert refusal(head(client, name)) == (403, "revoked")
    with closing(client_of(lane, station(STATION, 2, REGION))) as client:
        assert refusal(head(client, name)) == (403, "revoked"), "signed, and not in the list"
    with closing(client_of(lane, reader)) as client:
        assert (head(client, name).status, updates(client)[0]) == (403, 403)
    with closing(with_files(lane, county.county.server(STATION))) as client, pytest.raises((ssl.SSLError, OSError)):
        head(client, name)  # A server's certificate is none of a client, whatever its name is
    with closing(client_of(lane, OTHER)) as client:
        client.request("HEAD", str(name), headers={"X-Subject": str(OWN), "X-Station": STATION, "X_Subject": str(OWN)})
        assert client.getresponse().status == 403


def test_an_authority_of_the_county_s_own_is_the_affair_of_nginx_until_the_list_has_the_station(
    receiving: Receiving, authority: Authority, desk: CenterDesk, pictures: list[Shot]
) -> None:
    """A certificate with nothing but a common name."""
    with Listening(receiving, authority) as lane, closing(lane.client()) as client:
        assert head(client, pictures[0].name()).status == 204
        add(desk, OTHER)
        assert head(client, pictures[0].name()).status == 204
        add(desk, OWN)
        assert refusal(head(client, pictures[0].name())) == (403, "revoked")


class Endless(Downloads):
    """An update that is read until somebody ends it."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def respond(self, request: DownloadRequest) -> DownloadResponse:
        return DownloadResponse(200, (), 10**9, self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        try:
            while True:
                yield bytes(16 * 1024)
        finally:
            self.ended.set()


def test_a_running_download_ends_when_its_certificate_is_revoked(
    receiving: Receiving, county: County, desk: CenterDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CHECK_S", 0.0)
    add(desk, OWN)
    endless = Endless()
    with Listening(receiving, county, endless) as lane, closing(client_of(lane, OWN)) as client:
        client.request("GET", str(DownloadPath(UPDATES, STATION, "0123456789abcdef" * 4)))
        answer = client.getresponse()
        assert len(answer.read(1_000_000)) == 1_000_000
        desk.certificates.revoke(REGION, MachineKind.STATION, STATION, "stolen", NOW)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert endless.ended.wait(SOON_S)


def test_an_nginx_with_the_site_of_before_costs_no_station_its_pictures(
    lane: Listening, desk: CenterDesk, pictures: list[Shot]
) -> None:
    """An answer 403 would hold them for a day."""
    add(desk, OWN)
    request = f"HEAD {pictures[0].name()} HTTP/1.1\r\nX-Station: {STATION}\r\nConnection: close\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(lane.socket))
        line.sendall(request.encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 503")


def test_a_list_that_cannot_be_read_lets_nobody_in(lane: Listening, desk: CenterDesk, pictures: list[Shot]) -> None:
    add(desk, OWN)
    with desk.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE machine_certificate RENAME TO elsewhere")
    with closing(client_of(lane, OWN)) as client:
        reply = head(client, pictures[0].name())
        assert (refusal(reply), reply.headers["Retry-After"]) == ((503, "trouble"), "60")
        assert updates(client)[0] == 503
    with desk.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO machine_certificate")
    with closing(client_of(lane, OWN)) as client:
        assert head(client, pictures[0].name()).status == 204
