"""A printer on the network, raw TCP (port 9100)."""

from __future__ import annotations

import socket
from time import monotonic

from kiosk.devices.printer.channel import FdChannel
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout, PrinterChannel
from kiosk.devices.printer.profiles import PrinterProfile
from kiosk.devices.printer.stream import StreamPrinter

RAW_PORT = 9100


class TcpPrinter(StreamPrinter):
    """Opens a connection for each job: most print servers serve one client at a time.

    Give an address, not a name: a name is looked up without a deadline. Raises ProfileProblem.
    """

    def __init__(self, host: str, port: int = RAW_PORT, language: str | PrinterProfile = "tspl") -> None:
        super().__init__(language, f"{host}:{port}")
        self._address = (host, port)

    def _open(self, until: float) -> PrinterChannel:
        return connect(self._address, until)


def connect(address: tuple[str, int], until: float) -> FdChannel:
    """A connection made before monotonic second ``until``. Raises ChannelBroken or ChannelTimeout."""
    left = until - monotonic()
    if left <= 0:
        raise ChannelTimeout
    try:
        link = socket.create_connection(address, timeout=left)
    except TimeoutError:
        raise ChannelTimeout from None
    except OSError as error:
        raise ChannelBroken(error.strerror or str(error)) from error
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setblocking(False)
    return FdChannel(link.fileno(), link.close, empty_read_is_end=True)
