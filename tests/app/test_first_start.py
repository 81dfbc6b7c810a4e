"""The first start as a process: its port, its data folder, what systemd hears, and being killed at any question."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from kiosk.app import first_start
from kiosk.app import first_start as setup_runtime
from kiosk.app.first_start import SettingsFileWatcher, data_folder, run_first_start
from kiosk.app.identity.requests import FILES, RequestedIdentities
from kiosk.config.station import load
from kiosk.first_start.identity.vault import InUse
from kiosk.first_start.shared.draft import draft_path, load_draft
from tests.depth import TORTURE
from tests.messaging.ports import claimed_port
from tests.web.first_start.answers import PIN, answers, named_devices

CHILD = """
import sys, threading
from pathlib import Path
from kiosk.app.machine import ThisMachine
from kiosk.app.first_start import run_first_start
folder, port = Path(sys.argv[1]), int(sys.argv[2])
machine = ThisMachine(dev=folder / "dev", keys=(folder / "keys",))
run_first_start(folder / "station.toml", threading.Event(), port=port, data=folder / "data", machine=machine)
"""


@pytest.fixture
def port() -> Iterator[int]:
    """The wizard's own, also between two of its lives."""
    with claimed_port() as port:
        yield port


def post(port: int, path: str, form: Mapping[str, str]) -> int:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        link.request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        return link.getresponse().status
    finally:
        link.close()


def answering(port: int, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the wizard does not answer"
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("config", "environ", "folder"),
    [
        (Path("/etc/kiosk/station.toml"), {}, Path("/var/lib/kiosk")),
        (Path("/srv/x/station.toml"), {}, Path("/srv/x/data")),
        (Path("/srv/x/station.toml"), {"STATE_DIRECTORY": "/var/lib/private/k:/other"}, Path("/var/lib/private/k")),
    ],
)
def test_where_the_data_will_be(config: Path, environ: Mapping[str, str], folder: Path) -> None:
    assert data_folder(config, environ) == folder


def test_a_port_in_use_is_an_error_at_once(tmp_path: Path) -> None:
    machine = named_devices(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="Address already in use"):
        run_first_start(tmp_path / "s.toml", threading.Event(), port=taken.getsockname()[1], machine=machine)


KILLED_AFTER = ("station", "reads", "label", "technician_pin") if TORTURE else ("technician_pin",)


class Process:
    """The wizard in a process of its own, killed without a word and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", CHILD, str(self.folder), str(self.port)]
        self.child = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        answering(self.port)

    def kill(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(20)


def test_killed_between_two_questions_it_goes_on_there(tmp_path: Path, port: int) -> None:
    machine = named_devices(tmp_path)
    process = Process(tmp_path, port)
    process.start()
    try:
        for question, form in answers(machine):
            assert post(process.port, f"/setup/{question}", form) == 303
            if question in KILLED_AFTER:
                process.kill()
                assert not (tmp_path / "station.toml").exists()
                process.start()
                if question == "technician_pin":  # in memory alone: it is typed again
                    assert post(process.port, "/setup/technician_pin", {"value": PIN}) == 303
        assert load_draft(draft_path(tmp_path / "station.toml")).at == "check"
        process.kill()
        process.start()
        assert post(process.port, "/setup/check", {"value": "go"}) == 303
        assert load(tmp_path / "station.toml").station.station == "S0147"
        assert post(process.port, "/setup/leave", {}) == 204
        assert process.child is not None
        assert process.child.wait(20) == 0
    finally:
        if process.child is not None and process.child.poll() is None:
            process.kill()


def test_systemd_hears_of_a_wizard_that_answers(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = named_devices(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        stop = threading.Event()
        wrote: list[bool] = []

        def run() -> None:
            wrote.append(run_first_start(tmp_path / "station.toml", stop, port=port, machine=machine))

        thread = threading.Thread(target=run)
        thread.start()
        heard = b""
        while heard.count(b"WATCHDOG=1") < 2:
            heard += manager.recv(4096) + b"\n"
        stop.set()
        thread.join(30)
        while b"WATCHDOG_USEC=300000000" not in heard:
            heard += manager.recv(4096) + b"\n"
    assert heard.startswith(b"READY=1")
    assert b"STOPPING" not in heard
    assert wrote == [False]


def test_a_settings_file_that_comes_by_another_way_ends_the_wizard_in_good_order(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while it is still being copied, not when it is wrong; and the page on the screen is sent to the last one."""
    monkeypatch.setattr(first_start, "SETTLE_S", 0.2)
    monkeypatch.setattr(setup_runtime, "_WATCH_S", 0.1)
    config, stop, ended = tmp_path / "station.toml", threading.Event(), threading.Event()
    wrote: list[bool] = []
    looked: list[bool] = []

    class Watched(SettingsFileWatcher):
        def poll(self) -> bool:
            looked.append(super().poll())
            return looked[-1]

    def looks(count: int) -> None:
        until, deadline = len(looked) + count, time.monotonic() + 60
        while len(looked) < until:
            assert time.monotonic() < deadline, "it does not look any more"
            time.sleep(0.02)

    def run() -> None:
        wrote.append(run_first_start(config, stop, port=port, data=tmp_path / "data", machine=named_devices(tmp_path)))
        ended.set()

    monkeypatch.setattr(setup_runtime, "SettingsFileWatcher", Watched)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        answering(port)
        assert post(port, "/setup/language", {"value": "en"}) == 303
        assert draft_path(config).exists()
        config.write_text("[station]\nstation = 5\n")
        looks(8)
        settings = f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}/data"\n'
        with config.open("w") as copying:
            copying.write(settings)
            copying.flush()
            looks(8)
            assert post(port, "/setup/alive?question=panel", {}) == 204, "the copy is not whole"
            copying.write("[web]\nport = 8081\n")
        deadline = time.monotonic() + 60
        while post(port, "/setup/alive?question=panel", {}) != 205:
            assert time.monotonic() < deadline, "the wizard takes no notice"
            time.sleep(0.05)
        assert looked.count(True) == 1
        assert post(port, "/setup/alive?question=done", {}) == 204
        assert not ended.is_set(), "the last page is waited for"
        assert post(port, "/setup/leave", {}) == 204
        assert ended.wait(30)
    finally:
        stop.set()
        thread.join(30)
    assert wrote == [True]
    assert load(config).web.port == 8081
    assert not draft_path(config).exists()


def test_a_file_of_somebody_else_is_given_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes it cannot be known then."""
    now = [0.0]
    config = tmp_path / "station.toml"
    arrival = SettingsFileWatcher(config, lambda: now[0])
    monkeypatch.setattr(first_start, "_is_open_for_writing", lambda _: None)

    def at(moment: float) -> bool:
        now[0] = moment
        return arrival.poll()

    assert not at(0)
    config.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}"\n')
    assert [at(moment) for moment in (1, 7, 20, 21)] == [False, False, False, True]
    config.unlink()
    assert not at(22)
    config.write_text("half")
    assert [at(moment) for moment in (30, 51, 52)] == [False, False, False]


@pytest.mark.parametrize(
    ("box", "taken", "held", "goes_on"),
    [("1", True, False, False), ("1", True, True, True), ("1", False, False, True), ("0", True, False, True)],
)
def test_a_service_that_has_not_got_the_certificate_begins_anew(
    box: str, taken: bool, held: bool, goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd gives it what was there when it was started; a recovery kit needs what the identity has brought since."""
    monkeypatch.setenv("KIOSK_BOX", box)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    if held:
        (tmp_path / "kiosk-relay.crt").touch()
    present = InUse("S0147", "yarkant", "", "mqtts://center.example:8883", authority=True) if taken else None
    monkeypatch.setattr(RequestedIdentities, "in_use", lambda self: present)
    machine = replace(named_devices(tmp_path), identities=RequestedIdentities(FILES.asker(tmp_path, time.monotonic)))
    assert setup_runtime.has_certificate(machine) is goes_on
