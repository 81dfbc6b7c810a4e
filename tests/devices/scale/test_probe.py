"""A port is listened to with one line setting after the other; it is asked only when that was allowed."""

from __future__ import annotations

import fcntl
import os
import termios
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from kiosk.devices.ports import CommandOutcome, LinkState, ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.devices.scale import probe as scale_probe
from kiosk.devices.scale.capture import SerialCapture
from kiosk.devices.scale.line.address import Address
from kiosk.devices.scale.line.ports import LinePort
from kiosk.devices.scale.pause import PausableScale
from kiosk.devices.scale.probe import ProbeTiming, ScaleProbe
from kiosk.protocols.scales.probe.known_weight import readings_of
from kiosk.protocols.scales.probe.proposals import Proposal, probe_queries
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import Listener, serial_scale
from tests.devices.scale.rig import HZ, PATIENCE_S, QUICK, SURE, FairClock, Other, Overheard, behind_a_server


def probed(
    port: str, ask: bool = False, told: list[ProbeProgress] | None = None, timing: ProbeTiming = QUICK
) -> tuple[Proposal, ...]:
    return ScaleProbe(port, ask, (told if told is not None else []).append, timing=timing).run()


def asked(scale: ScaleSimulator) -> tuple[Proposal, ...]:
    """Asked in a time in which no answer comes too late."""
    return ScaleProbe(scale.path, True, clock=FairClock(scale), timing=QUICK).run()


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a probe has opened its port."""
    whole, opened = scale_probe.open_line, threading.Event()

    def noted(address: Address, line: LineSettings) -> LinePort:
        port = whole(address, line)
        opened.set()
        return port

    monkeypatch.setattr(scale_probe, "open_line", noted)
    return opened


def protocols(found: tuple[Proposal, ...]) -> list[str]:
    return [one.candidate.protocol for one in found]


# --- listening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["xk3190_tf0", "xk3190_eq_reversed", "ff_bcd", "st_gs_csv"])
def test_a_stream_on_a_pseudo_terminal(protocol: str) -> None:
    with ScaleSimulator(protocol, hz=HZ) as scale:
        scale.write_now(2480)
        found = probed(scale.path, timing=SURE)
    assert protocol in protocols(found)
    assert found[0].candidate.line == LineSettings()


def test_line_settings_are_tried_until_one_is_right() -> None:
    """Each at a port of its own, all at the same time."""
    lines = {
        "mt_continuous": LineSettings(9600, 7, "E"),
        "xk3190_tf0": LineSettings(4800),
        "and_standard": LineSettings(2400, 7, "E"),
        "xk3190_eq_forward": LineSettings(1200, 7, "O"),
    }
    with ThreadPoolExecutor(len(lines)) as ports:
        for found in [ports.submit(a_line_is_found, *row) for row in lines.items()]:
            found.result()


def a_line_is_found(protocol: str, line: LineSettings) -> None:
    told: list[ProbeProgress] = []
    with behind_a_server(protocol, line) as scale:
        found = probed(scale.path, told=told, timing=SURE)
    assert protocol in protocols(found)
    assert {one.candidate.line for one in found} == {line}
    assert all(one.candidate.params == () for one in found), "a line that is set right needs no repair"
    assert told[0].line == "9600 8N1"
    assert str(line) in {progress.line for progress in told}
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert told[-1].received_bytes > 0


@pytest.mark.parametrize("line", [b"   23.50\r\n", b"       23.50    \r\n"])
def test_a_thermometer_is_no_scale(line: bytes) -> None:
    """Ten bytes are a form of cas_22, eighteen one of kern_18: nothing in them says that they are a weight."""
    master, slave = os.openpty()
    speaking = threading.Event()
    speaking.set()

    def speak() -> None:
        while speaking.is_set():
            os.write(master, line)
            time.sleep(0.02)

    speaker = threading.Thread(target=speak)
    speaker.start()
    told: list[ProbeProgress] = []
    try:
        assert probed(os.ttyname(slave), told=told, timing=SURE) == ()
    finally:
        speaking.clear()
        speaker.join()
        os.close(master)
        os.close(slave)
    assert told[-1].received_bytes > 0


def test_nothing_is_sent_while_it_only_listens() -> None:
    line = Overheard()
    with ScaleSimulator("mt_sics", line=line) as scale:
        assert probed(scale.path) == ()
    assert b"".join(line.sent) == b""


# --- asking -----------------------------------------------------------------------------------------------------------


def test_scales_that_wait_are_asked() -> None:
    """Each at a port of its own, all at the same time: what has to pass is silence."""
    waiting = ("mt_sics", "cas_type6", "xk3190_tf1", "nci_ecr", "massak_100", "micheletti_p15")
    with ThreadPoolExecutor(len(waiting)) as ports:
        for protocol, (found, sent) in zip(waiting, ports.map(asked_and_overheard, waiting), strict=True):
            assert protocol in protocols(found), protocol
            assert found[0].reads.startswith(("2.480", "2480 g")), protocol
            assert sent, protocol
            assert without_questions(sent) == b"", f"{protocol}: nothing but questions"


def asked_and_overheard(protocol: str) -> tuple[tuple[Proposal, ...], bytes]:
    """What a probe finds, and all that it sent."""
    line = Overheard()
    with ScaleSimulator(protocol, line=line) as scale:
        scale.write_now(2480)
        found = asked(scale)
    return found, b"".join(line.sent)


def without_questions(sent: bytes) -> bytes:
    for step in sorted({step for _, steps in probe_queries() for step in steps}, key=len, reverse=True):
        sent = sent.replace(step, b"")
    return sent


def test_a_polled_scale_at_its_own_line() -> None:
    with behind_a_server("sartorius_sbi") as scale:
        found = asked(scale)
    assert protocols(found) == ["sartorius_sbi"]
    assert found[0].candidate.line == LineSettings(1200, 7, "O")


def test_a_scale_that_speaks_is_not_asked() -> None:
    line = Overheard()
    with ScaleSimulator("xk3190_tf0", hz=HZ, line=line) as scale:
        assert protocols(probed(scale.path, ask=True, timing=SURE)) == ["xk3190_tf0"]
    assert b"".join(line.sent) == b""


# --- what is no scale -------------------------------------------------------------------------------------------------


NO_SCALES: dict[str, Callable[[], Other]] = {
    "silence": lambda: Other(b""),
    "gps": lambda: Other(b"$GPGGA,083559.00,3824.1234,N,07714.1234,E,1,08,1.0,1230.4,M,,M,,*5B\r\n"),
    "scanner": lambda: Other(b"6901234567892\r\n"),
    "modem with echo": lambda: Other(b"", b"\r\nERROR\r\n", echo=True),
    "modem": lambda: Other(b"", b"\r\nOK\r\n"),
    "printer": lambda: Other(b"", b"\x12"),
    "noise": lambda: Other(b"\x00\xff\x80\x7f"),
}


def test_no_device_that_is_no_scale_is_claimed() -> None:
    """Each at a port of its own, all at the same time."""

    def claimed(name: str) -> tuple[Proposal, ...]:
        with NO_SCALES[name]() as port:
            return probed(port, ask=True)

    with ThreadPoolExecutor(len(NO_SCALES)) as ports:
        found = dict(zip(NO_SCALES, ports.map(claimed, NO_SCALES), strict=True))
    assert found == dict.fromkeys(NO_SCALES, ())


# --- ports ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["", "tcp://scale.example:4001", "gpio:5,6"])
def test_a_port_that_is_none(port: str) -> None:
    with pytest.raises(ValueError, match="port"):
        ScaleProbe(port)


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProbeFailed, match="not plugged in"):
        probed(str(tmp_path / "nothing"))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ProbeFailed, match="does not answer"):
        probed("tcp://127.0.0.1:9")


def test_the_station_holds_the_port() -> None:
    """Two readers of one line would each get half of it."""
    listener = Listener()
    with ScaleSimulator("xk3190_tf0", hz=HZ) as scale:
        station = serial_scale(scale.path, "xk3190_tf0", {}, LineSettings(), listener)
        station.start()
        try:
            assert listener.until_count(listener.readings, 1)
            with pytest.raises(ProbeFailed, match="Teach me this scale"):
                probed(scale.path)
        finally:
            station.stop(PATIENCE_S)


def test_the_port_is_held_while_it_is_listened_to(opens: threading.Event) -> None:
    with ScaleSimulator("mt_sics") as scale:
        probe = ScaleProbe(scale.path, timing=ProbeTiming(first_s=600))
        failed: list[Exception] = []

        def run() -> None:
            try:
                probe.run()
            except ProbeCancelled as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert opens.wait(PATIENCE_S)  # who tried the lock sooner would hold it when the probe comes
        assert _locked(scale.path)
        probe.cancel()
        thread.join(PATIENCE_S)
    assert len(failed) == 1


def _locked(path: str) -> bool:
    """Whether another descriptor of the same terminal is refused."""
    number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False


def test_the_cable_is_pulled(opens: threading.Event) -> None:
    with ScaleSimulator("mt_sics") as scale:

        def pull() -> None:
            assert opens.wait(PATIENCE_S)
            scale.command("unplug")

        puller = threading.Thread(target=pull)
        puller.start()
        with pytest.raises(ProbeFailed, match="is gone"):
            ScaleProbe(scale.path, timing=ProbeTiming(first_s=600)).run()
        puller.join()


def test_cancelled_before_it_began() -> None:
    with ScaleSimulator("mt_sics") as scale:
        probe = ScaleProbe(scale.path, timing=QUICK)
        probe.cancel()
        with pytest.raises(ProbeCancelled):
            probe.run()


def test_all_of_it_is_bounded() -> None:
    """A device that sends noise at every line is given up in time."""
    moments = iter(range(0, 100_000, 3))
    with Other(b"\x00\xff\x80\x7f") as port:
        assert ScaleProbe(port, True, clock=lambda: float(next(moments)), timing=ProbeTiming(total_s=30)).run() == ()


def test_a_line_setting_that_the_port_cannot_take_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scale_probe.open_line

    def picky(address: object, line: LineSettings) -> object:
        if line.baud == 9600:
            raise termios.error(22, "Invalid argument")
        return whole(address, line)  # type: ignore[arg-type]

    monkeypatch.setattr(scale_probe, "open_line", picky)
    with behind_a_server("xk3190_tf0", LineSettings(4800)) as scale:
        assert protocols(probed(scale.path, timing=SURE)) == ["xk3190_tf0"]


def test_a_port_that_takes_no_line_setting_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(address: object, line: LineSettings) -> object:
        raise ValueError("not a line")

    monkeypatch.setattr(scale_probe, "open_line", never)
    with behind_a_server("xk3190_tf0") as scale, pytest.raises(ProbeFailed, match="cannot be opened"):
        probed(scale.path)


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met() and time.monotonic() < deadline:
        threading.Event().wait(0.02)


# --- the capture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["xk3190_eq_reversed", "cas_type6"])
def test_an_ear_hears_what_comes_after_the_mark(protocol: str) -> None:
    with ScaleSimulator(protocol, hz=HZ, settle_s=0) as scale:
        scale.write_now(2480)
        found = asked(scale)
        capture = SerialCapture(scale.path, [one.candidate for one in found], timing=QUICK)
        capture.start()
        try:
            scale.write_now(5000)
            assert not any(one.size for one in capture.since_mark()), "nothing before it"
            capture.mark()
            best = found[0].candidate
            _until(lambda: len(readings_of(best, capture.since_mark())) >= 5)
            readings = readings_of(best, capture.since_mark())
            assert len(readings) >= 5
            assert str(readings[-1].weight) == "5.000"
            assert capture.latest()
            scale.command("unplug")
            _until(lambda: bool(capture.failure))
            # Gone while it was open, or while it was being opened for the next candidate.
            assert any(word in capture.failure for word in ("is gone", "cannot be opened")), capture.failure
        finally:
            capture.stop()
            capture.stop()


def test_an_ear_that_stood_still_keeps_nothing_of_what_came_meanwhile() -> None:
    """A pan that was emptied while it slept would be taught as one with goods on it."""
    with ScaleSimulator("xk3190_eq_reversed", hz=HZ) as scale:
        found = asked(scale)
    now = [100.0]

    class Line:
        def __init__(self) -> None:
            self.pieces = [(0.2, b"one"), (3.2, b"asleep"), (0.2, b"two")]

        def receive(self, seconds: float) -> bytes:
            lasts, piece = self.pieces.pop(0)
            now[0] += lasts
            return piece

    capture, line = SerialCapture("/dev/null", [found[0].candidate], clock=lambda: now[0]), cast(Any, Line())
    capture.mark()
    now[0] += 0.01
    for _ in range(3):
        capture._turn(line)
    assert [one.received for one in capture.since_mark()] == [(b"one", b"two")]
    capture.mark()
    line.pieces = [(0.1, b"half of it before the mark")]
    now[0] -= 0.05
    capture._turn(line)
    assert [one.received for one in capture.since_mark()] == [()]


def test_an_ear_at_a_port_that_is_not_there(tmp_path: Path) -> None:
    with ScaleSimulator("xk3190_tf0", hz=HZ) as scale:
        found = probed(scale.path, timing=SURE)
    capture = SerialCapture(str(tmp_path / "nothing"), [found[0].candidate])
    capture.start()
    try:
        _until(lambda: bool(capture.failure))
        assert "not plugged in" in capture.failure
    finally:
        capture.stop()


# --- the station's own scale ------------------------------------------------------------------------------------------


def test_the_station_s_scale_lets_go_and_comes_back() -> None:
    listener = Listener()
    with ScaleSimulator("xk3190_tf0", hz=HZ) as scale:
        station = PausableScale(
            lambda heard: serial_scale(scale.path, "xk3190_tf0", {}, LineSettings(), heard), listener
        )
        station.pause()
        assert station.send("zero").outcome is CommandOutcome.NOT_SUPPORTED, "it was not running: nothing to pause"
        station.start()
        try:
            assert listener.until_count(listener.readings, 1)
            station.pause()
            station.pause()
            assert listener.links[-1][0] is LinkState.MISSING
            assert station.pulse is not None
            assert station.send("zero").outcome is CommandOutcome.REFUSED
            assert protocols(probed(scale.path, timing=SURE)) == ["xk3190_tf0"]
            before = len(listener.readings)
            station.resume()
            station.resume()
            assert listener.until_count(listener.readings, before + 1)
        finally:
            station.stop(PATIENCE_S)
            station.stop(PATIENCE_S)
