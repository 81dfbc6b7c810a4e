"""A scale that answers without a weight: what it means, and the weighing that still stands."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from kiosk.devices.ports import LinkState
from kiosk.devices.scale.exchange import REFUSAL_TEXTS, LastWeighing, newest_refusal
from kiosk.devices.scale.live import Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected, RejectReason
from tests.devices.scale.listener import PATIENCE_S, Listener, serial_scale

WEIGHT = Reading(Decimal("2.480"), "kg", True, False, False, False, raw=b"w")
MOVING = Reading(None, None, False, False, False, False, raw=b"m")
SAME = Rejected(RejectReason.NO_NEW_WEIGHING, b"?")
NAK = Rejected(RejectReason.NAK, b"\x15")
DAMAGE = Rejected(RejectReason.FRAMING, b"x")
ACK = Record("acknowledgement", "", b"\x06")


def weighed() -> LastWeighing:
    repeats = LastWeighing()
    repeats.query_sent()
    assert repeats.answered([WEIGHT], [WEIGHT], over=True) is None
    return repeats


def test_it_stands_for_as_long_as_each_question_is_answered_with_that() -> None:
    repeats = weighed()
    for _ in range(3):
        repeats.query_sent()
        assert repeats.answered([SAME], [], over=True) is WEIGHT


@pytest.mark.parametrize("other", [[DAMAGE], [Rejected(RejectReason.BUSY, b"")]])
def test_any_other_answer_may_have_been_the_next_weighing(other: list[Rejected]) -> None:
    repeats = weighed()
    repeats.query_sent()
    assert repeats.answered(other, [], over=False) is None
    repeats.query_sent()
    assert repeats.answered([SAME], [], over=True) is None


def test_motion_ends_it() -> None:
    repeats = weighed()
    repeats.query_sent()
    repeats.answered([MOVING], [MOVING], over=True)
    repeats.query_sent()
    assert repeats.answered([SAME], [], over=True) is None


def test_a_question_that_was_not_answered_ends_it() -> None:
    """The next weighing may have been lost on the line, and is told once only."""
    repeats = weighed()
    repeats.query_sent()
    repeats.query_sent()
    assert repeats.answered([SAME], [], over=True) is None


def test_damage_in_front_of_it_ends_it() -> None:
    repeats = weighed()
    repeats.query_sent()
    assert repeats.answered([DAMAGE, SAME], [], over=True) is None


def test_acknowledgements_and_the_no_before_the_question_why_do_not() -> None:
    repeats = weighed()
    repeats.query_sent()
    assert repeats.answered([ACK], [], over=False) is None
    assert repeats.answered([NAK], [], over=False) is None
    assert repeats.answered([SAME], [], over=True) is WEIGHT


def test_what_answers_no_question_says_nothing() -> None:
    assert weighed().answered([SAME], [], over=False) is None


def test_nothing_stands_from_before_the_port_was_opened() -> None:
    repeats = weighed()
    repeats.forget()
    repeats.query_sent()
    assert repeats.answered([SAME], [], over=True) is None


def test_only_what_a_scale_says_of_itself_is_meant() -> None:
    assert newest_refusal([SAME, Rejected(RejectReason.BELOW_MIN, b""), DAMAGE, ACK]) is RejectReason.BELOW_MIN
    assert newest_refusal([DAMAGE, NAK, WEIGHT]) is None
    assert not set(REFUSAL_TEXTS) & {
        RejectReason.CHECKSUM,
        RejectReason.FRAMING,
        RejectReason.INCOMPLETE,
        RejectReason.PARITY,
    }


@contextmanager
def scripted(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A scale on a terminal that answers as it is told; its path."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop, stopped = os.pipe()

    def serve() -> None:
        while True:
            ready, _, _ = select.select([master, stop], [], [])
            if stop in ready:
                return
            os.write(master, answer(os.read(master, 100)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(stopped, b".")
        thread.join()
        for number in (master, slave, stop, stopped):
            os.close(number)


class Toledo8217:
    """Tells each weight once; then that nothing moves and nothing is new."""

    def __init__(self) -> None:
        self.grams, self.told, self.mute = 0, -1, 0

    def __call__(self, asked: bytes) -> bytes:
        if self.told != self.grams:
            self.told = self.grams
            answer = b"\x02%02d.%03d\r" % (self.grams // 1000, self.grams % 1000)
            if self.mute:
                self.mute -= 1
                return answer[:4]
            return answer
        return b"\x02?%c\r" % (0x40 | 0x10 * (not self.grams))


TIMING = Timing(stale_s=0.3, retry_first_s=0.02, retry_max_s=0.05)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is waited for however long the machine rests: one that comes late would be one that was lost."""
    row = registry.get("mt_8217")
    assert row.poll is not None
    patient = replace(row, poll=replace(row.poll, timeout_s=PATIENCE_S))
    monkeypatch.setattr(registry, "get", {"mt_8217": patient}.__getitem__)


@contextmanager
def watched(path: str, stale_s: float = TIMING.stale_s) -> Iterator[Listener]:
    listener, timing = Listener(), replace(TIMING, stale_s=stale_s)
    scale = serial_scale(path, "mt_8217", {}, LineSettings(), listener, timing=timing, poll_s=0.02)
    scale.start()
    try:
        yield listener
    finally:
        scale.stop(PATIENCE_S)


def test_a_weight_that_is_told_once_stays_live() -> None:
    toledo = Toledo8217()
    with scripted(toledo) as path, watched(path, PATIENCE_S) as listener:
        assert listener.until_count(listener.readings, 12)
        assert set(listener.weights()) == {Decimal("0.000")}
        toledo.grams = 2_480
        assert listener.until(lambda: listener.weights().count(Decimal("2.480")) > 12)
        assert listener.expired == []
        assert listener.states() == [LinkState.CONNECTED]
        raws = {reading.raw for reading, _ in listener.readings}
    assert raws == {b"\x0200.000\r", b"\x0202.480\r"}


def test_a_weight_that_was_lost_on_the_line_is_not_replaced_by_the_one_before() -> None:
    toledo = Toledo8217()
    with scripted(toledo) as path, watched(path) as listener:
        assert listener.until_count(listener.readings, 3)
        toledo.mute = 1
        toledo.grams = 2_480
        assert listener.until_state(LinkState.REFUSES)
        assert set(listener.weights()) == {Decimal("0.000")}
        assert "nothing has changed since its last weighing" in listener.links[-1][1]
        toledo.grams = 3_000
        assert listener.until(lambda: listener.weights().count(Decimal("3.000")) > 3)


def test_a_scale_that_says_why_is_not_called_silent() -> None:
    with scripted(lambda asked: b"\x02?\x41\r") as path, watched(path) as listener:
        assert listener.until(lambda: len(listener.readings) > 3)
        assert {reading.stable for reading, _ in listener.readings} == {False}
    with scripted(lambda asked: b"\x02?\x40\r") as path, watched(path) as listener:
        assert listener.until_state(LinkState.REFUSES)
    with scripted(lambda asked: b"") as path, watched(path) as listener:
        assert listener.until_state(LinkState.SILENT)
    assert Indicator("here", "mt_8217").row.poll is not None


def test_a_silent_scale_that_is_unplugged_is_missing_and_stays_that(tmp_path: Path) -> None:
    """By a name that goes with the device: the terminal's number may be another program's a moment later."""
    by_id = tmp_path / "scale"
    with scripted(lambda asked: b"\x02?\x40\r") as path:
        by_id.symlink_to(path)
        link = watched(str(by_id))
        listener = link.__enter__()
        assert listener.until_state(LinkState.REFUSES)
        by_id.unlink()
    try:
        assert listener.until_state(LinkState.MISSING)
        told = len(listener.links)
        assert not listener.until(lambda: len(listener.links) > told + 1, 0.5)
        assert listener.states()[-1] is LinkState.MISSING
    finally:
        link.__exit__(None, None, None)
