"""ESC/POS, the language of 58 mm and 80 mm receipt printers.

Source: Epson "ESC/POS Application Programming Guide", commands ESC @, GS v 0, ESC J, GS V, DLE EOT and GS r; the
58 mm printers of HPRT, SNBC and Xprinter describe the same bytes.
"""

from __future__ import annotations

from kiosk.protocols.printers.page_setup import BAND_ROWS, PageSetup, row_bytes
from kiosk.protocols.printers.ports import Bitmap

INITIALIZE = b"\x1b@"
# DLE EOT 1 to 4: printer, offline cause, error cause, paper sensor. Answered at once, one byte each.
STATUS_QUERY = b"".join(bytes((0x10, 0x04, n)) for n in (1, 2, 3, 4))
# GS r 1 is queued behind the picture: its answer proves that the printer has worked through the whole job.
DRAINED_QUERY = b"\x1dr\x01"
_MISREAD_ROWS = 48  # 58 mm printers of the POS-5890K class print garbage for a band whose height is a multiple of this
_FEED_MM = 12  # From the head to the tear bar

_FLAGS_BY_QUERY: tuple[dict[int, str], ...] = (
    {3: "offline", 5: "offline"},
    {2: "cover_open", 5: "paper_out", 6: "error"},
    {2: "error", 3: "cutter_error", 5: "unrecoverable", 6: "error"},
    {2: "paper_near_end", 3: "paper_near_end", 5: "paper_out", 6: "paper_out"},
)


def band_heights(rows: int, max_rows: int = BAND_ROWS) -> tuple[int, ...]:
    """Return the heights of a picture's bands, in order: at most ``max_rows``, no multiple of 48 rows."""
    if max_rows % _MISREAD_ROWS == 0:
        max_rows -= 1
    full, rest = divmod(rows, max_rows)
    if rest == 0:
        return (max_rows,) * full
    if rest % _MISREAD_ROWS:
        return (*(max_rows,) * full, rest)
    return (*(max_rows,) * full, rest - 1, 1)


def page(bitmap: Bitmap, setup: PageSetup) -> bytes:
    """Return the bytes of one receipt: picture in bands, feed to the tear bar, partial cut when there is a cutter."""
    parts = [INITIALIZE]
    stride = row_bytes(bitmap)
    top = 0
    for height in band_heights(bitmap.height_dots, setup.wire.band_rows):
        parts.append(b"\x1dv0\x00" + stride.to_bytes(2, "little") + height.to_bytes(2, "little"))
        parts.append(bitmap.rows[top * stride : (top + height) * stride])
        top += height
    parts.append(b"\x1bJ" + bytes((_FEED_MM * setup.head.per_mm,)))
    if setup.cutter:
        parts.append(b"\x1dVB\x00")
    return b"".join(parts)


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of the four answers to STATUS_QUERY in their order, or of one answer to DLE EOT 1.

    None when the length or the fixed bits (0, 1, 4 and 7 are 0, 1, 1 and 0) are not those of a status: a
    status is never guessed from half an answer.
    """
    if len(reply) not in (1, 4) or any(byte & 0x93 != 0x12 for byte in reply):
        return None
    found: dict[str, None] = {}
    for byte, names in zip(reply, _FLAGS_BY_QUERY, strict=False):
        found.update((name, None) for bit, name in names.items() if byte >> bit & 1)
    return tuple(found)


def parse_drained(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of the answer to DRAINED_QUERY, or None when ``reply`` is not exactly one such byte.

    Bits 0-1 near end, 2-3 paper out, 4 and 7 fixed to 0: the fixed bit 4 keeps it apart from a DLE EOT answer.
    """
    if len(reply) != 1 or reply[0] & 0x90:
        return None
    flags = (("paper_near_end", 0x03), ("paper_out", 0x0C))
    return tuple(name for name, mask in flags if reply[0] & mask)
