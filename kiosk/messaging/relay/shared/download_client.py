"""What lanes fetch from the center over HTTPS: small answers whole, large ones in ranges that are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Final

from kiosk.messaging.contract.downloads import ByteRange, etag_of
from kiosk.messaging.contract.photos import ContentRange
from kiosk.messaging.relay.shared.center_line import CenterLine, Preempted

REQUEST_TIMEOUT_S: Final = 60.0  # One question, from the connection to the last byte of its answer
# A lane alone takes no more than 128 kbit/s of the line: what it fetches is not urgent.
MAX_BYTES_PER_S: Final = 16_000
RETRY_LATER_STATUSES: Final = frozenset({429, 503})
MISSING_STATUSES: Final = frozenset({200, 404, 416})  # It is there no more, or it is another one now
_CHUNK_BYTES: Final = 1024
_OK: Final = 200
_PARTIAL: Final = 206


class CenterRefused(Exception):
    """The center does not give it; the text says how it answered. ``retry_after_s``: not before then, as it says
    itself."""

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(f"the sorting center answers {status}")
        self.status, self.retry_after_s = status, retry_after_s


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Bytes at the center, named by their hash."""

    path: str
    sha256: str
    size_bytes: int


class DownloadClient(CenterLine):
    """The connection of a lane: it hangs up on a center that says or sends anything but what was requested."""

    def get(self, path: str, max_bytes: int) -> bytes:
        """Read a whole answer. Raises CenterUnreachable and CenterRefused."""
        with self.translate_errors(), self.time_limit(REQUEST_TIMEOUT_S), self._get(path, {}) as response:
            self._require(response, _OK)
            if response.length is None or response.length > max_bytes:
                raise HTTPException("the answer has no length, or is too long")
            return response.read()

    def get_range(
        self, file: RemoteFile, first: int, size: int, take: Callable[[bytes], None], should_yield: Callable[[], bool]
    ) -> None:
        """Read at most ``size`` bytes of the file. Raises CenterUnreachable, CenterRefused and Preempted."""
        byte_range = ByteRange(first, min(first + size, file.size_bytes) - 1)
        etag = etag_of(file.sha256)
        headers = {"Range": str(byte_range), "If-Range": etag}
        with (
            self.translate_errors(),
            self.time_limit(REQUEST_TIMEOUT_S),
            self._get(file.path, headers) as response,
        ):
            self._require(response, _PARTIAL)
            part = ContentRange.parse(response.headers.get("Content-Range", ""))
            expected = ContentRange(byte_range.first, byte_range.last, file.size_bytes)
            wrong = part != expected or response.length != part.size
            if wrong or response.headers.get("ETag") != etag or "Content-Encoding" in response.headers:
                raise HTTPException("the answer is another than what was asked for")
            self._read(response, part.size, take, should_yield)

    def _read(
        self, response: HTTPResponse, left: int, take: Callable[[bytes], None], should_yield: Callable[[], bool]
    ) -> None:
        while left:
            piece = response.read(min(left, _CHUNK_BYTES))
            if not piece:
                raise HTTPException("the answer ends too early")
            take(piece)
            left -= len(piece)
            if left and should_yield():
                raise Preempted

    def _get(self, path: str, headers: dict[str, str]) -> HTTPResponse:
        connection = self.get_connection()
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse()

    def _require(self, response: HTTPResponse, status: int) -> None:
        """Raise CenterRefused for another status, without reading the body: it may be endless."""
        if response.status != status:
            retry_after = response.headers.get("Retry-After", "")
            self.drop()
            raise CenterRefused(
                response.status, float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None
            )
