"""A worker's thread does not die, does not miss a wake-up, and ends when it is told to."""

from __future__ import annotations

import logging
import queue
import threading

import pytest

from kiosk.base.worker import Worker

PATIENCE_S = 10.0


def test_steps_follow_each_other_while_there_is_more_to_do() -> None:
    left = [3]
    calls: queue.Queue[int] = queue.Queue()

    def step() -> float | None:
        left[0] -= 1
        calls.put(left[0])
        return 0.0 if left[0] else None

    worker = Worker("counts", step)
    worker.start()
    assert [calls.get(timeout=PATIENCE_S) for _ in range(3)] == [2, 1, 0]
    worker.wake()
    assert calls.get(timeout=PATIENCE_S) == -1
    worker.stop(PATIENCE_S)
    assert not worker.is_alive


def test_a_wake_up_during_a_step_is_not_lost() -> None:
    inside, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def step() -> None:
        inside.release()
        assert go_on.acquire(timeout=PATIENCE_S)

    worker = Worker("waits", step)
    worker.start()
    assert inside.acquire(timeout=PATIENCE_S)
    worker.wake()
    go_on.release()
    assert inside.acquire(timeout=PATIENCE_S), "the pause after the step is left out"
    go_on.release()
    worker.stop(PATIENCE_S)
    assert not worker.is_alive


def test_an_exception_is_logged_once_and_the_step_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: queue.Queue[int] = queue.Queue()
    number = iter(range(100))

    def step() -> float | None:
        now = next(number)
        calls.put(now)
        if now < 3:
            raise OSError("the card is full")
        return None

    worker = Worker("writes", step, retry_s=0.0, expected=(OSError,))
    with caplog.at_level(logging.INFO):
        worker.start()
        assert [calls.get(timeout=PATIENCE_S) for _ in range(4)] == [0, 1, 2, 3]
        worker.stop(PATIENCE_S)
    assert not worker.is_alive
    assert [row.levelname for row in caplog.records] == ["ERROR", "INFO"]
    assert caplog.records[0].exc_info is None
    assert caplog.records[0].getMessage() == "writes failed: the card is full; retrying every 0 s"


def test_an_unexpected_exception_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    called = threading.Event()

    def step() -> float | None:
        called.set()
        raise RuntimeError("a bug")

    worker = Worker("fails", step)
    worker.start()
    assert called.wait(PATIENCE_S)
    worker.stop(PATIENCE_S)
    assert [bool(row.exc_info) for row in caplog.records] == [True]


def test_it_can_be_stopped_before_it_starts_from_within_and_twice() -> None:
    Worker("never", lambda: None).stop()
    ended = threading.Event()
    worker = Worker("once", lambda: worker.stop(), on_end=ended.set)
    worker.start()
    assert ended.wait(PATIENCE_S)
    worker.stop(PATIENCE_S)
    assert not worker.is_alive


def test_a_pause_inside_a_step_ends_when_it_is_to_stop() -> None:
    inside = threading.Event()

    def step() -> float | None:
        inside.set()
        assert worker.pause(PATIENCE_S), "not the whole pause"
        return 0.0

    worker = Worker("pauses", step)
    worker.start()
    assert inside.wait(PATIENCE_S)
    worker.stop(PATIENCE_S)
    assert not worker.is_alive
