"""The watchdog: reports when messages wait and none is accepted, and has the broker deliver them again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import WatchedConnection

log = logging.getLogger(__name__)

STALLED_S: Final = 30.0  # A commit takes milliseconds, and a locked ledger is reported after five seconds
# Between two restarts of the connection: each helps or does not, and more of them help no more.
MAX_PAUSE_S: Final = 600.0

_POLL_INTERVAL_S: Final = 1.0


class IngestWatchdog:
    """``check`` is the step of a worker. ``parts``: each part of the program by name, and whether its thread runs.
    ``damage``: of the ledger, "" for none; it is reported before the next message finds it.
    """

    def __init__(
        self,
        connection: WatchedConnection,
        health: CenterHealth,
        parts: Mapping[str, Callable[[], bool]],
        clock: Callable[[], float] = time.monotonic,
        damage: Callable[[], str] = lambda: "",
    ) -> None:
        self._connection = connection
        self._health = health
        self._parts = parts
        self._clock = clock
        self._damage = damage
        self._backoff = Backoff(STALLED_S, MAX_PAUSE_S)
        self._restart_at = self._not_before = clock()
        # How many messages had been taken in when it stalled; None while it does not.
        self._settled_at_stall: int | None = None
        self._calm_since: float | None = None

    def check(self) -> float:
        """Check once; return the seconds until the next check."""
        ended = [name for name, runs in self._parts.items() if not runs()]
        now, waiting_s = self._clock(), self._connection.waiting_s()
        self._health.set_waiting(self._connection.waiting())
        if damage := self._damage():
            self._health.set_fault("ledger", damage)
        if self._health.report().ledger_trouble:
            # Reported by itself, and another connection would not help; once it is over there is much to catch up with.
            self._not_before = now + STALLED_S
            self._recover()
        elif waiting_s is not None and waiting_s >= STALLED_S and now >= self._not_before:
            if self._settled_at_stall is None:
                self._settled_at_stall = self._connection.settled()
            if now >= self._restart_at:
                self._restart_at = now + self._backoff.next()
                self._connection.request_redelivery()
        elif self._settled_at_stall is not None and self._has_recovered(now, waiting_s):
            self._recover()
        texts = [f"The {name} has ended: restart the sorting center." for name in ended]
        if self._settled_at_stall is not None:
            texts.append(
                f"Messages wait and none is taken in for {STALLED_S:.0f} s or longer; the broker is asked to deliver "
                "again. If this stays, restart the sorting center."
            )
        text = " ".join(texts)
        if self._health.set_fault("watchdog", text) and text:
            log.error("%s", text)
        return _POLL_INTERVAL_S

    def _has_recovered(self, now: float, waiting_s: float | None) -> bool:
        """Return whether something was taken in, or nothing came for STALLED_S over a connection that stayed up."""
        if self._connection.settled() != self._settled_at_stall:
            return True
        if waiting_s is not None or not self._health.report().broker_connected:
            self._calm_since = None
            return False
        self._calm_since = now if self._calm_since is None else self._calm_since
        return now - self._calm_since >= STALLED_S

    def _recover(self) -> None:
        self._backoff.reset()
        self._settled_at_stall = self._calm_since = None
