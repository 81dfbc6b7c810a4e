"""The relay: outbox to broker, for as long as the station runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.relay.connection import BrokerFault, ConnectionOptions
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.session import RelaySession
from kiosk.messaging.relay.shared.ports import StationSide, StorePort

# A connection that held this long was a good one: the next attempt need not wait as if it had failed.
_GOOD_CONNECTION_S = 30.0
LOG_PERIOD_S = 300.0  # A village is offline for weeks, with a try every minute


class Relay:
    """Carries events of one station; never ends by itself, whatever broker, line or database do."""

    def __init__(
        self,
        store: StorePort,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        side: StationSide | None = None,
    ) -> None:
        """Take ``clock`` in monotonic seconds. Raises ValueError when the database belongs to another station."""
        owner = store.epochs.identity().station
        if owner != pace.settings.station:
            raise ValueError(f"the database belongs to station {owner}, the settings name {pace.settings.station}")
        self._store, self._pace, self._clock, self._side = store, pace, clock, side or StationSide()
        self._mqtt_5 = True
        self._session: RelaySession | None = None
        self._log = RateLimitedLog(logging.getLogger(f"kiosk.relay.{owner}"), clock, LOG_PERIOD_S)

    @property
    def settled(self) -> bool:
        return self._session is not None and self._session.settled

    @property
    def missing(self) -> int:
        return 0 if self._session is None else self._session.missing

    def run(self, stop: threading.Event) -> None:
        stop.wait(self._pace.first_connect_delay_s())
        while not stop.is_set():
            started = self._clock()
            self._try_once(stop)
            self._side.watcher.remaining(None)
            if self._clock() - started > _GOOD_CONNECTION_S:
                self._pace.reconnect.reset()
            session_takeover = self._session is not None and self._session.is_session_takeover
            stop.wait(self._pace.takeover_retry_s() if session_takeover else self._pace.reconnect.next())

    def _try_once(self, stop: threading.Event) -> None:
        """Run one connection. After a broker refused MQTT 5, the next one uses 3.1.1 and the one after that 5 again:
        the broker may have been replaced by then.
        """
        self._session = None
        options = ConnectionOptions(self._pace.settings, self._mqtt_5)
        self._mqtt_5 = True
        try:
            session = RelaySession(self._store, self._pace, self._log, self._clock, self._side)
            self._session = session
            session.run(stop, options)
            self._mqtt_5 = not session.no_mqtt_5
            if session.unfinished:
                self._pace.connection_broken()
        except BrokerFault as fault:
            self._log.write(str(fault), kind="broker")
        except Exception as error:
            # A locked or full database, or a fault of ours: the next connection starts again from the database.
            text = f"relaying is interrupted: {type(error).__name__}: {error}"
            self._log.write(text, kind="trouble", level=logging.ERROR)
