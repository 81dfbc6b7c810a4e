"""The photos lane: pictures to the sorting center, whenever no event waits, the smallest first, a part at a time.

The progress of a picture is not stored: the center is asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException, HTTPResponse
from random import Random
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import COMPLETE, OFFSET, REFUSED, ContentRange, PictureName, UnsentPicture
from kiosk.messaging.relay.photos.ports import (
    Backlog,
    PhotoFault,
    PictureQueue,
    UploadResponse,
)
from kiosk.messaging.relay.shared.center_line import CenterLine, CenterUnreachable, Preempted
from kiosk.messaging.relay.shared.lane import POLL_INTERVAL_S, SharedLine, random_share
from kiosk.messaging.relay.shared.ports import WaitingEvents
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.shared.throughput import ByteBudget

# One question or part, to the last byte of its answer: a part is small enough for seconds, also on a bad line.
REQUEST_TIMEOUT_S: Final = 120.0
_CHUNK_BYTES: Final = 1024
_MAX_BODY_BYTES: Final = 4096
_REQUIRED_HEADERS: Final = {200: COMPLETE, 201: COMPLETE, 204: OFFSET, 416: OFFSET}  # What an answer must have


class PhotosClient(CenterLine):
    def __init__(self, settings: RelaySettings) -> None:
        refusal = f"the sorting center takes no pictures at {settings.photos}"
        super().__init__(settings, settings.photos_endpoint, refusal)

    def query_progress(self, name: PictureName) -> UploadResponse:
        with self.translate_errors(), self.time_limit(REQUEST_TIMEOUT_S):
            connection = self.get_connection()
            connection.putrequest("HEAD", str(name), skip_accept_encoding=True)
            connection.endheaders()
            return _answer(connection.getresponse())

    def send(
        self, name: PictureName, part: ContentRange, data: bytes, should_yield: Callable[[], bool]
    ) -> UploadResponse:
        with self.translate_errors(), self.time_limit(REQUEST_TIMEOUT_S):
            connection = self.get_connection()
            connection.putrequest("PUT", str(name), skip_accept_encoding=True)
            connection.putheader("Content-Range", str(part))
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders()
            for at in range(0, len(data), _CHUNK_BYTES):
                if at and should_yield():
                    raise Preempted
                connection.send(data[at : at + _CHUNK_BYTES])
            return _answer(connection.getresponse())


def _answer(response: HTTPResponse) -> UploadResponse:
    body = response.read(_MAX_BODY_BYTES + 1)
    if len(body) > _MAX_BODY_BYTES:
        raise HTTPException("the answer is too long for one of a sorting center")
    response.read()  # the end of it, so that the connection can be used again
    headers = response.headers
    if (needed := _REQUIRED_HEADERS.get(response.status)) is not None and needed not in headers:
        # A line that breaks in a head leaves what looks like a whole one; a foreign page is not a center's either.
        raise HTTPException(f"an answer {response.status} without {needed}: it is cut off, or none of a sorting center")
    return UploadResponse(
        response.status,
        headers.get(COMPLETE) == "?1",
        _number(headers.get(OFFSET)),
        _number(headers.get("Retry-After")),
        _printable(headers.get(REFUSED, "")),
    )


def _number(text: str | None) -> int | None:
    """Parse at most ten digits; None for a missing or any other text."""
    return int(text) if text is not None and len(text) <= 10 and text.isascii() and text.isdecimal() else None


def _printable(text: str) -> str:
    return "".join(character for character in text[:40] if character.isascii() and character.isprintable())


FIRST_RETRY_S: Final = 5.0
# The center takes the event in and makes its own list of it: a matter of seconds, unless it is being repaired.
MAX_RETRY_S: Final = 600.0
GIVE_UP_S: Final = 86_400.0  # A human has to check first; after a day that may be done
MAX_TRIES: Final = 3  # Times a picture whose bytes arrive wrong is restarted
# A center that has acknowledged an event but does not know its picture for so long has lost something.
OVERDUE_S: Final = 86_400.0


@dataclass(slots=True)
class _Pause:
    since: float
    until: float
    pauses: Backoff
    fault: PhotoFault | None = None
    damaged_tries: int = 0


@dataclass(slots=True)
class PausedPictures:
    """``share`` is the part of a pause that is waited, random (`kiosk.domain.backoff`)."""

    share: Callable[[], float]
    _by_sha256: dict[str, _Pause] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_sha256)

    def is_due(self, sha256: str, now: float) -> bool:
        hold = self._by_sha256.get(sha256)
        return hold is None or now >= hold.until

    def wait_s(self, now: float) -> float | None:
        """Return seconds until the first of them may be tried again; None when none is paused."""
        return min((max(0.0, hold.until - now) for hold in self._by_sha256.values()), default=None)

    def postpone(self, sha256: str, now: float) -> None:
        hold = self._pause_of(sha256, now)
        hold.until = now + hold.pauses.next()
        hold.fault = PhotoFault.NOT_ANNOUNCED if now - hold.since > OVERDUE_S else None

    def retry_damaged(self, sha256: str, now: float) -> bool:
        """Note that its bytes arrived damaged; return whether to send it again from the start."""
        hold = self._pause_of(sha256, now)
        hold.damaged_tries += 1
        if hold.damaged_tries < MAX_TRIES:
            hold.until = now + hold.pauses.next()
            return True
        self.stop(sha256, PhotoFault.CONTENT, now)
        return False

    def stop(self, sha256: str, fault: PhotoFault, now: float) -> None:
        """Pause the picture for a day."""
        hold = self._pause_of(sha256, now)
        hold.until, hold.fault, hold.damaged_tries = now + GIVE_UP_S, fault, 0

    def done(self, sha256: str) -> None:
        self._by_sha256.pop(sha256, None)

    def retain_only(self, waiting: Collection[str]) -> None:
        """Forget those that are no longer waiting."""
        self._by_sha256 = {sha256: hold for sha256, hold in self._by_sha256.items() if sha256 in waiting}

    @property
    def fault(self) -> PhotoFault | None:
        """Of the pictures that are stopped, the one that was stopped last."""
        stopped = [hold for hold in self._by_sha256.values() if hold.fault is not None]
        return max(stopped, key=lambda hold: hold.until).fault if stopped else None

    def _pause_of(self, sha256: str, now: float) -> _Pause:
        if sha256 not in self._by_sha256:
            self._by_sha256[sha256] = _Pause(now, now, Backoff(FIRST_RETRY_S, MAX_RETRY_S, self.share))
        return self._by_sha256[sha256]


_IDLE_POLL_S: Final = 5.0  # Between two looks while no picture waits
_REPORT_INTERVAL_S: Final = 15.0  # Every picture that waits is counted for it
_LOOKAHEAD: Final = 8  # Pictures looked at beyond those that are held
_SILENT_S: Final = 3600.0  # A center without pictures for so long is a fault and no bad afternoon
_MAX_PAUSE_S: Final = 300.0
_MAX_RETRY_S: Final = 3600.0
_MAX_STUCK: Final = 5
# Pictures in a row of which the center knows nothing: then it is the center, and not the pictures.
_MAX_UNKNOWN: Final = 5
_LOG_PERIOD_S: Final = 300.0

_FAULT_BY_STATUS: Final = {
    403: PhotoFault.FORBIDDEN,
    409: PhotoFault.SIZE,
    413: PhotoFault.PART_TOO_LARGE,
}


@dataclass(slots=True)
class _Upload:
    """A picture being sent; ``offset`` is None before the center was asked, ``furthest`` its highest answer."""

    picture: UnsentPicture
    name: PictureName
    offset: int | None = None
    furthest: int = -1
    stuck: int = 0  # Parts in a row after which the center was no further


@dataclass(frozen=True, slots=True)
class StationPhotos:
    pictures: PictureQueue
    events: WaitingEvents
    report: Callable[[Backlog, PhotoFault | None], None]  # Receives the lane's state, repeatedly while it lasts


class PhotosWork:
    name: Final = "photos lane"
    activity: Final = "sending pictures"

    def __init__(
        self,
        settings: RelaySettings,
        center: PhotosClient,
        station: StationPhotos,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._pictures, self._send_report = station.pictures, station.report
        self._center = center
        self._line = SharedLine(center, station.events, ByteBudget(settings.bytes_per_second), clock)
        self._share = random_share(random)
        self._pauses = Backoff(settings.reconnect_s, max(settings.reconnect_max_s, _MAX_PAUSE_S), self._share)
        self._paused = PausedPictures(self._share)
        self._sending: _Upload | None = None
        self._report_at = clock()
        self._unreachable_since: float | None = None
        self._unknown = 0
        self.log = RateLimitedLog(logging.getLogger(f"kiosk.photos.{settings.station}"), clock, _LOG_PERIOD_S)

    def preempted(self) -> float:
        """Forget the offset: the center has an unknown part of the picture now."""
        self._line.size.record_failure()
        if self._sending is not None:
            self._sending.offset = None
        return POLL_INTERVAL_S

    def failed(self, error: Exception) -> float:
        if isinstance(error, CenterUnreachable):
            self._unreachable_since = self._unreachable_since or self._clock()
        self._sending = None
        self._line.size.record_failure()
        return self._pauses.next()

    def step(self) -> float:
        now = self._clock()
        self._report(now)
        if not self._line.is_free(now):
            return POLL_INTERVAL_S
        if self._sending is None:
            self._sending = self._next(now)
        if self._sending is None:
            self._center.close()
            waiting = self._paused.wait_s(now)
            return _IDLE_POLL_S if waiting is None else min(_IDLE_POLL_S, max(waiting, POLL_INTERVAL_S))
        sending = self._sending
        answer = self._query_progress(sending) if sending.offset is None else self._send_part(sending, sending.offset)
        return self._on_response(sending, answer) if answer is not None else 0.0

    def _next(self, now: float) -> _Upload | None:
        waiting = self._pictures.waiting(len(self._paused) + _LOOKAHEAD)
        if len(waiting) < len(self._paused) + _LOOKAHEAD:
            self._paused.retain_only({picture.sha256 for picture in waiting})
        for picture in waiting:
            if self._paused.is_due(picture.sha256, now):
                name = PictureName(self._settings.region, self._settings.station, picture.sha256)
                return _Upload(picture, name)
        return None

    def _query_progress(self, sending: _Upload) -> UploadResponse:
        was_open, began = self._center.is_open, self._clock()
        answer = self._center.query_progress(sending.name)
        if was_open:
            self._line.size.record_round_trip(self._clock() - began)
        return answer

    def _send_part(self, sending: _Upload, offset: int) -> UploadResponse | None:
        """Send the next part; None when there is nothing to send of it."""
        size = min(self._line.part_bytes, sending.picture.size_bytes - offset)
        data = self._read(sending.picture, offset, size)
        if len(data) < size or not size:
            self._drop(PhotoFault.MISSING, sending)
            return None
        part = ContentRange(offset, offset + size - 1, sending.picture.size_bytes)
        return self._line.carry(size, partial(self._center.send, sending.name, part, data))

    def _read(self, picture: UnsentPicture, offset: int, size: int) -> bytes:
        try:
            with self._pictures.open(picture.sha256) as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            self.log.write(f"picture {picture.sha256[:12]} cannot be read: {error}", kind="card")
            return b""

    def _on_response(self, sending: _Upload, response: UploadResponse) -> float:
        now, sha256 = self._clock(), sending.picture.sha256
        self._unreachable_since = None
        if response.status in (429, 503, 507):
            self._sending = None
            self._center.close()
            return self._honor_retry_after(response)
        if response.status == 404:
            self._paused.postpone(sha256, now)
            self._sending = None
            self._unknown += 1
            return self._pauses.next() if self._unknown > _MAX_UNKNOWN else 0.0
        self._unknown = 0
        self._pauses.reset()
        if response.status in (200, 201) and response.complete:
            self._pictures.sent(sha256)
            self._paused.done(sha256)
            self._sending = None
        elif response.status in (204, 416) and response.offset is not None:
            return self._continue_at(sending, response, response.offset)
        elif response.status == 422:
            self._sending = None
            if not self._paused.retry_damaged(sha256, now):
                self.log.write(f"picture {sha256[:12]} is given up for a day: {response.why}", kind="stopped")
        else:
            self._drop(_FAULT_BY_STATUS.get(response.status, PhotoFault.REFUSED), sending, response)
        return 0.0

    def _continue_at(self, sending: _Upload, answer: UploadResponse, offset: int) -> float:
        """Continue at the offset that the center reports, but drop the picture when it makes no progress."""
        if sending.offset is not None and offset <= sending.furthest:
            sending.stuck += 1
        elif offset > sending.furthest:
            sending.furthest, sending.stuck = offset, 0
        if offset >= sending.picture.size_bytes or sending.stuck > _MAX_STUCK:
            self._drop(PhotoFault.REFUSED, sending, answer)
        sending.offset = offset
        return 0.0

    def _honor_retry_after(self, answer: UploadResponse) -> float:
        """Return the wait that the center asks for, plus a random share: all stations got the same answer. A center
        that always answers "at once" is asked less and less.
        """
        if answer.retry_after_s is None:
            return self._pauses.next()
        self.log.write(f"the sorting center takes no pictures now: {answer.why or answer.status}", kind="later")
        retry_after_s = min(max(answer.retry_after_s, self._pauses.next(), POLL_INTERVAL_S), _MAX_RETRY_S)
        return retry_after_s * (1 + self._share() / 2)

    def _drop(self, fault: PhotoFault, sending: _Upload, answer: UploadResponse | None = None) -> None:
        detail = "" if answer is None else f" ({answer.status} {answer.why})"
        self.log.write(
            f"picture {sending.picture.sha256[:12]} is not sent for a day: {fault.value}{detail}", kind="stopped"
        )
        self._paused.stop(sending.picture.sha256, fault, self._clock())
        self._sending = None

    def _report(self, now: float) -> None:
        if now < self._report_at:
            return
        self._report_at = now + _REPORT_INTERVAL_S
        backlog = self._pictures.backlog()
        silent = self._unreachable_since is not None and now - self._unreachable_since > _SILENT_S
        self._send_report(backlog, PhotoFault.UNREACHABLE if silent else self._paused.fault)
