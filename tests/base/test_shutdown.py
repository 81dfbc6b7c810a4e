"""A program ends, whenever the signals come, and however many of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest

from kiosk.base.shutdown import ShutdownEvent, shutdown_event


def at_line(place: int, handle: Callable[[], None], act: Callable[[], object]) -> bool:
    """Do ``act``, and ``handle`` before its line ``place``, of all that it calls, as a signal's handler runs.

    Whether there was such a line.
    """
    seen = -1

    def trace(_frame: FrameType, event: str, _arg: object) -> Callable[..., Any]:
        nonlocal seen
        if event == "line":
            seen += 1
            if seen == place:
                sys.settrace(None)
                handle()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return seen >= place


def wait_until_woken(event: ShutdownEvent) -> None:
    timer = threading.Timer(0.02, event.set)
    timer.start()
    event.wait()
    timer.join()


def wait_a_little(event: ShutdownEvent) -> None:
    event.wait(0.02)


@pytest.mark.parametrize("act", [ShutdownEvent.set, ShutdownEvent.wait, wait_a_little, wait_until_woken])
def test_a_signal_may_come_before_any_line(act: Callable[[ShutdownEvent], object]) -> None:
    place = 0
    while True:
        event = ShutdownEvent()
        if act is ShutdownEvent.wait:
            event.set()
        if not at_line(place, event.set, partial(act, event)):
            break
        assert event.is_set()
        assert event.wait(0)
        place += 1
    assert place > 2, "nothing was tried"


def send_signals() -> None:
    for _ in range(500):
        os.kill(os.getpid(), signal.SIGUSR1)


def test_signals_may_come_while_one_is_handled() -> None:
    event, handled = ShutdownEvent(), 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal handled
        handled += 1
        if handled < 50:
            signal.raise_signal(signal.SIGUSR1)
        event.set()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        sender = threading.Thread(target=send_signals)
        sender.start()
        assert event.wait()
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handled >= 50


class Unheard(ShutdownEvent):
    """Its flag is up, as by a handler that ran in the instant before the thread fell asleep: nobody is woken."""

    def set(self) -> None:
        self._is_shutdown = True


def test_who_waits_for_ever_looks_again_though_nobody_wakes_it() -> None:
    wait_until_woken(Unheard())
    assert not ShutdownEvent().wait(0)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_is_received(number: int) -> None:
    stop = shutdown_event()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    assert stop.wait(5)


@pytest.mark.usefixtures("handlers")
def test_a_child_process_leaves_the_key_of_a_terminal_to_its_parent() -> None:
    stop = shutdown_event(from_terminal=False)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.wait(5)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
