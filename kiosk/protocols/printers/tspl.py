"""TSPL/TSPL2, the language of TSC, Xprinter, Gprinter and Deli label printers.

Source: TSC "TSPL/TSPL2 Programming" manual, chapters "Setup and System Commands" (SIZE, GAP, DIRECTION, DENSITY),
"Label Formatting Commands" (CLS, BITMAP, PRINT) and "Status Polling and Immediate Commands" (ESC ! ?).
"""

from __future__ import annotations

from kiosk.protocols.printers.bitmap import INVERT, Bitmap, row_bytes

STATUS_QUERY = b"\x1b!?"
"""Answered at once with one byte, in error too; it never waits behind a label."""

_STATUS_BITS = (
    "head_open",
    "paper_jam",
    "paper_out",
    "ribbon_out",
    "paused",
    "printing",
    "cover_open",
    "temperature",
)


def page(bitmap: Bitmap, width_mm: int, height_mm: int, gap_mm: int = 2, density: int = 8, copies: int = 1) -> bytes:
    """Return the bytes of one label. Everything visible is in the bitmap; no text of the data is a command.

    Raises ValueError for a density outside 0-15 or fewer than one copy.
    """
    if not 0 <= density <= 15:
        raise ValueError(f"TSPL density is 0 to 15, not {density}")
    if copies < 1:
        raise ValueError(f"at least one copy must be printed, not {copies}")
    setup = (
        f"SIZE {width_mm} mm,{height_mm} mm\r\nGAP {gap_mm} mm,0 mm\r\nDIRECTION 1\r\nDENSITY {density}\r\nCLS\r\n"
        f"BITMAP 0,0,{row_bytes(bitmap)},{bitmap.height_dots},0,"
    )
    return setup.encode("ascii") + bitmap.rows.translate(INVERT) + f"\r\nPRINT 1,{copies}\r\n".encode("ascii")


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of one status byte, or None for anything that is not exactly one byte."""
    if len(reply) != 1:
        return None
    return tuple(name for bit, name in enumerate(_STATUS_BITS) if reply[0] >> bit & 1)
