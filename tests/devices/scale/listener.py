"""A listener of a scale that keeps what it is told; a test waits for it instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sized
from decimal import Decimal

from kiosk.devices.ports import LinkState, ScaleListener
from kiosk.devices.scale.line.address import parse_address
from kiosk.devices.scale.live import TIMING, LiveScale, Timing
from kiosk.devices.scale.probe import open_line
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales.shared.protocol import LineSettings, Transport
from kiosk.protocols.scales.shared.reading import Reading

PATIENCE_S = 30.0
"""Far beyond what a loaded machine needs: a wait ends with what it waits for."""


class Listener:
    """Keeps what it is told; a test waits for it instead of sleeping."""

    def __init__(self) -> None:
        self.readings: list[tuple[Reading, float]] = []
        self.expired: list[float] = []
        self.links: list[tuple[LinkState, str]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.holding = threading.Event()
        self.fails = False
        self._changed = threading.Condition()

    def on_reading(self, reading: Reading, at: float) -> None:
        with self._changed:
            self.readings.append((reading, at))
            self._changed.notify_all()
        if not self.hold.is_set():
            self.holding.set()
            self.hold.wait(PATIENCE_S)
        self._fail_if_told()

    def on_expired(self, at: float) -> None:
        with self._changed:
            self.expired.append(at)
            self._changed.notify_all()
        self._fail_if_told()

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        with self._changed:
            self.links.append((state, detail))
            self._changed.notify_all()
        self._fail_if_told()

    def _fail_if_told(self) -> None:
        if self.fails:
            raise RuntimeError("a page had a fault")

    def until(self, met: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        with self._changed:
            return self._changed.wait_for(met, patience_s)

    def until_count(self, kept: Sized, count: int) -> bool:
        return self.until(lambda: len(kept) >= count)

    def until_state(self, state: LinkState, count: int = 1) -> bool:
        return self.until(lambda: self.states().count(state) >= count)

    def weights(self) -> list[Decimal | None]:
        return [reading.weight for reading, _ in self.readings]

    def states(self) -> list[LinkState]:
        return [state for state, _ in self.links]


def serial_scale(
    port: str,
    protocol: str,
    params: Mapping[str, str],
    line: LineSettings,
    listener: ScaleListener,
    clock: Callable[[], float] = time.monotonic,
    timing: Timing = TIMING,
    poll_s: float | None = None,
) -> LiveScale:
    """As the factory makes it, with a clock of the test."""
    indicator, address = Indicator(port, protocol, params, poll_s), parse_address(port, Transport.SERIAL)
    return LiveScale(indicator, lambda: open_line(address, line), listener, clock, timing)
