"""What reaches the service manager's socket, and that nobody there is no trouble."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.app.systemd import LoopStop, Notifier


class Manager:
    """The receiving end, as systemd opens it."""

    def __init__(self, address: str) -> None:
        self._way = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._way.settimeout(30)
        self._way.bind(address.replace("@", "\0", 1))

    def heard(self) -> str:
        return self._way.recv(4096).decode()

    def nothing(self) -> bool:
        self._way.setblocking(False)
        try:
            return not self._way.recv(4096)
        except BlockingIOError:
            return True

    def close(self) -> None:
        self._way.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(path: str) -> Iterator[Manager]:
    manager = Manager(path)
    yield manager
    manager.close()


def test_each_word_is_one_datagram(path: str, manager: Manager) -> None:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": path})
    notifier.ready("all parts are alive")
    notifier.alive()
    notifier.status("no sign of life: scale")
    notifier.stopping()
    assert [manager.heard() for _ in range(4)] == [
        "READY=1\nSTATUS=all parts are alive",
        "WATCHDOG=1",
        "STATUS=no sign of life: scale",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_a_service_that_becomes_another_one_has_the_time_of_a_start(path: str, manager: Manager) -> None:
    """Until it is ready; then the watchdog counts again as the unit has it."""
    notifier = Notifier(path, watchdog_s=30.0)
    notifier.restarting(300.0)
    notifier.ready("all parts are alive")
    assert [manager.heard() for _ in range(2)] == [
        "WATCHDOG_USEC=300000000\nWATCHDOG=1",
        "READY=1\nSTATUS=all parts are alive\nWATCHDOG_USEC=30000000",
    ]
    Notifier(path).restarting(300.0)
    assert manager.nothing(), "no watchdog is armed"


def test_an_abstract_name() -> None:
    address = f"@station-kiosk-test-{threading.get_native_id()}"
    manager = Manager(address)
    try:
        Notifier.from_environ({"NOTIFY_SOCKET": address}).alive()
        assert manager.heard() == "WATCHDOG=1"
    finally:
        manager.close()


def test_a_status_cannot_carry_another_assignment(path: str, manager: Manager) -> None:
    Notifier(path).status("scale\nWATCHDOG=1\r\nSTOPPING=1")
    assert manager.heard() == "STATUS=scale WATCHDOG=1 STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:9999"}])
def test_nobody_to_tell(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_environ(environ)
    for call in (lambda: notifier.ready(""), notifier.alive, lambda: notifier.status("x"), notifier.stopping):
        call()
    assert caplog.text == ""


def test_a_manager_that_is_gone_is_complained_about_once(path: str, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            notifier.alive()
    assert caplog.text.count("the service manager cannot be told") == 1


def test_a_manager_that_takes_nothing_holds_nothing_up(
    path: str, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.app.systemd._SEND_S", 0.05)
    notifier = Notifier(path)
    done = threading.Event()

    def tell() -> None:
        for _ in range(100):  # more than net.unix.max_dgram_qlen holds for one socket on a plain kernel (10)
            notifier.alive()
            if notifier._complained:
                break
        done.set()

    thread = threading.Thread(target=tell)
    thread.start()
    assert done.wait(30)
    thread.join()
    assert manager.heard() == "WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "77"}, 1.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_that_is_armed(environ: dict[str, str], seconds: float | None) -> None:
    assert Notifier.from_environ(environ, pid=77).watchdog_s == seconds


class Hands:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_asks_feeds_the_watchdog_four_times_in_its_period(path: str, manager: Manager) -> None:
    clock = Hands()
    stop = LoopStop(threading.Event(), Notifier(path, watchdog_s=4.0), clock)
    for _ in range(9):
        assert not stop.is_set()
        clock.now += 0.25
    assert [manager.heard() for _ in range(3)] == ["WATCHDOG=1"] * 3
    assert manager.nothing()


def test_waiting_for_long_feeds_it_too(path: str, manager: Manager) -> None:
    end = threading.Event()
    stop = LoopStop(end, Notifier(path, watchdog_s=0.04))
    assert stop.wait(0.05) is False
    assert manager.heard() == "WATCHDOG=1"
    waiter = threading.Thread(target=stop.wait, args=(60,))
    waiter.start()
    assert [manager.heard() for _ in range(3)] == ["WATCHDOG=1"] * 3
    end.set()
    waiter.join(30)
    assert not waiter.is_alive()
    assert stop.is_set()
    assert stop.wait(60) is True


def test_without_a_watchdog_it_is_the_signal_itself(path: str, manager: Manager) -> None:
    end = threading.Event()
    stop = LoopStop(end, Notifier(path))
    assert stop.wait(0.01) is False
    end.set()
    assert stop.wait() is True
    assert manager.nothing()
