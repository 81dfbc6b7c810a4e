"""The HTTP interface for stations, as a WSGI application: their pictures, and updates for them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.messaging.contract.photos import COMPLETE, MAX_PART_BYTES, OFFSET, REFUSED, ContentRange, PictureName
from kiosk.messaging.contract.updates import UpdatesPath
from kiosk.sorting_center.photos.uploads import BodyTruncated, UploadResult, Uploads
from kiosk.sorting_center.shared.http_server import BrokenBodyChannel, WebServer
from kiosk.sorting_center.updates.downloads import DownloadRequest, DownloadResponse, Downloads

STATION_HEADER: Final = "HTTP_X_STATION"  # X-Station, set by nginx: the station of the certificate that it has checked
MAX_DOWNLOADS: Final = 16  # At once, as the site of nginx has it: each may hold a thread as long as its station reads
_THREADS: Final = MAX_DOWNLOADS + 8

_StartResponse = Callable[[str, list[tuple[str, str]]], object]


def station_server(uploads: Uploads, downloads: Downloads | None, listening: socket.socket) -> WebServer:
    """Serve stations on ``listening``; ``downloads`` None: there are no updates here.

    Only on a Unix socket, which only nginx may use, is X-Station trusted; over TCP on loopback the path
    names the station.
    """
    app = StationApp(uploads, downloads, behind_nginx=listening.family == socket.AF_UNIX)
    return WebServer(app, listening, MAX_PART_BYTES, _THREADS, BrokenBodyChannel)


class StationApp:
    """Used by the threads of the server."""

    def __init__(self, uploads: Uploads, downloads: Downloads | None, *, behind_nginx: bool) -> None:
        self._uploads, self._downloads, self._behind_nginx = uploads, downloads, behind_nginx

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        uri = environ["REQUEST_URI"]  # as it was sent: nothing escaped in a path is unescaped
        if self._downloads is not None and uri.startswith("/updates/"):
            reply = self._update(self._downloads, uri, environ)
            start_response(_status(reply.status), [*reply.headers, ("Content-Length", str(reply.size))])
            return _until_unreadable(reply.pieces)
        answer = self._answer(uri, environ)
        start_response(_status(answer.status), _headers(answer))
        return ()

    def _update(self, downloads: Downloads, uri: str, environ: dict[str, Any]) -> DownloadResponse:
        try:
            path = UpdatesPath.parse(uri)
        except ValueError:
            return DownloadResponse(404)
        station = self._station(environ, path.station)
        if station is None:
            return DownloadResponse(403)
        if environ["REQUEST_METHOD"] != "GET":
            return DownloadResponse(405)
        ranges = environ.get("HTTP_RANGE", ""), environ.get("HTTP_IF_RANGE", "")
        return downloads.respond(DownloadRequest(station, path, *ranges))

    def _answer(self, uri: str, environ: dict[str, Any]) -> UploadResult:
        try:
            name = PictureName.parse(uri)
        except ValueError:
            return UploadResult(404)
        station = self._station(environ, name.station)
        if station is None:
            return UploadResult(403)
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["REQUEST_METHOD"] == "HEAD" and not size:
            return self._uploads.progress(station, name)
        if environ["REQUEST_METHOD"] != "PUT":
            return UploadResult(405)
        try:
            part = ContentRange.parse(environ.get("HTTP_CONTENT_RANGE", ""))
        except ValueError:
            return UploadResult(400)
        if part.size != size:
            return UploadResult(400)
        try:
            return self._uploads.receive_part(station, name, part, environ["wsgi.input"])
        except BodyTruncated:
            return UploadResult(400)

    def _station(self, environ: dict[str, Any], of_path: str) -> str | None:
        """The station that asks; None without a name that can be trusted."""
        if not self._behind_nginx:
            return of_path
        try:
            return check_station(environ.get(STATION_HEADER, ""))
        except BadIdentifier:
            return None


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _headers(answer: UploadResult) -> list[tuple[str, str]]:
    headers = [] if answer.status == 204 else [("Content-Length", "0")]
    if answer.complete is not None:
        headers.append((COMPLETE, "?1" if answer.complete else "?0"))
    if answer.offset is not None:
        headers.append((OFFSET, str(answer.offset)))
    if answer.retry_after_s is not None:
        headers.append(("Retry-After", str(max(1, round(answer.retry_after_s)))))
    if answer.reason is not None:
        headers.append((REFUSED, answer.reason.value))
    return headers


def _until_unreadable(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A disk that fails in the middle ends the answer too early, and with it the connection."""
    try:
        yield from pieces
    except OSError:
        return
