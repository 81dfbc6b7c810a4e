"""Makers and drawings for the formats of scales and the rows of printers: what people know a device by."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from kiosk.devices.printer.profiles import PrinterProfile
from kiosk.protocols.scales.shared.protocol import ScaleProtocol

_MAX_MAKERS: Final = 34  # Characters: two lines of a tile
_NARROW_DOTS: Final = 384
# Everything else is an indicator beside a platform.
_SCALES: Final = {
    "scale-price": "st_gs_stx18 ff_bcd cas_type6 cas_m_pro mt_8217 mt_8213 nci_ecr ups_worldship dialog06 dibal_tisa "
    "toledo_prix micheletti_p15 magellan_s pos2_m massak_j",
    "scale-balance": "mt_print gg_14 kern_18 steinberg_sbs ussolid creedmoor adam_highland and_standard mt_sics "
    "sartorius_sbi usb_hid_scale",
    "scale-board": "xk3190_ww hx711",
}
_SCALE_PICTURES: Final = {protocol: picture for picture, row in _SCALES.items() for protocol in row.split()}
_PRINTERS: Final = {
    "tspl": ("TSC, Xprinter, Gprinter, Deli", "printer-label"),
    "zpl": ("Zebra", "printer-label"),
    "cpcl": ("Zebra QLn, ZQ, HPRT, Brother", "printer-belt"),
    "ipp": ("IPP, A4", "printer-sheet"),
}


def scale_makers(row: ScaleProtocol) -> str:
    """The makers and models that speak a format, as many as a tile can hold."""
    models = re.split(r" and (?:their )?copies|, set to ", row.devices)[0]
    return textwrap.shorten(models, _MAX_MAKERS, placeholder=" …")


def scale_picture(row: ScaleProtocol) -> str:
    return _SCALE_PICTURES.get(row.id, "scale-platform")


def printer_makers(row: PrinterProfile) -> tuple[str, str]:
    """Who makes printers of this row, or how wide their paper is, and the drawing."""
    if row.language == "escpos":
        narrow = row.width_dots <= _NARROW_DOTS
        return ("58 mm", "printer-narrow") if narrow else ("80 mm", "printer-wide")
    return _PRINTERS[row.language]
