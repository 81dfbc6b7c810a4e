"""ZPL II, the language of Zebra label printers and their like.

Source: Zebra "ZPL II Programming Guide", commands ^GF, ^PW, ^LL, ^LH, ^MD, ^MM, ^MN, ^PR, ^PQ and ~HS; ":Z64:" is in
the appendix "ZB64 Encoding and Compression" (CRC-16/XMODEM over the base64 text); the letters for repeats are in
"Alternative Data Compression Scheme"; getvar in "SGD Printer Commands".
"""

from __future__ import annotations

import re
import zlib
from base64 import b64encode
from binascii import crc_hqx

from kiosk.protocols.printers.page_setup import USUAL_DENSITY, PageSetup, row_bytes
from kiosk.protocols.printers.ports import Bitmap

STATUS_QUERY = b"~HS"
# Answered with the labels the printer has ever printed, in quotes; with "?" by a printer that does not count them.
COUNTER_QUERY = b'! U1 getvar "odometer.total_label_count"\r\n'

_FRAMES = re.compile(
    rb"\x02(?P<first>\d{3},[01],[01],\d{4},\d{3},[01],[01],[01],\d{3},[01],[01],[01])\x03\r\n"
    rb"\x02(?P<second>\d{3},\d,[01],[01],[01],\w,\d,[01],\d{8},\d,\d{1,3})\x03\r\n"
    rb"\x02\w{1,4},[01]\x03(?:\r\n)?"
)
_COUNT = re.compile(rb'"(\d{1,18})"(?:\r\n)?')
_RUN = re.compile(rb"([0-9A-F])\1{2,}")
# One to 19 repeats, and 20 to 400 in twenties.
_REPEATS_STEP, _SINGLE_REPEATS, _TWENTY_REPEATS = 20, b"GHIJKLMNOPQRSTUVWXY", b"ghijklmnopqrstuvwxyz"

# Repeats in a label are in the few rows above: a small window encodes them in fewer bits than a large one, and makes
# level 9 cheap. The best deflating there is (all ways through a picture weighed, 0.2 s) saves another 2 %.
_LEVEL, _WINDOW_BITS, _MEMORY = 9, 9, 8
# ^MD goes from -30 to 30 round the printer's own darkness, the density of a setup from 0 to 15 round the usual one.
_DARKNESS_STEP = 2
# Fields of the first string (formats in the receive buffer) and of the second one (labels left in the batch).
_BUFFERED, _REMAINING = 4, 8
_FIRST_FLAGS = {1: "paper_out", 2: "paused", 5: "buffer_full", 9: "unrecoverable", 10: "temperature", 11: "temperature"}
_SECOND_FLAGS = {2: "head_open", 3: "ribbon_out"}


def page(bitmap: Bitmap, setup: PageSetup, copies: int = 1) -> bytes:
    """Return the bytes of one label. The picture is base64 or run lengths, so no data can form a command.

    Raises ValueError for fewer than one copy.
    """
    if copies < 1:
        raise ValueError(f"at least one copy must be printed, not {copies}")
    total = len(bitmap.rows)
    right, down = setup.offset_dots
    darker = (setup.density - USUAL_DENSITY) * _DARKNESS_STEP
    parts = (
        f"^XA^MN{_sensor(setup)}",
        "^MMC" if setup.cutter else "",
        f"^MD{darker}" if darker else "",
        f"^PW{bitmap.width_dots + right}^LL{bitmap.height_dots + down}^LH{right},{down}^PR{setup.speed_ips}",
        f"^FO0,0^GFA,{total},{total},{row_bytes(bitmap)},",
    )
    picture = run_lengths(bitmap) if setup.wire.plain else _deflated(bitmap.rows)
    return "".join(parts).encode("ascii") + picture + f"^FS^PQ{copies}^XZ\n".encode("ascii")


def _sensor(setup: PageSetup) -> str:
    """Return what separates labels: nothing on a continuous roll, a black mark, or light through a gap."""
    if not setup.gap_mm:
        return "N"
    return "M" if setup.mark else "Y"


def _deflated(rows: bytes) -> bytes:
    squeezed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY)
    packed = b64encode(squeezed.compress(rows) + squeezed.flush())
    return b":Z64:" + packed + f":{crc_hqx(packed, 0):04X}".encode("ascii")


def run_lengths(bitmap: Bitmap) -> bytes:
    """Encode as hex digits with repeats: about twice the bytes of ":Z64:", known to every ZPL printer.

    "," fills a row with white, "!" with black, ":" repeats the row above; a letter before a digit is its repeats.
    """
    stride = row_bytes(bitmap)
    digits = bitmap.rows.hex().upper().encode("ascii")
    written: list[bytes] = []
    above = b""
    for top in range(0, len(digits), 2 * stride):
        row = digits[top : top + 2 * stride]
        written.append(b":" if row == above else _RUN.sub(_repeated, _filled(row)))
        above = row
    return b"".join(written)


def _filled(row: bytes) -> bytes:
    for digit, fill in ((b"0", b","), (b"F", b"!")):
        trimmed = row.rstrip(digit)
        if len(trimmed) < len(row):
            return trimmed + fill
    return row


def _repeated(run: re.Match[bytes]) -> bytes:
    many, few = divmod(len(run[0]), _REPEATS_STEP)
    four_hundreds, many = divmod(many, _REPEATS_STEP)
    letters = (
        b"z" * four_hundreds
        + _TWENTY_REPEATS[many - 1 : many if many else 0]
        + _SINGLE_REPEATS[few - 1 : few if few else 0]
    )
    return letters + run[1]


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of the three strings of a ~HS answer, or None when they are not complete and in form.

    Formats in the buffer and labels left in the batch are work, not a fault: they set no flag.
    """
    match = _FRAMES.fullmatch(reply)
    if match is None:
        return None
    found: dict[str, None] = {}
    for group, names in (("first", _FIRST_FLAGS), ("second", _SECOND_FLAGS)):
        fields = match[group].split(b",")
        found.update((name, None) for index, name in names.items() if fields[index] == b"1")
    return tuple(found)


def work_waiting(reply: bytes) -> int | None:
    """Return how many formats and labels the printer still has to print, by a ~HS answer; None as parse_status.

    Only this shows that a ZPL printer prints.
    """
    match = _FRAMES.fullmatch(reply)
    if match is None:
        return None
    return int(match["first"].split(b",")[_BUFFERED]) + int(match["second"].split(b",")[_REMAINING])


def parse_count(reply: bytes) -> int | None:
    """Return the answer to COUNTER_QUERY, or None when the printer does not count labels or answers otherwise."""
    match = _COUNT.fullmatch(reply)
    return int(match[1]) if match else None
