"""What a station is answered when it asks for a picture of its own, or sends a part of one."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.photos.allowance import Allowance
from kiosk.sorting_center.photos.folder import PartialPicture, PictureBusy, PictureFolder
from kiosk.sorting_center.photos.jpeg import NotPlainJpeg, plain_jpeg_size
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex, PictureStatus
from kiosk.sorting_center.photos.picture_recorder import PictureRecorder
from kiosk.sorting_center.photos.ports import UploadBody
from kiosk.sorting_center.photos.refusals import RefusalCounter, RefusalReason

RESERVE_BYTES: Final = 500_000_000  # Left free: the ledger may be on the same disk, and events go before pictures
_BLOCK: Final = 4096  # What is lost at most of a part whose line breaks, when the break is told as an error
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


_A = TypeVar("_A", UploadResult, UploadResult | None)
_COMPLETE: Final = UploadResult(200, complete=True)


class BodyTruncated(Exception):
    """The body ended before it was whole; what came of it is kept."""


class Uploads:
    """Used by the threads of the server. Raises nothing but BrokeOff."""

    def __init__(
        self,
        photos: PhotoIndex,
        folder: PictureFolder,
        recorder: PictureRecorder,
        allowance: Allowance,
        refusals: RefusalCounter,
        log: RateLimitedLog,
    ) -> None:
        self._photos, self._folder, self._recorder = photos, folder, recorder
        self._allowance, self._refusals, self._log = allowance, refusals, log

    def progress(self, station: str, name: PictureName) -> UploadResult:
        """How far a picture is; ``station`` is who asks."""
        return self._respond_and_count(station, name, lambda: self._progress(station, name))

    def receive_part(self, station: str, name: PictureName, part: ContentRange, body: UploadBody) -> UploadResult:
        """Take a part of it; the last one makes it whole."""
        return self._respond_and_count(station, name, lambda: self._receive_part(station, name, part, body))

    def _respond_and_count(self, station: str, name: PictureName, act: Callable[[], UploadResult]) -> UploadResult:
        if station != name.station:
            refused = self._over_quota(station, 0)
            answer = refused or UploadResult(403, reason=RefusalReason.NOT_YOURS)
        else:
            try:
                answer = act()
            except PictureBusy:
                answer = UploadResult(503, retry_after_s=_BUSY_RETRY_S, reason=RefusalReason.BUSY)
            except LedgerError as error:
                self._log.write(f"Pictures cannot be taken in: {error}", kind="list", level=logging.ERROR)
                answer = UploadResult(503, retry_after_s=_UNAVAILABLE_RETRY_S, reason=RefusalReason.UNAVAILABLE)
        if answer.reason is not None:
            self._refusals.count(name, station, answer.reason)
        return answer

    def _progress(self, station: str, name: PictureName) -> UploadResult:
        refused = self._early_response(station, name, 0)
        if refused is not None:
            return refused
        announced = self._photos.announced(name)
        return self._with_disk_errors(lambda: self._offset(name, announced))

    def _offset(self, name: PictureName, announced: AnnouncedPicture | None) -> UploadResult:
        """Of a picture whose last byte came and no more, before a power cut or on a full disk, the rest is done now."""
        offset = self._folder.offset(name)
        if announced is None or offset < announced.size_bytes:
            return UploadResult(204, complete=False, offset=offset)
        with self._folder.writing(name) as file:
            if file.size != announced.size_bytes:
                file.discard()
                return UploadResult(204, complete=False, offset=0)
            answer = self._finish(announced, file)
        return _COMPLETE if answer.complete else answer

    def _receive_part(self, station: str, name: PictureName, part: ContentRange, body: UploadBody) -> UploadResult:
        refused = self._early_response(station, name, part.size)
        if refused is not None:
            return refused
        announced = self._photos.announced(name)
        if announced is None or announced.size_bytes != part.total:
            return UploadResult(409, reason=RefusalReason.SIZE)
        return self._with_disk_errors(lambda: self._write(announced, part, body))

    def _early_response(self, station: str, name: PictureName, size: int) -> UploadResult | None:
        """What is answered without looking at the body; None when there is something to look at."""
        spent = self._over_quota(station, size)
        if spent is not None:
            return spent
        standing = self._photos.status(name.region, name.station, name.sha256)
        if standing is PictureStatus.RECEIVED:
            return _COMPLETE
        announced = self._photos.announced(name)
        if announced is None:
            return UploadResult(404, reason=RefusalReason.NOT_ANNOUNCED)
        return self._with_disk_errors(lambda: _COMPLETE if self._recorder.adopt(announced) else None)

    def _over_quota(self, station: str, size: int) -> UploadResult | None:
        """None while the day's share allows this."""
        wait_s = self._allowance.spend(station, size)
        return (
            None
            if wait_s is None
            else UploadResult(429, retry_after_s=min(wait_s, _MAX_RETRY_S), reason=RefusalReason.QUOTA)
        )

    def _write(self, announced: AnnouncedPicture, part: ContentRange, body: UploadBody) -> UploadResult:
        if self._folder.free_bytes() < RESERVE_BYTES + part.total:
            raise OSError(errno.ENOSPC, f"less than {RESERVE_BYTES // 1_000_000} MB would be left free")
        with self._folder.writing(announced.name) as file:
            return self._append(announced, part, body, file)

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
        why = _content_fault(announced, content)
        if why is not None:
            file.discard()
            return UploadResult(422, complete=False, offset=0, reason=why)
        file.finish()
        self._recorder.record(announced)
        return UploadResult(201, complete=True)

    def _with_disk_errors(self, act: Callable[[], _A]) -> _A | UploadResult:
        """An error of the disk is an answer."""
        try:
            return act()
        except OSError as error:
            full = error.errno in _FULL
            self._log.write(
                f"Pictures cannot be kept in {self._folder.root}: {error.strerror or error}. "
                f"{'Make room there' if full else 'Look at that disk'}; the stations send them again.",
                kind="full" if full else "disk",
                level=logging.ERROR,
            )
            if full:
                return UploadResult(507, retry_after_s=_FULL_RETRY_S, reason=RefusalReason.FULL)
            return UploadResult(503, retry_after_s=_UNAVAILABLE_RETRY_S, reason=RefusalReason.UNAVAILABLE)


def _content_fault(announced: AnnouncedPicture, content: bytes) -> RefusalReason | None:
    """What is wrong with a picture of the right length."""
    if hashlib.sha256(content).hexdigest() != announced.name.sha256:
        return RefusalReason.HASH
    try:
        sides = plain_jpeg_size(content)
    except NotPlainJpeg:
        return RefusalReason.FORMAT
    return None if (sides.width, sides.height) == (announced.width, announced.height) else RefusalReason.FORMAT
