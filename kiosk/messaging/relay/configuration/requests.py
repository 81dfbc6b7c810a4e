"""Takes the county's requests from ``down/cmd``; whether one is to be believed, the station's process decides."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

from kiosk.base.files import write_durably
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.configuration import BadConfiguration
from kiosk.messaging.contract.station_request import REQUEST, REQUESTS, parse_request
from kiosk.messaging.relay.shared.settings import RelaySettings

_LOG_PERIOD_S: Final = 3600.0


class RequestInbox:
    """One file: while a request waits in it, others are dropped, and the county sends them again at the next hello."""

    def __init__(self, settings: RelaySettings, data: Path) -> None:
        self._own, self._path = (settings.station, settings.region), data / REQUESTS / REQUEST
        log = logging.getLogger(f"kiosk.requests.{settings.station}")
        self._log = RateLimitedLog(log, time.monotonic, _LOG_PERIOD_S)

    def received(self, payload: bytes) -> None:
        """Raises nothing."""
        try:
            request = parse_request(payload)
            if (request.station, request.region) != self._own:
                raise BadConfiguration(f"it is for {request.station} of {request.region}")
            if not self._path.exists():
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                write_durably(self._path, payload, 0o600)
        except (BadConfiguration, OSError) as error:
            self._log.write(f"a request of the county is dropped: {error}", kind=type(error).__name__)
