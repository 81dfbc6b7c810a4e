"""Symbols are judged by an independent reader (zxing-cpp), never by the code that made them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.protocols.barcodes.linear import NotEncodable, code128_modules
from kiosk.protocols.barcodes.matrix import qr_modules
from kiosk.protocols.barcodes.reader import Symbol, read
from tests.depth import many
from tests.each import each

MODULES_PER_SYMBOL = 11
STOP_MODULES = 13
CODES = st.text("0123456789ABCDEFGHJKLMNPQRSTVWXYZ", min_size=1, max_size=20)


def bars(modules: str, module: int = 2, height: int = 50) -> Image.Image:
    image = Image.new("1", ((len(modules) + 20) * module, height), 1)
    for index, dark in enumerate(modules):
        if dark == "1":
            image.paste(0, ((index + 10) * module, 0, (index + 11) * module, height))
    return image


def squares(rows: tuple[tuple[bool, ...], ...], module: int = 4) -> Image.Image:
    side = len(rows) + 8
    image = Image.new("1", (side, side), 1)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            image.putpixel((x + 4, y + 4), int(not dark))
    return image.resize((side * module, side * module), Image.Resampling.NEAREST)


@settings(max_examples=many(25, torture=300), deadline=None)
@given(CODES)
def test_a_reader_reads_back_every_code_128(body: str) -> None:
    text = f"Y1L{body}"
    assert read(bars(code128_modules(text))) == [Symbol("Code128", text, "]C0")]


def test_digit_runs_are_packed_two_to_a_symbol() -> None:
    digits = code128_modules("01234567890123456789")
    letters = code128_modules("ABCDEFGHIJKLMNOPQRST")
    assert len(digits) == 12 * MODULES_PER_SYMBOL + STOP_MODULES  # start, 10 pairs, check
    assert len(letters) == 22 * MODULES_PER_SYMBOL + STOP_MODULES


def test_a_lot_code_fits_a_60_mm_label_at_two_dots_a_module() -> None:
    modules = code128_modules("Y1L0147A000381K")
    assert modules[0] == modules[-1] == "1"
    assert (len(modules) + 20) * 2 <= 480


@each("text", ["", "بادام", "Y1L\n", "\x1b@", "é", "١٢٣٤"])
def test_what_code_128_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(NotEncodable):
        code128_modules(text)


@settings(max_examples=many(20, torture=200), deadline=None)
@given(CODES)
def test_a_reader_reads_back_every_qr_code(body: str) -> None:
    text = f"Y1R{body}"
    assert read(squares(qr_modules(text))) == [Symbol("QRCode", text, "]Q1")]


def test_a_receipt_code_takes_the_smallest_qr_code() -> None:
    rows = qr_modules("Y1R0147A000381K")
    assert len(rows) == 21
    assert {len(row) for row in rows} == {21}


def test_an_empty_qr_code_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        qr_modules("")


@each("mode", ["1", "L"])
def test_a_picture_without_symbols_reads_as_nothing(mode: str) -> None:
    assert read(Image.new(mode, (100, 60), 1 if mode == "1" else 255)) == []


def test_a_damaged_check_symbol_is_not_read() -> None:
    modules = code128_modules("Y1L0147A000381K")
    check = slice(len(modules) - STOP_MODULES - MODULES_PER_SYMBOL, len(modules) - STOP_MODULES)
    first = modules[:MODULES_PER_SYMBOL]
    damaged = modules[: check.start] + code128_modules("A")[11:22] + modules[check.stop :]
    assert len(damaged) == len(modules)
    assert first != damaged[check]
    assert read(bars(damaged)) == []


def test_the_native_libraries_are_loaded_only_when_a_symbol_is_needed() -> None:
    program = (
        "import sys, kiosk.protocols.barcodes.linear, kiosk.protocols.barcodes.matrix, kiosk.protocols.barcodes.reader;"
        "print(sorted({'zxingcpp', 'barcode', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
