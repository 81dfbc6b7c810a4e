"""Frames that only the next byte could end: told after a rest of the line, never without what stands behind them."""

from __future__ import annotations

import os
import pty
import time
import tty
from decimal import Decimal

from kiosk.devices.ports import LinkState
from kiosk.protocols.scales.shared.protocol import LineSettings
from tests.devices.scale.listener import PATIENCE_S, Listener, serial_scale


def _writer() -> tuple[int, int, str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    return master, slave, os.ttyname(slave)


def test_a_frame_that_only_the_next_one_would_end_is_told_after_a_rest() -> None:
    """An indicator that sends once a second would be shown a second late, and its last frame never."""
    master, slave, path = _writer()
    listener = Listener()
    scale = serial_scale(path, "xk3190_eq_forward", {}, LineSettings(), listener)
    scale.start()
    try:
        assert listener.until_state(LinkState.CONNECTED)
        os.write(master, b"=0007.385")
        assert listener.until(lambda: listener.weights() == [Decimal("7.385")])
        os.write(master, b"=0002.480lb 0012.50 0092.31")
        assert listener.until_count(listener.readings, 2)
    finally:
        scale.stop(PATIENCE_S)
        os.close(master)
        os.close(slave)
    assert [(reading.weight, reading.unit) for reading, _ in listener.readings] == [
        (Decimal("7.385"), None),
        (Decimal("2.480"), "lb"),
    ]


def test_bytes_that_wait_in_the_port_are_read_before_a_frame_is_taken_for_whole() -> None:
    """The station slept while the unit came: it lies behind the weight, and must not be left behind."""
    master, slave, path = _writer()
    listener = Listener()

    class Sleepy:
        """It falls asleep when the rest of the line is over, in the scale's own thread: no moment sooner or later."""

        slept = 0.0

        def __call__(self) -> float:
            now, exchange = time.monotonic(), scale._exchange
            settle_at = exchange.settle_at if exchange is not None else None
            if not self.slept and settle_at is not None and now >= settle_at:
                os.write(master, b"lb 0012.50 0092.31")
                self.slept = 0.3  # no longer: then nothing of it would be believed
            return now + self.slept

    scale = serial_scale(path, "xk3190_eq_forward", {}, LineSettings(), listener, clock=Sleepy())
    scale.start()
    try:
        assert listener.until_state(LinkState.CONNECTED)
        os.write(master, b"=0007.385")
        assert listener.until_count(listener.readings, 1)
    finally:
        scale.stop(PATIENCE_S)
        os.close(master)
        os.close(slave)
    assert {reading.unit for reading, _ in listener.readings} == {"lb"}
