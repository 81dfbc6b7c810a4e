"""ZPL II, the language of Zebra label printers and their like.

Source: Zebra "ZPL II Programming Guide", commands ^GF, ^PW, ^LL, ^LH, ^PR, ^PQ and ~HS; ":Z64:" is in the
appendix "ZB64 Encoding and Compression" (CRC-16/XMODEM over the base64 text); getvar in "SGD Printer Commands".
"""

from __future__ import annotations

import re
import zlib
from base64 import b64encode
from binascii import crc_hqx

from kiosk.protocols.printers.bitmap import row_bytes
from kiosk.protocols.printers.page_setup import PageSetup
from kiosk.protocols.printers.ports import Bitmap

STATUS_QUERY = b"~HS"

COUNTER_QUERY = b'! U1 getvar "odometer.total_label_count"\r\n'
"""Answered with the labels the printer has ever printed, in quotes; with "?" by a printer that does not count them."""

_FRAMES = re.compile(
    rb"\x02(?P<first>\d{3},[01],[01],\d{4},\d{3},[01],[01],[01],\d{3},[01],[01],[01])\x03\r\n"
    rb"\x02(?P<second>\d{3},\d,[01],[01],[01],\w,\d,[01],\d{8},\d,\d{1,3})\x03\r\n"
    rb"\x02\w{1,4},[01]\x03(?:\r\n)?"
)
_COUNT = re.compile(rb'"(\d{1,18})"(?:\r\n)?')
_BUFFERED, _REMAINING = 4, 8
"""Fields of the first string (formats in the receive buffer) and of the second one (labels left in the batch)."""

_FIRST_FLAGS = {1: "paper_out", 2: "paused", 5: "buffer_full", 9: "unrecoverable", 10: "temperature", 11: "temperature"}
_SECOND_FLAGS = {2: "head_open", 3: "ribbon_out"}


def page(bitmap: Bitmap, setup: PageSetup, copies: int = 1) -> bytes:
    """Return the bytes of one label; ^GF data is base64 of a deflated picture, so no data can form a command.

    Raises ValueError for fewer than one copy.
    """
    if copies < 1:
        raise ValueError(f"at least one copy must be printed, not {copies}")
    packed = b64encode(zlib.compress(bitmap.rows, 9))
    total = len(bitmap.rows)
    right, down = setup.offset_dots
    head = (
        f"^XA^PW{bitmap.width_dots + right}^LL{bitmap.height_dots + down}^LH{right},{down}^PR{setup.speed_ips}"
        f"^FO0,0^GFA,{total},{total},{row_bytes(bitmap)},:Z64:"
    )
    return head.encode("ascii") + packed + f":{crc_hqx(packed, 0):04X}^FS^PQ{copies}^XZ\n".encode("ascii")


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

    It is the only sign by which a ZPL printer tells that it prints.
    """
    match = _FRAMES.fullmatch(reply)
    if match is None:
        return None
    return int(match["first"].split(b",")[_BUFFERED]) + int(match["second"].split(b",")[_REMAINING])


def parse_count(reply: bytes) -> int | None:
    """Return the answer to COUNTER_QUERY, or None when the printer does not count labels or said something else."""
    match = _COUNT.fullmatch(reply)
    return int(match[1]) if match else None
