"""The listener for stations: HTTP as Cheroot speaks it, and what a request becomes of it. Pictures, and updates."""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import MakeFile, StreamReader, StreamWriter
from cheroot.server import Gateway, HTTPConnection, HTTPRequest, HTTPServer
from cheroot.ssl import Adapter

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import COMPLETE, MAX_PART_BYTES, OFFSET, REFUSED, ContentRange, PictureName
from kiosk.messaging.contract.updates import UpdatesPath
from kiosk.sorting_center.certificate import ReloadingCertificate
from kiosk.sorting_center.photos.listener.headers import StrictHeaders
from kiosk.sorting_center.photos.listener.reception import ConnectionGate, ConnectionLimits
from kiosk.sorting_center.photos.ports import StationConnection
from kiosk.sorting_center.photos.uploads import BodyTruncated, UploadResult, Uploads
from kiosk.sorting_center.updates.downloads import DownloadRequest, Downloads

_MAX_HEAD_BYTES: Final = 8192
_BACKLOG: Final = 128
_STOP_S: Final = 1
_LOG_PERIOD_S: Final = 300.0
_FETCH_RETRY_S: Final = 60.0
"""In about that time an update without libraries is through, and its place is another's."""
_PHRASES: Final = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


class PhotosServer:
    """Answers on a socket that listens already, from `start` to `stop`, which closes it."""

    def __init__(
        self,
        uploads: Uploads,
        listening: socket.socket,
        certificate: ReloadingCertificate | None,
        limits: ConnectionLimits | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """``downloads`` None: there are no updates here."""
        self._reception = ConnectionGate(_on_admitted, limits)
        gateway = partial(_StationGateway, uploads, downloads)
        self._server = _StationServer(listening, self._reception, gateway, certificate)
        self._thread = threading.Thread(target=self._server.serve, name="photos", daemon=True)
        self._ending = threading.Event()
        self._tending = (
            threading.Thread(target=certificate.watch, args=(self._ending,), name="certificate", daemon=True)
            if certificate is not None
            else None
        )

    def start(self) -> None:
        """Begin to answer."""
        self._server.prepare()
        self._reception.start()
        self._thread.start()
        if self._tending is not None:
            self._tending.start()

    def stop(self) -> None:
        """Hang up; what came of a picture is kept."""
        self._ending.set()
        self._reception.stop()
        self._server.stop()
        self._thread.join()
        if self._tending is not None:
            self._tending.join()


def _on_admitted(connection: StationConnection) -> None:
    if isinstance(connection, _GatedConnection):
        connection.server.put_conn(connection)


class _StationTls(Adapter):
    """As the server wants it: it only puts TLS around a connection; who speaks is found out by the reception."""

    def __init__(self, certificate: ReloadingCertificate) -> None:
        self._certificate = certificate

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Raises FatalSSLAlert for a connection that is gone already."""
        try:
            return self._certificate.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), {}
        except OSError as error:
            sock.close()
            raise FatalSSLAlert(*error.args) from error

    def get_environ(self) -> dict[str, str]:
        return {}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = io.DEFAULT_BUFFER_SIZE) -> Any:
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)


class _StationRequest(HTTPRequest):
    header_reader = StrictHeaders()


class _GatedConnection(HTTPConnection):
    RequestHandlerClass = _StationRequest

    def __init__(self, server: _StationServer, sock: socket.socket, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile)
        self.admitted = False
        self.station: str | None = None

    @property
    def address(self) -> str:
        return str(self.remote_addr)

    @property
    def sock(self) -> socket.socket:
        found: socket.socket = self.socket
        return found

    def admit(self, station: str | None) -> None:
        self.admitted, self.station = True, station
        self.sock.settimeout(self.server.timeout)

    def communicate(self) -> bool:
        """One request; whether there may be another on this connection."""
        self.server.reception.allow(self, self.server.reception.limits.head_s)
        try:
            return bool(super().communicate())  # type: ignore[no-untyped-call]
        finally:
            self.server.reception.rest(self)

    def close(self) -> None:
        self.server.reception.leave(self)
        with suppress(OSError, ValueError):
            super().close()
        with suppress(OSError, ValueError):
            self.wfile.close()  # else the socket stays open until the garbage collector comes by


class _StationServer(HTTPServer):
    ConnectionClass = _GatedConnection
    max_request_header_size = _MAX_HEAD_BYTES
    max_request_body_size = MAX_PART_BYTES
    request_queue_size = _BACKLOG
    shutdown_timeout = _STOP_S

    def __init__(
        self,
        listening: socket.socket,
        reception: ConnectionGate,
        gateway: Callable[[Any], Gateway],
        certificate: ReloadingCertificate | None,
    ) -> None:
        places = reception.limits.connections
        super().__init__(listening.getsockname()[:2], gateway, places, places, "photos")
        self.keep_alive_conn_limit = places
        self.timeout = max(1, round(reception.limits.head_s))
        self.ssl_adapter = _StationTls(certificate) if certificate is not None else None
        self.reception = reception
        self._listening = listening
        self._log = RateLimitedLog(logging.getLogger(__name__), time.monotonic, _LOG_PERIOD_S)

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: A002  the name of the library
        """Take the socket that was handed over."""
        self.socket = self._listening
        return self._listening

    def process_conn(self, conn: _GatedConnection) -> None:
        """One that has a place asks for something; another one is new."""
        if conn.admitted:
            super().process_conn(conn)
        else:
            self.reception.receive(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Whatever the library has to say, each level now and then."""
        if level > logging.INFO:
            self._log.write(msg, kind=str(level), level=level)


class _RequestBody:
    def __init__(self, rfile: Any) -> None:
        self._rfile = rfile

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._rfile.read(size))
        except (OSError, ValueError) as error:
            raise BodyTruncated from error


class _StationGateway(Gateway):
    def __init__(self, uploads: Uploads, downloads: Downloads | None, req: HTTPRequest) -> None:
        super().__init__(req)
        self._uploads, self._downloads = uploads, downloads

    def respond(self) -> None:
        if self._downloads is not None and self.req.uri.startswith(b"/updates/"):
            self._give(self._downloads)
        else:
            self._write_head(self._answer())

    def _give(self, downloads: Downloads) -> None:
        request = self.req
        try:
            path = UpdatesPath.parse(request.uri.decode("ascii"))
        except ValueError:
            self._write_head(self._ended(404))
            return
        if request.method != b"GET" or self._size:
            self._write_head(self._ended(405))
            return
        reception = request.server.reception
        if not reception.fetches(request.conn):
            self._write_head(self._ended(503, _FETCH_RETRY_S))
            return
        range_, if_range = (request.inheaders.get(name, b"").decode("ascii") for name in (b"Range", b"If-Range"))
        reply = downloads.respond(DownloadRequest(request.conn.station or path.station, path, range_, if_range))
        reception.allow(request.conn, reception.limits.body_s(reply.size))
        self._write_status(reply.status, [*reply.headers, ("Content-Length", str(reply.size))])
        request.ensure_headers_sent()
        try:
            for piece in reply.pieces:
                request.write(piece)
        except OSError:  # the station has hung up, or the disk fails: told by an answer that ends too early
            request.close_connection = True
            request.conn.close()

    def _write_status(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.req.status = f"{status} {_PHRASES[status]}".encode()
        self.req.outheaders.extend((name.encode(), value.encode()) for name, value in headers)

    def _write_head(self, answer: UploadResult) -> None:
        headers: list[tuple[str, str]] = [] if answer.status == 204 else [("Content-Length", "0")]
        if answer.complete is not None:
            headers.append((COMPLETE, "?1" if answer.complete else "?0"))
        if answer.offset is not None:
            headers.append((OFFSET, str(answer.offset)))
        if answer.retry_after_s is not None:
            headers.append(("Retry-After", str(max(1, round(answer.retry_after_s)))))
        if answer.reason is not None:
            headers.append((REFUSED, answer.reason.value))
        self._write_status(answer.status, headers)

    def _answer(self) -> UploadResult:
        request = self.req
        try:
            name = PictureName.parse(request.uri.decode("ascii"))
        except ValueError:
            return self._ended(404)
        station = request.conn.station or name.station
        if request.method == b"HEAD" and not self._size:
            return self._uploads.progress(station, name)
        if request.method != b"PUT":
            return self._ended(405)
        try:
            part = ContentRange.parse(request.inheaders.get(b"Content-Range", b"").decode("ascii"))
        except ValueError:
            return self._ended(400)
        if part.size != self._size:
            return self._ended(400)
        reception = request.server.reception
        reception.allow(request.conn, reception.limits.body_s(part.size))
        try:
            return self._uploads.receive_part(station, name, part, _RequestBody(request.rfile))
        except BodyTruncated:
            return self._ended(400)

    @property
    def _size(self) -> int:
        return int(self.req.inheaders.get(b"Content-Length", b"0"))

    def _ended(self, status: int, retry_after_s: float | None = None) -> UploadResult:
        """Nothing more is read from whoever asks for such a thing."""
        self.req.close_connection = True
        return UploadResult(status, retry_after_s=retry_after_s)
