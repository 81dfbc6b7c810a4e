"""TSPL/TSPL2, the language of TSC, Xprinter, Gprinter and Deli label printers.

Source: TSC "TSPL/TSPL2 Programming" manual, chapters "Setup and System Commands" (SIZE, GAP, BLINE, DIRECTION,
REFERENCE, SPEED, DENSITY), "Device Reconfiguration Commands" (SET CUTTER), "Label Formatting Commands" (CLS, BITMAP,
PRINT) and "Status Polling and Immediate Commands" (ESC ! ?).
"""

from __future__ import annotations

from kiosk.protocols.printers.page_setup import INVERT, PageSetup, row_bytes
from kiosk.protocols.printers.ports import Bitmap

# Answered at once with one byte, in error too; it never waits behind a label.
#
# The other counter of the language, ~!@ (mileage), counts whole kilometers: no label moves it.
STATUS_QUERY = b"\x1b!?"
_STATUS_BITS = ("head_open", "paper_jam", "paper_out", "ribbon_out", "paused", "printing", "cover_open", "temperature")


def page(bitmap: Bitmap, setup: PageSetup, copies: int = 1) -> bytes:
    """Return the bytes of one label. Everything visible is in the bitmap; no text of the data is a command.

    Raises ValueError for fewer than one copy.
    """
    if copies < 1:
        raise ValueError(f"at least one copy must be printed, not {copies}")
    per_mm = setup.head.per_mm
    right, down = setup.offset_dots
    size = f"SIZE {bitmap.width_dots / per_mm:g} mm,{bitmap.height_dots / per_mm:g} mm\r\n"
    if setup.mark and setup.gap_mm:  # a change from gaps to marks is obeyed only when it comes before the size
        size = f"BLINE {setup.gap_mm:g} mm,0 mm\r\n{size}"
    else:
        size += f"GAP {setup.gap_mm:g} mm,0 mm\r\n"
    cutter = "SET CUTTER 1\r\n" if setup.cutter else ""
    head = (
        f"{size}{cutter}DIRECTION 1\r\nREFERENCE {right},{down}\r\n"
        f"SPEED {setup.speed_ips}\r\nDENSITY {setup.density}\r\nCLS\r\n"
        f"BITMAP 0,0,{row_bytes(bitmap)},{bitmap.height_dots},0,"
    )
    return head.encode("ascii") + bitmap.rows.translate(INVERT) + f"\r\nPRINT 1,{copies}\r\n".encode("ascii")


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of one status byte, or None for anything that is not exactly one byte."""
    if len(reply) != 1:
        return None
    return tuple(name for bit, name in enumerate(_STATUS_BITS) if reply[0] >> bit & 1)
