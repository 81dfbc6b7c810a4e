"""What one scan is. Everything a scanner sends is text from a stranger until a row here says otherwise.

The order is the rule: what could press a key or hide is refused first; then the symbology decides, where the scanner
names it; then the codes of these stations; then what strangers show; then waybills; what is left is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kiosk.domain.identifiers import BODY_ALPHABET, CODE_PREFIX, CODE_TYPES, BadIdentifier, parse_internal_code
from kiosk.protocols.barcodes.aim import GS1_SYMBOLOGIES, PRODUCT_SYMBOLOGIES, split_aim, symbology
from kiosk.protocols.barcodes.digits import gs1_checks
from kiosk.protocols.barcodes.gs1.elements import GS, Elements, parse_element_string
from kiosk.protocols.barcodes.gs1.errors import BadElementString
from kiosk.protocols.barcodes.strangers import stranger
from kiosk.protocols.barcodes.waybills import Waybill, identify

MAX_LENGTH = 64
"""Characters of data; every code of this trade is shorter (a full GS1 label of ours has 56)."""
MAX_NAMED_LENGTH = 256
"""Up to here a link is named as one, which helps more than "too long"; no scanner adapter hands over more."""

_STRANGERS: Mapping[str, str] = {"url": "url", "wifi": "wifi", "phone_number": "phone", "id_number": "id_number"}
"""Words of the waybill room that refuse a scan wherever it was made, and the words used here."""

_GS1_KEYS = ("00", "01", "02")
"""Without an identifier only these beginnings are taken for GS1: their check digit makes a mistake unlikely."""

_PRODUCT_LENGTHS = (8, 12, 13)
_PARCEL_SYMBOLOGIES = frozenset({"CODE128", "CODE39"})
"""Nobody prints a product's number like this: thirteen digits in one of these are a waybill, check digit or not."""

_COMMAND = re.compile(
    r"[\^~][A-Z]{2}.*"  # ZPL
    r"|(?:SIZE|GAP|BITMAP|PRINT|CLS|SELFTEST|DOWNLOAD)\b.*"  # TSPL
    r"|[$%][%#@$].*|@[A-Z]{4,}[0-9]*",  # set-up codes of scanners, printed in their manuals
    re.ASCII | re.DOTALL,
)
_INTERNAL = re.compile(rf"{CODE_PREFIX}([{''.join(CODE_TYPES)}])[{BODY_ALPHABET}]+[0-9A-Z]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scan:
    """``kind`` as ``kiosk scan parse`` names it; ``data`` is what was sent, without identifier and line end.

    ``aim`` and ``symbology`` are None when the scanner sends no identifier. ``ais`` holds the elements of a GS1 scan.
    ``error`` is None exactly when ``valid``: a code of another station is valid, the station decides what it means.
    ``as_waybill`` is what ``data`` is as a waybill number, whatever ``kind`` the scan is.
    """

    kind: str
    aim: str | None
    symbology: str | None
    data: str = field(repr=False)
    ais: Elements
    valid: bool
    error: str | None
    as_waybill: Waybill = field(repr=False)


def parse_scan(raw: bytes) -> Scan:
    """Judge one scan, with or without the scanner's line end. Never raises."""
    aim, body = split_aim(_without_line_end(raw))
    data = body.decode("utf-8", "replace")
    kept = data[:MAX_NAMED_LENGTH]
    scan = Scan("text", aim, symbology(aim, data), kept, (), valid=True, error=None, as_waybill=identify(kept))
    error = _unfit(scan, data)
    return _refused(scan, error) if error else _judged(scan)


def _without_line_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _refused(scan: Scan, error: str, kind: str = "rejected") -> Scan:
    return replace(scan, kind=kind, valid=False, error=error)


def _unfit(scan: Scan, data: str) -> str | None:
    """Why a scan is refused before anybody looks at its meaning."""
    if any(character < " " or character == "\x7f" for character in data if character != GS):
        return "control"
    if not data.isascii():
        return "not_ascii"
    if not data.strip():
        return "empty"
    if GS in data and not _may_hold_gs(scan):
        return "control"
    if len(data) > MAX_LENGTH:
        return _STRANGERS.get(stranger(data) or "", "too_long") if len(data) <= MAX_NAMED_LENGTH else "too_long"
    return None


def _may_hold_gs(scan: Scan) -> bool:
    if scan.aim is not None:
        return scan.symbology in GS1_SYMBOLOGIES
    return _elements(scan.data) is not None


def _elements(data: str) -> Elements | None:
    try:
        return parse_element_string(data)
    except BadElementString:
        return None


def _judged(scan: Scan) -> Scan:
    if scan.symbology in GS1_SYMBOLOGIES:
        return _gs1(scan)
    if scan.symbology in PRODUCT_SYMBOLOGIES:
        return _product(scan)
    text = scan.data.strip()
    if text.startswith(CODE_PREFIX):
        return _internal(scan, text)
    if scan.aim is None and (GS in text or text.startswith(_GS1_KEYS)) and _elements(text):
        return _gs1(scan)
    return _foreign(scan, text)


def _gs1(scan: Scan) -> Scan:
    try:
        return replace(scan, kind="gs1", ais=parse_element_string(scan.data.strip(" ")))
    except BadElementString as error:
        return _refused(scan, error.code, "gs1")


def _product(scan: Scan) -> Scan:
    if len(scan.data) not in _PRODUCT_LENGTHS:
        return _refused(scan, "length", "product")
    return replace(scan, kind="product") if gs1_checks(scan.data) else _refused(scan, "check_digit", "product")


def _internal(scan: Scan, text: str) -> Scan:
    match = _INTERNAL.fullmatch(text)
    if match is None:
        return _refused(scan, "unknown_code")
    kind = CODE_TYPES[match[1]]
    try:
        parse_internal_code(text)
    except BadIdentifier:
        return _refused(scan, "check_character", kind)
    return replace(scan, kind=kind)


def _foreign(scan: Scan, text: str) -> Scan:
    waybill = scan.as_waybill
    stranger_word = _STRANGERS.get(waybill.why_not or "")
    if stranger_word is not None:
        return _refused(scan, stranger_word)
    if waybill.why_not == "product_code" and not (waybill.candidates and scan.symbology in _PARCEL_SYMBOLOGIES):
        return replace(scan, kind="product")
    if waybill.accept or waybill.why_not == "product_code":
        return replace(scan, kind="waybill")
    if waybill.s10 is not None:
        return _refused(scan, "check_digit", "waybill")
    if _COMMAND.fullmatch(text):
        return _refused(scan, "command", "command")
    return scan
