"""The lane in a process of its own: killed on the way, gone on with, and gone with whoever began it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.health import CenterHealth
from kiosk.sorting_center.ingest.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.child import PhotosProcess
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.settings import PhotosSettings
from kiosk.sorting_center.service import OptionalServices, SortingCenter
from tests.each import each
from tests.messaging.authority import Authority
from tests.sorting_center.brokers import IN_TIME_S, Broker, Stopwatch, until
from tests.sorting_center.photos.lanes import REGION, SOON_S, STATION, Reply, Shot, announce, head, jpeg, put
from tests.sorting_center.stations import Station


@pytest.fixture
def health() -> CenterHealth:
    return CenterHealth()


@pytest.fixture
def process(ledger: Ledger, tmp_path: Path, health: CenterHealth) -> Iterator[PhotosProcess]:
    settings = PhotosSettings(host="127.0.0.1", port=0, folder=str(tmp_path / "photos")).checked()
    running = PhotosProcess(ledger.url, settings, health)
    running.start()
    yield running
    running.stop(SOON_S)


def asked(url: str, one: Shot) -> Reply:
    """Again and again, until there is an answer: its port is open while it is begun."""
    port = urlsplit(url).port

    def reply() -> Reply | None:
        with suppress(OSError, http.client.HTTPException):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S)) as client:
                found = head(client, one.name())
            return None if found.status == 404 else found
        return None

    found = until(reply)
    assert isinstance(found, Reply)
    return found


def connected(process: PhotosProcess) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", urlsplit(process.url).port, timeout=SOON_S)


def killed_in_the_middle_of_a_part(process: PhotosProcess, one: Shot, first: int) -> None:
    """And begun again."""
    pid = process.pid
    assert pid is not None
    with closing(connected(process)) as client:
        part, data = one.part(first, 2000)
        client.putrequest("PUT", str(one.name()))
        client.putheader("Content-Range", str(part))
        client.putheader("Content-Length", str(part.size))
        client.endheaders()
        client.send(data[:1000])
        os.kill(pid, signal.SIGKILL)
    until(lambda: process.pid not in (None, pid))


def sent_on(client: http.client.HTTPConnection, one: Shot) -> int:
    """As a station does: ask, and send the rest from there. What it is told when it asks."""
    found = head(client, one.name())
    if found.offset is not None:
        assert put(client, one.name(), one.part(found.offset)).status in (201, 416, 503)
    return found.status


def test_killed_twice_on_the_way_a_picture_arrives(
    process: PhotosProcess, ledger: Ledger, tmp_path: Path, station: Station
) -> None:
    one = Shot.of(jpeg(1))
    announce(ledger, station, one)
    for _ in range(2):
        reached = asked(process.url, one).offset or 0
        killed_in_the_middle_of_a_part(process, one, reached)
    with closing(connected(process)) as client:
        # The call that was killed last may have waited at the port, and its bytes are taken in by the new process.
        until(lambda: sent_on(client, one) == 200)
    with PhotoIndex.open(ledger.url) as photos:
        assert photos.status(REGION, STATION, one.told.sha256) == "received"
    (whole,) = (tmp_path / "photos" / REGION / STATION).rglob("*.jpg")
    assert whole.read_bytes() == one.content


def test_its_figures_are_the_health_s(
    process: PhotosProcess, ledger: Ledger, health: CenterHealth, station: Station
) -> None:
    one = Shot.of(jpeg(1))
    announce(ledger, station, one)
    until(lambda: health.report().photos == {"received": 0, "pending": 1})
    assert health.report().photos_trouble == ""
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: "begun again" in health.report().photos_trouble)
    until(lambda: health.report().photos_trouble == "")


def test_the_sorting_center_has_it_and_ends_it_in_time(
    broker: Broker, ledger_url: str, tmp_path: Path, station: Station
) -> None:
    one = Shot.of(jpeg(1))
    ledger = Ledger.open(ledger_url)
    announce(ledger, station, one)
    settings = PhotosSettings(host="127.0.0.1", port=0, folder=str(tmp_path / "photos"))
    with SortingCenter(
        ledger, BrokerAddress.parse(broker.url), None, services=OptionalServices(photos=settings)
    ) as center:
        assert center.start(SOON_S)
        url = center.photos_address
        assert url is not None
        until(lambda: center.health.report().photos)
        assert asked(url, one).offset == 0
        with Stopwatch() as watch:
            center.stop()
        assert watch.seconds < IN_TIME_S
    with pytest.raises(ConnectionError):
        http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=SOON_S).connect()


def test_told_to_end_before_its_parent_is_it_ends_as_it_should(
    process: PhotosProcess, health: CenterHealth, caplog: pytest.LogCaptureFixture
) -> None:
    until(lambda: health.report().photos)
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    until(lambda: "has ended with status" in caplog.text)
    assert "has ended with status 0;" in caplog.text


PARENT = """
import sys, time
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.photos.child import PhotosProcess
from kiosk.sorting_center.photos.settings import PhotosSettings
photos = PhotosProcess(sys.argv[1], PhotosSettings(host="127.0.0.1", port=0, folder=sys.argv[2]), Health())
photos.start()
while photos.pid is None: time.sleep(0.01)
print(photos.pid, photos.url, flush=True)
time.sleep(600)
"""


def test_it_is_gone_soon_after_its_killed_parent(ledger: Ledger, tmp_path: Path, station: Station) -> None:
    one = Shot.of(jpeg(1))
    announce(ledger, station, one)
    command = [sys.executable, "-c", PARENT, ledger.url, str(tmp_path / "photos")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        assert asked(url, one).offset == 0
        parent.kill()
        parent.wait(SOON_S)
        _, alive = psutil.wait_procs([child], timeout=SOON_S)
    assert alive == []


def test_what_cannot_be_used_is_told_at_once(ledger: Ledger, tmp_path: Path, health: CenterHealth) -> None:
    cert, key = Authority(tmp_path).issue("center", host="127.0.0.1")
    (tmp_path / "empty").write_bytes(b"")
    settings = PhotosSettings(
        host="127.0.0.1", port=0, folder="photos", cert=str(cert), key=str(key), ca=str(tmp_path / "empty")
    )
    with pytest.raises(OSError, match="empty holds no certificate in PEM"):
        PhotosProcess(ledger.url, settings.checked(), health)


@each(
    ("options", "says"),
    [
        (["--photos", "127.0.0.1:0"], "--photos-dir"),
        (["--photos-dir", "photos"], "--photos HOST:PORT"),
        (["--photos", "8843", "--photos-dir", "photos"], "HOST:PORT"),
        (["--photos", "0.0.0.0:8843", "--photos-dir", "photos"], "--photos-cert"),
        (["--photos", "127.0.0.1:0", "--photos-dir", "photos", "--photos-ca", __file__], "belong together"),
    ],
)
def test_wrong_options(options: list[str], says: str) -> None:
    command = ["run", "--broker", "mqtt://127.0.0.1:1", "--ledger", "sqlite:////nowhere/at/all.db", *options]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
