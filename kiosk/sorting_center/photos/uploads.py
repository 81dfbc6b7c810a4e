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
from kiosk.sorting_center.photos.arrivals import Arrivals
from kiosk.sorting_center.photos.folder import Part, PictureBusy, PictureFolder
from kiosk.sorting_center.photos.jpeg import NotPlain, plain_sides
from kiosk.sorting_center.photos.photos import Announced, Photos, Standing
from kiosk.sorting_center.photos.ports import Body
from kiosk.sorting_center.photos.refusals import Refusals, Why

RESERVE_BYTES: Final = 500_000_000
"""Left free: the ledger may be on the same disk, and events go before pictures."""
_BLOCK: Final = 4096
"""What is lost at most of a part whose line breaks, when the break is told as an error."""
_FULL_AGAIN_S: Final = 600.0
_BUSY_AGAIN_S: Final = 5.0
_TROUBLE_AGAIN_S: Final = 60.0
_MAX_AGAIN_S: Final = 3600.0
"""A station that waits for tomorrow asks once an hour: it may have been given another day by then."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Answer:
    """``offset``: the byte the next part begins at; ``again_s``: not before then; ``why`` where it is refused."""

    status: int
    complete: bool | None = None
    offset: int | None = None
    again_s: float | None = None
    why: Why | None = None


_A = TypeVar("_A", Answer, Answer | None)
_HERE: Final = Answer(200, complete=True)


class BrokeOff(Exception):
    """The body ended before it was whole; what came of it is kept."""


class Uploads:
    """Used by the threads of the listener. Raises nothing but BrokeOff."""

    def __init__(
        self,
        photos: Photos,
        folder: PictureFolder,
        arrivals: Arrivals,
        allowance: Allowance,
        refusals: Refusals,
        log: RateLimitedLog,
    ) -> None:
        self._photos, self._folder, self._arrivals = photos, folder, arrivals
        self._allowance, self._refusals, self._log = allowance, refusals, log

    def look(self, station: str, name: PictureName) -> Answer:
        """How far a picture is; ``station`` is who asks."""
        return self._counted(station, name, lambda: self._look(station, name))

    def take(self, station: str, name: PictureName, part: ContentRange, body: Body) -> Answer:
        """Take a part of it; the last one makes it whole."""
        return self._counted(station, name, lambda: self._take(station, name, part, body))

    def _counted(self, station: str, name: PictureName, act: Callable[[], Answer]) -> Answer:
        if station != name.station:
            refused = self._spent(station, 0)
            answer = refused or Answer(403, why=Why.NOT_YOURS)
        else:
            try:
                answer = act()
            except PictureBusy:
                answer = Answer(503, again_s=_BUSY_AGAIN_S, why=Why.BUSY)
            except LedgerError as error:
                self._log.write(f"Pictures cannot be taken in: {error}", kind="list", level=logging.ERROR)
                answer = Answer(503, again_s=_TROUBLE_AGAIN_S, why=Why.TROUBLE)
        if answer.why is not None:
            self._refusals.count(name, station, answer.why)
        return answer

    def _look(self, station: str, name: PictureName) -> Answer:
        refused = self._refused_at_once(station, name, 0)
        if refused is not None:
            return refused
        announced = self._photos.announced(name)
        return self._on_disk(lambda: self._offset(name, announced))

    def _offset(self, name: PictureName, announced: Announced | None) -> Answer:
        """Of a picture whose last byte came and no more, before a power cut or on a full disk, the rest is done now."""
        offset = self._folder.offset(name)
        if announced is None or offset < announced.size_bytes:
            return Answer(204, complete=False, offset=offset)
        with self._folder.writing(name) as file:
            if file.size != announced.size_bytes:
                file.discard()
                return Answer(204, complete=False, offset=0)
            answer = self._finish(announced, file)
        return _HERE if answer.complete else answer

    def _take(self, station: str, name: PictureName, part: ContentRange, body: Body) -> Answer:
        refused = self._refused_at_once(station, name, part.size)
        if refused is not None:
            return refused
        announced = self._photos.announced(name)
        if announced is None or announced.size_bytes != part.total:
            return Answer(409, why=Why.SIZE)
        return self._on_disk(lambda: self._write(announced, part, body))

    def _refused_at_once(self, station: str, name: PictureName, size: int) -> Answer | None:
        """What is answered without looking at the body; None when there is something to look at."""
        spent = self._spent(station, size)
        if spent is not None:
            return spent
        standing = self._photos.standing(name.region, name.station, name.sha256)
        if standing is Standing.RECEIVED:
            return _HERE
        announced = self._photos.announced(name)
        if announced is None:
            return Answer(404, why=Why.NOT_ANNOUNCED)
        return self._on_disk(lambda: _HERE if self._arrivals.adopt(announced) else None)

    def _spent(self, station: str, size: int) -> Answer | None:
        """None while the day's share allows this."""
        wait_s = self._allowance.spend(station, size)
        return None if wait_s is None else Answer(429, again_s=min(wait_s, _MAX_AGAIN_S), why=Why.QUOTA)

    def _write(self, announced: Announced, part: ContentRange, body: Body) -> Answer:
        if self._folder.free_bytes() < RESERVE_BYTES + part.total:
            raise OSError(errno.ENOSPC, f"less than {RESERVE_BYTES // 1_000_000} MB would be left free")
        with self._folder.writing(announced.name) as file:
            return self._append(announced, part, body, file)

    def _append(self, announced: Announced, part: ContentRange, body: Body, file: Part) -> Answer:
        if file.size > part.total:
            file.discard()
            return Answer(416, complete=False, offset=0, why=Why.OFFSET)
        if file.size != part.first:
            return Answer(416, complete=False, offset=file.size, why=Why.OFFSET)
        left = part.size
        while left:
            block = body.read(min(_BLOCK, left))
            if not block:
                raise BrokeOff
            file.write(block)
            left -= len(block)
        if file.size < part.total:
            return Answer(204, complete=False, offset=file.size)
        return self._finish(announced, file)

    def _finish(self, announced: Announced, file: Part) -> Answer:
        content = file.content()
        why = _fault(announced, content)
        if why is not None:
            file.discard()
            return Answer(422, complete=False, offset=0, why=why)
        file.finish()
        self._arrivals.record(announced)
        return Answer(201, complete=True)

    def _on_disk(self, act: Callable[[], _A]) -> _A | Answer:
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
                return Answer(507, again_s=_FULL_AGAIN_S, why=Why.FULL)
            return Answer(503, again_s=_TROUBLE_AGAIN_S, why=Why.TROUBLE)


def _fault(announced: Announced, content: bytes) -> Why | None:
    """What is wrong with a picture of the right length."""
    if hashlib.sha256(content).hexdigest() != announced.name.sha256:
        return Why.HASH
    try:
        sides = plain_sides(content)
    except NotPlain:
        return Why.FORMAT
    return None if (sides.width, sides.height) == (announced.width, announced.height) else Why.FORMAT
