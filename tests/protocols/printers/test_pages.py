"""Pages byte by byte. Golden bytes follow the manuals named in the modules, section and command."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import crc_hqx
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.printers import escpos, tspl, zpl


@dataclass(frozen=True)
class Dots:
    width_dots: int
    height_dots: int
    rows: bytes


TWO_ROWS = Dots(10, 2, b"\xff\xc0\x80\x00")


@st.composite
def dots(draw: st.DrawFn) -> Dots:
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 40))
    stride = (width + 7) // 8
    return Dots(width, height, draw(st.binary(min_size=stride * height, max_size=stride * height)))


def test_tspl_golden_page() -> None:
    """TSPL2 manual: BITMAP X,Y,width in bytes,height in dots,mode 0 = overwrite; a 0 bit burns a dot."""
    assert tspl.page(TWO_ROWS, 60, 40) == (
        b"SIZE 60 mm,40 mm\r\nGAP 2 mm,0 mm\r\nDIRECTION 1\r\nDENSITY 8\r\nCLS\r\n"
        b"BITMAP 0,0,2,2,0,\x00\x3f\x7f\xff\r\nPRINT 1,1\r\n"
    )


def test_tspl_copies_density_and_gap() -> None:
    page = tspl.page(TWO_ROWS, 40, 30, gap_mm=3, density=10, copies=2)
    assert b"GAP 3 mm,0 mm\r\n" in page
    assert b"DENSITY 10\r\n" in page
    assert page.endswith(b"\r\nPRINT 1,2\r\n")


@pytest.mark.parametrize(("density", "copies"), [(-1, 1), (16, 1), (8, 0)])
def test_tspl_refuses_what_the_manual_does_not_allow(density: int, copies: int) -> None:
    with pytest.raises(ValueError, match=r"density|copy"):
        tspl.page(TWO_ROWS, 60, 40, density=density, copies=copies)


def test_escpos_golden_page() -> None:
    """ESC @; GS v 0 m xL xH yL yH with x in bytes and y in dots; ESC J 96; GS V 66 0 (feed and partial cut)."""
    assert escpos.page(TWO_ROWS) == (
        b"\x1b@" + b"\x1dv0\x00\x02\x00\x02\x00\xff\xc0\x80\x00" + b"\x1bJ\x60" + b"\x1dVB\x00"
    )
    assert escpos.page(TWO_ROWS, cut=False).endswith(b"\x1bJ\x60")


@given(st.integers(1, 2000))
def test_escpos_bands_are_never_higher_than_a_small_printer_takes(height: int) -> None:
    picture = Dots(8, height, bytes(range(256)) * (height // 256 + 1))
    picture = Dots(8, height, picture.rows[:height])
    page = escpos.page(picture)[2:]
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
    page = zpl.page(picture)
    stride = (picture.width_dots + 7) // 8
    match = re.fullmatch(
        rb"\^XA\^PW(\d+)\^LL(\d+)\^LH0,0\^FO0,0\^GFA,(\d+),\3,(\d+),:Z64:([A-Za-z0-9+/=]+):([0-9A-F]{4})"
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


def test_zpl_refuses_no_copy() -> None:
    with pytest.raises(ValueError, match="copy"):
        zpl.page(TWO_ROWS, copies=0)


def test_the_zpl_checksum_is_crc_16_xmodem() -> None:
    assert crc_hqx(b"123456789", 0) == 0x31C3  # the check value of the XMODEM variant in every CRC catalog
