"""Pages byte by byte. Golden bytes follow the manuals named in the modules, section and command."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import crc_hqx
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.printers import cpcl, escpos, tspl, zpl
from kiosk.protocols.printers.languages import LANGUAGES, encode
from kiosk.protocols.printers.page_setup import PageSetup, PrintHead, Wire


@dataclass(frozen=True)
class Dots:
    width_dots: int
    height_dots: int
    rows: bytes


LABEL = PageSetup("tspl", PrintHead(203, 832), 102, 2, (0, 0))
RECEIPT = PageSetup("escpos", PrintHead(203, 384), 50, 0, (0, 0), cutter=True)
PORTABLE = PageSetup("cpcl", PrintHead(203, 576), 76, 2, (0, 0))
TWO_ROWS = Dots(10, 2, b"\xff\xc0\x80\x00")


@st.composite
def dots(draw: st.DrawFn) -> Dots:
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 40))
    stride = (width + 7) // 8
    return Dots(width, height, draw(st.binary(min_size=stride * height, max_size=stride * height)))


def test_tspl_golden_page() -> None:
    """TSPL2 manual: BITMAP X,Y,width in bytes,height in dots,mode 0 = overwrite; a 0 bit burns a dot."""
    assert tspl.page(TWO_ROWS, LABEL) == (
        b"SIZE 1.25 mm,0.25 mm\r\nGAP 2 mm,0 mm\r\nDIRECTION 1\r\nREFERENCE 0,0\r\nSPEED 4\r\nDENSITY 8\r\nCLS\r\n"
        b"BITMAP 0,0,2,2,0,\x00\x3f\x7f\xff\r\nPRINT 1,1\r\n"
    )


def test_head_speed_gap_and_offset_come_from_the_setup() -> None:
    """The same picture for a 300 dpi head, 12 dots a millimeter, at 3 inches a second, shifted by 1.5 and 2 mm."""
    fine = PageSetup("tspl", PrintHead(300, 1248), 76, 3.5, (1.5, 2))
    page = tspl.page(Dots(720, 480, bytes(90 * 480)), fine, copies=2)
    head, _, tail = page.partition(b"\xff" * 90 * 480)
    assert head == (
        b"SIZE 60 mm,40 mm\r\nGAP 3.5 mm,0 mm\r\nDIRECTION 1\r\nREFERENCE 18,24\r\nSPEED 3\r\nDENSITY 8\r\nCLS\r\n"
        b"BITMAP 0,0,90,480,0,"
    )
    assert tail == b"\r\nPRINT 1,2\r\n"
    assert zpl.page(TWO_ROWS, replace(fine, language="zpl")).startswith(
        b"^XA^MNY^PW28^LL26^LH18,24^PR3^FO0,0^GFA,4,4,2,"
    )
    assert escpos.page(TWO_ROWS, replace(fine, language="escpos")).endswith(b"\x1bJ\x90"), "12 mm to tear at"


def test_what_is_wider_than_the_head_is_refused_in_every_language() -> None:
    for language in LANGUAGES:
        setup = PageSetup(language, PrintHead(203, 384), 50, 0, (0, 0))
        assert encode(Dots(384, 1, bytes(48)), setup)
        with pytest.raises(ValueError, match="needs 385 dots across, the print head has 384"):
            encode(Dots(385, 1, bytes(49)), setup)
        with pytest.raises(ValueError, match="needs 385 dots"):
            encode(Dots(384, 1, bytes(48)), replace(setup, offset_mm=(0.125, 0)))


def test_a_head_nothing_is_drawn_for_is_refused(subtests: pytest.Subtests) -> None:
    for dpi, width in [(200, 384), (0, 384), (203, 0), (300, -8)]:
        with subtests.test(dpi=dpi, width=width), pytest.raises(ValueError, match=r"203 or 300|8 dots or more"):
            PrintHead(dpi, width)


def test_no_copy_is_refused(subtests: pytest.Subtests) -> None:
    for page in [tspl.page, zpl.page, cpcl.page]:
        with subtests.test(page=page), pytest.raises(ValueError, match="copy"):
            page(TWO_ROWS, LABEL, copies=0)


def test_cpcl_golden_page() -> None:
    """CPCL manual 7-7: CG width in bytes, height in dots, x, y, binary data; EG the same in hex digits; 1 = black.

    The page of the manual, ! 0 200 200 210 1 / EG 2 16 90 45 F0F0... / FORM / PRINT, with our settings in it.
    """
    assert cpcl.page(TWO_ROWS, PORTABLE) == (
        b"! 0 200 200 2 1\r\nPAGE-WIDTH 10\r\nGAP-SENSE\r\nCONTRAST 0\r\nSPEED 3\r\n"
        b"CG 2 2 0 0 \xff\xc0\x80\x00\r\nFORM\r\nPRINT\r\n"
    )
    of_the_manual = Dots(16, 16, (b"\xf0\xf0" * 4 + b"\x0f\x0f" * 4) * 2)
    shifted = replace(PORTABLE, offset_mm=(11.25, 5.625), wire=Wire(plain=True), speed_mm_s=600)
    assert cpcl.page(of_the_manual, shifted, copies=2) == (
        b"! 0 200 200 61 2\r\nPAGE-WIDTH 106\r\nGAP-SENSE\r\nCONTRAST 0\r\nSPEED 5\r\n"
        b"EG 2 16 90 45 F0F0F0F0F0F0F0F00F0F0F0F0F0F0F0FF0F0F0F0F0F0F0F00F0F0F0F0F0F0F0F\r\nFORM\r\nPRINT\r\n"
    )


def test_paper_density_and_cutter_in_each_language(subtests: pytest.Subtests) -> None:
    """TSPL2: BLINE before SIZE, DENSITY 0-15, SET CUTTER; ZPL: ^MN, ^MD -30 to 30, ^MM; CPCL: BAR-SENSE, CONTRAST."""
    for change, tspl_has, zpl_has, cpcl_has in [
        ({}, b"\r\nGAP 2 mm,0 mm\r\n", b"^XA^MNY^PW", b"\r\nGAP-SENSE\r\n"),
        ({"mark": True, "gap_mm": 4}, b"BLINE 4 mm,0 mm\r\nSIZE ", b"^XA^MNM^PW", b"\r\nBAR-SENSE\r\n"),
        ({"mark": True, "gap_mm": 0}, b"\r\nGAP 0 mm,0 mm\r\n", b"^XA^MNN^PW", b"PAGE-WIDTH 10\r\nCONTRAST"),
        ({"density": 15}, b"\r\nDENSITY 15\r\n", b"^MNY^MD14^PW", b"\r\nCONTRAST 3\r\n"),
        ({"density": 0}, b"\r\nDENSITY 0\r\n", b"^MNY^MD-16^PW", b"\r\nCONTRAST 0\r\n"),
        ({"density": 9}, b"\r\nDENSITY 9\r\n", b"^MNY^MD2^PW", b"\r\nCONTRAST 1\r\n"),
        ({"cutter": True}, b"\r\nSET CUTTER 1\r\n", b"^MNY^MMC^PW", b""),
    ]:
        with subtests.test(change=change, tspl_has=tspl_has, zpl_has=zpl_has, cpcl_has=cpcl_has):
            setup = replace(LABEL, **change)  # type: ignore[arg-type]
            assert tspl_has in tspl.page(TWO_ROWS, setup)
            assert zpl_has in zpl.page(TWO_ROWS, setup)
            assert cpcl_has in cpcl.page(TWO_ROWS, setup)
            assert (b"FORM" in cpcl.page(TWO_ROWS, setup)) is (setup.gap_mm > 0)


def test_escpos_golden_page() -> None:
    """ESC @; GS v 0 m xL xH yL yH with x in bytes and y in dots; ESC J 96; GS V 66 0 (feed and partial cut)."""
    assert escpos.page(TWO_ROWS, RECEIPT) == (
        b"\x1b@" + b"\x1dv0\x00\x02\x00\x02\x00\xff\xc0\x80\x00" + b"\x1bJ\x60" + b"\x1dVB\x00"
    )
    assert escpos.page(TWO_ROWS, replace(RECEIPT, cutter=False)).endswith(b"\x1bJ\x60")


def test_no_band_of_any_receipt_is_a_multiple_of_48_rows() -> None:
    """POS-5890K and its like print garbage for such a band; the last one counts as well."""
    wrong = []
    for rows in range(1, 4001):
        heights = escpos.band_heights(rows)
        if sum(heights) != rows or any(not 1 <= height <= 255 or height % 48 == 0 for height in heights):
            wrong.append((rows, heights))
    assert wrong == []
    assert escpos.band_heights(0) == ()
    for most in range(1, 256):
        heights = [
            height for rows in (most, most + 48, 2 * most + 96, 960) for height in escpos.band_heights(rows, most)
        ]
        assert max(heights) <= most and not any(height % 48 == 0 for height in heights), most
    assert (
        escpos.page(Dots(8, 60, bytes(60)), replace(RECEIPT, wire=Wire(band_rows=24))).count(b"\x1dv0\x00\x01\x00\x18")
        == 2
    )


@given(st.integers(1, 2000))
def test_escpos_bands_are_never_higher_than_a_small_printer_takes(height: int) -> None:
    picture = Dots(8, height, bytes(range(256)) * (height // 256 + 1))
    picture = Dots(8, height, picture.rows[:height])
    page = escpos.page(picture, RECEIPT)[2:]
    rows = b""
    while page.startswith(b"\x1dv0\x00"):
        assert page[4:6] == b"\x01\x00"
        band = int.from_bytes(page[6:8], "little")
        assert 1 <= band <= 255
        rows += page[8 : 8 + band]
        page = page[8 + band :]
    assert rows == picture.rows
    assert page == b"\x1bJ\x60\x1dVB\x00"


@given(dots())
def test_zpl_carries_the_picture_and_a_right_checksum(picture: Dots) -> None:
    """ZPL II guide, ^GF a,b,c,d: b = bytes sent, c = total, d = bytes in a row; :Z64: base64 of zlib, CRC-16."""
    page = zpl.page(picture, LABEL)
    stride = (picture.width_dots + 7) // 8
    match = re.fullmatch(
        rb"\^XA\^MNY\^PW(\d+)\^LL(\d+)\^LH0,0\^PR4\^FO0,0\^GFA,(\d+),\3,(\d+),:Z64:([A-Za-z0-9+/=]+):([0-9A-F]{4})"
        rb"\^FS\^PQ1\^XZ\n",
        page,
    )
    assert match is not None
    assert tuple(map(int, match.group(1, 2, 3, 4))) == (
        picture.width_dots,
        picture.height_dots,
        len(picture.rows),
        stride,
    )
    assert zlib.decompress(b64decode(match[5])) == picture.rows
    assert int(match[6], 16) == crc_hqx(match[5], 0)


def test_zpl_run_lengths(subtests: pytest.Subtests) -> None:
    """ZPL II guide, alternative compression: G = 1 ... Y = 19, g = 20 ... z = 400 of the digit that follows."""
    for rows, text in [
        (b"\x00\x00\x00", b","),
        (b"\xff\xff\xff", b"!"),
        (b"\xf0\x00\x00" * 2, b"F,:"),
        (b"\xab\xbb\xbb", b"AKB"),
        (b"\x12\x33\x34", b"12I34"),
        (b"\x0f\xff\xff", b"0!"),
        (b"\xaa" * 30, b"iA"),
        (b"\xaa" * 250 + b"\x00", b"zkA,"),
    ]:
        with subtests.test(rows=rows, text=text):
            stride = 3 if len(rows) <= 6 else len(rows)
            assert zpl.run_lengths(Dots(8 * stride, len(rows) // stride, rows)) == text


def test_the_zpl_checksum_is_crc_16_xmodem() -> None:
    assert crc_hqx(b"123456789", 0) == 0x31C3  # the check value of the XMODEM variant in every CRC catalog
