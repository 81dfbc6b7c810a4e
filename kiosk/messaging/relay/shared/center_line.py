"""A connection to the sorting center over HTTPS, with the certificate that the broker is shown."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from typing import Final

from kiosk.messaging.relay.shared.settings import CenterEndpoint, RelaySettings


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho leaves it open, one more at every attempt of a bad week."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(settings: RelaySettings) -> ssl.SSLContext:
    """Build the context for ``mqtts``: it always checks certificate and name, no setting turns that off. Raises OSError
    naming the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosingSocket
    if settings.ca_file is None:
        context.load_default_certs()
    else:
        # Only the named authority: a broker of this county has no business being vouched for by anybody else.
        with _name_files_in_errors(settings.ca_file):
            context.load_verify_locations(settings.ca_file)
    if settings.cert_file is not None and settings.key_file is not None:
        with _name_files_in_errors(settings.cert_file, settings.key_file):
            context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


@contextmanager
def _name_files_in_errors(*files: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{' and '.join(map(str, files))} cannot be used for TLS: {error}") from error


_CONNECT_S: Final = 20.0
_ANSWER_S: Final = 30.0  # Without a byte from the center, on a line of a few kbit/s with others on it
_ALERT_S: Final = 1.0
_UNSENT_BYTES: Final = 4096
# tcp(7), Linux: no more than that waits in the kernel beyond what is on the wire, or an event waited behind it.
_TCP_NOTSENT_LOWAT: Final = 25


class CenterUnreachable(Exception):
    """The center cannot be reached, or the connection broke; the text says where and why."""


class Preempted(Exception):
    """Something was broken off for an event."""


class CenterLine:
    """Opens a connection when it needs one, and keeps it until `close`. It follows no redirection."""

    def __init__(self, settings: RelaySettings, endpoint: CenterEndpoint | None, refusal: str) -> None:
        """Prepare the line. ``refusal`` begins the text of a CenterUnreachable."""
        self._settings, self._endpoint, self._refusal = settings, endpoint, refusal
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._ended = False

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        with self._lock:
            connection, self._connection = self._connection, None
            sock, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if sock is not None:
            sock.close()

    def end(self) -> None:
        """End whatever waits for the center, and open no connection any more. Called from another thread."""
        with self._lock:
            self._ended = True
        self._shut_down_socket()

    def _shut_down_socket(self) -> None:
        with self._lock:
            sock = self._socket
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Break off what lasts longer, even when bytes trickle in and no single read waits long. Raises TimeoutError:
        the head of a cut-off answer looks like a whole one.
        """
        expired = threading.Event()

        def end() -> None:
            expired.set()
            self._shut_down_socket()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
        if expired.is_set():
            raise TimeoutError(f"it takes longer than {seconds:.0f} s")

    def drop(self) -> None:
        """Close the connection; what waits in the kernel is not sent any more."""
        with self._lock:
            sock = self._socket
        if sock is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def get_connection(self) -> HTTPConnection:
        """Return the open connection, or a new one. Raises OSError."""
        with self._lock:
            if self._connection is not None:
                return self._connection
        endpoint = self._endpoint
        if endpoint is None:
            raise ConnectionAbortedError("no place is set")
        context = tls_context(self._settings) if endpoint.tls else None
        sock = self._register(socket.create_connection((endpoint.host, endpoint.port), _CONNECT_S))
        if context is not None:
            # Not by the connection itself: a handshake on a slow line would hold up the end of the relay.
            safe = context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
            sock = self._register(safe)
            safe.do_handshake()
        sock.settimeout(_ANSWER_S)
        with suppress(OSError):  # an older kernel: then an event waits for its buffer as well
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        made = HTTPConnection(endpoint.host, endpoint.port)
        made.sock = sock
        with self._lock:
            self._connection = made
        return made

    def _register(self, sock: socket.socket) -> socket.socket:
        with self._lock:
            self._socket = sock
            if self._ended:
                raise ConnectionAbortedError("the relay ends")
        return sock

    def _alert(self) -> ssl.SSLError | None:
        """Read why the center hung up: it reports a refused certificate only after our handshake has ended."""
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
    def translate_errors(self) -> Iterator[None]:
        """Drop the connection on an error inside and raise CenterUnreachable; Preempted drops it as well."""
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            detail = _error_text(self._alert() or error)
            self.drop()
            raise CenterUnreachable(f"{self._refusal}: {detail}") from error
        except Preempted:
            self.drop()
            raise


def _error_text(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}: check this machine's clock, ca_file, and that the certificate is for this host"
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}: check cert_file and key_file, and whether the certificate is still valid"
    if isinstance(error, RemoteDisconnected):  # what the center does with a certificate that it does not know
        return "it hangs up without an answer: check cert_file and key_file, and whether the certificate is still valid"
    return f"{type(error).__name__}: {error}"
