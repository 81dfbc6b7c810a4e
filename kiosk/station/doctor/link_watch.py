"""The mark of the way to the sorting center, as every page shows it: gray is no alarm, everything is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.faults import LinkFault
from kiosk.station.doctor.liveness import RelayHeartbeat
from kiosk.station.live import OK

QUIET_S: Final = 600.0
"""Events that wait longer than this while the sorting center says nothing are worth a look."""
LINK_DOWN: Final = "link_down"
_LOOK_S: Final = 5.0


class LinkWatch:
    """Asked again and again. What waited before the station started has waited since then: the wall clock may lie."""

    def __init__(self, relay: RelayHeartbeat, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: monotonic seconds."""
        self._relay, self._clock = relay, clock
        self._waiting_since: float | None = None
        self._looked_at = float("-inf")
        self._word = OK

    @classmethod
    def of(cls, data: Path) -> LinkWatch:
        """Over the mark that the relay leaves in the station's data."""
        return cls(RelayHeartbeat(data))

    def word(self, pending: int) -> str:
        """OK, or LINK_DOWN while the broker refuses, or while events wait and nothing is acknowledged."""
        now = self._clock()
        if not pending:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            self._word = LINK_DOWN if self._is_refused() or self._is_quiet(now) else OK
        return self._word

    def _is_refused(self) -> bool:
        """MQTT 3.1.1 is a broker to be replaced, and lets everything through."""
        return self._relay.link_fault() not in (None, LinkFault.MQTT_3)

    def _is_quiet(self, now: float) -> bool:
        if self._waiting_since is None or now - self._waiting_since <= QUIET_S:
            return False
        age_s = self._relay.age_s()
        return age_s is None or age_s > QUIET_S
