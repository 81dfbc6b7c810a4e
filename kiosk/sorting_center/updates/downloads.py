"""What a station is answered when it asks what updates there are, or for a part of one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.downloads import ByteRange, DownloadPath, etag_of
from kiosk.messaging.contract.photos import ContentRange
from kiosk.messaging.contract.updates import UpdateOffer, UpdateOffers
from kiosk.sorting_center.updates.folder import OfferFolder

_CHUNK: Final = 16 * 1024
_ERROR_RETRY_S: Final = 600
Pieces = Callable[[int, int], Iterator[bytes]]  # From so many bytes on, so many bytes


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """``station`` is the requesting one; the texts are headers, "" for none. ``region``: of its certificate."""

    station: str
    path: DownloadPath
    range: str = ""
    if_range: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class DownloadResponse:
    """``size`` bytes that ``pieces`` gives; it raises OSError where they cannot be read any more."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    size: int = 0
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))


class Downloads:
    """Used by the threads of the server. Raises nothing."""

    def __init__(self, folder: OfferFolder, log: RateLimitedLog) -> None:
        self._folder, self._log = folder, log

    def respond(self, request: DownloadRequest) -> DownloadResponse:
        """Answer a GET. An unreadable range is ignored (RFC 9110, section 14.2)."""
        if request.station != request.path.station:
            return DownloadResponse(403)
        try:
            offers = [one.offer for one in self._folder.offers() if one.is_for(request.station)]
            if not request.path.sha256:
                body = msgspec.json.encode(UpdateOffers(tuple(offers)))
                return DownloadResponse(200, (("Content-Type", "application/json"),), len(body), iter((body,)))
            one = next((offer for offer in offers if offer.sha256 == request.path.sha256), None)
            if one is None:
                return DownloadResponse(404)
            self._folder.require_whole(one)
            return range_response(request, one.sha256, one.size_bytes, partial(self._read_pieces, one))
        except OSError as error:
            self._log.write(f"Updates cannot be given out: {error}", kind="updates", level=logging.ERROR)
            return DownloadResponse(503, (("Retry-After", str(_ERROR_RETRY_S)),))

    def _read_pieces(self, offer: UpdateOffer, first: int, size: int) -> Iterator[bytes]:
        """Yield the bytes. The file is opened with the first piece, so an unread answer holds none open."""
        with self._folder.open(offer.sha256) as file:
            file.seek(first)
            while size:
                piece = file.read(min(size, _CHUNK))
                if not piece:
                    raise OSError("the bundle is shorter than it was")
                size -= len(piece)
                yield piece


def range_response(request: DownloadRequest, sha256: str, size: int, read: Pieces) -> DownloadResponse:
    """Build the response with the bytes of this hash, or the requested range of them."""
    headers: tuple[tuple[str, str], ...] = (("ETag", etag_of(sha256)), ("Accept-Ranges", "bytes"))
    requested = _requested_range(request, sha256)
    if requested is None:
        return DownloadResponse(200, headers, size, read(0, size))
    if requested.first >= size:
        return DownloadResponse(416, (*headers, ("Content-Range", f"bytes */{size}")))
    part = ContentRange(requested.first, min(requested.last, size - 1), size)
    return DownloadResponse(206, (*headers, ("Content-Range", str(part))), part.size, read(part.first, part.size))


def _requested_range(request: DownloadRequest, sha256: str) -> ByteRange | None:
    if request.if_range and request.if_range != etag_of(sha256):
        return None
    try:
        return ByteRange.parse(request.range)
    except ValueError:
        return None
