"""An ESC/POS interpreter that draws receipts; incremental, no I/O. Written from the manual, not from the encoder."""

from __future__ import annotations

from PIL import Image

from kiosk.simulators.printer.model import DrainQuery, Event, PrintedPage, PrinterInterpreter, PrinterModel, StatusQuery

_DLE, _ESC, _GS, _LF = 0x10, 0x1B, 0x1D, 0x0A
_EOT = 0x04
_LINE_DOTS = 30
_MAX_ROWS = 30_000
_RASTER_HEAD = 8
_CUTS = {0: 3, 1: 3, 48: 3, 49: 3, 65: 4, 66: 4}  # Length of GS V by its mode: the function B forms carry a feed


class EscposInterpreter(PrinterInterpreter):
    """The receipt is drawn on the model's paper with the head in its middle."""

    def __init__(self, model: PrinterModel) -> None:
        super().__init__()
        self._paper_dots = model.paper_dots
        self._head_dots = model.head_dots
        self._strips: list[Image.Image] = []
        self._rows = 0

    def end(self) -> list[Event]:
        """End the connection: return what was printed as a page, drop half a command."""
        self._buffer.clear()
        return self._cut()

    def _step(self) -> list[Event] | None:
        if not self._buffer:
            return None
        lead = self._buffer[0]
        if lead == _DLE:
            return self._real_time()
        if lead == _ESC:
            return self._begin() or self._escape()
        if lead == _GS:
            return self._group()
        self._take(1)
        if lead == _LF:
            self._feed_paper(_LINE_DOTS)
        else:
            self.unknown.append(bytes((lead,)))
        return self._begin()

    def _real_time(self) -> list[Event] | None:
        if len(self._buffer) < 3:
            return None
        command = self._take(3)
        if command[1] == _EOT and 1 <= command[2] <= 4:
            return [StatusQuery(command[2])]
        self.unknown.append(command)
        return []

    def _escape(self) -> list[Event] | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] == ord("@"):
            self._take(2)
            events = self._cut()
            self._in_job = True
            return events
        if len(self._buffer) < 3:
            return None
        command = self._take(3)
        if command[1] == ord("J"):
            self._feed_paper(command[2])
        elif command[1] == ord("d"):
            self._feed_paper(command[2] * _LINE_DOTS)
        else:
            self.unknown.append(command)
        return []

    def _group(self) -> list[Event] | None:
        if len(self._buffer) < 3:
            return None
        kind, mode = self._buffer[1], self._buffer[2]
        if kind == ord("r"):
            self._take(3)
            return [DrainQuery()]
        if not self._in_job:
            return self._begin()
        if kind == ord("v"):
            return self._raster()
        if kind == ord("V") and mode in _CUTS:
            return self._cut_command(_CUTS[mode])
        self.unknown.append(self._take(3))
        return []

    def _raster(self) -> list[Event] | None:
        """Parse GS v 0 m xL xH yL yH: width in bytes, height in dots, 1 = black."""
        if len(self._buffer) < _RASTER_HEAD:
            return None
        row_bytes = int.from_bytes(self._buffer[4:6], "little")
        height = int.from_bytes(self._buffer[6:8], "little")
        due = _RASTER_HEAD + row_bytes * height
        if len(self._buffer) < due:
            return None
        data = self._take(due)[_RASTER_HEAD:]
        if row_bytes and height and self._rows + height <= _MAX_ROWS:
            self._strips.append(Image.frombytes("1", (row_bytes * 8, height), data))
            self._rows += height
        return []

    def _cut_command(self, length: int) -> list[Event] | None:
        if len(self._buffer) < length:
            return None
        command = self._take(length)
        if length == 4:
            self._feed_paper(command[3])
        return self._cut()

    def _cut(self) -> list[Event]:
        self._in_job = False
        strips, self._strips, self._rows = self._strips, [], 0
        if not any(strip.getbbox() for strip in strips):
            return []
        paper = Image.new("1", (self._paper_dots, sum(strip.height for strip in strips)), 1)
        margin = (self._paper_dots - self._head_dots) // 2
        top = 0
        for strip in strips:
            visible = strip.crop((0, 0, self._head_dots, strip.height))
            paper.paste(0, (margin, top), visible)
            top += strip.height
        return [PrintedPage(paper)]

    def _feed_paper(self, dots: int) -> None:
        if dots and self._rows + dots <= _MAX_ROWS:
            self._strips.append(Image.new("1", (self._head_dots, dots), 0))
            self._rows += dots
