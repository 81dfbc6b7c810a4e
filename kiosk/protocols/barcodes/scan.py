"""What one scan is. Everything a scanner sends is text from a stranger until a row here says otherwise.

The order is the rule: what could press a key or hide is refused first; then the symbology decides, where the scanner
names it; then the codes of these stations and GS1 links; then what strangers show; then waybills; what is left is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kiosk.domain.identifiers import BODY_ALPHABET, CODE_PREFIX, CODE_TYPES, BadIdentifier, parse_internal_code
from kiosk.protocols.barcodes.aim import GS1_SYMBOLOGIES, PRODUCT_SYMBOLOGIES, split_aim, symbology
from kiosk.protocols.barcodes.characters import text_fault
from kiosk.protocols.barcodes.foreign_codes import foreign_code_kind
from kiosk.protocols.barcodes.gs1.associations import check_pairs
from kiosk.protocols.barcodes.gs1.digital_link import is_link, parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import GS, Elements, parse_element_string
from kiosk.protocols.barcodes.gs1.errors import BadElementString
from kiosk.protocols.barcodes.in_store import InStoreLayout, InStoreNumber, read_in_store
from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit
from kiosk.protocols.barcodes.waybills import Waybill, identify

MAX_LENGTH = 64  # Characters of data; every code of this trade is shorter, but for GS1 data and its links
# Most characters of GS1 data. Up to here a link is named as one, which helps more than "too long"; no scanner adapter
# hands over more.
MAX_NAMED_LENGTH = 256

# Words of the waybill room that refuse a scan wherever it was made, and the words used here.
_FOREIGN_REASONS: Mapping[str, str] = {"url": "url", "wifi": "wifi", "phone_number": "phone", "id_number": "id_number"}

# Without an identifier only these beginnings are taken for GS1: their check digit makes a mistake unlikely.
_GS1_KEYS = ("00", "01", "02")

_PRODUCT_LENGTHS = (8, 12, 13)
_CARTON_LENGTH = 14
# Nobody prints a product's number like this: thirteen digits in one of these are a waybill, check digit or not.
_PARCEL_SYMBOLOGIES = frozenset({"CODE128", "CODE39"})

_COMMAND = re.compile(
    r"[\^~][A-Z]{2}.*"  # ZPL
    r"|(?:SIZE|GAP|BITMAP|PRINT|CLS|SELFTEST|DOWNLOAD)\b.*"  # TSPL
    r"|!\s?(?:U1|[0-9]+ [0-9]+ [0-9]+)\b.*"  # CPCL
    # Set-up codes of scanners, as their manuals print them: Newland and Opticon, Datalogic, Honeywell, JADAK, the
    # engines in cheap scanners, and modules that take modem commands.
    r"|@[A-Z_]{4,}[0-9A-Z_@]*"
    r"|[$%][%#@$+].*|\$[A-Z],?[A-Z0-9]{4,}(?:\$.*)?"
    r"|(?:DEFALT|DEFOVR|RESET_|REVINF|TERMID|TRMUSB)[0-9A-Z;]*[.!?&]?"
    r"|(?:PAP|SUF|PRE|DFM|BEP|KBD|TRG|SCN|VSU|232)[0-9A-Z]{3}[0-9A-Z;]*[.!?&]"
    r"|\{~?[A-Z][0-9]{3,4}[^{}]*/?\}"
    r"|\^?#[A-Z]{2}\^.*"
    r"|AT\+.*",
    re.ASCII | re.DOTALL,
)
_INTERNAL = re.compile(rf"{CODE_PREFIX}([{''.join(CODE_TYPES)}])[{BODY_ALPHABET}]+[0-9A-Z]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scan:
    """``kind`` as ``kiosk scan parse`` names it; ``data`` is what was sent, without identifier and line end.

    ``aim`` and ``symbology`` are None when the scanner sends no identifier. ``ais`` holds the elements of a GS1 scan.
    ``error`` is None exactly when ``valid``: a code of another station is valid, the station decides what it means.
    ``as_waybill`` is what ``data`` is as a waybill number, whatever ``kind`` the scan is. ``in_store`` is what a
    shop's own number says by the layouts that were set; else None.
    """

    kind: str
    aim: str | None
    symbology: str | None
    data: str = field(repr=False)
    ais: Elements
    valid: bool
    error: str | None
    as_waybill: Waybill = field(repr=False)
    in_store: InStoreNumber | None = None


def parse_scan(raw: bytes, in_store: Iterable[InStoreLayout] = ()) -> Scan:
    """Judge one scan, with or without the scanner's line end; ``in_store`` are layouts of shops. Never raises."""
    aim, body = split_aim(_without_line_end(raw))
    data = body.decode("utf-8", "replace")
    truncated = data[:MAX_NAMED_LENGTH]
    scan = Scan(
        "text", aim, symbology(aim, data), truncated, (), valid=True, error=None, as_waybill=identify(truncated)
    )
    error = _rejection_reason(scan, data)
    if error:
        return _rejected(scan, error)
    found = _classify(replace(scan, in_store=_shop_number(scan, in_store)))
    return found if found.kind == "product" else replace(found, in_store=None)


def _without_line_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _rejected(scan: Scan, error: str, kind: str = "rejected") -> Scan:
    return replace(scan, kind=kind, valid=False, error=error)


def _rejection_reason(scan: Scan, data: str) -> str | None:
    """Why a scan is refused before anybody looks at its meaning."""
    character = text_fault(data, allowed=GS)
    if character is not None:
        return character
    if not data.strip():
        return "empty"
    if GS in data and not _is_gs1(scan):
        return "control"
    if len(data) > MAX_NAMED_LENGTH:
        return "too_long"
    if len(data) > MAX_LENGTH and not _is_gs1(scan) and not is_link(data):
        return _FOREIGN_REASONS.get(foreign_code_kind(data) or "", "too_long")
    return None


def _is_gs1(scan: Scan) -> bool:
    """GS1 by its identifier, or by what it says where the scanner sends none."""
    return scan.symbology in GS1_SYMBOLOGIES if scan.aim is not None else _elements(scan.data) is not None


def _elements(data: str) -> Elements | None:
    try:
        return parse_element_string(data)
    except BadElementString:
        return None


def _shop_number(scan: Scan, layouts: Iterable[InStoreLayout]) -> InStoreNumber | None:
    """Thirteen digits in bars that no shop prints are a waybill, whatever a layout makes of them."""
    is_ean = len(scan.data) in _PRODUCT_LENGTHS
    return None if is_ean and scan.symbology in _PARCEL_SYMBOLOGIES else read_in_store(layouts, scan.data)


def _classify(scan: Scan) -> Scan:
    if scan.symbology in GS1_SYMBOLOGIES:
        return _gs1(scan)
    if scan.symbology in PRODUCT_SYMBOLOGIES:
        return _product(scan)
    text = scan.data.strip()
    if text.startswith(CODE_PREFIX):
        return _internal(scan, text)
    if scan.aim is None and (GS in text or text.startswith(_GS1_KEYS)) and _elements(text):
        return _gs1(scan)
    return _link(scan, text) if is_link(text) else _foreign(scan, text)


def _gs1(scan: Scan) -> Scan:
    try:
        elements = parse_element_string(scan.data.strip(" "))
        check_pairs(elements)
    except BadElementString as error:
        return _rejected(scan, error.code, "gs1")
    return replace(scan, kind="gs1", ais=elements)


def _link(scan: Scan, text: str) -> Scan:
    """GS1 data that a telephone opens as an address; one that is wrong is an address like any other."""
    try:
        elements = parse_digital_link(text)
        check_pairs(elements)
    except BadElementString as error:
        return _rejected(scan, error.code)
    return replace(scan, kind="gs1", ais=elements)


def _product(scan: Scan) -> Scan:
    if len(scan.data) not in _PRODUCT_LENGTHS:
        return _rejected(scan, "length", "product")
    return (
        replace(scan, kind="product") if has_valid_check_digit(scan.data) else _rejected(scan, "check_digit", "product")
    )


def _is_carton(scan: Scan) -> bool:
    """A GTIN-14 in the bars that are printed on cartons alone; no carrier uses them."""
    return scan.symbology == "ITF" and len(scan.data) == _CARTON_LENGTH and has_valid_check_digit(scan.data)


def _internal(scan: Scan, text: str) -> Scan:
    match = _INTERNAL.fullmatch(text)
    if match is None:
        return _rejected(scan, "unknown_code")
    kind = CODE_TYPES[match[1]]
    try:
        parse_internal_code(text)
    except BadIdentifier:
        return _rejected(scan, "check_character", kind)
    return replace(scan, kind=kind)


def _foreign(scan: Scan, text: str) -> Scan:
    waybill = scan.as_waybill
    reason = _FOREIGN_REASONS.get(waybill.why_not or "")
    if reason is not None:
        return _rejected(scan, reason)
    if scan.in_store is not None or _is_carton(scan):
        return replace(scan, kind="product")
    if waybill.why_not == "product_code" and not (waybill.candidates and scan.symbology in _PARCEL_SYMBOLOGIES):
        return replace(scan, kind="product")
    if waybill.accept or waybill.why_not == "product_code":
        return replace(scan, kind="waybill")
    if waybill.s10 is not None:
        return _rejected(scan, "check_digit", "waybill")
    if _COMMAND.fullmatch(text):
        return _rejected(scan, "command", "command")
    return scan
