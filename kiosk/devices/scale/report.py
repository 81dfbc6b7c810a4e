"""What a scale supervisor tells its listener, whose faults stay its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from kiosk.devices.ports import LinkState, ScaleListener
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.protocols.scales.shared.reading import Reading

_log = logging.getLogger(__name__)

LOG_PERIOD_S: Final = 10.0  # A scale that is refused, or a listener that fails, may do so ten times a second


class Reporter:
    """Calls the listener; its exceptions are logged and go no further. A link is told when it changes."""

    def __init__(self, listener: ScaleListener, clock: Callable[[], float]) -> None:
        self._listener = listener
        self._failures = RateLimitedLog(_log, clock, LOG_PERIOD_S)
        self._reported: tuple[LinkState, str] | None = None

    def reading(self, reading: Reading, at: float) -> None:
        self._guard(lambda: self._listener.on_reading(reading, at))

    def expired(self, at: float) -> None:
        """The newest reading is too old."""
        self._guard(lambda: self._listener.on_expired(at))

    def link(self, state: LinkState, detail: str, at: float) -> None:
        """The state of the way to the scale; told and logged when it is another one than before."""
        if self._reported == (state, detail):
            return
        self._reported = (state, detail)
        _log.info("%s", detail)
        self._guard(lambda: self._listener.on_link(state, detail, at))

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            self._failures.write("A listener of the scale failed; the scale goes on.", error=error)
