"""HID POS: what the device says of itself, and its reports fed whole, byte by byte, cut at every index, and hostile."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kiosk.protocols.barcodes.hid_pos import (
    MAX_GAP_S,
    MAX_REPORT,
    BadDescriptor,
    HidScan,
    ReportDecoder,
    ReportLayout,
    read_descriptor,
)
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH
from kiosk.simulators.scanner.hid_pos import DESCRIPTOR, ROOM, reports
from tests.depth import many

CODES = (
    b"]C0SF1385012345678",
    b"6901234567892",
    b"]C1010690123456789210ABC\x1d21X",
    b"]Q1" + b"Q" * (ROOM + 4),
    b"]d2x",
)
LONG = b"]Q1" + bytes(range(0x20, 0x7F)) + bytes(range(0x20, 0x7F))
"""Four reports; an identifier inside the data stays data."""

KEYBOARD = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810195057501050819012905910295017503910195067508150025650507"
    "190029658100c0"
)
"""Of an ordinary USB keyboard in boot mode (HID 1.11, appendix B.1)."""
UNNUMBERED = bytes.fromhex(
    "058c0902a101 0912a102 150026ff007508 05010 93b9501 8102 058c 09fb09fc09fd9503 8102 09fe9514 8102 c0c0".replace(
        " ", ""
    )
)
"""Reports without numbers and codes of 20 bytes at most, never parted."""


def decoded(pieces: Iterable[bytes], layout: ReportLayout | None = None) -> list[HidScan]:
    decoder = ReportDecoder(layout or read_descriptor(DESCRIPTOR))
    return [scan for piece in pieces for scan in decoder.feed(piece, 0.0)]


def codes(pieces: Iterable[bytes]) -> list[bytes]:
    found = decoded(pieces)
    assert not [one for one in found if one.refused]
    return [one.code for one in found]


def words(found: Iterable[HidScan]) -> list[ScanRefusal | bytes]:
    return [one.refused.word if one.refused else one.code for one in found]


STREAM = b"".join(report for code in (*CODES, LONG) for report in reports(code))


def test_a_report_is_read_by_its_own_description() -> None:
    assert read_descriptor(DESCRIPTOR) == ReportLayout({2: 64}, 2, 1, slice(5, 61), 2, (63, 0))
    assert read_descriptor(UNNUMBERED) == ReportLayout({0: 24}, 0, 0, slice(4, 24), 1, None)
    report = b"\x04]C0" + b"A-17" + bytes(16)
    assert decoded([report], read_descriptor(UNNUMBERED)) == [HidScan(b"]C0A-17")]


def test_the_stream_whole_byte_by_byte_and_cut_at_every_index() -> None:
    wanted = [*CODES, LONG]
    assert codes([STREAM]) == codes(bytes([byte]) for byte in STREAM) == wanted
    for cut in range(len(STREAM)):
        assert codes([STREAM[:cut], STREAM[cut:]]) == wanted
        begun = codes([STREAM[:cut]])
        assert begun == wanted[: len(begun)], "half a code is never a code"


def test_a_read_that_ends_inside_a_report_refuses_the_code_and_what_follows_of_it() -> None:
    first, second = reports(CODES[3])
    for cut in range(1, len(first)):
        decoder = ReportDecoder(read_descriptor(DESCRIPTOR))
        found = [*decoder.feed(first[:cut], 0.0), *decoder.end_of_read(), *decoder.feed(second, 0.0)]
        assert words(found) == [ScanRefusal.HALF, ScanRefusal.HALF]
        assert words(decoder.feed(next(reports(b"]C0NEXT")), 0.0)) == [b"]C0NEXT"]


def test_a_scanner_that_stalls_inside_a_code_loses_it() -> None:
    decoder = ReportDecoder(read_descriptor(DESCRIPTOR))
    first, second = reports(CODES[3])
    assert words(decoder.feed(first, 1.0)) == []
    assert words(decoder.feed(second, 1.0 + MAX_GAP_S)) == [CODES[3]]
    assert words(decoder.feed(first, 5.0)) == []
    assert words(decoder.feed(second, 5.1 + MAX_GAP_S)) == [ScanRefusal.HALF]
    assert words(decoder.feed(next(reports(b"A")), 900.0)) == [b"A"]


def changed(report: bytes, at: int, value: bytes) -> bytes:
    return report[:at] + value + report[at + len(value) :]


ONE = next(reports(b"]C0SF1385012345678"))
MORE = changed(ONE, 63, b"\x01")


def test_hostile_reports(subtests: pytest.Subtests) -> None:
    for story, stream, told in [
        ("a length behind the report", [changed(ONE, 1, b"\xff")], [ScanRefusal.HALF]),
        ("no data at all", [changed(ONE, 1, b"\0")], []),
        ("an identifier that is none", [changed(ONE, 2, b"\x1b[A")], [ScanRefusal.CONTROL]),
        ("two codes glued", [MORE, changed(ONE, 2, b"]E0")], [ScanRefusal.HALF]),
        ("the identifier comes late", [changed(MORE, 2, bytes(3)), ONE], [ScanRefusal.HALF]),
        ("more without end", [MORE] * 500, [ScanRefusal.TOO_LONG]),
        ("more without end, ended", [*[MORE] * 500, ONE, ONE], [ScanRefusal.TOO_LONG, b"]C0SF1385012345678"]),
        ("4 kB", [*reports(b"]Q1" + b"q" * 4096), ONE], [ScanRefusal.TOO_LONG, b"]C0SF1385012345678"]),
        ("a report nobody announced", [b"\x07" + ONE[1:]], [ScanRefusal.HALF]),
        ("the suffix of the scanner's menu", [next(reports(b"]C0A\r\n"))], [b"]C0A"]),
        ("nothing but a suffix", [next(reports(b"\r"))], []),
    ]:
        with subtests.test(story=story, stream=stream, told=told):
            assert words(decoded(stream)) == told, story


POS = DESCRIPTOR
GIANT = bytes.fromhex("058c0902a1018502 7520 97ffffffff 09fe 8102 c0".replace(" ", ""))


def test_what_is_no_scanner_is_not_read(subtests: pytest.Subtests) -> None:
    for descriptor, words in [
        (KEYBOARD, "is a keyboard"),
        (POS + KEYBOARD, "is a keyboard"),
        (KEYBOARD + POS, "is a keyboard"),
        (bytes.fromhex("05010902a101c0"), "no scanner"),  # a mouse
        (b"", "no scanner"),
        (bytes.fromhex("058c0902a101c0"), "do not say"),
        (GIANT, "more than 1024 bytes"),
        (GIANT.replace(b"\x75\x20", b"\x75\x00"), "more than 1024 bytes"),
        (POS[:-1], "cut off"),
        (POS[:-21], "cut off"),
        (b"\xa1\x01" * 40, "nested"),
        (b"\xa4" * 40, "nested"),
        (b"\xb4", "takes back"),
        (b"\xc0", "closes more"),
        (b"\x85\x00", "numbers a report 0"),
        (b"\xfe\x02\x00ab", "no sense"),
        (b"\x07\x8c", "cut off"),
        (b"\x09\x02" * 2000, "too many usages"),
        (b"\x05\x8c\x19\x00\x2b\xff\xff\xff\xff" * 30, "too many usages"),
        (b"\x05\x8c" * 3000, "longer than 4096"),
        (UNNUMBERED + POS, "some have none"),
        (POS.replace(bytes.fromhex("093b"), bytes.fromhex("093c")), "how long it is"),
        (POS.replace(bytes.fromhex("9538"), bytes.fromhex("9500")), "do not say|between two bytes"),
    ]:
        with subtests.test(descriptor=descriptor, words=words), pytest.raises(BadDescriptor, match=words):
            read_descriptor(descriptor)


ITEMS = st.lists(
    st.sampled_from([POS[at : at + 2] for at in range(0, len(POS) - 2, 2)])
    | st.binary(min_size=1, max_size=5)
    | st.sampled_from([POS, UNNUMBERED, b"\x75\x01", b"\x95\x05", b"\x81\x02", b"\x09\xfe", b"\x85\x03", b"\xc0"]),
    max_size=60,
)


@settings(deadline=None, max_examples=many(80, torture=800))
@given(st.builds(b"".join, ITEMS), st.lists(st.binary(max_size=200) | st.just(ONE) | st.just(MORE), max_size=40))
@example(UNNUMBERED, [bytes(24)] * 3)
def test_no_description_and_no_bytes_make_more_than_bounded_codes(descriptor: bytes, pieces: list[bytes]) -> None:
    for about in (descriptor, POS + descriptor):
        try:
            layout = read_descriptor(about)
        except BadDescriptor:
            continue
        assert all(1 <= size <= MAX_REPORT for size in layout.sizes.values())
        for scan in decoded(pieces, layout):
            assert bool(scan.code) != bool(scan.refused)
            assert len(scan.code) <= MAX_NAMED_LENGTH
