"""The fuzz target of scans and GS1 data: any bytes are judged, and what is read can be written and read again.

The first byte of an input chooses the reader, the next three are free; the rest is what was scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link, parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import (
    CODES,
    BadElementString,
    Elements,
    build_element_string,
    check_associations,
    check_pairs,
    parse_element_string,
    parse_notation,
    to_bracketed,
)
from kiosk.protocols.barcodes.in_store import InStoreLayout
from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH, parse_scan
from tests.fuzz.targets import HEAD

NAME: Final = "Codes"
KINDS: Final = ("scan", "elements", "written", "link")

_BAG = "(01)96901234000019(3103)051710(13)260914(10)0147A000381(21)0147A00038101"
_ELEMENTS = parse_notation(_BAG)
_MIXED = "(8110)0614141A(8007)GB82WEST12345698765432(7040)1AB_(8013)1987654Ad4X4bL5ttr2310c2K"
_SEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "scan": (
        f"]d2{build_element_string(_ELEMENTS)}\r\n",
        f"]Q1{build_digital_link('id.example.org', _ELEMENTS)}",
        "Y1P04412J",
        "]E02012345024809",
        "211234502480047124",
        "SF1385123456789",
        "EE123456785CN",
        "13812345678",
        "WIFI:T:WPA;S:a;P:b;;",
        "SUFBK2990D.",
        "Y1P0٤٤١٢J\u202e",
    ),
    "elements": (build_element_string(_ELEMENTS), build_element_string(parse_notation(_MIXED))),
    "written": (_BAG, _MIXED, r"(400)A\(B(90)C", "^01069012345678923103002480^10A"),
    "link": (
        build_digital_link("id.example.org:8443", _ELEMENTS),
        "https://a.b/x/01/06901234567892/235/A?17=260101&u=1",
    ),
}
_LAYOUTS = (InStoreLayout("20IIIIIWWWWWC"), InStoreLayout("21IIIIIWWWWWPPPPPC"), InStoreLayout("02IIIIKPPPPPC"))


def seeds() -> Iterator[bytes]:
    """Good data for each reader."""
    for at, kind in enumerate(KINDS):
        for text in _SEEDS[kind]:
            yield bytes((at, 0, 0, 0)) + text.encode()


def target(data: bytes) -> None:
    """Read one; raises AssertionError for a broken property."""
    if len(data) < HEAD:
        return
    kind, raw = KINDS[data[0] % len(KINDS)], data[HEAD:]
    if kind == "scan":
        _scan(raw)
        return
    text = raw.decode("utf-8", "replace")
    read, again = _READERS[kind]
    try:
        elements = read(text)
    except BadElementString as error:
        assert error.code in CODES
        assert 0 <= error.at <= len(text)
        return
    assert sorted(read(again(elements))) == sorted(elements), "what is read is written as something else"
    for check in check_pairs, check_associations:
        try:
            check(elements)
        except BadElementString as error:
            assert error.code in CODES


def _link_of(elements: Elements) -> str:
    return build_digital_link("a.b", elements)


_READERS: Final[Mapping[str, tuple[Callable[[str], Elements], Callable[[Elements], str]]]] = {
    "elements": (parse_element_string, build_element_string),
    "written": (parse_notation, to_bracketed),
    "link": (parse_digital_link, _link_of),
}


def _scan(raw: bytes) -> None:
    scan = parse_scan(raw, _LAYOUTS)
    assert scan.valid == (scan.error is None)
    assert len(scan.data) <= MAX_NAMED_LENGTH
    assert bool(scan.ais) == (scan.kind == "gs1" and scan.valid)
    assert scan.in_store is None or scan.kind == "product"
    if scan.valid:
        assert scan.data.replace("\x1d", "").isprintable(), "it could press a key"
        assert scan.data.isascii()
    if scan.ais:
        assert parse_element_string(build_element_string(scan.ais)) == scan.ais
