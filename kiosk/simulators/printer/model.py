"""The machine that a simulated printer represents: the dots of its head, the width of its paper, and its speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image

_MAX_LINE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The first byte of a job that is not a status query."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """A status query; ``number`` is the n of DLE EOT n and 0 in a label language."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class DrainQuery:
    """A status query that is answered when everything before it has been printed."""


@dataclass(frozen=True, slots=True)
class CountQuery:
    """A query for the labels printed so far."""


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """One label or receipt as people see it: mode "1", dark on white."""

    image: Image.Image


Event = JobStarted | StatusQuery | DrainQuery | CountQuery | PrintedPage


class PrinterInterpreter:
    """Feed it bytes in any pieces; it gives events. What it does not know is kept in ``unknown`` and does nothing."""

    def __init__(self) -> None:
        self.unknown: list[bytes] = []
        self._buffer = bytearray()
        self._in_job = False

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        while (found := self._step()) is not None:
            events.extend(found)
        return events

    def end(self) -> list[Event]:
        """End the connection: half a label is dropped."""
        self._buffer.clear()
        self._in_job = False
        return []

    def _step(self) -> Iterable[Event] | None:
        """Take one command off the buffer; None when it is incomplete."""
        raise NotImplementedError

    def _next_line(self, carry_out: Callable[[bytes], Iterable[Event]]) -> list[Event] | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE_BYTES:
                self.unknown.append(self._take(len(self._buffer)))
            return self._begin() if self._buffer.strip() and not self._in_job else None
        line = self._take(end + 1).strip()
        return [*self._begin(), *carry_out(line)] if line else []

    def _begin(self) -> list[Event]:
        if self._in_job:
            return []
        self._in_job = True
        return [JobStarted()]

    def _take(self, count: int) -> bytes:
        consumed = bytes(self._buffer[:count])
        del self._buffer[:count]
        return consumed


_DOTS_PER_MM = {203: 8, 300: 12}
_PAPERS_MM = {48: 58, 72: 80}  # Width of receipt paper by the millimeters of it that are printed, at most


@dataclass(frozen=True, slots=True)
class PrinterModel:
    """``speed_mm_s`` is how fast the paper runs while it is printed."""

    dpi: int
    head_dots: int
    speed_mm_s: float

    @property
    def per_mm(self) -> int:
        return _DOTS_PER_MM[self.dpi]

    @property
    def paper_dots(self) -> int:
        """Dots across the receipt paper; the head lies in its middle."""
        printed_mm = self.head_dots / self.per_mm
        return next(paper for printed, paper in _PAPERS_MM.items() if printed_mm <= printed) * self.per_mm

    def page_s(self, rows: int) -> float:
        return rows / self.per_mm / self.speed_mm_s


LABEL_PRINTER = PrinterModel(203, 832, 150.0)
RECEIPT_PRINTER = PrinterModel(203, 384, 250.0)
PORTABLE_PRINTER = PrinterModel(203, 576, 127.0)
# Four that are usual; all are of the faster ones, so that a demonstration has no long waits.
OFFICE_PRINTER = PrinterModel(300, 2480, 600.0)
