"""The two pins of a simulated HX711, driven pulse by pulse by the real reader. Time is its own: nothing sleeps."""

from __future__ import annotations

import os
from collections.abc import Callable

from kiosk.simulators.scale.packets import STRETCHED

_PULSE_NS = 2_000
_STRETCHED_NS = 70_000  # Beyond 60 µs the converter switches off (data sheet, "Power down")
_BITS = 24
_MAX_PACKETS = 1000


class Hx711Chip:
    """DOUT and SCK of a converter that gets its conversions from ``next_packet``: a mark and three bytes, or b"".

    DOUT is low when a conversion is ready, gives a bit a pulse, and is high after the 25th. Pulses beyond choose input
    and gain: ``gain`` is the one in force for the conversion that is read next, 128 after a power-down.
    """

    def __init__(self, next_packet: Callable[[], bytes]) -> None:
        self._next_packet = next_packet
        self._packet = b""
        self._pulses = 0
        self._high = False
        self._at = 0
        self.gain = 128
        self.gains: list[int] = []  # The gain of each conversion that was read, newest last; at most 100

    def data(self) -> bool:
        if 1 <= self._pulses <= _BITS:
            value = int.from_bytes(self._packet[1:4], "big")
            return bool(value >> (_BITS - self._pulses) & 1)
        if self._pulses > _BITS:
            self._finish()
        if not self._packet:
            self._packet = self._next_packet()
        return not self._packet

    def clock(self, high: bool) -> None:
        """A rising edge on SCK brings the next bit."""
        if high and not self._high:
            self._pulses += 1
        if self._high and not high:
            stretched = self._packet[:1] == STRETCHED and self._pulses == _BITS // 2
            self._at += _STRETCHED_NS if stretched else _PULSE_NS
        self._high = high

    def _finish(self) -> None:
        self.gains = [*self.gains[-99:], self.gain]
        requested_gain = {25: 128, 26: 32, 27: 64}.get(self._pulses, 128)
        self.gain = 128 if self._packet[:1] == STRETCHED else requested_gain
        self._packet, self._pulses = b"", 0

    def now_ns(self) -> int:
        """The chip's own time: a pulse takes 2 µs."""
        return self._at

    def close(self) -> None: ...


class SimulatedHx711(Hx711Chip):
    """The same on the conversions of a ``ConversionLine`` at this path. Raises OSError while it is unplugged."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        super().__init__(self._read)

    def _read(self) -> bytes:
        """The newest conversion: a converter that is not read makes the next one in its place."""
        newest = b""
        for _ in range(_MAX_PACKETS):
            try:
                packet = os.read(self._descriptor, 64)
            except BlockingIOError:
                break
            if not packet:
                raise OSError("the converter has been pulled off its pins")
            newest = packet
        return newest

    def close(self) -> None:
        os.close(self._descriptor)
