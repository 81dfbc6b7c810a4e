"""Device servers, reports and answers of simulated scales, seen by independent readers."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep

import pytest
import serial

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings, TransmissionMode
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.packets import ReportLine
from kiosk.simulators.scale.simulator import Commands, ScaleSimulator
from kiosk.simulators.shared.faults import BadFaultWord

_7E1 = LineSettings(9600, 7, "E", 1)


# pyserial 3.5 names and marks its thread in a way Python has given up; the client is wanted as it is.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_an_independent_client_sets_the_line_and_reads() -> None:
    net = NetLine(_7E1, rfc2217=True)
    with ScaleSimulator("mt_continuous", hz=50, settle_s=0, line=net) as simulator:
        simulator.command("put 7.385kg")
        with serial.serial_for_url(f"{simulator.path}?timeout=30", 9600, 7, "E", 1, timeout=30) as port:
            assert net.line == _7E1
            decoded = registry.decoder("mt_continuous", {}).feed(port.read(100))
        with serial.serial_for_url(f"{simulator.path}?timeout=30", 9600, 8, "N", 1, timeout=30) as port:
            raw = port.read(100)
        masked = registry.decoder("mt_continuous", {"strip_parity": "true"}).feed(raw)
    assert any(byte > 0x7F for byte in raw)
    for readings in (decoded, masked):
        weights = {item.weight for item in readings if isinstance(item, Reading)}
        assert weights == {Decimal("7.385")}


def test_a_device_server_has_one_client() -> None:
    with ScaleSimulator("st_gs_csv", hz=50, line=NetLine(LineSettings())) as simulator:
        where = ("127.0.0.1", int(simulator.path.rpartition(":")[2]))
        with socket.create_connection(where, 30) as first:
            first.settimeout(30)
            assert first.recv(10)
            with socket.create_connection(where, 30) as second:
                second.settimeout(30)
                assert second.recv(10) == b""
            assert first.recv(10)


def test_the_url_stays_the_same_after_a_replug() -> None:
    with ScaleSimulator("st_gs_csv", hz=0, line=NetLine(LineSettings())) as simulator:
        before = simulator.path
        simulator.command("unplug")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(before.rpartition(":")[2])), 5)
        simulator.command("replug")
        assert simulator.path == before
        socket.create_connection(("127.0.0.1", int(before.rpartition(":")[2])), 5).close()


def test_a_report_file_keeps_the_newest(tmp_path: Path) -> None:
    line = ReportLine(tmp_path / "scale")
    line.plug()
    for number in range(5000):
        line.write(b"%d" % number)
    reader = os.open(line.path, os.O_RDONLY | os.O_NONBLOCK)
    reports = []
    while select.select([reader], [], [], 0)[0]:
        reports.append(os.read(reader, 64))
    os.close(reader)
    line.close()
    assert reports[-1] == b"4999"
    assert len(reports) < 100
    assert reports == [b"%d" % number for number in range(5000 - len(reports), 5000)]


def test_commands_are_found_however_they_are_cut_and_noise_is_skipped() -> None:
    row, params = registry.get("cas_type6"), registry.defaults("cas_type6")
    stream = b"\xff" + row.command("enquiry", params) + b"x" + row.command("request_weight", params)
    for cut in range(len(stream) + 1):
        commands = Commands(row, params)
        assert commands.feed(stream[:cut]) + commands.feed(stream[cut:]) == ["enquiry", "request_weight"]


def test_a_question_to_another_address_is_not_answered() -> None:
    row = registry.get("xk3190_tf1")
    commands = Commands(row, registry.defaults("xk3190_tf1") | {"address": "3"})
    assert commands.feed(registry.encode("xk3190_tf1", "request_weight", {"address": "4"})) == []
    assert len(commands.feed(registry.encode("xk3190_tf1", "request_weight", {"address": "3"}))) == 1


def test_half_a_question_is_forgotten_with_the_cable() -> None:
    row, params = registry.get("xk3190_tf1"), registry.defaults("xk3190_tf1")
    whole = row.command("request_weight", params)
    commands = Commands(row, params)
    commands.feed(whole[:3])
    commands.forget()
    assert commands.feed(whole[3:]) == []
    commands.feed(b"\x02" * 100_000)
    assert len(commands._received) <= 256


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[tuple[ScaleSimulator, int]]:
    with ScaleSimulator("xk3190_tf1", tmp_path / "scale", settle_s=0) as simulator:
        port = os.open(simulator.path, os.O_RDWR | os.O_NOCTTY)
        yield simulator, port
        os.close(port)


def _asked(port: int, wait_s: float = 30.0) -> bytes:
    os.write(port, registry.encode("xk3190_tf1", "request_weight", {}))
    return os.read(port, 100) if select.select([port], [], [], wait_s)[0] else b""


def _hears_and_says_nothing(simulator: ScaleSimulator, port: int) -> bool:
    """A question that it has taken in by now, not one that it will answer later."""
    os.write(port, registry.encode("xk3190_tf1", "request_weight", {}))
    end = monotonic() + 30
    while select.select(simulator._line.descriptors(), [], [], 0)[0] and monotonic() < end:
        sleep(0.005)
    with simulator._lock:  # in its thread it hears and answers under this lock
        return not select.select([port], [], [], 0)[0]


def test_a_polled_scale_speaks_only_when_asked(polled: tuple[ScaleSimulator, int]) -> None:
    simulator, port = polled
    assert registry.get("xk3190_tf1").mode is TransmissionMode.POLL
    assert select.select([port], [], [], 0.2)[0] == []
    simulator.command("put 2.480kg")
    (reading,) = registry.decoder("xk3190_tf1", {}).feed(_asked(port))
    assert isinstance(reading, Reading)
    assert reading.weight == Decimal("2.480")
    assert simulator.frames_sent == 1


def test_frozen_silent_and_at_another_speed(polled: tuple[ScaleSimulator, int]) -> None:
    simulator, port = polled
    simulator.command("put 1kg")
    first = _asked(port)
    simulator.command("freeze")
    simulator.command("put 2kg")
    assert _asked(port) == first
    simulator.command("low-baud")
    assert _hears_and_says_nothing(simulator, port)
    simulator.command("replug")
    assert _asked(port) not in (first, b"")
    simulator.command("silent")
    assert _hears_and_says_nothing(simulator, port)


def test_what_a_format_cannot_carry_is_refused_and_changes_nothing() -> None:
    with ScaleSimulator("hx711", hz=0) as simulator:
        before = simulator.write_now(1000)
        with pytest.raises(BadFaultWord, match="hx711 cannot send what the display would show"):
            simulator.command("unit lb")
        assert simulator.write_now() == before


def test_left_to_itself_an_indicator_shows_a_unit_its_format_can_carry() -> None:
    for protocol, unit in (("st_gs_csv", "kg"), ("eq_forward_integer", "g"), ("pos2_m", "g")):
        assert ScaleSimulator(protocol).unit == unit
