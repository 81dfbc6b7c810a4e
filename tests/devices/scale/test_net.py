"""A scale behind a device server: plain TCP and RFC 2217, with what a network does to them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
import serial
from serial.rfc2217 import PortManager

from kiosk.devices.ports import LinkState
from kiosk.devices.scale.line.rfc2217 import SET_BAUDRATE, SET_PARITY, Telnet, escaped
from kiosk.devices.scale.live import Timing
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import PATIENCE_S, Listener, serial_scale

_TIMING = Timing(stale_s=0.3, retry_first_s=0.02, retry_max_s=0.1, open_s=0.5)
_UNHURRIED = replace(_TIMING, stale_s=PATIENCE_S, open_s=PATIENCE_S)
"""Where a server that rests on a loaded machine must be neither silent nor missing."""
_7E1, _8N1 = LineSettings(9600, 7, "E", 1), LineSettings(9600)


@contextmanager
def _watched(
    port: str,
    protocol: str = "st_gs_csv",
    line: LineSettings = _8N1,
    poll_s: float | None = None,
    timing: Timing = _TIMING,
) -> Iterator[Listener]:
    listener = Listener()
    scale = serial_scale(port, protocol, {}, line, listener, timing=timing, poll_s=poll_s)
    scale.start()
    try:
        yield listener
    finally:
        scale.stop(PATIENCE_S)


@contextmanager
def _server(protocol: str, line: LineSettings, rfc2217: bool = True, refuse: int = 0) -> Iterator[ScaleSimulator]:
    net = NetLine(line, rfc2217, refuse)
    with ScaleSimulator(protocol, hz=50, settle_s=0, line=net) as simulator:
        simulator.command("put 2.480kg")
        yield simulator


@pytest.mark.parametrize("rfc2217", [True, False])
@pytest.mark.parametrize(
    ("protocol", "line"),
    [("st_gs_csv", _8N1), ("mt_continuous", _7E1), ("mt_8217", _7E1), ("ff_bcd", _8N1), ("massak_100", _8N1)],
)
def test_weights_come_over_the_network(protocol: str, line: LineSettings, rfc2217: bool) -> None:
    poll_s = 0.05 if protocol in ("mt_8217", "massak_100") else None
    with (
        _server(protocol, line, rfc2217) as simulator,
        _watched(simulator.path, protocol, line, poll_s, _UNHURRIED) as listener,
    ):
        assert listener.until(lambda: Decimal("2.480") in listener.weights())
        assert listener.states() == [LinkState.CONNECTED]
        assert set(listener.weights()) <= {Decimal("2.480"), Decimal(0)}


def test_the_station_sets_the_line() -> None:
    net = NetLine(_7E1, rfc2217=True)
    with (
        ScaleSimulator("mt_continuous", hz=50, line=net) as simulator,
        _watched(simulator.path, "mt_continuous", _7E1) as listener,
    ):
        assert listener.until_count(listener.readings, 1)
        assert net.line == _7E1


@pytest.mark.parametrize("wrong", [LineSettings(1200, 7, "E", 1), LineSettings(19_200, 7, "E", 1)])
def test_another_speed_is_told_apart_from_silence(wrong: LineSettings) -> None:
    with _server("mt_continuous", _7E1) as simulator, _watched(simulator.path, "mt_continuous", wrong) as listener:
        words = "sends nothing like mt_continuous: check its speed"
        assert listener.until(lambda: any(words in detail for _, detail in listener.links))
        assert LinkState.SILENT in listener.states()
        assert listener.readings == []


def test_a_line_read_with_8_bits_instead_of_7_and_parity_gives_no_weight_of_a_text_format() -> None:
    with _server("st_gs_csv", _7E1) as simulator, _watched(simulator.path, "st_gs_csv", _8N1) as listener:
        assert listener.until_state(LinkState.SILENT)
        assert listener.readings == []


def test_low_baud_over_a_real_line_and_back() -> None:
    with _server("st_gs_csv", _8N1) as simulator, _watched(simulator.path) as listener:
        assert listener.until_count(listener.readings, 1)
        simulator.command("low-baud")
        assert listener.until_state(LinkState.SILENT)
        assert set(listener.weights()) == {Decimal("2.480")}
        simulator.command("replug")
        count = len(listener.readings)
        assert listener.until(lambda: len(listener.readings) > count)


@pytest.mark.parametrize(("setting", "words"), [(SET_BAUDRATE, "speed: 19200 was asked"), (SET_PARITY, "parity")])
def test_a_server_that_keeps_its_own_settings_is_named(setting: int, words: str) -> None:
    wanted = LineSettings(19_200, 8, "E", 1)
    with (
        _server("st_gs_csv", _8N1, refuse=setting) as simulator,
        _watched(simulator.path, line=wanted, timing=_UNHURRIED) as listener,
    ):
        assert listener.until_state(LinkState.MISSING)
        assert f"refuses the {words}" in listener.links[-1][1]
        assert LinkState.CONNECTED not in listener.states()


@contextmanager
def _bare_server(answer: bytes = b"", held: list[socket.socket] | None = None) -> Iterator[str]:
    """Accepts and says one thing; for ever the same. The connections end in ``held``."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = [] if held is None else held

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            held.append(client)
            client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for client in held:
            client.close()


def test_a_server_without_rfc2217_is_named() -> None:
    with _bare_server(b"\xff\xfe\x2c") as where, _watched(f"rfc2217://{where}", timing=_UNHURRIED) as listener:
        assert listener.until_state(LinkState.MISSING)
        assert "does not speak RFC 2217: use tcp://" in listener.links[-1][1]


def test_a_server_that_never_answers_the_settings_gives_no_weight() -> None:
    frame = b"ST,GS,+  2.480kg\r\n"
    with _bare_server(frame) as where, _watched(f"rfc2217://{where}") as listener:
        assert listener.until_state(LinkState.MISSING)
        assert "does not answer" in listener.links[-1][1]
        assert listener.readings == []


def test_nothing_is_asked_before_the_line_is_set() -> None:
    clients: list[socket.socket] = []
    with _bare_server(b"", clients) as where, _watched(f"rfc2217://{where}", "mt_8217", _7E1) as listener:
        assert listener.until_state(LinkState.MISSING)
        end = time.monotonic() + PATIENCE_S
        while not clients and time.monotonic() < end:  # let in by another thread
            threading.Event().wait(0.005)
        received = clients[0].recv(4096)
    assert received.startswith(b"\xff")
    assert registry.encode("mt_8217", "request_weight", {}) not in received


def test_nobody_at_the_address() -> None:
    with socket.socket() as nobody:  # holds the port, so that no other program gets it, and does not listen
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        _finds_nobody(port)


def _finds_nobody(port: int) -> None:
    with _watched(f"tcp://127.0.0.1:{port}") as listener:
        assert listener.until_state(LinkState.MISSING)
        assert listener.links == [
            (
                LinkState.MISSING,
                f"The scale's device server does not answer at tcp://127.0.0.1:{port}:"
                " check its power, network cable and address.",
            )
        ]


def test_a_server_that_swallows_the_connection_does_not_hold_the_thread() -> None:
    """A listen queue that is full lets a connection wait for ever, like an address nobody has."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(where)
        listener = Listener()
        scale = serial_scale(f"tcp://127.0.0.1:{where[1]}", "st_gs_csv", {}, _8N1, listener, timing=_TIMING)
        scale.start()
        assert listener.until_state(LinkState.MISSING)
        begun = time.monotonic()
        scale.stop(PATIENCE_S)
        assert time.monotonic() - begun < PATIENCE_S, "the kernel would try for two minutes"
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("rfc2217", [True, False])
def test_a_server_that_loses_its_power_comes_back_without_an_old_weight(rfc2217: bool) -> None:
    with _server("st_gs_csv", _8N1, rfc2217) as simulator, _watched(simulator.path) as listener:
        assert listener.until_count(listener.readings, 2)
        simulator.command("unplug")
        assert listener.until_count(listener.expired, 1)
        assert listener.until(lambda: listener.states()[-1] is LinkState.MISSING)
        count = len(listener.readings)
        simulator.command("put 5kg")
        simulator.command("replug")
        assert listener.until(lambda: len(listener.readings) > count)
        assert set(listener.weights()[count:]) == {Decimal(5)}


def test_a_backlog_of_a_network_is_dropped() -> None:
    with _bare_server(b"ST,GS,+  7.000kg\r\n" * 2000) as where, _watched(f"tcp://{where}") as listener:
        assert listener.until_state(LinkState.SILENT)
        assert len(listener.readings) <= 1


def test_an_independent_server_understands_this_client() -> None:
    """pyserial's own RFC 2217 server end, in front of a loopback port that holds the settings."""
    port = serial.serial_for_url("loop://", timeout=0)
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(PATIENCE_S)
    listener = Listener()
    url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
    scale = serial_scale(url, "mt_continuous", {}, LineSettings(4800, 7, "E", 2), listener, timing=_UNHURRIED)
    scale.start()
    client, _ = server.accept()
    client.settimeout(0.05)

    class _Out:
        def write(self, data: bytes) -> None:
            client.sendall(data)

    try:
        manager = PortManager(port, _Out())
        end = time.monotonic() + PATIENCE_S
        while LinkState.CONNECTED not in listener.states() and time.monotonic() < end:
            try:
                b"".join(manager.filter(client.recv(1024)))
            except TimeoutError:
                continue
        assert listener.states() == [LinkState.CONNECTED]
        assert (port.baudrate, port.bytesize, port.parity, port.stopbits) == (4800, 7, "E", 2)
        frame = registry.get("mt_continuous").encode_frame(
            DisplayState(Decimal("7.385")), registry.defaults("mt_continuous")
        )
        client.sendall(b"".join(manager.escape(frame)))
        assert listener.until_count(listener.readings, 1)
        assert listener.weights() == [Decimal("7.385")]
    finally:
        scale.stop(PATIENCE_S)
        client.close()
        server.close()
        port.close()


def test_telnet_is_the_same_however_it_is_cut() -> None:
    stream = b"a\xff\xfd\x2cb\xff\xfa\x2c\x65\x00\x00\xff\xff\x80\xff\xf0c\xff\xffd\xff\xf1e"
    for cut in range(len(stream) + 1):
        telnet = Telnet()
        telnet.feed(stream[:cut])
        telnet.feed(stream[cut:])
        assert bytes(telnet.data) == b"abc\xffde"
        assert telnet.options == [(0xFD, 0x2C)]
        assert telnet.subs == [b"\x2c\x65\x00\x00\xff\x80"]


def test_telnet_keeps_no_long_subnegotiation() -> None:
    telnet = Telnet()
    telnet.feed(b"\xff\xfa" + b"x" * 1_000_000 + b"\xff\xf0")
    assert len(telnet.subs[0]) == 64
    assert escaped(b"\xff\x00") == b"\xff\xff\x00"
