"""The mark of the way to the sorting center, as every page shows it: gray is no alarm, everything is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.station.desk.live import OK
from kiosk.station.doctor.liveness import RelayHeartbeat

QUIET_S: Final = 600.0  # Events that wait longer than this while the sorting center says nothing are worth a look
LINK_DOWN: Final = "link_down"
LINK_NONE: Final = "link_none"
_POLL_INTERVAL_S: Final = 5.0


class LinkStatus:
    """Asked again and again. What waited before the station started has waited since then: the wall clock may lie."""

    def __init__(self, relay: RelayHeartbeat | None, clock: Callable[[], float] = time.monotonic) -> None:
        """``relay`` is None where none is set; ``clock``: monotonic seconds."""
        self._relay, self._clock = relay, clock
        self._waiting_since: float | None = None
        self._checked_at = float("-inf")
        self._word = OK

    @classmethod
    def of(cls, data: Path, *, relay: bool) -> LinkStatus:
        """Over the mark that the relay leaves in the station's data; ``relay`` says whether one is set."""
        return cls(RelayHeartbeat(data) if relay else None)

    def word(self, pending: int) -> str:
        """OK; LINK_NONE; or LINK_DOWN while the broker refuses, or while events wait and nothing is acknowledged."""
        if self._relay is None:
            return LINK_NONE
        now = self._clock()
        if not pending:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        if now - self._checked_at >= _POLL_INTERVAL_S:
            self._checked_at = now
            self._word = LINK_DOWN if _is_refused(self._relay) or self._is_quiet(self._relay, now) else OK
        return self._word

    def _is_quiet(self, relay: RelayHeartbeat, now: float) -> bool:
        if self._waiting_since is None or now - self._waiting_since <= QUIET_S:
            return False
        age_s = relay.age_s()
        return age_s is None or age_s > QUIET_S


def _is_refused(relay: RelayHeartbeat) -> bool:
    """MQTT 3.1.1 is a broker to be replaced, and lets everything through."""
    return relay.link_fault() not in (None, LinkFault.MQTT_3)
