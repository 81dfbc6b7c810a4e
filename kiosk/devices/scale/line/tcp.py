"""A serial scale behind a device server: a plain TCP connection that carries the bytes as they are.

pyserial's ``socket://`` and ``rfc2217://`` are not used: the first waits up to five seconds inside ``open``, the second
adds its own thread, waits inside ``open`` and inside each setting, and has no descriptor. The thread that watches a
scale waits in one place only.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from kiosk.devices.scale.line.ports import BacklogDiscarded, PortDisconnected
from kiosk.devices.scale.line.serial_port import BACKLOG_BYTES

# A station only listens to a streaming scale: without these a server that lost its power would never be missed. It is
# probed after one second without a byte and given up after three.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2))
_USER_TIMEOUT_MS = 3000


class TcpPort:
    """One connection, opening at first. Raises OSError."""

    poll_interval_s: float | None = None

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._connected = False
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, seconds in _KEEPALIVE:
                self._socket.setsockopt(socket.IPPROTO_TCP, option, seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = self._socket.connect_ex((host, port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def opening(self) -> bool:
        return not self._connected

    @property
    def wants_write(self) -> bool:
        return not self._connected

    def drain(self) -> list[bytes]:
        if not self._connected:
            self._finish_connecting()
            return []
        data = self._receive()
        return [data] if data else []

    def _finish_connecting(self) -> bool:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        try:
            self._socket.getpeername()
        except OSError as error:
            if error.errno == errno.ENOTCONN:  # woken too early
                return False
            raise
        self._connected = True
        return True

    def _receive(self) -> bytes:
        """Return what was received, b"" for nothing; raises PortDisconnected at the end of the connection."""
        data = b""
        while len(data) < BACKLOG_BYTES:
            try:
                more = self._socket.recv(BACKLOG_BYTES - len(data))
            except BlockingIOError:
                return data
            except OSError as error:
                raise PortDisconnected(error.strerror or str(error)) from error
            if not more:
                if data:
                    return data
                raise PortDisconnected("the device server closed the connection")
            data += more
        self._discard_backlog()
        raise BacklogDiscarded

    def _discard_backlog(self) -> None:
        """Discard a bounded amount: a fast sender cannot hold the thread; the rest is another backlog."""
        for _ in range(256):
            try:
                if not self._socket.recv(BACKLOG_BYTES):
                    return
            except OSError:
                return

    def write(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data)
        except OSError as error:
            raise PortDisconnected(error.strerror or str(error)) from error
        if sent < len(data):
            raise PortDisconnected("the device server takes no bytes")

    def discard(self) -> None:
        with suppress(BacklogDiscarded):
            self.drain()

    def is_present(self) -> bool:
        """Return True: the connection itself reports its end."""
        return True

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()
