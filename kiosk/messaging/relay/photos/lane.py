"""The photos lane: pictures to the sorting center, whenever no event waits, the smallest first, a part at a time.

Nothing is kept of how far a picture is: the center is asked.
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
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.messaging.relay.center_line import NoWay
from kiosk.messaging.relay.lane import LOOK_S, SharedLine, random_share
from kiosk.messaging.relay.photos.faults import PhotoFault
from kiosk.messaging.relay.photos.held import Held
from kiosk.messaging.relay.photos.ports import Answer, Center, PhotoWatcher, Picture, Pictures
from kiosk.messaging.relay.ports import WaitingEvents
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.messaging.relay.throughput import ByteBudget

_IDLE_S: Final = 5.0
"""Between two looks while no picture waits."""
_TELL_S: Final = 15.0
"""Every picture that waits is counted for it."""
_AT_ONCE: Final = 8
"""Pictures looked at beyond those that are held."""
_SILENT_S: Final = 3600.0
"""A center without pictures for so long is a fault and no bad afternoon."""
_LONGEST_S: Final = 300.0
_MOST_AGAIN_S: Final = 3600.0
_STUCK: Final = 5
_UNKNOWN: Final = 5
"""Pictures in a row of which the center knows nothing: then it is the center, and not the pictures."""
_LOG_PERIOD_S: Final = 300.0

_GONE_WRONG: Final = {
    403: PhotoFault.FORBIDDEN,
    409: PhotoFault.SIZE,
    413: PhotoFault.PART_TOO_LARGE,
}


@dataclass(slots=True)
class _Sending:
    """A picture on its way; ``offset`` is None before the center was asked, ``furthest`` the highest it has said."""

    picture: Picture
    name: PictureName
    offset: int | None = None
    furthest: int = -1
    stuck: int = 0
    """Parts in a row after which the center was no further."""


@dataclass(frozen=True, slots=True)
class StationPhotos:
    """What the lane meets at the station."""

    pictures: Pictures
    events: WaitingEvents
    watcher: PhotoWatcher


class PhotosWork:
    """The ``LaneWork`` of the photos lane."""

    name: Final = "photos lane"
    doing: Final = "sending pictures"

    def __init__(
        self,
        settings: RelaySettings,
        center: Center,
        station: StationPhotos,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is monotonic seconds."""
        self._settings, self._clock = settings, clock
        self._pictures, self._watcher = station.pictures, station.watcher
        self._center = center
        self._line = SharedLine(center, station.events, ByteBudget(settings.bytes_per_second), clock)
        self._share = random_share(random)
        self._pauses = Backoff(settings.reconnect_s, max(settings.reconnect_max_s, _LONGEST_S), self._share)
        self._held = Held(self._share)
        self._sending: _Sending | None = None
        self._tell_at = clock()
        self._no_way_since: float | None = None
        self._unknown = 0
        self.log = RateLimitedLog(logging.getLogger(f"kiosk.photos.{settings.station}"), clock, _LOG_PERIOD_S)

    def gave_way(self) -> float:
        """The center has an unknown part of the picture now."""
        self._line.size.broke()
        if self._sending is not None:
            self._sending.offset = None
        return LOOK_S

    def failed(self, error: Exception) -> float:
        """The next step starts from the database anew."""
        if isinstance(error, NoWay):
            self._no_way_since = self._no_way_since or self._clock()
        self._sending = None
        self._line.size.broke()
        return self._pauses.next()

    def step(self) -> float:
        """As ``LaneWork`` says."""
        now = self._clock()
        self._tell(now)
        if not self._line.is_free(now):
            return LOOK_S
        if self._sending is None:
            self._sending = self._next(now)
        if self._sending is None:
            self._center.close()
            waiting = self._held.wait_s(now)
            return _IDLE_S if waiting is None else min(_IDLE_S, max(waiting, LOOK_S))
        sending = self._sending
        answer = self._look(sending) if sending.offset is None else self._send_part(sending, sending.offset)
        return self._answered(sending, answer) if answer is not None else 0.0

    def _next(self, now: float) -> _Sending | None:
        waiting = self._pictures.waiting(len(self._held) + _AT_ONCE)
        if len(waiting) < len(self._held) + _AT_ONCE:
            self._held.only({picture.sha256 for picture in waiting})
        for picture in waiting:
            if self._held.free(picture.sha256, now):
                name = PictureName(self._settings.region, self._settings.station, picture.sha256)
                return _Sending(picture, name)
        return None

    def _look(self, sending: _Sending) -> Answer:
        was_open, began = self._center.is_open, self._clock()
        answer = self._center.look(sending.name)
        if was_open:
            self._line.size.asked(self._clock() - began)
        return answer

    def _send_part(self, sending: _Sending, offset: int) -> Answer | None:
        """None when there is nothing to send of it."""
        size = min(self._line.part_bytes, sending.picture.size_bytes - offset)
        data = self._read(sending.picture, offset, size)
        if len(data) < size or not size:
            self._drop(PhotoFault.MISSING, sending)
            return None
        part = ContentRange(offset, offset + size - 1, sending.picture.size_bytes)
        return self._line.carry(size, partial(self._center.send, sending.name, part, data))

    def _read(self, picture: Picture, offset: int, size: int) -> bytes:
        try:
            with self._pictures.open(picture.sha256) as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            self.log.write(f"picture {picture.sha256[:12]} cannot be read: {error}", kind="card")
            return b""

    def _answered(self, sending: _Sending, answer: Answer) -> float:
        """What follows from the center's answer; seconds until the next step."""
        now, sha256 = self._clock(), sending.picture.sha256
        self._no_way_since = None
        if answer.status in (429, 503, 507):
            self._sending = None
            self._center.close()
            return self._wait_as_asked(answer)
        if answer.status == 404:
            self._held.later(sha256, now)
            self._sending = None
            self._unknown += 1
            return self._pauses.next() if self._unknown > _UNKNOWN else 0.0
        self._unknown = 0
        self._pauses.reset()
        if answer.status in (200, 201) and answer.complete:
            self._pictures.sent(sha256)
            self._held.done(sha256)
            self._sending = None
        elif answer.status in (204, 416) and answer.offset is not None:
            return self._go_on(sending, answer, answer.offset)
        elif answer.status == 422:
            self._sending = None
            if not self._held.spoiled(sha256, now):
                self.log.write(f"picture {sha256[:12]} is given up for a day: {answer.why}", kind="stopped")
        else:
            self._drop(_GONE_WRONG.get(answer.status, PhotoFault.REFUSED), sending, answer)
        return 0.0

    def _go_on(self, sending: _Sending, answer: Answer, offset: int) -> float:
        """From where the center says. It is believed, but not without end."""
        if sending.offset is not None and offset <= sending.furthest:
            sending.stuck += 1
        elif offset > sending.furthest:
            sending.furthest, sending.stuck = offset, 0
        if offset >= sending.picture.size_bytes or sending.stuck > _STUCK:
            self._drop(PhotoFault.REFUSED, sending, answer)
        sending.offset = offset
        return 0.0

    def _wait_as_asked(self, answer: Answer) -> float:
        """As long as the center says, and a random part of that more: all stations were told the same.

        One that says "at once" each time is asked less and less.
        """
        if answer.again_s is None:
            return self._pauses.next()
        self.log.write(f"the sorting center takes no pictures now: {answer.why or answer.status}", kind="later")
        again_s = min(max(answer.again_s, self._pauses.next(), LOOK_S), _MOST_AGAIN_S)
        return again_s * (1 + self._share() / 2)

    def _drop(self, fault: PhotoFault, sending: _Sending, answer: Answer | None = None) -> None:
        said = "" if answer is None else f" ({answer.status} {answer.why})"
        self.log.write(
            f"picture {sending.picture.sha256[:12]} is not sent for a day: {fault.value}{said}", kind="stopped"
        )
        self._held.stop(sending.picture.sha256, fault, self._clock())
        self._sending = None

    def _tell(self, now: float) -> None:
        if now < self._tell_at:
            return
        self._tell_at = now + _TELL_S
        backlog = self._pictures.backlog()
        silent = self._no_way_since is not None and now - self._no_way_since > _SILENT_S
        self._watcher.tell(backlog, PhotoFault.NO_WAY if silent else self._held.fault)
