"""A device server with a scale behind it, on loopback: plain TCP, or RFC 2217 with a line that has real settings.

It differs from the boxes on the market in this: it keeps one connection and closes a second one at once; it has no
password and no idle time-out; its line adds no noise.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace

from kiosk.devices.scale.line.rfc2217 import (
    ANSWER,
    BINARY,
    COM_PORT,
    DO,
    DONT,
    GO_AHEAD,
    IAC,
    PARITY,
    SET_BAUDRATE,
    SET_DATASIZE,
    SET_PARITY,
    SET_STOPSIZE,
    WILL,
    WONT,
    Telnet,
    escaped,
    subnegotiation,
)
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.line import as_received, garbled

_SIZE = 4096
_PARITY_NAMES = {number: name for name, number in PARITY.items()}


class NetLine:
    """``line`` is the indicator's setting; with ``rfc2217`` the station sets the other side, without it that side fits.

    ``refuse`` is a setting (SET_BAUDRATE ...) that the server keeps whatever the station requests.
    """

    def __init__(self, line: LineSettings, rfc2217: bool = False, refuse: int = 0) -> None:
        self._indicator, self._rfc2217, self._refuse = line, rfc2217, refuse
        self._set = LineSettings() if rfc2217 else line
        self.slow = False
        self._port = 0
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._telnet = Telnet()
        self._agreed: set[tuple[int, int]] = set()

    @property
    def plugged(self) -> bool:
        return self._listener is not None

    @property
    def path(self) -> str:
        """The URL the station opens; it stays the same after a replug."""
        return f"{'rfc2217' if self._rfc2217 else 'tcp'}://127.0.0.1:{self._port}" if self._port else ""

    @property
    def line(self) -> LineSettings:
        """What the server's side of the line is set to at this moment."""
        return self._set

    def plug(self) -> None:
        """Listen, on the previous port if any. Raises OSError."""
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(("127.0.0.1", self._port))
            listener.listen(4)
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._listener = listener

    def unplug(self) -> None:
        self._close_client()
        if self._listener is not None:
            # A thread that polls it keeps the kernel listening after a close; a shutdown ends that at once.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        self.unplug()

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def descriptors(self) -> tuple[int, ...]:
        return tuple(one.fileno() for one in (self._listener, self._client) if one is not None)

    def read(self) -> bytes:
        """Accept a client, answer its Telnet, and receive its bytes as the indicator's UART does."""
        self._accept()
        data = self._received()
        if self._rfc2217:
            self._telnet.feed(data)
            data = bytes(self._telnet.data)
            self._telnet.data.clear()
            self._negotiate()
        return as_received(data, self._set, self._speed()) if data else b""

    def _speed(self) -> LineSettings:
        return replace(self._indicator, baud=self._indicator.baud // 8) if self.slow else self._indicator

    def _accept(self) -> None:
        while self._listener is not None:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._client is not None and not _has_left(self._client):
                client.close()
                continue
            self._close_client()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client, self._telnet, self._agreed = client, Telnet(), set()

    def _received(self) -> bytes:
        if self._client is None:
            return b""
        try:
            data = self._client.recv(_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._close_client()
        return data

    def _negotiate(self) -> None:
        for verb, option in self._telnet.options:
            known = option in (BINARY, GO_AHEAD, COM_PORT)
            if verb in (DO, WILL):
                answer = ((WILL if known else WONT) if verb == DO else (DO if known else DONT), option)
                if answer not in self._agreed:
                    self._agreed.add(answer)
                    self._send(bytes((IAC, *answer)))
        self._telnet.options.clear()
        for sub in self._telnet.subs:
            if len(sub) >= 3 and sub[0] == COM_PORT:
                self._send(subnegotiation(sub[1] + ANSWER, self._apply_setting(sub[1], sub[2:])))
        self._telnet.subs.clear()

    def _apply_setting(self, number: int, value: bytes) -> bytes:
        """Apply a setting; return the value now in force."""
        requested = int.from_bytes(value, "big")
        if number != self._refuse and requested:  # 0 asks what is set (RFC 2217, 3)
            self._set_line(number, requested)
        holds = {
            SET_BAUDRATE: self._set.baud.to_bytes(4, "big"),
            SET_DATASIZE: bytes((self._set.bytesize,)),
            SET_PARITY: bytes((PARITY[self._set.parity],)),
            SET_STOPSIZE: bytes((self._set.stopbits,)),
        }
        return holds.get(number, value)

    def _set_line(self, number: int, requested: int) -> None:
        if number == SET_BAUDRATE:
            self._set = replace(self._set, baud=requested)
        elif number == SET_DATASIZE and requested in (7, 8):
            self._set = replace(self._set, bytesize=requested)
        elif number == SET_PARITY and requested in _PARITY_NAMES:
            self._set = replace(self._set, parity=_PARITY_NAMES[requested])
        elif number == SET_STOPSIZE and requested in (1, 2):
            self._set = replace(self._set, stopbits=requested)

    def write(self, data: bytes) -> None:
        """Send what the server's UART makes of the indicator's bytes; a client that does not read loses them."""
        received = as_received(data, self._speed(), self._set)
        self._send(escaped(received) if self._rfc2217 else received)

    def _send(self, data: bytes) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.send(data)

    def damaged(self, frame: bytes) -> bytes:
        return garbled(frame)


def _has_left(client: socket.socket) -> bool:
    """Return whether the client has hung up; it may have done so before the next came, if the server looks late."""
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
