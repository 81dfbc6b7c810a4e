"""A CPCL interpreter that draws its input; incremental, no I/O. Written from the manual, not from the encoder."""

from __future__ import annotations

import re

from PIL import Image, ImageChops

from kiosk.simulators.printer.model import Event, PrintedPage, PrinterInterpreter, PrinterModel, StatusQuery

_ESCAPE = 0x1B
_STATUS = ord("h")
_BEGIN = re.compile(rb"! (\d{1,4}) (\d{1,3}) (\d{1,3}) (\d{1,5}) (\d{1,4})")
_PICTURE = re.compile(rb"(EG|EXPANDED-GRAPHICS|CG|COMPRESSED-GRAPHICS) (\d{1,4}) (\d{1,5}) (\d{1,5}) (\d{1,5}) ")
_PICTURE_WORDS = (b"EG ", b"EXPANDED-GRAPHICS ", b"CG ", b"COMPRESSED-GRAPHICS ")
_MAX_PICTURE_HEAD_BYTES = 60
_SETTING = re.compile(rb"(?:CONTRAST [0-3]|SPEED [0-5]|GAP-SENSE(?: \d{1,3})?|BAR-SENSE(?: LEFT)?|FORM)")
_WIDTH = re.compile(rb"(?:PAGE-WIDTH|PW) (\d{1,5})")
_MAX_DOTS = 4_000_000


class CpclInterpreter(PrinterInterpreter):
    def __init__(self, model: PrinterModel) -> None:
        super().__init__()
        self._head_dots = model.head_dots
        self._in_label = False
        self._copies = 1
        self._offset = 0
        self._ink = Image.new("1", (model.head_dots, 1), 0)

    def end(self) -> list[Event]:
        self._in_label = False
        return super().end()

    def _step(self) -> list[Event] | None:
        if self._buffer[:1] == bytes((_ESCAPE,)) and not self._in_label:
            return self._escape()
        if self._in_label and self._buffer.startswith(_PICTURE_WORDS):
            return self._picture()
        return self._next_line(self._line)

    def _escape(self) -> list[Event] | None:
        """Parse ESC x, which occurs between labels only."""
        if len(self._buffer) < 2:
            return None
        command = self._take(2)
        if command[1] == _STATUS:
            return [StatusQuery()]
        self.unknown.append(command)
        return []

    def _picture(self) -> list[Event] | None:
        head = _PICTURE.match(self._buffer)
        if head is None:
            if len(self._buffer) > _MAX_PICTURE_HEAD_BYTES:
                self.unknown.append(self._take(3))
                return []
            return None
        row_bytes, height, x, y = (int(figure) for figure in head.groups()[1:])
        hexadecimal = head[1].startswith(b"E")
        due = head.end() + row_bytes * height * (1 + hexadecimal)
        if not row_bytes * height or row_bytes * height * 8 > _MAX_DOTS:
            self.unknown.append(self._take(head.end()))
            return []
        if len(self._buffer) < due:
            return None
        data = bytes(self._buffer[head.end() : due])
        del self._buffer[:due]
        if hexadecimal:
            try:
                data = bytes.fromhex(data.decode("ascii"))
            except ValueError:
                self.unknown.append(data[:40])
                return []
        self._ink.paste(255, (x + self._offset, y), Image.frombytes("1", (row_bytes * 8, height), data))
        return []

    def _line(self, line: bytes) -> list[Event]:
        if header := _BEGIN.fullmatch(line):
            # `! offset 200 200 height copies`: a blank label as wide as the head
            self._offset, across, down, height, self._copies = (int(figure) for figure in header.groups())
            if (across, down) != (200, 200) or not 0 < height * self._head_dots <= _MAX_DOTS:
                self.unknown.append(header[0])
                return []
            self._in_label = True
            self._ink = Image.new("1", (self._head_dots, height), 0)
            return []
        if not self._in_label:
            self.unknown.append(line)
        elif line == b"PRINT":
            self._in_label = self._in_job = False
            return [PrintedPage(ImageChops.invert(self._ink))] * self._copies
        elif width := _WIDTH.fullmatch(line):
            self._ink = self._ink.crop((0, 0, max(1, min(int(width[1]), self._head_dots)), self._ink.height))
        elif not _SETTING.fullmatch(line):
            self.unknown.append(line)
        return []
