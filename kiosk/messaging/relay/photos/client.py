"""The connection of the photos lane: HTTP over TLS, with the certificate that the broker is shown."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from kiosk.messaging.contract.photos import COMPLETE, OFFSET, REFUSED, ContentRange, PictureName
from kiosk.messaging.relay.photos.ports import Answer, GaveWay, NoWay
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.messaging.relay.tls import tls_context

_CONNECT_S: Final = 20.0
_ANSWER_S: Final = 30.0
"""Without a byte from the center, on a line of a few kbit/s with others on it."""
_ALERT_S: Final = 1.0
_PIECE: Final = 1024
_UNSENT_BYTES: Final = 4096
_TCP_NOTSENT_LOWAT: Final = 25
"""tcp(7), Linux: no more than that waits in the kernel beyond what is on the wire, or an event waited behind it."""
_MAX_BODY: Final = 4096


class Client:
    """Opens a connection when it needs one, and keeps it until `close`."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether a question needs no new connection."""
        return self._connection is not None

    def look(self, name: PictureName) -> Answer:
        """How far the center is with a picture; raises NoWay."""
        with self._telling():
            connection = self._opened()
            connection.putrequest("HEAD", str(name), skip_accept_encoding=True)
            connection.endheaders()
            return _answer(connection.getresponse())

    def send(self, name: PictureName, part: ContentRange, data: bytes, gives_way: Callable[[], bool]) -> Answer:
        """Send a part; raises NoWay, and GaveWay as soon as ``gives_way`` says so between two pieces."""
        with self._telling():
            connection = self._opened()
            connection.putrequest("PUT", str(name), skip_accept_encoding=True)
            connection.putheader("Content-Range", str(part))
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders()
            for at in range(0, len(data), _PIECE):
                if at and gives_way():
                    raise GaveWay
                connection.send(data[at : at + _PIECE])
            return _answer(connection.getresponse())

    def close(self) -> None:
        """Hang up; the next question opens a new connection."""
        with self._lock:
            connection, self._connection = self._connection, None
            sock, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if sock is not None:
            sock.close()

    def end(self) -> None:
        """From another thread: whatever waits for the center is over, and nothing is opened any more."""
        with self._lock:
            self._ended = True
            sock = self._socket
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _drop(self) -> None:
        """Hang up; what waits in the kernel is not sent any more."""
        with self._lock:
            sock = self._socket
        if sock is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _opened(self) -> HTTPConnection:
        with self._lock:
            if self._connection is not None:
                return self._connection
        endpoint = self._settings.photos_endpoint
        if endpoint is None:
            raise ConnectionAbortedError("no place for pictures is set")
        context = tls_context(self._settings) if endpoint.tls else None
        sock = self._held(socket.create_connection((endpoint.host, endpoint.port), _CONNECT_S))
        if context is not None:
            # Not by the connection itself: a handshake on a slow line would hold up the end of the relay.
            safe = context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
            sock = self._held(safe)
            safe.do_handshake()
        sock.settimeout(_ANSWER_S)
        with suppress(OSError):  # an older kernel: then an event waits for its buffer as well
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        made = HTTPConnection(endpoint.host, endpoint.port)
        made.sock = sock
        with self._lock:
            self._connection = made
        return made

    def _held(self, sock: socket.socket) -> socket.socket:
        """Where `end` finds it."""
        with self._lock:
            self._socket = sock
            if self._ended:
                raise ConnectionAbortedError("the relay ends")
        return sock

    def _alert(self) -> ssl.SSLError | None:
        """Why the center hung up: of a certificate that it does not take it tells after the handshake is over here."""
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.settimeout(_ALERT_S)
                self._socket.recv(1)
            except ssl.SSLCertVerificationError:
                return None
            except ssl.SSLError as error:
                return error if error.reason and "ALERT" in error.reason else None
            except (OSError, ValueError):
                return None
        return None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            said = _said(self._alert() or error)
            self._drop()
            raise NoWay(f"the sorting center takes no pictures at {self._settings.photos}: {said}") from error
        except GaveWay:
            self._drop()
            raise


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}: check this machine's clock, ca_file, and that the certificate is for this host"
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}: check cert_file and key_file, and whether the certificate is still valid"
    return f"{type(error).__name__}: {error}"


def _answer(response: HTTPResponse) -> Answer:
    body = response.read(_MAX_BODY + 1)
    if len(body) > _MAX_BODY:
        raise HTTPException("the answer is too long for one of a sorting center")
    response.read()  # the end of it, so that the connection can be used again
    headers = response.headers
    return Answer(
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
