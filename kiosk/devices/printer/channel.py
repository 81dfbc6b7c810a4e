"""Bytes to and from a printer that may stop taking them at any moment: every wait ends on the monotonic clock."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from time import monotonic, sleep

from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout

_PIECE = 4096
_IDLE_S = 0.02


class FdChannel:
    """A channel over a non-blocking file descriptor: a socket or a device file."""

    def __init__(self, fd: int, close: Callable[[], None], empty_read_is_end: bool) -> None:
        """``empty_read_is_end``: True for a socket; usblp gives empty reads while the printer is silent."""
        self._fd = fd
        self._close = close
        self._empty_read_is_end = empty_read_is_end

    def send(self, data: memoryview, until: float) -> int:
        while True:
            try:
                return os.write(self._fd, data[:_PIECE])
            except BlockingIOError:
                self._wait(select.POLLOUT, until)
            except OSError as error:
                raise ChannelBroken(error.strerror or str(error)) from error

    def flush(self, until: float) -> None:
        """Sockets and usblp send what they have taken."""

    def receive(self, until: float) -> bytes:
        while True:
            self._wait(select.POLLIN, until)
            data = self._read()
            if data:
                return data
            sleep(_IDLE_S)  # ready to read and nothing there: only a clock can be waited for

    def discard_input(self) -> None:
        while self._read():
            pass

    def close(self) -> None:
        self._close()

    def _read(self) -> bytes:
        try:
            data = os.read(self._fd, _PIECE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error
        if not data and self._empty_read_is_end:
            raise ChannelBroken("the printer closed the connection")
        return data

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._fd, event)
        left = until - monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise ChannelTimeout
