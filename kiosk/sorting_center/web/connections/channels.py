"""Connections to the pages: slow, half begun and idle ones hold up nobody.

One thread reads and writes all of them as far as they go, TLS included; a thread that answers gets a request when it is
there as a whole.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.certificate import ReloadingCertificate

MAX_CONNECTIONS: Final = 300
"""Ten screens have sixty. One of TLS takes up to 100 KB."""
IDLE_TIMEOUT_S: Final = 60
REQUEST_TIMEOUT_S: Final = 120.0
"""From the first byte of a request to its last: a list of stations over a slow line takes a minute."""
HANDSHAKE_TIMEOUT_S: Final = 10.0
MAX_TLS_RECORD_BYTES: Final = 16_384
"""Of TLS at most (RFC 8446, 5.1): read with one call, so nothing is left where the loop does not see it."""
_LOG_INTERVAL_S: Final = 60.0


def rate_limited_log() -> RateLimitedLog:
    """Whatever strangers do at the door, it is a line a minute."""
    return RateLimitedLog(logging.getLogger(__name__), time.monotonic, _LOG_INTERVAL_S)


class LimitedChannel(HTTPChannel):  # type: ignore[misc]
    """One that takes too long over its request is closed; when there are too many, so is the one that idles longest
    among those of the address that has the most.
    """

    def __init__(self, server: Any, *args: Any, **rest: Any) -> None:
        super().__init__(server, *args, **rest)
        self._request_started_at: float | None = None
        _close_idlest(server.active_channels.values())

    def readable(self) -> bool:
        """Asked at every turn of the loop, and once a second at least."""
        now = time.monotonic()
        if self.request is None:
            self._request_started_at = None
        elif self._request_started_at is None:
            self._request_started_at = now
        elif now - self._request_started_at > REQUEST_TIMEOUT_S:
            self.will_close = True
        return bool(super().readable())


class TlsChannel(LimitedChannel):
    """TLS without waiting for the other side."""

    socket: Any
    """Plain until the first byte is there: who says nothing costs no more than that. None when it is closed."""

    def __init__(self, certificate: ReloadingCertificate, log: RateLimitedLog, *args: Any, **rest: Any) -> None:
        self._certificate = certificate
        self._log = log
        self._handshake_deadline = time.monotonic() + HANDSHAKE_TIMEOUT_S
        self._is_handshake_done = self._handshake_wants_write = self._is_closed = False
        self._ssl_lock = threading.Lock()
        """OpenSSL takes one caller at a time, and a thread that answers sends while the loop receives."""
        super().__init__(*args, **rest)

    def readable(self) -> bool:
        """Until the handshake is done, whatever comes."""
        if self._is_handshake_done:
            return super().readable()
        if time.monotonic() > self._handshake_deadline:
            self.will_close = True
        return not self.will_close

    def writable(self) -> bool:
        """In a handshake what it says itself."""
        return bool(super().writable()) if self._is_handshake_done else self._handshake_wants_write or self.will_close

    def handle_read(self) -> None:
        """At most one record."""
        if not (self._is_handshake_done or self._continue_handshake()):
            return
        try:
            with self._ssl_lock:
                data = self.socket.recv(MAX_TLS_RECORD_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if data:
            self.last_activity = time.time()
            self.received(data)
        else:
            self.handle_close()

    def handle_write(self) -> None:
        """A part of an answer, or of the handshake."""
        if self._is_handshake_done or self.will_close:
            super().handle_write()
        else:
            self._continue_handshake()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """At most one record; 0 when there is no room, or no other side."""
        try:
            with self._ssl_lock:
                return 0 if self._is_closed else int(self.socket.send(data[:MAX_TLS_RECORD_BYTES]))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        """Say that nothing is cut off, as far as the other side is there to hear it."""
        with self._ssl_lock:
            if self._is_handshake_done and not self._is_closed:
                with suppress(OSError, ValueError):
                    self.socket.unwrap()
            self._is_closed = True  # what a socket without its TLS is given goes out as it is
        super().handle_close()

    def _continue_handshake(self) -> bool:
        """Go on with the handshake; whether it is done."""
        if self._is_closed:
            return False
        self._handshake_wants_write = False
        try:
            if not isinstance(self.socket, ssl.SSLSocket):
                context = self._certificate.context
                self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self._handshake_wants_write = True
            return False
        except (OSError, ValueError) as error:
            self._log.write(f"A connection from {self.addr[0]} was closed: {_handshake_error(error)}.")
            self.handle_close()
            return False
        self._is_handshake_done = True
        return True


def _handshake_error(error: Exception) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    if reason == "HTTP_REQUEST":
        return "it asked for plain http on the port of https"
    return f"it came to no TLS ({(reason or type(error).__name__).replace('_', ' ').lower()})"


def _close_idlest(channels: Collection[Any]) -> None:
    open_now = [one for one in channels if not one.will_close]
    if len(open_now) <= MAX_CONNECTIONS:
        return
    ((crowded, _),) = Counter(one.addr[0] for one in open_now).most_common(1)
    idle = [one for one in open_now if one.addr[0] == crowded and not one.requests]
    if idle:
        min(idle, key=lambda one: one.last_activity).will_close = True
