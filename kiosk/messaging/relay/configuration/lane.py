"""The configuration lane: brings the county's document and its parts into the station's folder, behind all events.

A document comes on ``down/config``, or is requested a few times a day. What is missing is fetched; only its file shows
how much of a part has arrived. The station's process decides whether to trust a document.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.configuration import (
    MAX_DOCUMENT_BYTES,
    BadConfiguration,
    ConfigurationDocument,
    Part,
    parse_document,
    parse_message,
)
from kiosk.messaging.contract.downloads import CONFIGURATION, DownloadPath
from kiosk.messaging.contract.station_request import parse_request
from kiosk.messaging.relay.configuration.folder import FolderInbox
from kiosk.messaging.relay.configuration.ports import DocumentInForce, PartDamaged
from kiosk.messaging.relay.shared.center_line import CenterUnreachable
from kiosk.messaging.relay.shared.download_client import (
    MAX_BYTES_PER_S,
    MISSING_STATUSES,
    CenterRefused,
    DownloadClient,
    RemoteFile,
)
from kiosk.messaging.relay.shared.lane import POLL_INTERVAL_S, Lane, SharedLine, random_share
from kiosk.messaging.relay.shared.ports import WaitingEvents
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.shared.throughput import ByteBudget

DAY_S: Final = 86_400.0
# Between two questions; on a line whose bytes are counted it is DAY_S. A random part of it is added.
POLL_PERIOD_S: Final = 6 * 3600.0
MAX_FIRST_DELAY_S: Final = 1800.0  # Two hundred stations whose power comes back together ask within this time
# A database that was brought back or copied may have older prices than the county: it asks sooner.
MAX_UNCONFIRMED_DELAY_S: Final = 60.0
MAX_FETCH_DELAY_S: Final = 20.0  # Two hundred stations that are sent the same news begin to fetch within this time
MAX_FETCH_S: Final = DAY_S  # After that the next hello is waited for
MAX_TRIES: Final = 3  # Times a part whose bytes arrive wrong is fetched again
REPEAT_S: Final = 3600.0  # Before a document is brought again that the station has not applied; grows to a day
_MAX_MESSAGES: Final = 8
_MAX_PAUSE_S: Final = 600.0
_IDLE_POLL_S: Final = 60.0
_LOG_PERIOD_S: Final = 3600.0


@dataclass(slots=True)
class _Delivery:
    """A document whose parts are on their way; ``damaged`` counts the tries of each."""

    document: ConfigurationDocument
    content: bytes
    since: float
    damaged: dict[str, int] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class StationConfiguration:
    """``inbox.in_force`` is also called by the relay's own thread."""

    inbox: FolderInbox
    events: WaitingEvents


class ConfigurationClient(DownloadClient):
    def __init__(self, settings: RelaySettings) -> None:
        place = settings.photos or settings.updates
        refusal = f"the sorting center gives no goods, prices and people at {place}"
        super().__init__(settings, settings.photos_endpoint or settings.updates_endpoint, refusal)
        self.has_place = place is not None


class ConfigurationWork:
    name: Final = "configuration lane"
    activity: Final = "taking what the county sends"

    def __init__(
        self,
        settings: RelaySettings,
        center: ConfigurationClient,
        station: StationConfiguration,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = settings.station, settings.region
        self._center, self._inbox, self._clock = center, station.inbox, clock
        counted = settings.bytes_per_second
        self._period_s = DAY_S if counted else POLL_PERIOD_S
        budget = ByteBudget(min(counted or MAX_BYTES_PER_S, MAX_BYTES_PER_S))
        self._line = SharedLine(center, station.events, budget, clock)
        self._share = random_share(random)
        self._pauses = Backoff(settings.reconnect_s, _MAX_PAUSE_S, self._share)
        self._repeats = Backoff(REPEAT_S, DAY_S)
        self._messages: deque[bytes] = deque(maxlen=_MAX_MESSAGES)
        self._coming: _Delivery | None = None
        self._last_sha256, self._repeat_at = "", 0.0  # Of the document that was brought last
        self._resume_at = 0.0
        self._next_poll_at: float | None = None
        self.log = RateLimitedLog(logging.getLogger(f"kiosk.configuration.{settings.station}"), clock, _LOG_PERIOD_S)

    def received(self, payload: bytes) -> None:
        """Queue what came on ``down/config``; from any thread."""
        self._messages.append(payload)

    def step(self) -> float:
        try:
            return self._step()
        except BadConfiguration as error:
            self.log.write(f"what came as the county's document is ignored: {error}", kind="unreadable")
        except PartDamaged as error:
            self.log.write(f"a part of the county's document is fetched anew: {error}", kind="damaged")
            return self._pauses.next()
        except CenterRefused as error:
            self._on_refused(error)
        return POLL_INTERVAL_S

    def preempted(self) -> float:
        """Note the interruption; the file shows how far the download came."""
        self._line.size.record_failure()
        return POLL_INTERVAL_S

    def failed(self, error: Exception) -> float:
        """Return the seconds to wait; the next step resumes from what is in the folder."""
        if isinstance(error, CenterUnreachable):
            self._line.size.record_failure()
        pause_s = self._pauses.next()
        if self._coming is None:
            self._next_poll_at = max(self._next_poll_at or 0.0, self._clock() + pause_s)
        return pause_s

    def _step(self) -> float:
        now = self._clock()
        if self._next_poll_at is None:
            found = self._inbox.in_force()
            max_delay_s = MAX_FIRST_DELAY_S if found is None or found.confirmed else MAX_UNCONFIRMED_DELAY_S
            self._next_poll_at = now + max_delay_s * self._share()
        if self._messages:
            self._accept_message(self._messages.popleft(), now)
            return 0.0
        if self._coming is not None:
            return self._bring(self._coming, now)
        if now < self._next_poll_at or not self._center.has_place:
            self._center.close()
            return min(max(self._next_poll_at - now, POLL_INTERVAL_S), _IDLE_POLL_S)
        if not self._line.is_free(now):
            return POLL_INTERVAL_S
        self._next_poll_at = now + self._period_s * (1 + self._share() / 2)
        self._accept(self._center.get(str(DownloadPath(CONFIGURATION, self._own[0])), MAX_DOCUMENT_BYTES), {}, now)
        self._pauses.reset()
        return 0.0

    def _accept_message(self, payload: bytes, now: float) -> None:
        message = parse_message(payload)
        try:
            contents = {sha256: text.encode() for sha256, text in message.parts.items()}
            self._accept(message.document.encode(), contents, now)
        except BadConfiguration:
            raise
        except Exception:
            self._messages.appendleft(payload)  # the database or the card: again when it works
            raise

    def _accept(self, content: bytes, contents: Mapping[str, bytes], now: float) -> None:
        """Take a new document and the parts sent with it. Raises BadConfiguration."""
        document = parse_document(content)
        if (document.station, document.region) != self._own:
            raise BadConfiguration(f"it is for {document.station} of {document.region}")
        new, found = _Delivery(document, content, now), self._inbox.in_force()
        if self._is_behind(new, found):
            self.log.write(f"the county's document {document.number} is older than another one here", kind="older")
            return
        if found is not None and found.sha256 == new.sha256:
            if not found.confirmed:
                self._inbox.deliver(document, content)
            return
        if self._coming is None or self._coming.sha256 != new.sha256:
            if self._last_sha256 == new.sha256 and now < self._repeat_at:
                return
            self._coming = new
            self._resume_at = now + MAX_FETCH_DELAY_S * self._share()
        for part in self._inbox.missing(document):
            if Part.of(contents.get(part.sha256, b"")) == part:
                self._inbox.put(part, contents[part.sha256])

    def _is_behind(self, new: _Delivery, found: DocumentInForce | None) -> bool:
        is_older = found is not None and new.document.number < found.version
        return is_older or (self._coming is not None and new.document.number < self._coming.document.number)

    def _bring(self, coming: _Delivery, now: float) -> float:
        missing = self._inbox.missing(coming.document)
        if not missing:
            self._inbox.deliver(coming.document, coming.content)
            if self._last_sha256 != coming.sha256:
                self._repeats.reset()
            self._last_sha256, self._repeat_at = coming.sha256, now + self._repeats.next()
            self._coming = None
            self._center.close()
            number = coming.document.number
            self.log.write(f"the county's document {number} is here", kind=coming.sha256, level=logging.INFO)
            return 0.0
        part = missing[0]
        has_failed = coming.damaged.get(part.sha256, 0) >= MAX_TRIES or now - coming.since > MAX_FETCH_S
        if has_failed or not self._center.has_place:
            why = "does not come" if self._center.has_place else "cannot be fetched: set photos in [relay]"
            self.log.write(f"a part of the county's document {coming.document.number} {why}", kind="given up")
            self._coming = None
            self._center.close()
            return POLL_INTERVAL_S
        if now < self._resume_at:
            return min(self._resume_at - now, _IDLE_POLL_S)
        if not self._line.is_free(now):
            return POLL_INTERVAL_S
        return self._fetch(coming, part)

    def _fetch(self, coming: _Delivery, part: Part) -> float:
        first = self._inbox.offset(part)
        if first < part.size:
            file = RemoteFile(str(DownloadPath(CONFIGURATION, self._own[0], part.sha256)), part.sha256, part.size)
            size = self._line.part_bytes
            self._line.carry(size, partial(self._center.get_range, file, first, size, partial(self._take, part)))
            self._pauses.reset()
        if self._inbox.offset(part) >= part.size:
            self._finish(coming, part)
        return 0.0

    def _take(self, part: Part, piece: bytes) -> None:
        try:
            self._inbox.take(part, piece)
        except OSError as error:
            raise _CardError(str(error)) from error  # not of the line

    def _finish(self, coming: _Delivery, part: Part) -> None:
        try:
            self._inbox.finish(part)
        except PartDamaged:
            coming.damaged[part.sha256] = coming.damaged.get(part.sha256, 0) + 1
            self._center.close()
            raise

    def _on_refused(self, error: CenterRefused) -> None:
        """Schedule a retry. A missing part belonged to a document that was replaced meanwhile."""
        now = self._clock()
        wait_s = max(error.retry_after_s or 0.0, self._pauses.next(), POLL_INTERVAL_S)
        if error.status not in MISSING_STATUSES:
            self.log.write(f"the county's document cannot be fetched: {error}", kind="refused")
        if self._coming is None:
            if error.retry_after_s is not None:
                self._next_poll_at = now + min(wait_s, self._period_s)
            return
        if error.status in MISSING_STATUSES:
            self._coming, self._next_poll_at = None, now + wait_s
        self._resume_at = now + min(wait_s, self._period_s)


class _CardError(Exception):
    """Writing failed, and not the line."""


class CountyLane(Lane):
    """The lane, and what the relay's own thread says and hears of the county's documents."""

    def __init__(self, settings: RelaySettings, station: StationConfiguration) -> None:
        center = ConfigurationClient(settings)
        work = ConfigurationWork(settings, center, station)
        super().__init__(work, center)
        self._own, self._receiver, self._inbox = (settings.station, settings.region), work, station.inbox

    def version(self) -> str:
        """Return the version in force, as a hello reports it. Raises the store's errors."""
        found = self._inbox.in_force()
        return str(found.version) if found is not None else ""

    def received(self, payload: bytes) -> None:
        self._receiver.received(payload)
        self.wake()

    def request_received(self, payload: bytes) -> None:
        """Store what came on ``down/cmd``; drop it when for another station, or too large. Raises nothing."""
        try:
            request = parse_request(payload)
            if (request.station, request.region) != self._own:
                raise BadConfiguration(f"it is for {request.station} of {request.region}")
            self._inbox.put_request(payload)
        except (BadConfiguration, OSError) as error:
            self._receiver.log.write(f"what came as the county's request is dropped: {error}", kind="request")
