"""A ZPL interpreter that draws its input; incremental, no I/O. Written from the manual, not from the encoder."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from binascii import crc_hqx

from PIL import Image, ImageChops

from kiosk.simulators.printer.model import CountQuery, Event, PrintedPage, PrinterInterpreter, PrinterModel, StatusQuery

_BEGIN, _END = b"^XA", b"^XZ"
_HOST_STATUS = b"~HS"
_GETVAR = re.compile(rb'! U1 getvar "([a-z0-9_.]{1,80})"\r?\n')
_COUNTER = b"odometer.total_label_count"
_COMMAND = re.compile(rb"\^([A-Z]{2})([^^~]*)")
_PICTURE = re.compile(rb"A,(\d{1,8}),(\d{1,8}),(\d{1,5}),(.*)", re.DOTALL)
_DEFLATED = re.compile(rb":Z64:([A-Za-z0-9+/=]+):([0-9A-Fa-f]{4})")
_RUNS = re.compile(rb"([G-Yg-z]*)([0-9A-Fa-f])|([,!:])")
_SETTINGS = {
    b"PR": re.compile(rb"\d{1,2}"),
    b"MN": re.compile(rb"[NYWM]"),
    b"MM": re.compile(rb"[TC]"),
    b"MD": re.compile(rb"-?(?:30|[12]?\d)"),
}
_MAX_FORMAT_BYTES = 4_000_000
_MAX_DOTS = 8_000_000
_MAX_QUERY_BYTES = 120


class ZplInterpreter(PrinterInterpreter):
    def __init__(self, model: PrinterModel) -> None:
        super().__init__()
        self._head_dots = model.head_dots
        self._width, self._length = model.head_dots, 40 * model.per_mm
        self._home = (0, 0)

    def _step(self) -> list[Event] | None:
        if self._buffer.startswith(_HOST_STATUS):
            del self._buffer[: len(_HOST_STATUS)]
            return [StatusQuery()]
        if self._buffer.startswith(_BEGIN):
            return self._format()
        if self._buffer.startswith(b"!"):
            return self._query()
        if len(self._buffer) < len(_HOST_STATUS):
            return None
        if not self._buffer[:1].isspace():
            self.unknown.append(bytes(self._buffer[:1]))
        del self._buffer[:1]
        return []

    def _query(self) -> list[Event] | None:
        query = _GETVAR.match(self._buffer)
        if query is None:
            if len(self._buffer) < _MAX_QUERY_BYTES and b"\n" not in self._buffer:
                return None
            self.unknown.append(self._take(1)[:40])
            return []
        name = bytes(query[1])  # the match looks into the buffer, which is cut next
        del self._buffer[: query.end()]
        if name == _COUNTER:
            return [CountQuery()]
        self.unknown.append(name)
        return []

    def _format(self) -> list[Event] | None:
        """Parse ^XA ... ^XZ: nothing of a format is carried out before its end arrives."""
        end = self._buffer.find(_END)
        if end < 0:
            if len(self._buffer) > _MAX_FORMAT_BYTES:
                self.unknown.append(self._take(len(self._buffer))[:40])
            return self._begin() or None
        whole = bytes(self._buffer[len(_BEGIN) : end])
        del self._buffer[: end + len(_END)]
        events = self._begin()
        self._in_job = False
        return [*events, *self._print(whole)]

    def _print(self, whole: bytes) -> list[Event]:
        copies, at = 1, (0, 0)
        pictures: list[tuple[tuple[int, int], Image.Image]] = []
        for name, value in _COMMAND.findall(whole):
            match name:
                case b"PW":
                    self._width = _number(value, self._width)
                case b"LL":
                    self._length = _number(value, self._length)
                case b"LH":
                    self._home = _pair(value)
                case b"FO":
                    at = _pair(value)
                case b"PQ":
                    copies = _number(value, 1)
                case b"GF":
                    picture = _picture(value)
                    if picture is None:
                        self.unknown.append(name + value[:40])
                    else:
                        pictures.append((at, picture))
                case b"FS":
                    pass
                case b"PR" | b"MN" | b"MM" | b"MD" if _SETTINGS[name].fullmatch(value):
                    pass
                case _:
                    self.unknown.append(name + value[:40])
        return [PrintedPage(self._page(pictures))] * copies

    def _page(self, pictures: list[tuple[tuple[int, int], Image.Image]]) -> Image.Image:
        """Compose the page; dots beyond the print width or the head are not printed."""
        ink = Image.new("1", (max(1, min(self._width, self._head_dots)), max(1, self._length)), 0)
        for (x, y), picture in pictures:
            ink.paste(255, (self._home[0] + x, self._home[1] + y), picture)
        return ImageChops.invert(ink)


def _number(value: bytes, otherwise: int) -> int:
    return int(value) if value.isdigit() and len(value) <= 5 else otherwise


def _pair(value: bytes) -> tuple[int, int]:
    x, _, y = value.partition(b",")
    return _number(x, 0), _number(y, 0)


def _picture(value: bytes) -> Image.Image | None:
    """Decode ^GFA,sent,total,bytes in a row,data; None when a figure, a digit or the checksum is wrong."""
    found = _PICTURE.fullmatch(value)
    if found is None:
        return None
    total, stride = int(found[2]), int(found[3])
    if not stride or total % stride or not 0 < total * 8 <= _MAX_DOTS:
        return None
    dots = _inflated(found[4], total) if found[4].startswith(b":Z64:") else _run(found[4], total, stride)
    return Image.frombytes("1", (stride * 8, total // stride), dots) if dots is not None else None


def _inflated(data: bytes, total: int) -> bytes | None:
    found = _DEFLATED.fullmatch(data)
    if found is None or int(found[2], 16) != crc_hqx(found[1], 0):
        return None
    try:
        dots = zlib.decompressobj().decompress(b64decode(found[1]), total + 1)
    except (Base64Error, zlib.error):
        return None
    return dots if len(dots) == total else None


def _run(data: bytes, total: int, stride: int) -> bytes | None:
    """Decode hex with repeats: G to Y are 1 to 19 of the next digit, g to z 20 to 400; "," "!" and ":" end a row."""
    digits, row, at = 2 * stride, b"", 0
    rows: list[bytes] = []
    while found := _RUNS.match(data, at):
        at = found.end()
        if found[3] == b":":
            row = rows[-1] if rows and not row else b"x"
        elif found[3]:
            row = row.ljust(digits, b"0" if found[3] == b"," else b"F")
        else:
            row += found[2] * (sum(map(_repeats, found[1])) or 1)
        if len(row) >= digits:
            rows.append(row)
            row = b""
    whole = b"".join(rows)
    if at != len(data) or row or len(whole) != 2 * total or b"x" in whole:
        return None
    return bytes.fromhex(whole.decode("ascii"))


def _repeats(letter: int) -> int:
    return letter - ord("F") if letter < ord("g") else (letter - ord("f")) * 20
