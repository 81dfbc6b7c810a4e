"""A printer on a serial line: RS-232, or a USB adapter that looks like one."""

from __future__ import annotations

import os
import termios
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep

import serial

from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout, PrinterChannel, SerialLines
from kiosk.devices.printer.profiles import PrinterProfile
from kiosk.devices.printer.settings import Flow
from kiosk.devices.printer.stream import FdChannel, StreamPrinter

_BITS_A_BYTE = 10  # 8N1: a start bit and a stop bit round each byte. Printers are delivered with it.
_WAIT_FACTOR = 1.5  # How much longer than its bits a line may take: the printer holds it up while its buffer is full
_POLL_INTERVAL_S = 0.005
_DTR_PIECE = 64  # A printer lowers DTR with room left for about this much; nothing more may be on its way then
_PSEUDO_TERMINALS = "/dev/pts/"


@dataclass(frozen=True, slots=True)
class SerialLine:
    """``flow`` is how the printer signals that its buffer is full: its CTS, its DTR (our DSR), XOFF, or not at all."""

    baud: int = 9600
    flow: Flow = "rtscts"


class SerialPrinter(StreamPrinter):
    """Opens the port for each job, exclusively. ``language`` as for TcpPrinter. Raises ValueError.

    The time of the bits on the line is added to every deadline: a deadline is the time the paper may take.
    """

    def __init__(self, path: str, line: SerialLine, language: str | PrinterProfile = "tspl") -> None:
        super().__init__(language, path)
        self._path = path
        self._line = line

    def _wire_s(self, size: int) -> float:
        return size * _BITS_A_BYTE / self._line.baud * _WAIT_FACTOR

    def _open(self, until: float) -> PrinterChannel:
        del until  # opening a serial port does not wait
        flow = self._line.flow
        pseudo = os.path.realpath(self._path).startswith(_PSEUDO_TERMINALS)  # has no line and refuses its settings
        try:
            port = serial.Serial(
                self._path,
                self._line.baud,
                timeout=0,
                exclusive=True,
                xonxoff=flow == "xonxoff",
                rtscts=flow == "rtscts" and not pseudo,
            )
        except (OSError, ValueError, termios.error) as error:
            raise ChannelBroken(_reason(error)) from error
        return DtrChannel(port) if flow == "dtr" else SerialChannel(port)


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return str(error) if number is None else os.strerror(number)


class SerialChannel(FdChannel):
    """A serial port. What the printer has not taken by the end is thrown away: it would come out with the next job."""

    def __init__(self, port: SerialLines) -> None:
        super().__init__(port.fileno(), self._end, empty_read_is_end=False)
        self._port = port

    def flush(self, until: float) -> None:
        """Wait until the kernel's queue for the line is empty: only then is a job sent."""
        while self._waiting():
            if monotonic() >= until:
                raise ChannelTimeout
            sleep(_POLL_INTERVAL_S)

    def _waiting(self) -> int:
        try:
            return self._port.out_waiting
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error

    def _end(self) -> None:
        """Discard the kernel's queue and close: it would delay closing by half a minute when the printer is blocked."""
        with suppress(OSError, termios.error):
            self._port.reset_output_buffer()
        with suppress(OSError):
            self._port.close()


class DtrChannel(SerialChannel):
    """A serial port whose printer signals by DTR that it takes bytes, which no kernel checks."""

    def send(self, data: memoryview, until: float) -> int:
        self.flush(until)
        while not self._takes():
            if monotonic() >= until:
                raise ChannelTimeout
            sleep(_POLL_INTERVAL_S)
        return super().send(data[:_DTR_PIECE], until)

    def _takes(self) -> bool:
        try:
            return self._port.dsr
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error
