"""The HTTP interface for stations, as a WSGI application: their pictures, updates, and what the county gives them."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.downloads import CONFIGURATION, UPDATES, DownloadPath
from kiosk.messaging.contract.photos import COMPLETE, MAX_PART_BYTES, OFFSET, REFUSED, ContentRange, PictureName
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.photos.refusals import RefusalReason
from kiosk.sorting_center.photos.uploads import BodyTruncated, UploadResult, Uploads
from kiosk.sorting_center.shared.http_server import BrokenBodyChannel, WebServer
from kiosk.sorting_center.stations.shared.subject import BadSubject, MachineSubject
from kiosk.sorting_center.updates.configurations import ConfigurationDownloads
from kiosk.sorting_center.updates.downloads import DownloadRequest, DownloadResponse, Downloads

log = logging.getLogger(__name__)

STATION_HEADER: Final = "HTTP_X_STATION"  # X-Station, set by nginx: the station of the certificate that it has checked
SUBJECT_HEADER: Final = "HTTP_X_SUBJECT"  # X-Subject, set by nginx: the whole subject of that certificate
MAX_DOWNLOADS: Final = 16  # At once, as the site of nginx has it: each may hold a thread as long as its station reads
CHECK_S: Final = 20.0  # Of a download: a certificate that is revoked meanwhile gets no more of it
_NO_SUBJECT: Final = "nginx does not set X-Subject: take over the site sorting-center-photos of this version"
_RETRY_S: Final = 60
_LOG_PERIOD_S: Final = 300.0
_THREADS: Final = MAX_DOWNLOADS + 8

# Of a subject, the station of the certificate, and the region it speaks for, "" for any. Raises DeskError.
Admission = Callable[[str, str, str], bool]
_Respond = Callable[[DownloadRequest], DownloadResponse]
_StartResponse = Callable[[str, list[tuple[str, str]]], object]


def station_server(
    uploads: Uploads,
    downloads: Downloads | None,
    configurations: ConfigurationDownloads,
    admits: Admission,
    listening: socket.socket,
) -> WebServer:
    """Serve stations on ``listening``; ``downloads`` None: there are no updates here.

    Only on a Unix socket, which only nginx may use, are X-Station and X-Subject trusted; over TCP on loopback the path
    names the station, and no certificate is checked.
    """
    app = StationApp(uploads, downloads, configurations, admits if listening.family == socket.AF_UNIX else None)
    return WebServer(app, listening, MAX_PART_BYTES, _THREADS, BrokenBodyChannel)


class StationApp:
    """Used by the threads of the server."""

    def __init__(
        self,
        uploads: Uploads,
        downloads: Downloads | None,
        configurations: ConfigurationDownloads,
        admits: Admission | None,
    ) -> None:
        """Set up the routes; ``admits`` None: no nginx is in front."""
        self._uploads, self._admits = uploads, admits
        self._downloads: dict[str, _Respond] = {CONFIGURATION: configurations.respond}
        if downloads is not None:
            self._downloads[UPDATES] = downloads.respond
        self._log = RateLimitedLog(log, time.monotonic, _LOG_PERIOD_S)

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        uri = environ["REQUEST_URI"]  # as it was sent: nothing escaped in a path is unescaped
        respond = next((found for kind, found in self._downloads.items() if uri.startswith(f"/{kind}/")), None)
        if respond is not None:
            reply = self._download(respond, uri, environ)
            start_response(_status(reply.status), [*reply.headers, ("Content-Length", str(reply.size))])
            return _until_unreadable(reply.pieces)
        answer = self._answer(uri, environ)
        start_response(_status(answer.status), _headers(answer))
        return ()

    def _download(self, respond: _Respond, uri: str, environ: dict[str, Any]) -> DownloadResponse:
        try:
            path = DownloadPath.parse(uri)
        except ValueError:
            return DownloadResponse(404)
        station = self._station(environ, path.station)
        if station is None:
            return DownloadResponse(403)
        refusal = self._refusal(environ, station)
        if refusal is not None:
            retry = () if refusal is RefusalReason.REVOKED else (("Retry-After", str(_RETRY_S)),)
            return DownloadResponse(503 if retry else 403, ((REFUSED, refusal.value), *retry))
        if environ["REQUEST_METHOD"] != "GET":
            return DownloadResponse(405)
        ranges = environ.get("HTTP_RANGE", ""), environ.get("HTTP_IF_RANGE", "")
        response = respond(DownloadRequest(station, path, *ranges, region=_region(environ)))
        return replace(response, pieces=self._while_admitted(response.pieces, environ, station))

    def _while_admitted(self, pieces: Iterator[bytes], environ: dict[str, Any], station: str) -> Iterator[bytes]:
        """Yield the pieces; end too early for a station not admitted any more, as for a disk that fails."""
        checked_at = time.monotonic()
        for piece in pieces:
            if time.monotonic() - checked_at >= CHECK_S:
                if self._refusal(environ, station) is not None:
                    return
                checked_at = time.monotonic()
            yield piece

    def _refusal(self, environ: dict[str, Any], station: str, region: str = "") -> RefusalReason | None:
        """Return why the list of certificates refuses the station; a list that cannot be read admits none.

        Nor does an nginx that names no certificate, with an older version's site: that is not the station's fault.
        """
        subject, fault = environ.get(SUBJECT_HEADER, ""), _NO_SUBJECT
        try:
            if self._admits is None or self._admits(subject, station, region):
                return None
        except DeskError as error:
            subject, fault = "", str(error)
        if subject:
            return RefusalReason.REVOKED
        self._log.write(f"Station {station} is not let in: {fault}; it comes again.", kind="list", level=logging.ERROR)
        return RefusalReason.UNAVAILABLE

    def _answer(self, uri: str, environ: dict[str, Any]) -> UploadResult:
        try:
            name = PictureName.parse(uri)
        except ValueError:
            return UploadResult(404)
        station = self._station(environ, name.station)
        if station is None:
            return UploadResult(403)
        refusal = self._refusal(environ, station, name.region)
        if refusal is not None:
            return self._uploads.refuse(station, name, refusal)
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
        """Return the requesting station; None without a name that can be trusted."""
        if self._admits is None:
            return of_path
        try:
            return check_station(environ.get(STATION_HEADER, ""))
        except BadIdentifier:
            return None


def _region(environ: dict[str, Any]) -> str:
    """Return the region of the certificate; "" without one, or if it is not as this county writes it."""
    try:
        return MachineSubject.parse(environ.get(SUBJECT_HEADER, "")).region
    except BadSubject:
        return ""


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
    """Yield the pieces; a disk that fails in between ends the answer too early, and with it the connection."""
    try:
        yield from pieces
    except OSError:
        return
