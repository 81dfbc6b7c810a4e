"""The updates lane: asks the sorting center now and then for updates, and fetches one, behind everything else.

How far a bundle is, is said by the file alone: a relay that was killed goes on there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.updates import Offer
from kiosk.messaging.relay.center_line import NoWay
from kiosk.messaging.relay.lane import LOOK_S, SharedLine, random_share
from kiosk.messaging.relay.ports import WaitingEvents
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.messaging.relay.throughput import ByteBudget
from kiosk.messaging.relay.updates.ports import (
    Center,
    Fetching,
    Inbox,
    NoRoom,
    Refused,
    Spoiled,
    UpdateFault,
    UpdateWatcher,
)

ASK_S: Final = 6 * 3600.0
"""Between two questions; on a line whose bytes are counted it is DAY_S. A random part of it is added."""
DAY_S: Final = 86_400.0
FIRST_S: Final = 1800.0
"""Two hundred stations whose power comes back together ask within this time."""
MOST_BYTES_PER_S: Final = 16_000
"""128 kbit/s: 2 MB take two minutes, and 79 MB with all libraries an hour and a half; nobody waits for either."""
LONGEST_S: Final = 7 * DAY_S
"""A bundle that does not come in a week does not come: the center may have a better one by then."""
TRIES: Final = 3
"""So often a bundle whose bytes arrive wrong is begun anew."""
_IDLE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 600.0
_LONGEST_ASK_S: Final = 3600.0
"""Between two questions that nobody answers, or somebody else; where bytes are counted it is DAY_S."""
_LOG_PERIOD_S: Final = 3600.0
_TELL_S: Final = 15.0
_SILENT_S: Final = 3600.0
"""A center without updates for so long is a fault and no bad afternoon."""
_SOON_S: Final = 600.0
_LATER: Final = frozenset({429, 503})
_ANOTHER: Final = frozenset({200, 404, 416})
"""The bundle is there no more, or it is another one now."""


@dataclass(slots=True)
class _OnItsWay:
    offer: Offer
    since: float


class _CardTrouble(Exception):
    """Writing failed, and not the line."""


@dataclass(frozen=True, slots=True)
class StationUpdates:
    """What the lane meets at the station."""

    inbox: Inbox
    events: WaitingEvents
    watcher: UpdateWatcher


class UpdatesWork:
    """The ``LaneWork`` of the updates lane."""

    name: Final = "updates lane"
    doing: Final = "fetching an update"

    def __init__(
        self,
        settings: RelaySettings,
        center: Center,
        station: StationUpdates,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is monotonic seconds."""
        self._center, self._clock = center, clock
        self._inbox, self._watcher = station.inbox, station.watcher
        counted = settings.bytes_per_second
        self._period_s = DAY_S if counted else ASK_S
        budget = ByteBudget(min(counted or MOST_BYTES_PER_S, MOST_BYTES_PER_S))
        self._line = SharedLine(center, station.events, budget, clock)
        self._share = random_share(random)
        self._pauses = Backoff(settings.reconnect_s, _LONGEST_PAUSE_S, self._share)
        self._questions = Backoff(settings.reconnect_s, DAY_S if counted else _LONGEST_ASK_S, self._share)
        self._gone = Backoff(_SOON_S, self._period_s, self._share)
        self._fetching: _OnItsWay | None = None
        self._held: dict[str, float] = {}
        self._spoiled: dict[str, int] = {}
        self._ask_at = clock() + FIRST_S * self._share()
        self._tell_at = clock()
        self._asked_at: float | None = None
        self._no_way_since: float | None = None
        self._fault: UpdateFault | None = None
        self.log = RateLimitedLog(logging.getLogger(f"kiosk.updates.{settings.station}"), clock, _LOG_PERIOD_S)

    def step(self) -> float:
        """As ``LaneWork`` says."""
        try:
            return self._step()
        except Refused as error:
            self._no_way_since = None
            gone = self._fetching is not None and error.status in _ANOTHER
            if error.status not in _LATER and not gone:
                self._fault = UpdateFault.REFUSED
            self._fetching = None
            self.log.write(f"no update is fetched: {error}", kind="refused")
            return self._later(error, gone=gone)
        except NoRoom as error:
            self.log.write(f"no update is fetched: {error}", kind="room")
            self._fault = UpdateFault.FULL
            self._give_up_for(self._period_s)
            return LOOK_S
        except Spoiled as error:
            self._spoil(error)
            return self._pauses.next()

    def gave_way(self) -> float:
        """The file says how far it came."""
        self._line.size.broke()
        return LOOK_S

    def failed(self, error: Exception) -> float:
        """The next step begins with what lies in the folder."""
        if not isinstance(error, NoWay):
            self._fault = UpdateFault.TROUBLE
            return self._pauses.next()
        self._no_way_since = self._no_way_since or self._clock()
        self._line.size.broke()
        if self._fetching is not None:
            return self._pauses.next()
        self._ask_at = self._clock() + self._questions.next()
        return LOOK_S

    def _step(self) -> float:
        now = self._clock()
        self._tell(now)
        if self._fetching is None and now < self._ask_at:
            self._center.close()
            return min(self._ask_at - now, _IDLE_S)
        if not self._line.is_free(now):
            return LOOK_S
        if self._fetching is None:
            return self._ask(now)
        if now - self._fetching.since > LONGEST_S:
            self._fault = UpdateFault.LATE
            self._inbox.discard(self._fetching.offer)
            self._give_up_for(DAY_S)
            return LOOK_S
        return self._go_on(self._fetching.offer)

    def _ask(self, now: float) -> float:
        offers = self._center.offers()
        self._questions.reset()
        self._asked_at, self._no_way_since = now, None
        if not any(until > now for until in self._held.values()):
            self._fault = None
        self._ask_at = now + self._period_s * (1 + self._share() / 2)
        chosen = self._inbox.choose([offer for offer in offers if self._held.get(offer.sha256, now) <= now])
        if chosen is not None:
            self._fetching = _OnItsWay(chosen, now)
        return 0.0

    def _go_on(self, offer: Offer) -> float:
        first = self._inbox.offset(offer)
        if first >= offer.size_bytes:
            self._inbox.finish(offer)
            self._fetching = self._fault = None
            self.log.write(f"the update {offer.version} is here", kind=offer.sha256, level=logging.INFO)
            return LOOK_S
        self._inbox.require_room(offer)
        size = self._line.part_bytes
        self._line.carry(size, partial(self._center.fetch, offer, first, size, partial(self._take, offer)))
        self._pauses.reset()
        self._gone.reset()
        self._no_way_since = self._fault = None
        return 0.0

    def _take(self, offer: Offer, piece: bytes) -> None:
        try:
            self._inbox.take(offer, piece)
        except OSError as error:
            raise _CardTrouble(str(error)) from error

    def _spoil(self, error: Spoiled) -> None:
        fetching, self._fetching = self._fetching, None
        self._center.close()
        if fetching is None:
            return
        sha256 = fetching.offer.sha256
        self._spoiled = {sha256: self._spoiled.get(sha256, 0) + 1}
        self.log.write(f"the update {fetching.offer.version} is begun anew: {error}", kind="spoiled")
        if error.forged or self._spoiled[sha256] >= TRIES:
            self._spoiled[sha256] = 0
            self._held = {sha256: self._clock() + DAY_S}
            self._fault = UpdateFault.FORGED if error.forged else UpdateFault.DAMAGED
        else:
            self._ask_at = self._clock()

    def _later(self, error: Refused, *, gone: bool) -> float:
        """Soon, but not at once, and later from time to time: a center may answer so for ever."""
        if error.status in _LATER and error.again_s is not None:
            again_s = max(error.again_s, self._pauses.next(), LOOK_S)
            self._ask_at = self._clock() + min(again_s, self._period_s) * (1 + self._share() / 2)
            return LOOK_S
        self._ask_at = self._clock() + (self._gone.next() if gone else self._period_s * (1 + self._share() / 2))
        return LOOK_S

    def _give_up_for(self, seconds: float) -> None:
        """What came of it stays."""
        self._fetching = self._no_way_since = None
        self._center.close()
        self._ask_at = self._clock() + seconds * (1 + self._share() / 2)

    def _tell(self, now: float) -> None:
        if now < self._tell_at:
            return
        self._tell_at = now + _TELL_S
        offer = None if self._fetching is None else self._fetching.offer
        silent = self._no_way_since is not None and now - self._no_way_since > _SILENT_S
        self._watcher.tell(
            Fetching(
                version="" if offer is None else offer.version,
                have_bytes=0 if offer is None else self._inbox.offset(offer),
                size_bytes=0 if offer is None else offer.size_bytes,
                here=self._inbox.here(),
                fault=UpdateFault.NO_WAY if silent else self._fault,
                asked_s=-1 if self._asked_at is None else round(now - self._asked_at),
            )
        )
