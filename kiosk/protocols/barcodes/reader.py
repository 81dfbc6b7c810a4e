"""What an independent reader sees in a picture: used to check every label, and where the camera is the scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Symbol:
    """``format`` is the reader's name of the symbology, ``aim`` the identifier of ISO/IEC 15424 ("]C0")."""

    format: str
    text: str
    aim: str


def read(picture: Any) -> list[Symbol]:
    """Read every symbol in a black-and-white or gray ``PIL.Image.Image``; Pillow is not imported here."""
    import zxingcpp

    width, height = picture.size
    gray = memoryview(picture.convert("L").tobytes()).cast("B", (height, width))
    found = zxingcpp.read_barcodes(gray, text_mode=zxingcpp.TextMode.Plain)
    return [Symbol(_name(each.format), each.text, each.symbology_identifier) for each in found if each.valid]


def read_codes(gray: memoryview) -> list[str]:
    """Read the codes of parcels, goods and papers in a gray picture of rows x columns, AIM identifier first.

    No other symbology is looked for: each additional one finds codes where there are none.
    """
    import zxingcpp

    kinds = zxingcpp.BarcodeFormat
    formats = zxingcpp.BarcodeFormats((kinds.EAN13, kinds.EAN8, kinds.Code128, kinds.QRCode, kinds.DataMatrix))
    found = zxingcpp.read_barcodes(gray, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return [each.symbology_identifier + each.text for each in found if each.valid]


def _name(barcode_format: object) -> str:
    return str(barcode_format).rpartition(".")[2].replace(" ", "")
