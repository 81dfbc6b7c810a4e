"""Code 128 and EAN-13 as a row of modules; drawing it in whole dots is the label's business.

Modules are "1" (bar) and "0" (space), from the first bar to the last, without quiet zones.
"""

from __future__ import annotations

from typing import Final

from kiosk.protocols.barcodes.gs1.elements import GS, build_element_string, check_pairs, parse_notation
from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit

# Light modules before and after the bars (ISO/IEC 15417, clause 4.2: ten times the module width).
QUIET_ZONE_MODULES = 10
EAN13_QUIET_ZONE_MODULES: Final = (11, 7)  # Light modules left and right of an EAN-13 (ISO/IEC 15420, clause 4.3.5)
# Identifiers, values and separators of one symbol (GS1 General Specifications 5.4.4).
GS1_128_MAX_CHARACTERS: Final = 48
_EAN13_DIGITS: Final = 13
_FNC1_OF_LIBRARY: Final = "\xf1"


class NotEncodable(ValueError):
    """The text names the first character that the symbology has no place for, or what there is too much of."""


def code128_modules(text: str) -> str:
    """Encode ``text``; digit runs of four or more are packed two to a symbol (code set C).

    Printable ASCII only: control characters would be legal in code set A, but no code of this system has any and a
    scanner would type them. Raises NotEncodable.
    """
    if not text:
        raise NotEncodable("a Code 128 symbol needs at least one character")
    for char in text:
        if not " " <= char <= "~":
            raise NotEncodable(f"Code 128 cannot carry {char!r} here: printable ASCII only")
    from barcode.codex import Code128  # loaded when the first symbol is drawn

    modules: str = Code128(text).build()[0]
    return modules


def gs1_128_modules(bracketed: str) -> str:
    """Encode an element string like "(00)106141412345678908"; FNC1 is first and where one is needed.

    Associations are not checked: they may be met by another symbol of the label. Raises BadElementString, and
    NotEncodable for more than 48 characters.
    """
    elements = parse_notation(bracketed)
    check_pairs(elements)
    data = build_element_string(elements)
    if len(data) > GS1_128_MAX_CHARACTERS:
        raise NotEncodable(f"GS1-128 carries at most {GS1_128_MAX_CHARACTERS} characters, not {len(data)}")
    from barcode.codex import Gs1_128  # puts the first FNC1 there itself

    modules: str = Gs1_128(data.replace(GS, _FNC1_OF_LIBRARY)).build()[0]
    return modules


def ean13_modules(number: str) -> str:
    """Encode thirteen digits as 95 modules; a wrong check digit is refused, not corrected. Raises NotEncodable."""
    if len(number) != _EAN13_DIGITS or not has_valid_check_digit(number):
        raise NotEncodable(f"{number!r} must be {_EAN13_DIGITS} digits with a right check digit")
    from barcode.ean import EuropeanArticleNumber13

    modules: str = EuropeanArticleNumber13(number).build()[0]
    return modules
