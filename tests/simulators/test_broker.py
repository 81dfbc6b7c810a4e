"""The broker as a thing to break."""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic, sleep

import pytest

from kiosk.simulators import broker as module
from kiosk.simulators.broker import Broker
from kiosk.simulators.shared.faults import BadFaultWord
from kiosk.simulators.shared.processes import HeldPort, StartFailed

# MQTT 3.1.1 CONNECT of client "x" with a clean session, and the two answers (OASIS MQTT 3.1.1, 3.1 and 3.2.2.3).
CONNECT = bytes.fromhex("100d00044d515454040200" + "3c" + "000178")
ACCEPTED = bytes.fromhex("20020000")
NOT_AUTHORIZED = bytes.fromhex("20020005")


def answer(port: int) -> bytes:
    """What the broker says to a client."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(CONNECT)
        return line.recv(4)


def test_it_takes_clients_as_soon_as_it_is_started(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        assert broker.running
        assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
        assert answer(broker.port) == ACCEPTED
    assert not broker.running


def test_kill_restart_and_deny(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        broker.command("kill")
        assert not broker.running
        with pytest.raises(OSError, match="refused"):
            answer(broker.port)
        broker.command("restart")
        assert answer(broker.port) == ACCEPTED
        broker.command("deny")
        assert answer(broker.port) == NOT_AUTHORIZED
        broker.command("restart")
        assert answer(broker.port) == ACCEPTED
        with pytest.raises(BadFaultWord, match="broker has no fault word 'explode'"):
            broker.command("explode")


def test_its_port_stays_the_same(tmp_path: Path) -> None:
    held = HeldPort()
    port = held.number
    with Broker(tmp_path, port) as broker:
        broker.restart()
        assert broker.port == port
        assert answer(port) == ACCEPTED
    held.release()


def runs(broker: Broker, times: int) -> None:
    """Its log says so often that it runs. It takes connections a moment before it writes that."""
    deadline = monotonic() + 30
    while (said := broker.log_path.read_text(encoding="utf-8").count(" running")) < times:
        assert monotonic() < deadline, said
        sleep(0.01)
    assert said == times


def test_its_log_is_kept(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        runs(broker, 1)
        broker.restart()
        runs(broker, 2)
    runs(broker, 2)


def test_a_broken_configuration_is_told_with_the_broker_s_own_words(tmp_path: Path) -> None:
    broker = Broker(tmp_path, conf="no_such_option true\n")
    with pytest.raises(StartFailed, match="no_such_option"):
        broker.start()
    assert not broker.running


def test_a_missing_broker_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_PLACES", (tmp_path / "mosquitto",))
    with pytest.raises(StartFailed, match="apt-get install mosquitto"):
        Broker(tmp_path).start()
