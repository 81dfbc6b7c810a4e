"""Symbols are judged by an independent reader (zxing-cpp), never by the code that made them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link
from kiosk.protocols.barcodes.gs1.elements import BadElementString, build_element_string, parse_notation
from kiosk.protocols.barcodes.gs1.keys import VARIABLE_MEASURE, CompanyPrefix
from kiosk.protocols.barcodes.in_store import InStoreLayout, InStoreNumber
from kiosk.protocols.barcodes.linear import (
    EAN13_QUIET_ZONE_MODULES,
    GS1_128_MAX_CHARACTERS,
    NotEncodable,
    code128_modules,
    ean13_modules,
    gs1_128_modules,
)
from kiosk.protocols.barcodes.matrix import Modules, _modules, gs1_datamatrix_modules, qr_modules
from kiosk.protocols.barcodes.reader import Symbol, read
from kiosk.protocols.barcodes.scan import parse_scan
from tests.depth import many
from tests.protocols.barcodes import zbar

MODULES_PER_SYMBOL = 11
STOP_MODULES = 13
CODES = st.text("0123456789ABCDEFGHJKLMNPQRSTVWXYZ", min_size=1, max_size=20)


def bars(modules: str, module: int = 2, height: int = 50) -> Image.Image:
    image = Image.new("1", ((len(modules) + 20) * module, height), 1)
    for index, dark in enumerate(modules):
        if dark == "1":
            image.paste(0, ((index + 10) * module, 0, (index + 11) * module, height))
    return image


def squares(rows: Modules, module: int = 4) -> Image.Image:
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


def test_what_code_128_cannot_carry_is_refused(subtests: pytest.Subtests) -> None:
    for text in ["", "بادام", "Y1L\n", "\x1b@", "é", "١٢٣٤"]:
        with subtests.test(text=text), pytest.raises(NotEncodable):
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


# --- GS1 --------------------------------------------------------------------------------------------------------------

COMPANY = CompanyPrefix("6901234")
BAG = f"(01){COMPANY.gtin(1, VARIABLE_MEASURE)}(3103)051710(13)260914(10)0147A000381(21)0147A00038101"
LINK = build_digital_link("id.example.org", parse_notation(BAG))
SSCC = f"(00){COMPANY.sscc(147_000_381, 3)}"
IN_STORE = InStoreLayout("20IIIIIWWWWWC").number(InStoreNumber("12345", 2480, None))


def data_of(bracketed: str) -> bytes:
    return build_element_string(parse_notation(bracketed)).encode()


def test_two_readers_read_back_what_we_draw(subtests: pytest.Subtests) -> None:
    """And the station understands what they read."""
    for picture, aim, data, zbar_reads in [
        (squares(gs1_datamatrix_modules(BAG)), "]d2", data_of(BAG), False),
        (squares(gs1_datamatrix_modules(r"(400)A\(1\(21)(10)B)(01)06901234567892")), "]d2", None, False),
        (squares(_modules(BAG, "QRCode", gs1=True)), "]Q3", data_of(BAG), True),
        (squares(qr_modules(LINK)), "]Q1", LINK.encode(), True),
        (bars(gs1_128_modules(SSCC)), "]C1", data_of(SSCC), True),
        (bars(gs1_128_modules("(422)156(10)AB(01)06901234567892")), "]C1", None, True),
        (bars(ean13_modules(IN_STORE)), "]E0", IN_STORE.encode(), True),
    ]:
        with subtests.test(picture=picture, aim=aim, data=data, zbar_reads=zbar_reads):
            (symbol,) = read(picture)
            assert symbol.aim == aim
            scan = parse_scan(aim.encode() + symbol.text.encode(), [InStoreLayout("20IIIIIWWWWWC")])
            assert scan.valid
            assert scan.kind == ("product" if aim == "]E0" else "gs1")
            if data is not None:
                assert symbol.text.encode() == data
            if zbar_reads:
                assert zbar.read(picture) == [symbol.text.encode()]


def test_a_link_and_its_symbol_say_the_same() -> None:
    for picture in squares(qr_modules(LINK)), squares(gs1_datamatrix_modules(BAG)):
        (symbol,) = read(picture)
        scan = parse_scan(symbol.aim.encode() + symbol.text.encode())
        assert sorted(scan.ais) == sorted(parse_notation(BAG))


def test_a_bag_s_data_take_a_square_that_fits_the_smallest_label() -> None:
    """4 dots of 0.125 mm a module: 12 mm, on a label of 40 x 30 mm."""
    rows = gs1_datamatrix_modules(BAG)
    assert len(rows) == len(rows[0]) == 24


def test_what_is_wrong_is_not_drawn(subtests: pytest.Subtests) -> None:
    for bracketed, code in [
        ("", "empty"),
        ("(01)06901234567893", "check_digit"),
        ("(01)06901234567892(21)A(235)B", "forbidden_ai"),
        ("(01)06901234567892(10)喀什", "charset"),
        ("(01)06901234567892(10)A\x1d", "charset"),
        ("(10)A", "missing_ai"),
    ]:
        with subtests.test(bracketed=bracketed, code=code):
            for draw in gs1_datamatrix_modules, gs1_128_modules:
                if code == "missing_ai" and draw is gs1_128_modules:
                    assert draw(bracketed)  # what it needs may be on the label's other symbol
                    continue
                with pytest.raises(BadElementString) as caught:
                    draw(bracketed)
                assert caught.value.code == code


def test_bars_have_an_end() -> None:
    full = "(91)" + "A" * (GS1_128_MAX_CHARACTERS - 2)
    assert gs1_128_modules(full)
    with pytest.raises(NotEncodable):
        gs1_128_modules(full + "A")


def test_an_ean_is_not_put_right(subtests: pytest.Subtests) -> None:
    for number in ["", "6901234567893", "690123456789", "06901234567892", "٦901234567892", "690123456789A"]:
        with subtests.test(number=number), pytest.raises(NotEncodable):
            ean13_modules(number)


def test_an_ean_of_a_label_40_mm_wide() -> None:
    assert (len(ean13_modules(IN_STORE)) + sum(EAN13_QUIET_ZONE_MODULES)) * 2 <= 320


def test_a_picture_without_symbols_reads_as_nothing(subtests: pytest.Subtests) -> None:
    for mode in ["1", "L"]:
        with subtests.test(mode=mode):
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
