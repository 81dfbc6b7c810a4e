"""The station's scale, made so that it can let go of its port for a while and take it up again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState, Scale, ScaleListener


class PausableScale:
    """A ``Scale`` and a ``ports.Supervisor``.

    A scale is started once, so each resumption makes a new one. While it is paused the listener is told that the scale
    is missing, commands are refused, and the pulse goes on: nothing hangs.
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
        """See Scale."""
        return self._clock() if self._paused else self._scale.pulse

    def start(self) -> None:
        """See Scale."""
        with self._lock:
            self._running = True
            if not self._paused:
                self._scale.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """See Scale."""
        with self._lock:
            self._running = False
            if not self._paused:
                self._scale.stop(timeout_s)

    def send(self, command: str, deadline_s: float = 3.0) -> CommandResult:
        """See Scale."""
        if self._paused:
            return CommandResult(CommandOutcome.REFUSED, "not_connected")
        return self._scale.send(command, deadline_s)

    def pause(self) -> None:
        """Stop the scale; raises TimeoutError when it does not let go, and then it is not paused."""
        with self._lock:
            if self._paused or not self._running:
                return
            self._scale.stop()
            self._paused = True
            now = self._clock()
            self._listener.on_expired(now)
            self._listener.on_link(LinkState.MISSING, "The technician is teaching the scale: nothing is read.", now)

    def resume(self) -> None:
        """A new scale as before."""
        with self._lock:
            if not self._paused:
                return
            self._scale, self._paused = self._make(self._listener), False
            if self._running:
                self._scale.start()


class PauseDoor:
    """Holds the station's scale once the station has made it; a ``Supervisor`` also before, when it does nothing."""

    def __init__(self) -> None:
        self._scale: PausableScale | None = None

    def between(self, make: Callable[[ScaleListener], Scale]) -> Callable[[ScaleListener], Scale]:
        """The same adapter, able to let go of its port."""

        def made(listener: ScaleListener) -> Scale:
            self._scale = PausableScale(make, listener)
            return self._scale

        return made

    def pause(self) -> None:
        """See Supervisor. Raises TimeoutError."""
        if self._scale is not None:
            self._scale.pause()

    def resume(self) -> None:
        """See Supervisor."""
        if self._scale is not None:
            self._scale.resume()
