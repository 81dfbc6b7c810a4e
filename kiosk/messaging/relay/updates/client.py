"""The connection of the updates lane: a center that says or sends anything but what was asked for is hung up on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse
from typing import Final

from kiosk.messaging.contract.photos import ContentRange
from kiosk.messaging.contract.updates import (
    MAX_LIST_BYTES,
    ByteRange,
    UpdateOffer,
    UpdatesPath,
    etag_of,
    parse_offers,
)
from kiosk.messaging.relay.shared.center_line import CenterLine, Preempted
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.updates.ports import CenterRefused

REQUEST_TIMEOUT_S: Final = 60.0  # One question, from the connection to the last byte of its answer
_CHUNK_BYTES: Final = 1024
_OK: Final = 200
_PARTIAL: Final = 206


class UpdatesClient(CenterLine):
    def __init__(self, settings: RelaySettings) -> None:
        refusal = f"the sorting center gives no updates at {settings.updates}"
        super().__init__(settings, settings.updates_endpoint, refusal)
        self._station = settings.station

    def offers(self) -> Sequence[UpdateOffer]:
        """What it has for this station; raises NoWay, Refused."""
        with (
            self.translate_errors(),
            self.time_limit(REQUEST_TIMEOUT_S),
            self._get(str(UpdatesPath(self._station)), {}) as response,
        ):
            self._require(response, _OK)
            if response.length is None or response.length > MAX_LIST_BYTES:
                raise HTTPException("the list of updates has no length, or is too long")
            return parse_offers(response.read())

    def fetch(
        self, offer: UpdateOffer, first: int, size: int, take: Callable[[bytes], None], should_yield: Callable[[], bool]
    ) -> None:
        byte_range = ByteRange(first, min(first + size, offer.size_bytes) - 1)
        etag = etag_of(offer.sha256)
        with self.translate_errors(), self.time_limit(REQUEST_TIMEOUT_S):
            path = str(UpdatesPath(self._station, offer.sha256))
            with self._get(path, {"Range": str(byte_range), "If-Range": etag}) as response:
                self._require(response, _PARTIAL)
                part = ContentRange.parse(response.headers.get("Content-Range", ""))
                wrong = (
                    part != ContentRange(byte_range.first, byte_range.last, offer.size_bytes)
                    or response.length != part.size
                )
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
        """A body of any other answer is not read: it may have no end."""
        if response.status != status:
            retry_after = response.headers.get("Retry-After", "")
            self.drop()
            raise CenterRefused(
                response.status, float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None
            )
