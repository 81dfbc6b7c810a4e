"""``kiosk scale send``: one command, sent once, one JSON object, and an exit code that is 0 only for a seen effect."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import tty
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.app.shared.adapters import open_scale
from kiosk.cli.kiosk import main
from kiosk.devices.scale.command import MAX_DEADLINE_S
from kiosk.devices.scale.live import LiveScale, Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from tests.devices.scale.listener import PATIENCE_S, Listener


def send(port: str, protocol: str, command: str, *more: str) -> Result:
    words = ["scale", "send", "--port", port, "--protocol", protocol, "--command", command, *more]
    return CliRunner().invoke(main, words)


def told(result: Result) -> tuple[int, Any]:
    """The exit code and the one object."""
    (line,) = result.stdout.splitlines()
    return result.exit_code, json.loads(line)


DONE = (0, {"outcome": "done", "reason": None})
NOT_CONNECTED = (1, {"outcome": "refused", "reason": "not_connected"})
TRIES = 10
"""A machine that stands still for a second gives the port up: nothing is sent, and it may be asked again."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that stands still for some seconds a scale that obeys is no silent one: all waits but the last
    resort end with what was waited for.
    """
    timing = Timing(stale_s=MAX_DEADLINE_S, open_s=MAX_DEADLINE_S)
    monkeypatch.setattr("kiosk.cli.scale.live.open_scale", partial(open_scale, timing=timing))
    for name in ("_OPEN_S", "_READING_S"):
        monkeypatch.setattr(f"kiosk.cli.scale.live.{name}", MAX_DEADLINE_S)
    monkeypatch.setattr(LiveScale.send, "__defaults__", (MAX_DEADLINE_S,))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("protocol", "command"),
    [
        ("mt_sics", "zero"),
        ("mt_sics", "tare"),
        ("sma", "zero"),
        ("xk3190_ww", "zero"),
        ("t_scale_nhb", "tare"),
        ("mt_continuous", "zero"),
    ],
)
def test_what_was_seen_to_happen_is_done(protocol: str, command: str, tmp_path: Path) -> None:
    with ScaleSimulator(protocol, tmp_path / "scale", hz=20, settle_s=0) as simulator:
        simulator.command("put 0.640kg")
        result = send(simulator.path, protocol, command)
        assert told(result) == DONE
        assert result.stderr == ""
        watched = CliRunner().invoke(
            main, ["scale", "watch", "--port", simulator.path, "--protocol", protocol, "--count", "1"]
        )
        assert float(json.loads(watched.stdout)["weight"]) == 0


@pytest.mark.usefixtures("patient")
def test_a_tare_is_taken_back(tmp_path: Path) -> None:
    with ScaleSimulator("mt_8217", tmp_path / "scale", settle_s=0) as simulator:
        simulator.command("put 1.640kg")
        simulator.command("net 0.640kg")
        assert told(send(simulator.path, "mt_8217", "clear_tare")) == DONE


@pytest.mark.usefixtures("patient")
def test_behind_a_device_server_with_the_line_that_was_asked_for() -> None:
    line = NetLine(LineSettings(4800, 8, "N", 1), True)
    with ScaleSimulator("mt_sics", settle_s=0, line=line) as simulator:
        simulator.command("put 0.640kg")
        assert told(send(simulator.path, "mt_sics", "zero", "--baud", "4800")) == DONE


@pytest.mark.usefixtures("patient")
def test_a_parameter_reaches_what_is_sent() -> None:
    line = NetLine(LineSettings(9600, 7, "E", 1), True)
    params = {"checksum": "on"}
    with ScaleSimulator(
        "mt_continuous", hz=20, settle_s=0, line=line, settings=IndicatorSettings(params=params)
    ) as simulator:
        simulator.command("put 0.640kg")
        assert told(send(simulator.path, "mt_continuous", "zero", "--param", "checksum=on")) == DONE


def test_a_scale_that_does_not_obey_is_not_done(tmp_path: Path) -> None:
    """A swinging load is not zeroed; the indicator goes on sending."""
    with ScaleSimulator("t_scale_nhb", tmp_path / "scale", hz=20, settle_s=0) as simulator:
        simulator.command("put 3kg")
        simulator.command("jitter 0.050kg")
        assert told(send(simulator.path, "t_scale_nhb", "zero")) == (1, {"outcome": "unconfirmed", "reason": None})


def test_a_silent_scale_may_have_obeyed_and_is_sent_it_once() -> None:
    master, slave = os.openpty()
    os.set_blocking(master, False)
    try:
        for _ in range(TRIES):
            result = send(os.ttyname(slave), "t_scale_nhb", "zero")
            if told(result) != NOT_CONNECTED:
                break
            with pytest.raises(BlockingIOError):
                os.read(master, 100)
        assert told(result) == (1, {"outcome": "no_answer", "reason": None})
        assert os.read(master, 100) == registry.encode("t_scale_nhb", "zero", {})
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
    finally:
        os.close(master)
        os.close(slave)


def _says_no(master: int, asked: list[bytes], ended: threading.Event) -> None:
    """An indicator far from its zero: it tells its weight and answers "Z" with "Z +" (MT-SICS)."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    while not ended.is_set():
        if poll.poll(50):
            for word in os.read(master, 100).split(b"\r\n"):
                asked.append(word)
                os.write(master, {b"": b"", b"Z": b"Z +\r\n"}.get(word, b"S S      9.640 kg\r\n"))


@pytest.mark.usefixtures("patient")
def test_a_no_of_the_scale_comes_with_its_reason() -> None:
    master, slave = os.openpty()
    asked, ended = list[bytes](), threading.Event()
    tty.setraw(slave)
    indicator = threading.Thread(target=_says_no, args=(master, asked, ended))
    indicator.start()
    try:
        assert told(send(os.ttyname(slave), "mt_sics", "zero")) == (1, {"outcome": "refused", "reason": "zero_range"})
        assert asked.count(b"Z") == 1
    finally:
        ended.set()
        indicator.join()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(("protocol", "command"), [("st_gs_stx18", "zero"), ("t_scale_nhb", "clear_tare")])
def test_what_the_format_has_not_is_not_sent_and_the_port_not_opened(protocol: str, command: str) -> None:
    result = send("/dev/none", protocol, command)
    assert told(result) == (1, {"outcome": "not_supported", "reason": None})
    assert result.stderr == ""


NOT_CONNECTED = (1, {"outcome": "refused", "reason": "not_connected"})


def test_a_port_that_the_station_holds_is_refused_and_named(tmp_path: Path) -> None:
    listener = Listener()
    with ScaleSimulator("mt_sics", tmp_path / "scale", settle_s=0) as simulator:
        simulator.command("put 0.640kg")
        station = open_scale(Indicator(simulator.path, "mt_sics", {}, 0.05), LineSettings(), listener)
        station.start()
        try:
            assert listener.until_count(listener.readings, 1)
            result = send(simulator.path, "mt_sics", "zero")
            assert told(result) == NOT_CONNECTED
            assert result.stderr == f"Another program uses the scale's port {simulator.path}: end that program.\n"
            seen = len(listener.readings)
            assert listener.until_count(listener.readings, seen + 3), "the station reads on"
            assert {str(weight) for weight in listener.weights()[seen:]} == {"0.640"}, "nothing was sent"
        finally:
            station.stop()


def test_a_port_that_is_not_there_is_refused_and_named() -> None:
    result = send("/dev/none", "mt_sics", "zero")
    assert told(result) == NOT_CONNECTED
    assert result.stderr == "The scale is not plugged in at /dev/none: check its cable.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Missing option"),
        (("--port", "/dev/none", "--protocol", "mt_sics"), "Missing option '--command'"),
        (("--port", "/dev/none", "--protocol", "mt_sics", "--command", "print"), "'print'"),
        (("--port", "/dev/none", "--protocol", "nope", "--command", "zero"), "no scale protocol 'nope'"),
        (("--port", "gpio:5,6", "--protocol", "mt_sics", "--command", "zero"), "does not fit this format"),
        (("--port", "/dev/none", "--protocol", "mt_sics", "--command", "zero", "--param", "a=b"), "no parameter 'a'"),
        (("--port", "/dev/none", "--protocol", "mt_sics", "--command", "zero", "--param", "a"), "is not KEY=VALUE"),
    ],
)
def test_wrong_usage_in_one_line(words: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(main, ["scale", "send", *words])
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_between_is_never_done_and_the_port_is_free(number: signal.Signals) -> None:
    master, slave = os.openpty()
    try:
        words = ["scale", "send", "--port", os.ttyname(slave), "--protocol", "t_scale_nhb", "--command", "zero"]
        process = subprocess.Popen(
            [sys.executable, "-m", "kiosk.cli.kiosk", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        dog = threading.Timer(PATIENCE_S * 12, process.kill)
        dog.start()
        assert os.read(master, 100) == registry.encode("t_scale_nhb", "zero", {})
        process.send_signal(number)
        out, _ = process.communicate()
        dog.cancel()
        dog.join()
        assert process.returncode not in (0, -signal.SIGKILL)
        assert out == b""
        listener = Listener()
        again = open_scale(Indicator(os.ttyname(slave), "t_scale_nhb"), LineSettings(), listener)
        again.start()
        assert listener.until(lambda: "is connected" in listener.links[-1][1] if listener.links else False)
        again.stop()
    finally:
        os.close(master)
        os.close(slave)
