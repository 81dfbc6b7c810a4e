"""One scan and everything that is asked of it, worked out once where the scan comes in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from kiosk.domain.identifiers import BadIdentifier, internal_code
from kiosk.protocols.barcodes.aim import PRODUCT_SYMBOLOGIES
from kiosk.protocols.barcodes.gs1.bag import own_serial
from kiosk.protocols.barcodes.gs1.keys import CompanyPrefix
from kiosk.protocols.barcodes.in_store import InStoreLayout
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.waybills import PackageIndex, identify
from kiosk.station.parcels.expected_file import package_of, waybill_key

MAX_SHOWN_CHARACTERS: Final = 64

# Refusal codes for the reasons of the barcode rooms; every other one is "text": nothing this station knows.
_CODES: Final[Mapping[str | None, str]] = {
    "control": "control",
    "bidi": "control",
    "look_alike": "look_alike",
    "phone": "phone_number",
    "phone_number": "phone_number",
    "id_number": "id_number",
    "url": "url",
    "wifi": "wifi",
    "product_code": "product",
    "too_short": "not_a_waybill",
    "too_long": "not_a_waybill",
    "pickup_code": "not_a_waybill",
    "not_a_waybill": "not_a_waybill",
}

_OF_CHARACTERS: Final = frozenset({"bidi", "invisible", "look_alike", "not_ascii"})
_UNSHOWN: Final = frozenset({"phone_number", "id_number", "wifi"})
# Codes of a scan nobody here has made: anything may stand in it.
_UNTRUSTED_CODES: Final = frozenset({"url", "control", "look_alike", "text", "not_a_waybill"})
_PERSONAL_SCHEME: Final = re.compile(
    r"\s*(?:begin|mecard|vcard|bizcard|matmsg|mailto|smsto|sms|tel|wifi|otpauth)\s*:", re.I
)
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[ -](?=[0-9])")
_LONG_RUN: Final = re.compile(r"[0-9]{11}")
# A mobile number, or an ID number of 18 or 15 characters, among other text. A mistyped waybill may still be shown.
_PERSONAL_RUN: Final = re.compile(
    r"(?<![0-9])(?:(?:86|0086)?1[3-9][0-9]{9}|[1-8][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]|[1-8][0-9]{14})(?![0-9])", re.I
)
_CHINESE_GOODS: Final = "69"  # GS1 prefixes 690 to 699 (GS1 General Specifications, list of prefixes)
_NO_NUMBERS: Final = frozenset({"gs1", "product"})
# What a clerk may know better: everything else that is refused stays refused.
_CHOSEN_DESPITE: Final = frozenset({"product", "not_a_waybill"})


@dataclass(frozen=True, slots=True)
class ParsedScan:
    """What was sent, and the waybill that it may be. ``refusal`` says why it is no waybill that can be booked.
    ``waybill`` is the number as the store keeps it, None for what can be none. ``package`` is the one of several that
    the bar code is on.
    """

    scan: Scan
    refusal: str
    waybill: str | None = field(repr=False)
    package: PackageIndex | None

    @classmethod
    def of(cls, text: str, in_store: Iterable[InStoreLayout] = ()) -> Self:
        """Judge a scan, or what was typed in its place. Never raises."""
        scan = parse_scan(text.encode("utf-8", "replace"), in_store)
        return cls(scan, _refusal(scan), waybill_key(scan.as_waybill), package_of(scan.as_waybill))

    @property
    def text(self) -> str:
        """What was sent, without the space around it."""
        return self.scan.data.strip()

    @property
    def carriers(self) -> tuple[str, ...]:
        """Whose number it may be, the likeliest first."""
        return self.scan.as_waybill.candidates

    @property
    def is_bookable(self) -> bool:
        return self.scan.kind == "waybill" and self.scan.valid and bool(self.carriers)

    @property
    def may_choose_carrier(self) -> bool:
        """One waybill in ten looks like a product's number: then the clerk decides. Not when the scanner saw a
        product's bars, nor for the numbers of Chinese goods, which no carrier begins with.
        """
        number = self.scan.as_waybill
        is_goods = self.scan.symbology in PRODUCT_SYMBOLOGIES or number.normalized.startswith(_CHINESE_GOODS)
        return number.why_not == "product_code" and bool(self.carriers) and not is_goods

    @property
    def may_be_chosen(self) -> bool:
        """Whether it is a parcel once a clerk says whose."""
        return self.scan.as_waybill.accept or self.refusal in _CHOSEN_DESPITE

    def display_text(self, code: str) -> str:
        """The scan as plain text for the screen, which says ``code`` of it; nothing of what is a person's, of a
        password or of a pickup code.
        """
        data = self.scan.data
        if code in _UNSHOWN or self.scan.kind == "pickup" or (code in _UNTRUSTED_CODES and _is_personal(data, code)):
            return ""
        return "".join(character for character in data if character.isprintable())[:MAX_SHOWN_CHARACTERS]


@dataclass(frozen=True, slots=True)
class ScanReader:
    """Reads scans as this station is set up; ``in_store`` are the layouts of shops around it. The GS1 symbol or link on
    a bag of ``company`` stands for the bag's own code, and is read as that.
    """

    in_store: tuple[InStoreLayout, ...] = ()
    company: CompanyPrefix | None = None

    def read(self, text: str) -> ParsedScan:
        """Judge a scan, or what was typed in its place. Never raises."""
        scanned = ParsedScan.of(text, self.in_store)
        serial = own_serial(self.company, scanned.scan.ais) if self.company else None
        try:
            return ParsedScan.of(internal_code("B", serial)) if serial else scanned
        except BadIdentifier:
            return scanned


def _refusal(scan: Scan) -> str:
    if scan.kind == "rejected":
        # Typed with an input method of full-width or Arabic digits it is the same person's number.
        named = _CODES.get(identify(_fold_to_ascii(scan.data)).why_not, "text") if scan.error in _OF_CHARACTERS else ""
        if named in _UNSHOWN:
            return named
        return "url" if scan.as_waybill.why_not == "url" else _CODES.get(scan.error, "text")
    if scan.kind in _NO_NUMBERS:
        return "product"
    return "text" if scan.kind == "command" else _CODES.get(scan.as_waybill.why_not, "text")


def _is_personal(text: str, code: str) -> bool:
    """Whether somebody's number, card or password may stand in a text."""
    folded = _fold_to_ascii(text)
    run = _PERSONAL_RUN if code == "not_a_waybill" else _LONG_RUN
    return bool(_PERSONAL_SCHEME.match(folded) or run.search(_BETWEEN_DIGITS.sub("", folded)))


def _fold_to_ascii(text: str) -> str:
    """Every digit and letter that has another form in ASCII: full-width ones, and the digits of other scripts."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in plain)
