"""CPCL, the language of portable label printers: Zebra QL, QLn and ZQ, and those of HPRT, Xprinter and Brother.

Source: Zebra "CPCL Programming Manual", sections 1 (the "!" line, PRINT, FORM), 7-7 (EG, CG), "Advanced commands"
(CONTRAST, SPEED, PAGE-WIDTH, GAP-SENSE, BAR-SENSE), 11-2 to 11-4 (ESC h, ESC i).
"""

from __future__ import annotations

from kiosk.protocols.printers.page_setup import USUAL_DENSITY, PageSetup, row_bytes
from kiosk.protocols.printers.ports import Bitmap

# It is queued: an answer means that the label before it is finished. Never sent inside of a page.
STATUS_QUERY = b"\x1bh"
_MAX_SPEED = 5  # SPEED goes from 0 to 5, in about inches per second
# CONTRAST has four steps (default, medium, dark, very dark) and none that is lighter than the default.
_CONTRASTS = ((13, 3), (11, 2), (USUAL_DENSITY + 1, 1))
# Bit 2 is the latch of the lid that carries the head. Bit 4, "was switched on", is not about a label.
_STATUS_BITS = {0: "printing", 1: "paper_out", 2: "head_open", 3: "battery_low"}
# Bit 5: the last label was not taken off yet; the next one waits for that. Bits 0 to 3 are reserved.
_EXTENDED_BITS = {4: "paper_jam", 5: "paused", 6: "paper_near_end", 7: "ribbon_out"}
_UNDEFINED = 0xE0


def page(bitmap: Bitmap, setup: PageSetup, copies: int = 1) -> bytes:
    """Return the bytes of one label. The picture says its own size, so no data can form a command.

    Raises ValueError for fewer than one copy.
    """
    if copies < 1:
        raise ValueError(f"at least one copy must be printed, not {copies}")
    right, down = setup.offset_dots
    lines = [f"! 0 200 200 {bitmap.height_dots + down} {copies}", f"PAGE-WIDTH {bitmap.width_dots + right}"]
    if setup.gap_mm:
        lines.append("BAR-SENSE" if setup.mark else "GAP-SENSE")
    contrast = next((step for min_density, step in _CONTRASTS if setup.density >= min_density), 0)
    lines += [f"CONTRAST {contrast}", f"SPEED {min(setup.speed_ips, _MAX_SPEED)}"]
    command = "EG" if setup.wire.plain else "CG"
    head = "".join(f"{line}\r\n" for line in lines)
    head += f"{command} {row_bytes(bitmap)} {bitmap.height_dots} {right} {down} "
    picture = bitmap.rows.hex().upper().encode("ascii") if setup.wire.plain else bitmap.rows
    # FORM feeds to the next gap or mark; on a roll without them it would not stop.
    return head.encode("ascii") + picture + (b"\r\nFORM\r\nPRINT\r\n" if setup.gap_mm else b"\r\nPRINT\r\n")


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of the answer to ESC h, or of the answers to ESC h and ESC i in this order.

    None for another length, and for bits of the first byte that no manual defines.
    """
    if len(reply) not in (1, 2) or reply[0] & _UNDEFINED:
        return None
    flags = [name for bit, name in _STATUS_BITS.items() if reply[0] >> bit & 1]
    return (*flags, *(name for bit, name in _EXTENDED_BITS.items() if reply[1:] and reply[1] >> bit & 1))
