"""The simulated panel from outside: pressed and looked at over its socket while the real adapter drives the pins."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from kiosk.devices.panel.gpio import GpioPanel
from kiosk.devices.panel.patterns import ButtonTiming
from kiosk.devices.ports import Panel
from kiosk.simulators.panel import pins as panel_pins
from kiosk.simulators.panel import simulator as panel_of_simulator
from kiosk.simulators.panel.pins import SimulatedPins
from kiosk.simulators.panel.simulator import BENCH_PANEL, SOCKET_NAME, PanelSimulator, reachable
from kiosk.simulators.shared.faults import BadFaultWord
from tests.station.hardware import Heard

QUICK = ButtonTiming(hold_s=0.5)
PRESSING = ButtonTiming(hold_s=10)
"""Between a button down and up again a loaded machine may rest for seconds: that is still a press."""
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends of the socket wait for one another as long as it takes."""
    monkeypatch.setattr(panel_of_simulator, "_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(panel_pins, "_PATIENCE_S", PATIENCE_S)


@contextmanager
def station(path: Path, heard: Heard, timing: ButtonTiming = QUICK) -> Iterator[Panel]:
    panel = GpioPanel(BENCH_PANEL, heard, lambda: SimulatedPins(path), timing=timing)
    panel.start()
    assert panel.fitted
    try:
        yield panel
    finally:
        panel.stop(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name == "panel-pins"]


def lamps_until(simulator: PanelSimulator, **wanted: str) -> None:
    """Asks until the lamps are as wanted; each question is a round trip through the station's own thread."""
    deadline = monotonic() + PATIENCE_S
    while monotonic() < deadline:
        lamps = simulator.lamps()
        assert lamps is not None
        if all(lamps[name] == word for name, word in wanted.items()):
            return
    pytest.fail(f"the lamps are {lamps}, not {wanted}")


@pytest.mark.parametrize(
    ("text", "word"),
    [("press ok", ("ok", "press")), ("press help", ("help", "press")), ("hold help", ("help", "hold"))],
)
def test_buttons(tmp_path: Path, text: str, word: tuple[str, str]) -> None:
    heard, timing = Heard(), PRESSING if word[1] == "press" else QUICK
    with station(tmp_path / SOCKET_NAME, heard, timing):
        PanelSimulator(tmp_path / SOCKET_NAME, timing=timing).command(text)
        heard.wait(lambda told: told == [word])


def test_lamps(tmp_path: Path) -> None:
    simulator = PanelSimulator(tmp_path / SOCKET_NAME, timing=QUICK)
    assert simulator.lamps() is None
    with station(tmp_path / SOCKET_NAME, Heard()) as panel:
        lamps_until(simulator, ready="off", busy="off", fault="off", buzzer="off")
        panel.show(ready=True, busy=False, fault=True)
        lamps_until(simulator, ready="on", busy="off", fault="blinks")
        panel.show(ready=True, busy=True, fault=False)
        lamps_until(simulator, ready="on", busy="on")
    assert simulator.lamps() is None


@pytest.mark.parametrize("text", ["press", "press red", "press ready", "hold 5", "tap ok", ""])
def test_other_words_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFaultWord):
        PanelSimulator(tmp_path / SOCKET_NAME).command(text)


def test_a_panel_without_power_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        PanelSimulator(tmp_path / SOCKET_NAME).command("press ok")
    with pytest.raises(FileNotFoundError):
        PanelSimulator(tmp_path / "no folder" / SOCKET_NAME).command("press ok")


def test_a_long_path_and_a_socket_a_killed_station_left(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    left = socket.socket(socket.AF_UNIX)
    with reachable(folder / SOCKET_NAME) as address:
        left.bind(address)
    left.close()
    simulator = PanelSimulator(folder / SOCKET_NAME, timing=QUICK)
    assert simulator.lamps() is None
    with station(folder / SOCKET_NAME, Heard()):
        assert simulator.lamps() is not None
    assert not (folder / SOCKET_NAME).exists()


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"\n",
        b"{",
        b"[]\n",
        b"7\n",
        b'{"word": "explode"}\n',
        b'{"word": "explode", "pin": 5}\n',
        b'{"word": "low", "pin": 17}\n',
        b'{"word": "low", "pin": 4}\n',
        b'{"word": "low", "pin": null}\n',
        b"\xff\xfe\n",
        b"x" * 5000 + b"\n",
    ],
)
def test_nonsense_is_answered_and_the_next_one_is_served(tmp_path: Path, request_line: bytes) -> None:
    with station(tmp_path / SOCKET_NAME, Heard()):
        with socket.socket(socket.AF_UNIX) as line, reachable(tmp_path / SOCKET_NAME) as address:
            line.settimeout(PATIENCE_S)
            line.connect(address)
            line.sendall(request_line)
            line.shutdown(socket.SHUT_WR)
            with line.makefile("rb") as answer:
                assert "error" in json.loads(answer.readline())
        assert PanelSimulator(tmp_path / SOCKET_NAME, timing=QUICK).lamps() is not None


def test_what_is_no_answer_is_said(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    with socket.socket(socket.AF_UNIX) as door, reachable(path) as address:
        door.bind(address)
        door.listen()

        def hang_up() -> None:
            line, _ = door.accept()
            line.recv(1000)
            line.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(OSError, match="broke off"):
            PanelSimulator(path, timing=QUICK).command("press ok")
        thread.join()


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SimulatedPins(tmp_path / "nowhere" / SOCKET_NAME)
    os.mkdir(tmp_path / SOCKET_NAME)  # noqa: PTH102
    with pytest.raises(OSError, match=r"."):
        SimulatedPins(tmp_path / SOCKET_NAME)


def test_a_lamp_that_blinks_for_days_fills_no_memory(tmp_path: Path) -> None:
    pins = SimulatedPins(tmp_path / SOCKET_NAME)
    pin = pins.pin(22)
    pin.function = "output"
    for _ in range(5000):
        pin.state = not pin.state
    assert len(pin.states) <= 1001
    pins.close()
    pins.close()
