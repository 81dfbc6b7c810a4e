"""Zero, tare and clear tare: believed only when seen, sent only once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from kiosk.app.shared.adapters import open_scale
from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState
from kiosk.devices.scale.command import COMMANDS, MAX_DEADLINE_S, Effects, PendingCommand
from kiosk.devices.scale.live import LiveScale, Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected, RejectReason
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import PATIENCE_S, Listener, serial_scale

_DONE = CommandResult(CommandOutcome.DONE)
_TIMING = Timing(stale_s=0.9, retry_first_s=0.02, retry_max_s=0.1)


def _reading(weight: str | None, net: bool | None = None, unit: str | None = "kg") -> Reading:
    value = None if weight is None else Decimal(weight)
    return Reading(value, unit, True, net, False, False, raw=b"")


def test_effects(subtests: pytest.Subtests) -> None:
    for command, before, after, acknowledged, seen in [
        ("zero", _reading("0.120"), _reading("0.000"), False, True),
        ("zero", _reading("0.120"), _reading("-0.005"), False, True),
        ("zero", _reading("0.120"), _reading("0.010"), True, False),
        ("zero", _reading("0.005"), _reading("0.000"), False, False),
        ("zero", _reading("0.005"), _reading("0.000"), True, True),
        ("zero", None, _reading("0.000"), False, True),
        ("zero", _reading("0.120"), _reading(None), True, False),
        ("tare", _reading("0.640", False), _reading("0.000", True), False, True),
        ("tare", _reading("0.640"), _reading("0.000"), False, True),
        ("tare", _reading("0.640", False), _reading("0.640", True), True, False),
        ("tare", _reading("0.640", False), _reading("0.000", False), True, False),
        ("tare", _reading("0.000", True), _reading("0.000", True), False, False),
        ("tare", _reading("0.000", False), _reading("0.000", True), False, True),
        ("clear_tare", _reading("0.000", True), _reading("0.640", False), False, True),
        ("clear_tare", _reading("0.000", True), _reading("0.000", True), True, False),
        ("clear_tare", _reading("0.640", False), _reading("0.640", False), False, False),
        ("clear_tare", _reading("0.640", False), _reading("0.640", False), True, True),
        ("clear_tare", _reading("0.000"), _reading("0.640"), False, True),
        ("clear_tare", _reading("0.640"), _reading("0.640"), False, False),
        ("clear_tare", _reading("0.640"), _reading("0.640"), True, True),
    ]:
        with subtests.test(command=command, before=before, after=after, acknowledged=acknowledged, seen=seen):
            assert Effects(5, None).is_confirmed(command, before, after, acknowledged) is seen


def test_a_step_is_known_in_grams_or_is_the_last_decimal() -> None:
    assert Effects(5, "g").is_confirmed("zero", _reading("50", unit=None), _reading("5", unit=None), False)
    assert not Effects(5, "g").is_confirmed("zero", _reading("50", unit=None), _reading("6", unit=None), False)
    assert Effects(None, None).is_confirmed("zero", _reading("0.50"), _reading("0.01"), False)
    assert not Effects(None, None).is_confirmed("zero", _reading("0.50"), _reading("0.02"), False)


def _pending() -> tuple[PendingCommand, list[str]]:
    sent: list[str] = []
    pending = PendingCommand("tare", 10.0, Effects(1, None))
    pending.receive([Record("acknowledgement", "", b"")])  # before it was sent: somebody else's
    pending.dispatch(lambda: sent.append("tare"), _reading("0.640"))
    return pending, sent


def test_no_answer_and_unconfirmed_are_told_apart() -> None:
    silent, _ = _pending()
    silent.expire(9.9)
    assert not silent.over
    silent.expire(10.0)
    assert silent.wait(0) == CommandResult(CommandOutcome.NO_ANSWER)
    heard, _ = _pending()
    heard.read(_reading("0.640"))
    heard.expire(10.0)
    assert heard.wait(0) == CommandResult(CommandOutcome.UNCONFIRMED)


def test_a_tare_record_in_the_stream_is_no_yes_to_another_command() -> None:
    pending = PendingCommand("clear_tare", 10.0, Effects(1, None))
    pending.dispatch(lambda: None, _reading("0.640"))
    pending.receive([Record("tare", "0.640 kg", b"")])
    pending.read(_reading("0.640"))
    assert not pending.over
    pending.receive([Record("acknowledgement", "", b"")])
    pending.read(_reading("0.640"))
    assert pending.wait(0) == _DONE


def test_a_refusal_has_its_reason_and_other_refused_frames_are_none() -> None:
    pending, _ = _pending()
    pending.receive([Rejected(RejectReason.CHECKSUM, b""), Rejected(RejectReason.NO_WEIGHT, b"")])
    assert not pending.over
    pending.receive([Rejected(RejectReason.TARE_RANGE, b"")])
    assert pending.wait(0) == CommandResult(CommandOutcome.REFUSED, "tare_range")


def test_given_up_before_it_was_sent_it_is_never_sent() -> None:
    pending = PendingCommand("tare", 10.0, Effects(1, None))
    assert pending.wait(0) == CommandResult(CommandOutcome.REFUSED, "not_connected")
    pending.dispatch(lambda: pytest.fail("sent after it was given up"), None)


@contextmanager
def _watched(simulator: ScaleSimulator, protocol: str) -> Iterator[tuple[LiveScale, Listener]]:
    listener = Listener()
    poll_s = 0.05 if registry.get(protocol).poll else None
    indicator = Indicator(simulator.path, protocol, {}, poll_s, step_g=1)
    scale = open_scale(indicator, LineSettings(), listener, timing=_TIMING)
    scale.start()
    try:
        yield scale, listener
    finally:
        scale.stop(PATIENCE_S)


_CAN = [
    (row.id, command)
    for row in registry.PROTOCOLS.values()
    for command in COMMANDS
    if command in row.commands and command != "clear_tare"
]
_NET_SAYING = sorted(row.id for row in registry.PROTOCOLS.values() if "clear_tare" in row.commands)


@pytest.mark.parametrize(("protocol", "command"), _CAN)
def test_every_format_that_can_carries_it_out(protocol: str, command: str, tmp_path: Path) -> None:
    with (
        ScaleSimulator(protocol, tmp_path / "scale", hz=50, settle_s=0) as simulator,
        _watched(simulator, protocol) as (scale, listener),
    ):
        simulator.command("put 0.640kg")
        assert listener.until(lambda: listener.weights()[-1:] not in ([], [None], [Decimal(0)]))
        assert scale.send(command, MAX_DEADLINE_S) == _DONE
        simulator.command("put 1.640kg")
        full = {Decimal(1), Decimal(1000)}
        assert listener.until(lambda: listener.weights()[-1] in full)


@pytest.mark.parametrize("protocol", _NET_SAYING)
def test_every_format_that_can_takes_the_tare_back(protocol: str, tmp_path: Path) -> None:
    with (
        ScaleSimulator(protocol, tmp_path / "scale", hz=50, settle_s=0) as simulator,
        _watched(simulator, protocol) as (scale, listener),
    ):
        simulator.command("put 0.640kg")
        assert listener.until(lambda: listener.weights()[-1:] == [Decimal("0.640")])
        assert scale.send("tare", MAX_DEADLINE_S) == _DONE
        assert scale.send("clear_tare", MAX_DEADLINE_S) == _DONE
        assert listener.until(lambda: listener.weights()[-1] == Decimal("0.640"))


def test_what_the_format_cannot_is_not_sent(tmp_path: Path) -> None:
    with (
        ScaleSimulator("st_gs_stx18", tmp_path / "scale", hz=50) as simulator,
        _watched(simulator, "st_gs_stx18") as (scale, listener),
    ):
        assert listener.until_count(listener.readings, 1)
        for command in ("zero", "print", "self-destruct"):
            assert scale.send(command) == CommandResult(CommandOutcome.NOT_SUPPORTED)


def test_nothing_is_sent_to_a_port_that_is_not_there(tmp_path: Path) -> None:
    scale = open_scale(Indicator(str(tmp_path / "none"), "t_scale_nhb"), LineSettings(), Listener(), timing=_TIMING)
    assert scale.send("zero") == CommandResult(CommandOutcome.REFUSED, "not_connected")
    scale.start()
    assert scale.send("zero") == CommandResult(CommandOutcome.REFUSED, "not_connected")
    scale.stop(PATIENCE_S)
    assert scale.send("zero") == CommandResult(CommandOutcome.REFUSED, "not_connected")


@contextmanager
def _deaf_indicator() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    os.set_blocking(master, False)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


class Clock:
    """The machine's own, and what the test lets pass at once."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def _until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.002)


def test_one_at_a_time_sent_once_and_nothing_repeats_it() -> None:
    listener, clock = Listener(), Clock()
    with _deaf_indicator() as (master, path), ThreadPoolExecutor(1) as pool:
        scale = serial_scale(path, "t_scale_nhb", {}, LineSettings(), listener, clock, _TIMING)
        scale.start()
        assert listener.until_state(LinkState.CONNECTED)
        first = pool.submit(scale.send, "tare", MAX_DEADLINE_S)
        end, received = time.monotonic() + PATIENCE_S, b""
        while not received and time.monotonic() < end:
            try:
                received = os.read(master, 100)
            except BlockingIOError:
                threading.Event().wait(0.005)
        assert scale.send("zero") == CommandResult(CommandOutcome.REFUSED, "busy")
        clock.ahead = MAX_DEADLINE_S
        assert first.result() == CommandResult(CommandOutcome.NO_ANSWER)
        assert received == registry.encode("t_scale_nhb", "tare", {})
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
        scale.stop(PATIENCE_S)


def test_a_cable_pulled_meanwhile_ends_the_waiting(tmp_path: Path) -> None:
    with (
        ScaleSimulator("t_scale_nhb", tmp_path / "scale", hz=0) as simulator,
        _watched(simulator, "t_scale_nhb") as (scale, listener),
        ThreadPoolExecutor(1) as pool,
    ):
        simulator.command("silent")
        assert listener.until_state(LinkState.CONNECTED)
        answer = pool.submit(scale.send, "zero", MAX_DEADLINE_S)
        _until(lambda: scale._pending is not None)
        simulator.command("unplug")
        assert answer.result(PATIENCE_S).outcome in (CommandOutcome.NO_ANSWER, CommandOutcome.REFUSED)


def test_while_the_load_swings_the_indicator_does_not_obey_and_the_station_says_so(tmp_path: Path) -> None:
    listener, clock = Listener(), Clock()
    with (
        ScaleSimulator("t_scale_nhb", tmp_path / "scale", hz=50, settle_s=0) as simulator,
        ThreadPoolExecutor(1) as pool,
    ):
        scale = serial_scale(simulator.path, "t_scale_nhb", {}, LineSettings(), listener, clock, _TIMING)
        scale.start()
        simulator.command("put 3kg")
        simulator.command("jitter 0.050kg")
        assert listener.until(lambda: len(set(listener.weights())) > 3)
        answer = pool.submit(scale.send, "tare", MAX_DEADLINE_S)
        _until(lambda: scale._pending is not None and scale._pending.sent)
        assert listener.until_count(listener.readings, len(listener.readings) + 2)
        clock.ahead = MAX_DEADLINE_S
        assert answer.result() == CommandResult(CommandOutcome.UNCONFIRMED)
        scale.stop(PATIENCE_S)


def test_a_listener_must_not_wait_for_its_own_scale(tmp_path: Path) -> None:
    caught: list[str] = []

    class _Waits(Listener):
        def on_reading(self, reading: Reading, at: float) -> None:
            try:
                scale.send("zero")
            except RuntimeError as error:
                caught.append(str(error))
            super().on_reading(reading, at)

    listener = _Waits()
    with ScaleSimulator("t_scale_nhb", tmp_path / "scale", hz=50) as simulator:
        scale = open_scale(Indicator(simulator.path, "t_scale_nhb"), LineSettings(), listener, timing=_TIMING)
        scale.start()
        assert listener.until_count(listener.readings, 1)
        scale.stop(PATIENCE_S)
    assert "must not wait" in caught[0]
