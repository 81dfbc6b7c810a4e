"""The connection of the photos lane."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Final

from kiosk.messaging.contract.photos import COMPLETE, OFFSET, REFUSED, ContentRange, PictureName
from kiosk.messaging.relay.photos.ports import UploadResponse
from kiosk.messaging.relay.shared.center_line import CenterLine, Preempted
from kiosk.messaging.relay.shared.settings import RelaySettings

# One question or part, to the last byte of its answer: a part is small enough for seconds, also on a bad line.
REQUEST_TIMEOUT_S: Final = 120.0
_CHUNK_BYTES: Final = 1024
_MAX_BODY_BYTES: Final = 4096
_REQUIRED_HEADERS: Final = {200: COMPLETE, 201: COMPLETE, 204: OFFSET, 416: OFFSET}  # What an answer is asked for


class PhotosClient(CenterLine):
    def __init__(self, settings: RelaySettings) -> None:
        refusal = f"the sorting center takes no pictures at {settings.photos}"
        super().__init__(settings, settings.photos_endpoint, refusal)

    def query_progress(self, name: PictureName) -> UploadResponse:
        """How far the center is with a picture; raises NoWay."""
        with self.translate_errors(), self.time_limit(REQUEST_TIMEOUT_S):
            connection = self.get_connection()
            connection.putrequest("HEAD", str(name), skip_accept_encoding=True)
            connection.endheaders()
            return _answer(connection.getresponse())

    def send(
        self, name: PictureName, part: ContentRange, data: bytes, should_yield: Callable[[], bool]
    ) -> UploadResponse:
        """Send a part; raises NoWay, and GaveWay as soon as ``should_yield`` says so between two pieces."""
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
        # A line that breaks in a head leaves what looks like a whole one; a stranger's page is none of a center either.
        raise HTTPException(f"an answer {response.status} without {needed}: it is cut off, or none of a sorting center")
    return UploadResponse(
        response.status,
        headers.get(COMPLETE) == "?1",
        _number(headers.get(OFFSET)),
        _number(headers.get("Retry-After")),
        _printable(headers.get(REFUSED, "")),
    )


def _number(text: str | None) -> int | None:
    """None for none, and for what is no number of at most ten digits."""
    return int(text) if text is not None and len(text) <= 10 and text.isascii() and text.isdecimal() else None


def _printable(text: str) -> str:
    """A word for the log, whoever wrote it."""
    return "".join(character for character in text[:40] if character.isascii() and character.isprintable())
