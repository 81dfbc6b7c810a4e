"""A TSPL interpreter that draws its input; incremental, no I/O. Written from the manual, not from the encoder."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PIL import Image, ImageChops

from kiosk.simulators.printer.model import Event, PrintedPage, PrinterInterpreter, PrinterModel, StatusQuery

_IMMEDIATE = b"\x1b!"
_BITMAP = re.compile(rb"BITMAP (\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5}),([012]),")
_MAX_BITMAP_HEAD_BYTES = 40
_SIZE = re.compile(rb"SIZE (\d+(?:\.\d+)?) mm, ?(\d+(?:\.\d+)?) mm")
_REFERENCE = re.compile(rb"REFERENCE (\d{1,5}), ?(\d{1,5})")
_PRINT = re.compile(rb"PRINT (\d{1,4})(?:,(\d{1,4}))?")
_MM = rb"\d{1,3}(?:\.\d{1,3})? mm"
_SETTING = re.compile(
    rb"(?:GAP|BLINE) " + _MM + rb", ?" + _MM + rb"|DIRECTION [01](?:,[01])?|DENSITY (?:1[0-5]|\d)"
    rb"|SPEED \d{1,2}(?:\.\d)?|SET CUTTER (?:OFF|BATCH|\d{1,5})"
)
_MAX_DOTS = 4_000_000
_OVERWRITE, _OR, _XOR = 0, 1, 2


class TsplInterpreter(PrinterInterpreter):
    def __init__(self, model: PrinterModel) -> None:
        super().__init__()
        self._dots_per_mm = model.per_mm
        self._head_dots = model.head_dots
        self._reference = (0, 0)
        self._ink = Image.new("1", (60 * model.per_mm, 40 * model.per_mm), 0)

    def _step(self) -> list[Event] | None:
        if self._buffer.startswith(_IMMEDIATE[:1]):
            return self._immediate(0)
        if self._buffer.startswith(b"BITMAP "):
            return self._bitmap()
        escape = self._buffer.partition(b"\n")[0].find(_IMMEDIATE)
        return self._immediate(escape) if escape >= 0 else self._next_line(self._line)

    def _immediate(self, at: int) -> list[Event] | None:
        """Carry out ESC ! x the moment it comes, even in the middle of a line."""
        if len(self._buffer) < at + 3:
            return None
        command = bytes(self._buffer[at : at + 3])
        del self._buffer[at : at + 3]
        if command == b"\x1b!?":
            return [StatusQuery()]
        self.unknown.append(command)
        return []

    def _bitmap(self) -> list[Event] | None:
        head = _BITMAP.match(self._buffer)
        if head is None:
            if len(self._buffer) > _MAX_BITMAP_HEAD_BYTES:
                self.unknown.append(self._take(len(b"BITMAP ")))
                return []
            return self._begin() or None
        x, y, row_bytes, height, mode = map(int, head.groups())
        due = head.end() + row_bytes * height
        if row_bytes * height * 8 > _MAX_DOTS:
            self.unknown.append(self._take(head.end()))
            return []
        if len(self._buffer) < due:
            return self._begin() or None
        data = bytes(self._buffer[head.end() : due])
        del self._buffer[:due]
        place = (self._reference[0] + x, self._reference[1] + y)
        self._draw(Image.frombytes("1", (row_bytes * 8, height), data, "raw", "1;I"), place, mode)
        return self._begin()

    def _draw(self, ink: Image.Image, at: tuple[int, int], mode: int) -> None:
        """Draw ``ink``, which was read inverted: 1 is ink here, but 0 is black in TSPL."""
        if mode == _OVERWRITE:
            self._ink.paste(ink, at)
        elif mode == _OR:
            self._ink.paste(255, at, ink)
        else:
            whole = Image.new("1", self._ink.size, 0)
            whole.paste(ink, at)
            self._ink = ImageChops.logical_xor(self._ink, whole)

    def _line(self, line: bytes) -> Iterator[Event]:
        if size := _SIZE.fullmatch(line):
            width, height = (max(1, round(float(side) * self._dots_per_mm)) for side in size.groups())
            if width * height <= _MAX_DOTS:
                self._ink = Image.new("1", (width, height), 0)
        elif place := _REFERENCE.fullmatch(line):
            self._reference = (int(place[1]), int(place[2]))
        elif line == b"CLS":
            self._ink = Image.new("1", self._ink.size, 0)
        elif copies := _PRINT.fullmatch(line):
            self._in_job = False
            image = ImageChops.invert(self._ink)
            image.paste(1, (self._head_dots, 0, max(image.width, self._head_dots), image.height))
            for _ in range(int(copies[1]) * int(copies[2] or 1)):
                yield PrintedPage(image)
        elif not _SETTING.fullmatch(line):
            self.unknown.append(line)
