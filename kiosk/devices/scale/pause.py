"""The station's scale: it can release its port for a while and reopen it, and it has several listeners."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState, Scale, ScaleListener
from kiosk.protocols.scales.shared.reading import Reading


class PausableScale:
    """A ``Scale`` and ``Pausable``.

    A scale is started once, so each resumption makes a new one. While it is paused it is reported to the listener as
    missing, commands are refused, and the pulse continues: nothing hangs.
    """

    def __init__(
        self,
        make: Callable[[ScaleListener], Scale],
        listener: ScaleListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._listener, self._clock = make, listener, clock
        self._lock = threading.Lock()
        self._scale: Scale = make(listener)
        self._running = self._paused = False

    @property
    def pulse(self) -> float | None:
        return self._clock() if self._paused else self._scale.pulse

    def start(self) -> None:
        with self._lock:
            self._running = True
            if not self._paused:
                self._scale.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        with self._lock:
            self._running = False
            if not self._paused:
                self._scale.stop(timeout_s)

    def send(self, command: str, deadline_s: float = 3.0) -> CommandResult:
        if self._paused:
            return CommandResult(CommandOutcome.REFUSED, "not_connected")
        return self._scale.send(command, deadline_s)

    def pause(self) -> None:
        """Stop the scale; raises TimeoutError when it does not stop, and then it is not paused."""
        with self._lock:
            if self._paused or not self._running:
                return
            self._scale.stop()
            self._paused = True
            now = self._clock()
            self._listener.on_expired(now)
            self._listener.on_link(LinkState.MISSING, "The technician is teaching the scale: nothing is read.", now)

    def resume(self) -> None:
        with self._lock:
            if not self._paused:
                return
            self._scale, self._paused = self._make(self._listener), False
            if self._running:
                self._scale.start()


class ScaleListeners:
    """A ``ScaleListener`` that is created first and informs all subscribers, in order of subscription."""

    def __init__(self) -> None:
        self._listeners: tuple[ScaleListener, ...] = ()

    def subscribe(self, listener: ScaleListener) -> None:
        self._listeners = (*self._listeners, listener)

    def on_reading(self, reading: Reading, at: float) -> None:
        for listener in self._listeners:
            listener.on_reading(reading, at)

    def on_expired(self, at: float) -> None:
        for listener in self._listeners:
            listener.on_expired(at)

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        for listener in self._listeners:
            listener.on_link(state, detail, at)
