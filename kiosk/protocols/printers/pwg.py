"""PWG raster, the picture format that every driverless office printer and every CUPS queue takes.

Source: PWG 5102.4 "PWG Raster Format", sections 4.2 (file), 4.3 (page header, 1796 bytes) and 4.4 (compression).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from kiosk.protocols.printers.page_setup import PageSetup, row_bytes
from kiosk.protocols.printers.ports import Bitmap

FORMAT = "image/pwg-raster"
SHEET_DPI = 300
SHEET_DOTS = (2480, 3508)  # ISO A4, 210 by 297 mm
MARGIN_DOTS = 118  # 10 mm: no office printer prints to the rim, and a binder's holes need them
PRINTED_DOTS = SHEET_DOTS[0] - 2 * MARGIN_DOTS
_SHEET_POINTS, _SHEET_NAME = (595, 842), b"iso_a4_210x297mm"
_SYNC = b"RaS2"
_HEADER_BYTES = 1796
_GRAY_BITS, _SGRAY = 8, 18  # 8 bits a dot: the one kind of gray that a printer has to take
_RUN = re.compile(rb"0{1,128}|1{1,128}")
_WHITE = b"\xff"
_MAX_REPEATS = 256


def page(bitmap: Bitmap, setup: PageSetup) -> bytes:
    """Return one document: the picture below the margin of a sheet, and what does not fit on the sheets after it."""
    right, down = setup.offset_dots
    left, top = MARGIN_DOTS + right, MARGIN_DOTS + down
    room = SHEET_DOTS[1] - top - MARGIN_DOTS
    stride = row_bytes(bitmap)
    rows = [bitmap.rows[at : at + stride] for at in range(0, len(bitmap.rows), stride)]
    sheets = [rows[at : at + room] for at in range(0, len(rows), room)]
    parts = [_SYNC]
    for sheet in sheets:
        parts.append(_header(len(sheets)))
        parts += _lines(sheet, (left, top), bitmap.width_dots)
    return b"".join(parts)


def _header(sheets: int) -> bytes:
    """Build the header: fields by their offset; every other byte is 0."""
    header = bytearray(_HEADER_BYTES)
    header[0:9] = b"PwgRaster"
    figures = {
        276: (SHEET_DPI, SHEET_DPI),
        340: (1,),
        352: _SHEET_POINTS,
        372: SHEET_DOTS,
        384: (_GRAY_BITS, _GRAY_BITS, SHEET_DOTS[0]),
        400: (_SGRAY,),
        420: (1,),
        452: (sheets, 1, 1),
    }
    for offset, values in figures.items():
        struct.pack_into(f">{len(values)}I", header, offset, *values)
    header[1732 : 1732 + len(_SHEET_NAME)] = _SHEET_NAME
    return bytes(header)


def _lines(rows: list[bytes], at: tuple[int, int], width: int) -> Iterator[bytes]:
    """Yield a sheet of lines. A line is its repeats less one, then runs: their length less one, and the gray."""
    left, top = at
    white = _white(SHEET_DOTS[0])
    yield from _repeated_line(white, top)
    first, count = b"", 0
    for row in rows:
        if count and row == first:
            count += 1
            continue
        yield from _repeated_line(_line(first, left, width), count)
        first, count = row, 1
    yield from _repeated_line(_line(first, left, width), count)
    yield from _repeated_line(white, SHEET_DOTS[1] - top - len(rows))


def _repeated_line(line: bytes, count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes((min(count, _MAX_REPEATS) - 1,)) + line
        count -= _MAX_REPEATS


def _white(dots: int) -> bytes:
    full, rest = divmod(dots, 128)
    return (b"\x7f" + _WHITE) * full + (bytes((rest - 1,)) + _WHITE if rest else b"")


def _line(row: bytes, left: int, width: int) -> bytes:
    if not row.strip(b"\0"):
        return _white(SHEET_DOTS[0])
    bits = f"{int.from_bytes(row):0{len(row) * 8}b}"[:width].encode("ascii")
    runs = b"".join(bytes((len(run) - 1, 0 if run[0] == ord("1") else 255)) for run in _RUN.findall(bits))
    return _white(left) + runs + _white(SHEET_DOTS[0] - left - width)
