"""The web in a process of its own: it answers, is begun again, and ends with whoever began it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.listings import CenterListings
from kiosk.sorting_center.listings.ports import NoPictureStore
from kiosk.sorting_center.listings.records import ListingState
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.child import STALE_S, RemoteHealth, WebProcess
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.photos.lanes import Receiving, shots
from tests.sorting_center.station_journal import NOW, Station, of_weight


def health_of(url: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=SOON_S) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            found = json.load(error)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def health() -> CenterHealth:
    health = CenterHealth()
    health.set_connected(True)
    return health


def test_it_shows_the_health_of_the_program_that_began_it_and_killed_is_begun_again_on_the_same_port(
    ledger: Ledger, health: CenterHealth
) -> None:
    web = WebProcess(ledger.url, CenterWebSettings(), health)
    web.start()
    try:
        until(lambda: health_of(web.url)["status"] == "ok")
        health.count(events=7)
        until(lambda: health_of(web.url)["events"] == 7)
        first = web.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: web.pid not in (None, first))
        until(lambda: health_of(web.url)["status"] == "ok")
        health.set_fault("ledger", "the disk is full")
        until(lambda: health_of(web.url)["ledger_trouble"] == "the disk is full")
        assert health_of(web.url)["events"] == 7
    finally:
        web.stop(SOON_S)


def test_it_looks_after_the_stations_takes_offers_in_and_shows_photos_as_they_come(
    ledger: Ledger, health: CenterHealth, station: Station, tmp_path: Path
) -> None:
    (shot,) = shots(1)
    told = station.start(), station.intake(1), *station.shot(1, shot.told), station.offer(1, shot.told.sha256)
    ledger.accept(told, "shache", NOW)
    copied = Station("S0150")
    ledger.accept(copied.run(4), "shache", NOW)
    clone = copied.clone()
    clone.sealed.pop()
    ledger.accept([clone.intake(9, **of_weight(1000))], "shache", NOW)
    web = WebProcess(ledger.url, CenterWebSettings(photos_dir=str(tmp_path / "photos")), health)
    web.start()
    try:
        with CenterDesk.open(ledger.url) as desk, Receiving(ledger, tmp_path / "photos") as receiving:
            until(lambda: "fork" in {case.kind for case in desk.cases.of_station("shache", "S0150")})
            listings = CenterListings(desk.database, NoPictureStore())
            until(lambda: listings.counts()[ListingState.REVIEW] == 1)
            person = desk.people.add("turdi", StaffRole.VIEWER, "melon and almond", datetime.now(UTC))
            token = desk.sessions.begin(person, web.url.removeprefix("http://"), datetime.now(UTC))
            asking = urllib.request.Request(f"{web.url}/listings", headers={"Cookie": f"center={token}"})
            with urllib.request.urlopen(asking, timeout=SOON_S) as answer:
                assert b"photo pending" in answer.read()
            receiving.follow()
            assert receiving.send(shot) == 201
            with urllib.request.urlopen(asking, timeout=SOON_S) as answer:
                assert f"/photos/{shot.told.sha256}.jpg" in answer.read().decode()
    finally:
        web.stop(SOON_S)


PARENT = """
import sys, time
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.child import WebProcess
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
web = WebProcess(sys.argv[1], CenterWebSettings(), CenterHealth())
web.start()
while web.pid is None: time.sleep(0.01)
print(web.pid, web.url, flush=True)
time.sleep(600)
"""


def test_it_is_gone_soon_after_its_killed_parent(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, ledger.url], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        until(lambda: health_of(url))
        parent.kill()
        parent.wait(SOON_S)
        _, alive = psutil.wait_procs([child], timeout=SOON_S)
    assert alive == []


def test_health_that_is_old_says_so() -> None:
    now = [100.0]
    remote, health = RemoteHealth(lambda: now[0]), CenterHealth()
    assert not remote.report().ok
    health.set_connected(True)
    remote.receive_line(json.dumps({**asdict(health.report()), "of_a_later_version": 1}).encode())
    assert remote.report().ok
    now[0] += STALE_S + 0.1
    assert (remote.report().ok, "says nothing" in remote.report().intake_trouble) == (False, True)
    for nonsense in (b"{}", b'{"events": 1}', b"[]", b"7", b"{"):
        remote.receive_line(nonsense)
        assert not remote.report().ok


def test_another_address_only_behind_a_named_proxy(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'county.db'}"
    for options, said in [
        (["--http", "0.0.0.0:8090"], "--trusted-proxy"),
        (["--http", "192.0.2.7:8090"], "plain text"),
        (["--http", "8090"], "HOST:PORT"),
        (["--http", "127.0.0.1:0", "--zone", "Mars/Base"], "time zone"),
        (["--http", "127.0.0.1:0", "--zone", "../../etc/passwd"], "time zone"),
    ]:
        result = CliRunner().invoke(main, ["web", "--ledger", url, *options])
        assert (result.exit_code, said in result.stderr) == (2, True), options


def test_the_pages_alone_are_served_by_hand_and_end_in_time(ledger: Ledger) -> None:
    program = "import sys; from kiosk.cli.sorting_center import main; main()"
    command = [sys.executable, "-c", program, "web", "--ledger", ledger.url, "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        line = serving.stderr.readline()
        url = line.rsplit(" ", 1)[-1].strip()
        assert line.startswith("pages of ")
        assert "says nothing" in str(until(lambda: health_of(url))["intake_trouble"])
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(SOON_S) == 0
        serving.stderr.read()
