"""The line between a simulated indicator and the station: a raw pseudo-terminal, and what can happen to bytes on it.

Other lines: ``net`` (a device server), ``packets`` (reports of a USB scale, conversions of an HX711).
"""

from __future__ import annotations

import os
import termios
import tty
from contextlib import suppress
from pathlib import Path

from kiosk.protocols.scales.shared.protocol import LineSettings

_FAST, _SLOW = LineSettings(9600), LineSettings(1200)


class PtyLine:
    """A pseudo-terminal whose far end the station opens like a serial port.

    ``link`` is a symbolic link that follows it; anything but a symbolic link in that place is left alone.
    """

    def __init__(self, link: Path | None) -> None:
        self._link = link
        self.slow = False
        self._master = self._slave = -1
        self._slave_path = ""

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    @property
    def path(self) -> str:
        """What the station opens: the link, or without one the terminal itself ("" while unplugged)."""
        return str(self._link) if self._link is not None else self._slave_path

    def plug(self) -> None:
        """Make a new terminal and point the link to it; raises FileExistsError when a file is at the link's place."""
        if self._link is not None and self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(f"{self._link} is not a link to a simulated scale: give another path.")
        self._master, self._slave = os.openpty()
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._slave_path = os.ttyname(self._slave)
            self._lead_link_here()
        except OSError:
            self.unplug()
            raise

    def _lead_link_here(self) -> None:
        if self._link is None:
            return
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._slave_path)
        fresh.replace(self._link)

    def unplug(self) -> None:
        """Pull the cable: a program that has the port open gets a hang-up."""
        if not self.plugged:
            return
        if self._link is not None and self._leads_here(self._link):
            self._link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self._slave_path = ""

    def close(self) -> None:
        self.unplug()

    def _leads_here(self, link: Path) -> bool:
        try:
            return str(link.readlink()) == self._slave_path
        except OSError:
            return False

    def descriptors(self) -> tuple[int, ...]:
        return (self._master,) if self.plugged else ()

    def read(self) -> bytes:
        """Read what the station has sent; nothing intelligible at another speed than the indicator's."""
        with suppress(OSError):
            data = os.read(self._master, 4096)
            return b"" if self.slow else data
        return b""

    def damaged(self, frame: bytes) -> bytes:
        return garbled(frame)

    def write(self, data: bytes) -> None:
        """Send without waiting: if the port is not read, the oldest bytes are dropped for these."""
        if self.slow:
            data = at_an_eighth_of_the_speed(data)
        if self._send(data) < len(data):
            termios.tcflush(self._slave, termios.TCIFLUSH)
            self._send(data)

    def _send(self, data: bytes) -> int:
        with suppress(BlockingIOError):
            return os.write(self._master, data)
        return 0


def garbled(frame: bytes) -> bytes:
    """Invert five bits, with the top one, in every third byte.

    It looks like a bad contact, and even after clearing bit 7 no digit stays a digit.
    """
    return bytes(byte ^ 0xD5 if at % 3 == 1 else byte for at, byte in enumerate(frame))


def at_an_eighth_of_the_speed(frame: bytes) -> bytes:
    """Return what a receiver makes of a frame sent eight times too slowly (1200 baud read at 9600).

    A pseudo-terminal has no speed: the bits are laid out in time and sampled the way a UART does, 8N1. Each byte of the
    frame becomes a few bytes of noise.
    """
    return as_received(frame, _SLOW, _FAST)


def as_received(data: bytes, sender: LineSettings, receiver: LineSettings) -> bytes:
    """Return what a UART set to ``receiver`` reads when one set to ``sender`` sends ``data`` without pauses.

    Each character is a start bit (0), its data bits from the lowest, a parity bit if there is one, and stop bits (1).
    The receiver waits for a 0, samples each bit in its middle, and like a serial port of Linux passes it on: wrong
    parity and a missing stop bit are ignored.
    """
    if sender == receiver:
        return bytes(byte & (1 << sender.bytesize) - 1 for byte in data)
    levels = [bit for byte in data for bit in _character(byte, sender)]
    return bytes(_sampled(levels, sender.baud, receiver))


def _character(byte: int, line: LineSettings) -> list[int]:
    bits = [(byte >> at) & 1 for at in range(line.bytesize)]
    odd = sum(bits) & 1
    parity: list[int] = {"N": [], "E": [odd], "O": [1 - odd]}[line.parity]
    return [0, *bits, *parity, *[1] * line.stopbits]


def _sampled(levels: list[int], sent_baud: int, receiver: LineSettings) -> list[int]:
    """Sample in units of 1 / (sent baud x heard baud): a bit of the sender is ``receiver.baud`` of them long."""
    long, short = receiver.baud, sent_baud
    bits = receiver.bytesize + (receiver.parity != "N") + 1
    noise: list[int] = []
    at = 0

    def level(moment: int) -> int:
        return levels[moment // long] if moment // long < len(levels) else 1

    while at < len(levels) * long:
        if level(at) or level(at + short // 2):
            at = (at // long + 1) * long
            continue
        middles = (at + short * place + short // 2 for place in range(1, receiver.bytesize + 1))
        noise.append(sum(level(middle) << place for place, middle in enumerate(middles)))
        at += short * (1 + bits)
    return noise
