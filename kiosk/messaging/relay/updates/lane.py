"""The updates lane: asks the sorting center now and then for updates, and fetches one, behind everything else.

Only its file shows how much of a bundle has arrived: a relay that was killed continues there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.downloads import UPDATES, DownloadPath
from kiosk.messaging.contract.updates import (
    MAX_LIST_BYTES,
    UpdateOffer,
    parse_offers,
)
from kiosk.messaging.relay.shared.center_line import CenterUnreachable
from kiosk.messaging.relay.shared.download_client import (
    MAX_BYTES_PER_S,
    MISSING_STATUSES,
    RETRY_LATER_STATUSES,
    CenterRefused,
    DownloadClient,
    RemoteFile,
)
from kiosk.messaging.relay.shared.lane import POLL_INTERVAL_S, SharedLine, random_share
from kiosk.messaging.relay.shared.ports import WaitingEvents
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.shared.throughput import ByteBudget
from kiosk.messaging.relay.updates.ports import (
    BundleDamaged,
    BundleInbox,
    Fetching,
    InsufficientSpace,
    UpdateFault,
)


class UpdatesClient(DownloadClient):
    def __init__(self, settings: RelaySettings) -> None:
        refusal = f"the sorting center gives no updates at {settings.updates}"
        super().__init__(settings, settings.updates_endpoint, refusal)
        self._station = settings.station

    def offers(self) -> Sequence[UpdateOffer]:
        content = self.get(str(DownloadPath(UPDATES, self._station)), MAX_LIST_BYTES)
        with self.translate_errors():
            return parse_offers(content)

    def fetch(
        self, offer: UpdateOffer, first: int, size: int, take: Callable[[bytes], None], should_yield: Callable[[], bool]
    ) -> None:
        file = RemoteFile(str(DownloadPath(UPDATES, self._station, offer.sha256)), offer.sha256, offer.size_bytes)
        self.get_range(file, first, size, take, should_yield)


# Between two questions; on a line whose bytes are counted it is DAY_S. A random part of it is added.
OFFERS_INTERVAL_S: Final = 6 * 3600.0
DAY_S: Final = 86_400.0
MAX_FIRST_DELAY_S: Final = 1800.0  # Two hundred stations whose power comes back together ask within this time
# A bundle that does not come in a week does not come: the center may have a better one by then.
MAX_FETCH_S: Final = 7 * DAY_S
MAX_TRIES: Final = 3  # Times a bundle whose bytes arrive wrong is restarted
_IDLE_POLL_S: Final = 60.0
_MAX_PAUSE_S: Final = 600.0
# Between two questions without an answer, or answered by another server; where bytes are counted it is DAY_S.
_MAX_POLL_RETRY_S: Final = 3600.0
_LOG_PERIOD_S: Final = 3600.0
_REPORT_INTERVAL_S: Final = 15.0
_SILENT_S: Final = 3600.0  # A center without updates for so long is a fault and no bad afternoon
_MISSING_RETRY_S: Final = 600.0


@dataclass(slots=True)
class _Download:
    offer: UpdateOffer
    since: float


class _StorageError(Exception):
    """Writing failed, and not the line."""


@dataclass(frozen=True, slots=True)
class StationUpdates:
    inbox: BundleInbox
    events: WaitingEvents
    report: Callable[[Fetching], None]  # Receives the lane's state, repeatedly while it lasts


class UpdatesWork:
    name: Final = "updates lane"
    activity: Final = "fetching an update"

    def __init__(
        self,
        settings: RelaySettings,
        center: UpdatesClient,
        station: StationUpdates,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._center, self._clock = center, clock
        self._inbox, self._send_report = station.inbox, station.report
        counted = settings.bytes_per_second
        self._period_s = DAY_S if counted else OFFERS_INTERVAL_S
        budget = ByteBudget(min(counted or MAX_BYTES_PER_S, MAX_BYTES_PER_S))
        self._line = SharedLine(center, station.events, budget, clock)
        self._share = random_share(random)
        self._pauses = Backoff(settings.reconnect_s, _MAX_PAUSE_S, self._share)
        self._questions = Backoff(settings.reconnect_s, DAY_S if counted else _MAX_POLL_RETRY_S, self._share)
        self._missing_backoff = Backoff(_MISSING_RETRY_S, self._period_s, self._share)
        self._fetching: _Download | None = None
        self._paused_until: dict[str, float] = {}
        self._damaged_tries: dict[str, int] = {}
        self._next_poll_at = clock() + MAX_FIRST_DELAY_S * self._share()
        self._report_at = clock()
        self._offers_at: float | None = None
        self._unreachable_since: float | None = None
        self._fault: UpdateFault | None = None
        self.log = RateLimitedLog(logging.getLogger(f"kiosk.updates.{settings.station}"), clock, _LOG_PERIOD_S)

    def step(self) -> float:
        try:
            return self._step()
        except CenterRefused as error:
            self._unreachable_since = None
            bundle_missing = self._fetching is not None and error.status in MISSING_STATUSES
            if error.status not in RETRY_LATER_STATUSES and not bundle_missing:
                self._fault = UpdateFault.REFUSED
            self._fetching = None
            self.log.write(f"no update is fetched: {error}", kind="refused")
            return self._schedule_retry(error, bundle_missing=bundle_missing)
        except InsufficientSpace as error:
            self.log.write(f"no update is fetched: {error}", kind="room")
            self._fault = UpdateFault.FULL
            self._give_up_for(self._period_s)
            return POLL_INTERVAL_S
        except BundleDamaged as error:
            self._on_damaged(error)
            return self._pauses.next()

    def preempted(self) -> float:
        """Note the interruption; the file shows how far the download came."""
        self._line.size.record_failure()
        return POLL_INTERVAL_S

    def failed(self, error: Exception) -> float:
        """Return the seconds to wait; the next step resumes from what is in the folder."""
        if not isinstance(error, CenterUnreachable):
            self._fault = UpdateFault.INTERNAL
            return self._pauses.next()
        self._unreachable_since = self._unreachable_since or self._clock()
        self._line.size.record_failure()
        if self._fetching is not None:
            return self._pauses.next()
        self._next_poll_at = self._clock() + self._questions.next()
        return POLL_INTERVAL_S

    def _step(self) -> float:
        now = self._clock()
        self._report(now)
        if self._fetching is None and self._inbox.poll_requested():
            self._next_poll_at = now
        if self._fetching is None and now < self._next_poll_at:
            self._center.close()
            return min(self._next_poll_at - now, _IDLE_POLL_S)
        if not self._line.is_free(now):
            return POLL_INTERVAL_S
        if self._fetching is None:
            return self._poll_offers(now)
        if now - self._fetching.since > MAX_FETCH_S:
            self._fault = UpdateFault.LATE
            self._inbox.discard(self._fetching.offer)
            self._give_up_for(DAY_S)
            return POLL_INTERVAL_S
        return self._fetch_part(self._fetching.offer)

    def _poll_offers(self, now: float) -> float:
        offers = self._center.offers()
        self._questions.reset()
        self._offers_at, self._unreachable_since = now, None
        if not any(until > now for until in self._paused_until.values()):
            self._fault = None
        self._next_poll_at = now + self._period_s * (1 + self._share() / 2)
        chosen = self._inbox.choose([offer for offer in offers if self._paused_until.get(offer.sha256, now) <= now])
        if chosen is not None:
            self._fetching = _Download(chosen, now)
        return 0.0

    def _fetch_part(self, offer: UpdateOffer) -> float:
        first = self._inbox.offset(offer)
        if first >= offer.size_bytes:
            self._inbox.finish(offer)
            self._fetching = self._fault = None
            self.log.write(f"the update {offer.version} is here", kind=offer.sha256, level=logging.INFO)
            return POLL_INTERVAL_S
        self._inbox.require_room(offer)
        size = self._line.part_bytes
        self._line.carry(size, partial(self._center.fetch, offer, first, size, partial(self._take, offer)))
        self._pauses.reset()
        self._missing_backoff.reset()
        self._unreachable_since = self._fault = None
        return 0.0

    def _take(self, offer: UpdateOffer, piece: bytes) -> None:
        try:
            self._inbox.take(offer, piece)
        except OSError as error:
            raise _StorageError(str(error)) from error

    def _on_damaged(self, error: BundleDamaged) -> None:
        fetching, self._fetching = self._fetching, None
        self._center.close()
        if fetching is None:
            return
        sha256 = fetching.offer.sha256
        self._damaged_tries = {sha256: self._damaged_tries.get(sha256, 0) + 1}
        self.log.write(f"the update {fetching.offer.version} is begun anew: {error}", kind="spoiled")
        if error.forged or self._damaged_tries[sha256] >= MAX_TRIES:
            self._damaged_tries[sha256] = 0
            self._paused_until = {sha256: self._clock() + DAY_S}
            self._fault = UpdateFault.FORGED if error.forged else UpdateFault.DAMAGED
        else:
            self._next_poll_at = self._clock()

    def _schedule_retry(self, error: CenterRefused, *, bundle_missing: bool) -> float:
        """Retry soon, but not at once, and ever less often: a center may answer so permanently."""
        if error.status in RETRY_LATER_STATUSES and error.retry_after_s is not None:
            retry_after_s = max(error.retry_after_s, self._pauses.next(), POLL_INTERVAL_S)
            self._next_poll_at = self._clock() + min(retry_after_s, self._period_s) * (1 + self._share() / 2)
            return POLL_INTERVAL_S
        self._next_poll_at = self._clock() + (
            self._missing_backoff.next() if bundle_missing else self._period_s * (1 + self._share() / 2)
        )
        return POLL_INTERVAL_S

    def _give_up_for(self, seconds: float) -> None:
        self._fetching = self._unreachable_since = None
        self._center.close()
        self._next_poll_at = self._clock() + seconds * (1 + self._share() / 2)

    def _report(self, now: float) -> None:
        if now < self._report_at:
            return
        self._report_at = now + _REPORT_INTERVAL_S
        offer = None if self._fetching is None else self._fetching.offer
        silent = self._unreachable_since is not None and now - self._unreachable_since > _SILENT_S
        self._send_report(
            Fetching(
                version="" if offer is None else offer.version,
                have_bytes=0 if offer is None else self._inbox.offset(offer),
                size_bytes=0 if offer is None else offer.size_bytes,
                here=self._inbox.here(),
                fault=UpdateFault.UNREACHABLE if silent else self._fault,
                offers_age_s=-1 if self._offers_at is None else round(now - self._offers_at),
            )
        )
