"""What a station is answered when it asks what updates there are, or for a part of one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import ContentRange
from kiosk.messaging.contract.updates import AskedRange, Offer, Offers, UpdatesPath, etag_of
from kiosk.sorting_center.updates.folder import OfferFolder

_CHUNK: Final = 16 * 1024
_TROUBLE_AGAIN_S: Final = 600


@dataclass(frozen=True, slots=True)
class Question:
    """``station`` is who asks; the texts are headers, "" for none."""

    station: str
    path: UpdatesPath
    range: str = ""
    if_range: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """``size`` bytes that ``pieces`` gives; it raises OSError where they cannot be read any more."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    size: int = 0
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))


class Downloads:
    """Used by the threads of the listener. Raises nothing."""

    def __init__(self, folder: OfferFolder, log: RateLimitedLog) -> None:
        self._folder, self._log = folder, log

    def answer(self, question: Question) -> Reply:
        """To a GET. A range that nobody can read is none (RFC 9110, section 14.2)."""
        if question.station != question.path.station:
            return Reply(403)
        try:
            offers = [one.offer for one in self._folder.offered() if one.is_for(question.station)]
            if not question.path.sha256:
                return _listed(offers)
            one = next((offer for offer in offers if offer.sha256 == question.path.sha256), None)
            if one is None:
                return Reply(404)
            self._folder.require_whole(one)
            return self._part(question, one)
        except OSError as error:
            self._log.write(f"Updates cannot be given out: {error}", kind="updates", level=logging.ERROR)
            return Reply(503, (("Retry-After", str(_TROUBLE_AGAIN_S)),))

    def _part(self, question: Question, offer: Offer) -> Reply:
        headers: tuple[tuple[str, str], ...] = (("ETag", etag_of(offer.sha256)), ("Accept-Ranges", "bytes"))
        asked = _asked(question, offer)
        if asked is None:
            return Reply(200, headers, offer.size_bytes, self._pieces(offer, 0, offer.size_bytes))
        if asked.first >= offer.size_bytes:
            return Reply(416, (*headers, ("Content-Range", f"bytes */{offer.size_bytes}")))
        part = ContentRange(asked.first, min(asked.last, offer.size_bytes - 1), offer.size_bytes)
        headers = (*headers, ("Content-Range", str(part)))
        return Reply(206, headers, part.size, self._pieces(offer, part.first, part.size))

    def _pieces(self, offer: Offer, first: int, size: int) -> Iterator[bytes]:
        """The file is opened with the first of them: an answer that nobody reads holds none."""
        with self._folder.open(offer.sha256) as file:
            file.seek(first)
            while size:
                piece = file.read(min(size, _CHUNK))
                if not piece:
                    raise OSError("the bundle is shorter than it was")
                size -= len(piece)
                yield piece


def _listed(offers: list[Offer]) -> Reply:
    body = msgspec.json.encode(Offers(tuple(offers)))
    return Reply(200, (("Content-Type", "application/json"),), len(body), iter((body,)))


def _asked(question: Question, offer: Offer) -> AskedRange | None:
    if question.if_range and question.if_range != etag_of(offer.sha256):
        return None
    try:
        return AskedRange.parse(question.range)
    except ValueError:
        return None
