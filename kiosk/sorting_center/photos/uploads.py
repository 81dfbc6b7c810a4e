"""The answers to a station that asks for one of its pictures, or sends a part of one."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.photos.folder import PartialPicture, PictureBusy, PictureFolder
from kiosk.sorting_center.photos.jpeg import NotPlainJpeg, plain_jpeg_size
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex, PictureStatus
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.photos.refusals import RefusalCounter, RefusalReason
from kiosk.sorting_center.shared.ports import UploadBody

DAY_BYTES: Final = 1_000_000_000  # Three weeks without a line, at 200 intakes a day, are 4 GB: sent within the week
DAY_REQUESTS: Final = 50_000  # On a line of 32 kbit/s a part of two seconds after the other is 43,200
RESERVE_BYTES: Final = 500_000_000  # Left free: the ledger may be on the same disk, and events go before pictures
_BLOCK: Final = 4096  # Most that is lost of a part whose line breaks, when the break is reported as an error
_FULL_RETRY_S: Final = 600.0
_BUSY_RETRY_S: Final = 5.0
_UNAVAILABLE_RETRY_S: Final = 60.0
# A station that waits for tomorrow asks once an hour: it may have been given another day by then.
_MAX_RETRY_S: Final = 3600.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class UploadResult:
    """``offset``: the byte the next part begins at; ``retry_after_s``: not before; ``reason`` where it is refused."""

    status: int
    complete: bool | None = None
    offset: int | None = None
    retry_after_s: float | None = None
    reason: RefusalReason | None = None


_Part = tuple[ContentRange, UploadBody]
_COMPLETE: Final = UploadResult(200, complete=True)


class BodyTruncated(Exception):
    """The body ended before it was whole; what came of it is kept."""


@dataclass(slots=True)
class _StationUsage:
    bytes: int = 0
    requests: int = 0


class Allowance:
    """How much one station may send in a day (UTC), so that none fills the disk or keeps the others waiting.

    In memory: a restart gives a new one. ``now`` is aware.
    """

    def __init__(
        self, now: Callable[[], datetime], day_bytes: int = DAY_BYTES, day_requests: int = DAY_REQUESTS
    ) -> None:
        self._now, self._day_bytes, self._day_requests = now, day_bytes, day_requests
        self._lock = threading.Lock()
        self._day = self._today()
        self._spent: dict[str, _StationUsage] = {}

    def spend(self, station: str, size: int) -> float | None:
        """Count a request with a body of ``size`` bytes: None when it may be taken, else seconds until it may."""
        with self._lock:
            if (today := self._today()) != self._day:
                self._day, self._spent = today, {}
            spent = self._spent.setdefault(station, _StationUsage())
            if spent.requests >= self._day_requests or (size and spent.bytes + size > self._day_bytes):
                return self._until_tomorrow_s()
            spent.requests += 1
            spent.bytes += size
        return None

    def _today(self) -> str:
        return self._now().astimezone(UTC).date().isoformat()

    def _until_tomorrow_s(self) -> float:
        now = self._now().astimezone(UTC)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - now).total_seconds()


class Uploads:
    """Used by the threads of the server. Raises nothing but BodyTruncated."""

    def __init__(
        self,
        photos: PhotoIndex,
        folder: PictureFolder,
        received: ReceivedPictures,
        allowance: Allowance,
        refusals: RefusalCounter,
        log: RateLimitedLog,
    ) -> None:
        self._photos, self._folder, self._received = photos, folder, received
        self._allowance, self._refusals, self._log = allowance, refusals, log

    def progress(self, station: str, name: PictureName) -> UploadResult:
        """Return how far a picture is; ``station`` made the request."""
        return self._respond(station, name, None)

    def receive_part(self, station: str, name: PictureName, part: ContentRange, body: UploadBody) -> UploadResult:
        """Take in a part; the last one completes the picture."""
        return self._respond(station, name, (part, body))

    def refuse(self, station: str, name: PictureName, reason: RefusalReason) -> UploadResult:
        """Count the refusal; return the answer to the certificate, REVOKED or UNAVAILABLE."""
        self._refusals.count(name, station, reason)
        if reason is RefusalReason.REVOKED:
            return UploadResult(403, reason=reason)
        return UploadResult(503, retry_after_s=_UNAVAILABLE_RETRY_S, reason=reason)

    def _respond(self, station: str, name: PictureName, sent: _Part | None) -> UploadResult:
        try:
            answer = self._answer(station, name, sent)
        except PictureBusy:
            answer = UploadResult(503, retry_after_s=_BUSY_RETRY_S, reason=RefusalReason.BUSY)
        except LedgerError as error:
            self._log.write(f"Pictures cannot be taken in: {error}", kind="list", level=logging.ERROR)
            answer = UploadResult(503, retry_after_s=_UNAVAILABLE_RETRY_S, reason=RefusalReason.UNAVAILABLE)
        except OSError as error:
            full = error.errno in _FULL
            self._log.write(
                f"Pictures cannot be kept in {self._folder.root}: {error.strerror or error}. "
                f"{'Make room there' if full else 'Look at that disk'}; the stations send them again.",
                kind="full" if full else "disk",
                level=logging.ERROR,
            )
            answer = UploadResult(503, retry_after_s=_UNAVAILABLE_RETRY_S, reason=RefusalReason.UNAVAILABLE)
            if full:
                answer = UploadResult(507, retry_after_s=_FULL_RETRY_S, reason=RefusalReason.FULL)
        if answer.reason is not None:
            self._refusals.count(name, station, answer.reason)
        return answer

    def _answer(self, station: str, name: PictureName, sent: _Part | None) -> UploadResult:
        """Answer the request; read the body only when everything else allows it."""
        is_own = station == name.station
        wait_s = self._allowance.spend(station, sent[0].size if sent is not None and is_own else 0)
        if wait_s is not None:
            return UploadResult(429, retry_after_s=min(wait_s, _MAX_RETRY_S), reason=RefusalReason.QUOTA)
        if not is_own:
            return UploadResult(403, reason=RefusalReason.NOT_YOURS)
        if self._photos.status(name.region, name.station, name.sha256) is PictureStatus.RECEIVED:
            return _COMPLETE
        announced = self._photos.announced(name)
        if announced is None:
            return UploadResult(404, reason=RefusalReason.NOT_ANNOUNCED)
        if self._received.adopt(announced):
            return _COMPLETE
        if sent is None:
            return self._offset(announced)
        part, body = sent
        if announced.size_bytes != part.total:
            return UploadResult(409, reason=RefusalReason.SIZE)
        if self._folder.free_bytes() < RESERVE_BYTES + part.total:
            raise OSError(errno.ENOSPC, f"less than {RESERVE_BYTES // 1_000_000} MB would be left free")
        with self._received.folder_of(announced).writing(announced.name) as file:
            return self._append(announced, part, body, file)

    def _offset(self, announced: AnnouncedPicture) -> UploadResult:
        """Return the offset; finish a picture whose last byte came just before a power cut or on a full disk."""
        offset = self._received.folder_of(announced).offset(announced.name)
        if offset < announced.size_bytes:
            return UploadResult(204, complete=False, offset=offset)
        with self._received.folder_of(announced).writing(announced.name) as file:
            if file.size != announced.size_bytes:
                file.discard()
                return UploadResult(204, complete=False, offset=0)
            answer = self._finish(announced, file)
        return _COMPLETE if answer.complete else answer

    def _append(
        self, announced: AnnouncedPicture, part: ContentRange, body: UploadBody, file: PartialPicture
    ) -> UploadResult:
        if file.size > part.total:
            file.discard()
            return UploadResult(416, complete=False, offset=0, reason=RefusalReason.OFFSET)
        if file.size != part.first:
            return UploadResult(416, complete=False, offset=file.size, reason=RefusalReason.OFFSET)
        left = part.size
        while left:
            block = body.read(min(_BLOCK, left))
            if not block:
                raise BodyTruncated
            file.write(block)
            left -= len(block)
        if file.size < part.total:
            return UploadResult(204, complete=False, offset=file.size)
        return self._finish(announced, file)

    def _finish(self, announced: AnnouncedPicture, file: PartialPicture) -> UploadResult:
        content = file.content()
        why: RefusalReason | None = None
        if hashlib.sha256(content).hexdigest() != announced.name.sha256:
            why = RefusalReason.HASH
        elif announced.is_picture:
            try:
                fits = plain_jpeg_size(content) == (announced.width, announced.height)
            except NotPlainJpeg:
                fits = False
            why = None if fits else RefusalReason.FORMAT
        if why is not None:
            file.discard()
            return UploadResult(422, complete=False, offset=0, reason=why)
        file.finish()
        self._received.record(announced)
        return UploadResult(201, complete=True)
