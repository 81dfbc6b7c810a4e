"""Time, told by hand: what is due when, and how often."""

from __future__ import annotations

import errno
import select

import pytest

from kiosk.devices.scale.line.serial_port import open_error_text
from kiosk.devices.scale.supervision import Freshness, WakePipe


def test_a_reading_expires_at_its_age_and_once() -> None:
    fresh = Freshness(stale_s=0.95)
    fresh.opened(10.0)
    fresh.reading(10.5)
    assert fresh.deadline() == pytest.approx(11.45)
    assert not fresh.take_expired(11.4)
    assert fresh.take_expired(11.45)
    assert not fresh.take_expired(11.46)
    assert fresh.take_silent(11.46)
    assert not fresh.take_silent(99.0)
    assert fresh.deadline() is None


def test_a_closed_port_is_not_silent_but_its_reading_expires() -> None:
    fresh = Freshness(stale_s=1.0)
    fresh.opened(0.0)
    fresh.reading(5.0)
    fresh.closed()
    assert fresh.deadline() == 6.0
    assert not fresh.take_silent(6.0)
    assert fresh.take_expired(6.0)


def test_a_port_that_was_opened_again_is_given_its_time() -> None:
    fresh = Freshness(stale_s=1.0)
    fresh.reading(5.0)
    fresh.closed()
    fresh.opened(5.8)
    assert fresh.take_expired(6.1)
    assert not fresh.take_silent(6.1)
    assert fresh.take_silent(6.8)


def test_nothing_is_due_before_anything_happened() -> None:
    fresh = Freshness(stale_s=1.0)
    assert fresh.deadline() is None
    assert not fresh.take_expired(1e9)
    assert not fresh.take_silent(1e9)


def test_the_wake_pipe_stays_awake_however_often_it_is_woken() -> None:
    pipe = WakePipe()
    try:
        poll = select.poll()
        poll.register(pipe.fileno(), select.POLLIN)
        assert poll.poll(0) == []
        for _ in range(100_000):
            pipe.wake()
        assert poll.poll(0)
    finally:
        pipe.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "x"), "not plugged in at /dev/scale: check its cable"),
        (OSError(errno.ENODEV, "x"), "not plugged in at /dev/scale: check its cable"),
        (PermissionError(errno.EACCES, "x"), "add this user to the group dialout"),
        (OSError(errno.EBUSY, "x"), "Another program uses the scale's port /dev/scale"),
        (BlockingIOError(errno.EAGAIN, "x"), "Another program uses the scale's port /dev/scale"),
        (ValueError("not a speed"), "/dev/scale cannot be opened (not a speed)"),
    ],
)
def test_a_port_that_cannot_be_opened_is_named_with_what_to_do(error: Exception, words: str) -> None:
    assert words in open_error_text("/dev/scale", error)


def test_a_pipe_that_was_cleared_waits_again() -> None:
    pipe = WakePipe()
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    pipe.clear()
    for _ in range(70_000):  # more than a pipe holds
        pipe.wake()
    while poll.poll(0):
        pipe.clear()
    pipe.wake()
    assert poll.poll(0)
    pipe.close()
