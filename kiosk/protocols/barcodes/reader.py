"""What an independent reader sees in a picture: used to check every label and to read parcels by camera."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.protocols.barcodes.ports import GrayPicture


@dataclass(frozen=True, slots=True)
class Symbol:
    """``format`` is the reader's name of the symbology, ``aim`` the identifier of ISO/IEC 15424 ("]C0")."""

    format: str
    text: str
    aim: str


def read(picture: GrayPicture) -> list[Symbol]:
    """Return every symbol found in a black-and-white or gray picture; an empty list when there is none."""
    import zxingcpp

    width, height = picture.size
    gray = memoryview(picture.convert("L").tobytes()).cast("B", (height, width))
    found = zxingcpp.read_barcodes(gray, text_mode=zxingcpp.TextMode.Plain)
    return [Symbol(_name(each.format), each.text, each.symbology_identifier) for each in found if each.valid]


def _name(barcode_format: object) -> str:
    return str(barcode_format).rpartition(".")[2].replace(" ", "")
