"""After a backup has replaced the ledger: every station receives the ledger's position, busy or not.

A station sends again what a lower acknowledgement shows as missing, but only a station that sends is acknowledged; one
with nothing to send for a week would keep what the old ledger lacks. So a center that starts with a generation other
than the announced one announces it, once, to every stream it knows. (A station that this ledger does not know asks by
itself: stations send hello from time to time.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from kiosk.base.worker import Worker
from kiosk.messaging.contract.control import encode
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

SPREAD_S: Final = 60.0  # All at once they would all answer at once
# Some ten per cent of a processor: 12,000 streams take a minute, 100,000 take a little more than eight.
MAX_PER_S: Final = 200.0

_PAGE: Final = 500
_CONNECTION_POLL_S: Final = 0.5
_RETRY_S: Final = 5.0


class Announcer:
    """One thread. ``send`` publishes and says whether there was a connection."""

    def __init__(
        self,
        ledger: Ledger,
        send: Callable[[str, bytes], bool],
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Pause with ``wait``: it waits for so many seconds, and is true when the program ends meanwhile."""
        self._ledger, self._send = ledger, send
        self.thread = Worker("announcer", self.run, retry_s=_RETRY_S, expected=(LedgerError,))
        self._wait = wait or self.thread.pause

    def run(self) -> None:
        """Announce the generation to every stream, unless done before; then store that it is. Raises a LedgerError."""
        generation = self._ledger.generation
        if self._ledger.announced() == generation:
            return
        count = self._ledger.stream_count()
        if count:
            log.info("The ledger began generation %s: telling it to %d streams.", generation, count)
        pause_s = max(SPREAD_S / max(count, 1), 1 / MAX_PER_S)
        after = ("", "", "")
        while keys := self._ledger.stream_keys(after, _PAGE):
            for station, epoch, region in keys:
                if not self._announce_to(station, epoch, region) or self._wait(pause_s):
                    return
            after = keys[-1]
        self._ledger.set_announced(generation)

    def _announce_to(self, station: str, epoch: str, region: str) -> bool:
        """Send the state once there is a connection; return False when the program ends before."""
        topic = Topics(region, station).ack
        while not self._send(topic, encode(self._ledger.stream(station, epoch, region).ack)):
            if self._wait(_CONNECTION_POLL_S):
                return False
        return True
