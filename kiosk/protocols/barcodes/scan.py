"""What one scan is. Everything a scanner sends is untrusted text until a row here identifies it.

The order is the rule: what could press a key or hide is refused first; then the symbology decides, where the scanner
names it; then the codes of these stations and GS1 links; then foreign codes; then waybills; all else is text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from kiosk.domain.identifiers import BODY_ALPHABET, CODE_PREFIX, CODE_TYPES, BadIdentifier, parse_internal_code
from kiosk.protocols.barcodes.gs1.digital_link import is_link, parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import GS, BadElementString, Elements, check_pairs, parse_element_string
from kiosk.protocols.barcodes.in_store import InStoreLayout, InStoreNumber, read_in_store
from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit
from kiosk.protocols.barcodes.waybills import Waybill, foreign_code_kind, identify

# Marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard Annex 9).
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# General categories of what is not seen, or only on top of another character.
_HIDDEN: Final = frozenset({"Cf", "Zl", "Zp", "Mn", "Me", "Cs", "Co", "Cn"})
# Letters, hyphens and strokes that look like ASCII (Unicode Technical Standard 39, single characters).
_CONFUSABLES: Final = frozenset("АВСЕНІЈКМОРԚЅТԜХҮавсеһіјкмоԛрѕтԝхуӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχϲϳՕօԁցհՍս‐‑‒–—−⁄∕")


# All codes are ASCII. A text that only looks like one is refused with the reason and never corrected: letters of
# another script are used to deceive.
def text_fault(text: str, allowed: str = "") -> str | None:
    """Return ``control``, ``bidi``, ``invisible``, ``look_alike`` or ``not_ascii``; None for printable ASCII.

    ``look_alike`` is a text whose every character has a twin in ASCII: digits of other scripts, full-width forms,
    letters of Cyrillic and Greek. ``allowed`` are permitted control characters.
    """
    seen = {character for character in text if not " " <= character <= "~"} - set(allowed)
    if not seen:
        return None
    kinds = {character: unicodedata.category(character) for character in seen}
    if "Cc" in kinds.values():
        return "control"
    if seen & _BIDI:
        return "bidi"
    if _HIDDEN & set(kinds.values()):
        return "invisible"
    return "look_alike" if all(_is_confusable(character) for character in seen) else "not_ascii"


def _is_confusable(character: str) -> bool:
    """Return whether a character can be mistaken for one of ASCII."""
    folded = unicodedata.normalize("NFKC", character)
    return folded.isascii() or character in _CONFUSABLES or unicodedata.decimal(character, None) is not None


_IDENTIFIER = re.compile(rb"\][A-Za-z][0-9A-Za-z]")  # AIM: the symbology, in front of the data (ISO/IEC 15424)

_BY_IDENTIFIER: Mapping[str, str] = {
    "]C1": "GS1_128",
    "]E4": "EAN8",
    "]d2": "GS1_DATAMATRIX",
    "]Q3": "GS1_QR",
    "]e0": "GS1_DATABAR",
    "]J1": "GS1_DOTCODE",
}
# For the modifiers that do not change what the data is.
_BY_LETTER: Mapping[str, str] = {"C": "CODE128", "E": "EAN13", "A": "CODE39", "I": "ITF", "d": "DATAMATRIX", "Q": "QR"}
GS1_SYMBOLOGIES = frozenset({"GS1_128", "GS1_DATAMATRIX", "GS1_QR", "GS1_DATABAR", "GS1_DOTCODE"})
PRODUCT_SYMBOLOGIES = frozenset({"EAN13", "EAN8", "UPCA"})


def split_aim(raw: bytes) -> tuple[str | None, bytes]:
    """Split off the identifier, None when none was sent, from the data behind it."""
    match = _IDENTIFIER.match(raw)
    return (match[0].decode("ascii"), raw[match.end() :]) if match else (None, raw)


def max_length_of(raw: bytes) -> int:
    """Return the most characters of a scan that begins like this, its identifier included."""
    return MAX_SLIP_LENGTH if _SLIP.match(split_aim(raw)[1]) else MAX_NAMED_LENGTH


def slip_in(text: str) -> str:
    """Return the content of a scan that begins as the signed code of a receipt, however it goes on; else ""."""
    data = split_aim(text.encode("utf-8", "replace"))[1].strip()
    return data.decode() if _SLIP.match(data) else ""


def symbology(aim: str | None, data: str) -> str | None:
    """Return the contract's name, or None without an identifier or for one the station does not know.

    A UPC-A comes with the identifier of EAN-13: it has twelve digits, or a zero in front of them (ISO/IEC 15420).
    """
    if aim is None:
        return None
    found = _BY_IDENTIFIER.get(aim) or _BY_LETTER.get(aim[1])
    if found == "EAN13" and (len(data) == 12 or (len(data) == 13 and data[0] == "0")):
        return "UPCA"
    return found


MAX_LENGTH = 64  # Characters of data; every code of this trade is shorter, but for GS1 data and its links
# Most characters of GS1 data. Up to here a link is named as one, which helps more than "too long"; no scanner adapter
# hands over more.
MAX_NAMED_LENGTH = 256
# The signed code of a receipt alone is longer: 600 digits behind a host (kiosk/messaging/contract/slip.py).
MAX_SLIP_LENGTH: Final = 680
_SLIP: Final = re.compile(rb"https://[^/\s]{1,46}/s#", re.IGNORECASE)
# Words of the waybill room that refuse a scan wherever it was made, and the words used here.
_FOREIGN_REASONS: Mapping[str, str] = {"url": "url", "wifi": "wifi", "phone_number": "phone", "id_number": "id_number"}
# Without an identifier only these beginnings count as GS1: their check digit makes a mistake unlikely.
_GS1_KEYS = ("00", "01", "02")
_PRODUCT_LENGTHS = (8, 12, 13)
_CARTON_LENGTH = 14
# Product numbers are not printed like this: thirteen digits in one of these are a waybill, check digit or not.
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
    ``as_waybill`` is ``data`` read as a waybill number, whatever ``kind`` the scan is. ``in_store`` is a shop's own
    number read by the layouts that were set; else None.
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
    aim, body = split_aim(raw.removesuffix(b"\n").removesuffix(b"\r"))
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


def _rejected(scan: Scan, error: str, kind: str = "rejected") -> Scan:
    return replace(scan, kind=kind, valid=False, error=error)


def _rejection_reason(scan: Scan, data: str) -> str | None:
    """Return why a scan is refused whatever its meaning."""
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
    """Return whether the identifier is one of GS1, or without an identifier the content."""
    return scan.symbology in GS1_SYMBOLOGIES if scan.aim is not None else _elements(scan.data) is not None


def _elements(data: str) -> Elements | None:
    try:
        return parse_element_string(data)
    except BadElementString:
        return None


def _shop_number(scan: Scan, layouts: Iterable[InStoreLayout]) -> InStoreNumber | None:
    """Read a shop's number; thirteen digits in bars that no shop prints are a waybill in any layout."""
    is_ean = len(scan.data) in _PRODUCT_LENGTHS
    return None if is_ean and scan.symbology in _PARCEL_SYMBOLOGIES else read_in_store(layouts, scan.data)


def _classify(scan: Scan) -> Scan:
    if scan.symbology in GS1_SYMBOLOGIES:
        return _gs1(scan)
    if scan.symbology in PRODUCT_SYMBOLOGIES:
        return _product(scan)
    text = scan.data.strip()
    if text.startswith(CODE_PREFIX):
        match = _INTERNAL.fullmatch(text)
        if match is None:
            return _rejected(scan, "unknown_code")
        kind = CODE_TYPES[match[1]]
        try:
            parse_internal_code(text)
        except BadIdentifier:
            return _rejected(scan, "check_character", kind)
        return replace(scan, kind=kind)
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
    """Classify a link with GS1 data, which a telephone opens; a wrong one is rejected like any address."""
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
    """Check for a GTIN-14 in the bars that are printed on cartons alone; no carrier uses them."""
    return scan.symbology == "ITF" and len(scan.data) == _CARTON_LENGTH and has_valid_check_digit(scan.data)


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
