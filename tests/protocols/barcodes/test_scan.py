"""What a scanner sent: codes of these stations, the trade's numbers, and everything that must press no key."""

from __future__ import annotations

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.identifiers import CODE_TYPES, internal_code
from kiosk.protocols.barcodes.gs1.elements import build_element_string, parse_notation
from kiosk.protocols.barcodes.in_store import InStoreLayout, InStoreNumber
from kiosk.protocols.barcodes.scan import MAX_LENGTH, MAX_NAMED_LENGTH, max_length_of, parse_scan, slip_in
from kiosk.protocols.barcodes.shared.digits import gs1_check_digit
from tests.depth import many

KINDS = {*CODE_TYPES.values(), "waybill", "gs1", "product", "command", "text", "rejected"}
LABEL = "010690123456789231030024801012AB"


def judged(raw: bytes | str) -> tuple[str, str | None]:
    scan = parse_scan(raw if isinstance(raw, bytes) else raw.encode())
    assert scan.valid == (scan.error is None)
    return scan.kind, scan.error


# --- codes of these stations ------------------------------------------------------------------------------------------


def test_each_type_letter_of_any_station(subtests: pytest.Subtests) -> None:
    for letter, kind in CODE_TYPES.items():
        for aim in ["", "]C0", "]Q1"]:
            for end in ["", "\r", "\n", "\r\n"]:
                with subtests.test(letter=letter, kind=kind, aim=aim, end=end):
                    code = internal_code(letter, "0999Z0003810")
                    scan = parse_scan(f"{aim}{code}{end}".encode())
                    assert (scan.kind, scan.valid, scan.data, scan.aim) == (kind, True, code, aim or None)


def test_a_wrong_check_character_keeps_its_kind(subtests: pytest.Subtests) -> None:
    for letter in CODE_TYPES:
        with subtests.test(letter=letter):
            code = internal_code(letter, "0147A000381")
            wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
            assert judged(wrong) == (CODE_TYPES[letter], "check_character")


def test_what_begins_like_our_codes_and_is_none(subtests: pytest.Subtests) -> None:
    for text in ["Y1", "Y1B", "Y1BA", "Y1X0147A3", "Y1BO147A3", "Y1B 147A3", "Y1B0147a3", "Y1-B-1"]:
        with subtests.test(text=text):
            assert judged(text) == ("rejected", "unknown_code")


# --- symbologies ------------------------------------------------------------------------------------------------------


def test_the_identifier_names_the_symbology(subtests: pytest.Subtests) -> None:
    for aim, symbology in [
        ("]C0", "CODE128"),
        ("]E4", "EAN8"),
        ("]A0", "CODE39"),
        ("]I1", "ITF"),
        ("]d1", "DATAMATRIX"),
        ("]Q1", "QR"),
        ("]C1", "GS1_128"),
        ("]d2", "GS1_DATAMATRIX"),
        ("]Q3", "GS1_QR"),
        ("]e0", "GS1_DATABAR"),
        ("]J1", "GS1_DOTCODE"),
        ("]X9", None),
    ]:
        with subtests.test(aim=aim, symbology=symbology):
            scan = parse_scan(f"{aim}{LABEL}".encode())
            assert (scan.aim, scan.symbology, scan.data) == (aim, symbology, LABEL)
            if symbology and symbology.startswith("GS1"):
                assert (scan.kind, scan.ais[1]) == ("gs1", ("3103", "002480"))


def test_a_upc_comes_as_an_ean(subtests: pytest.Subtests) -> None:
    for data, symbology in [("6901234567892", "EAN13"), ("036000291452", "UPCA"), ("0036000291452", "UPCA")]:
        with subtests.test(data=data, symbology=symbology):
            scan = parse_scan(f"]E0{data}".encode())
            assert (scan.symbology, scan.kind, scan.valid) == (symbology, "product", True)


def test_products(subtests: pytest.Subtests) -> None:
    for raw, expected in [
        ("6901234567892", ("product", None)),
        ("96385074", ("product", None)),
        ("]E496385074", ("product", None)),
        ("]E06901234567893", ("product", "check_digit")),
        ("]E0123", ("product", "length")),
        ("]E0Y1P04412J", ("product", "length")),
        ("]C06901234567892", ("waybill", None)),
        ("]Q16901234567892", ("product", None)),
        ("]I116901234567899", ("product", None)),
        ("]I173123456789012", ("waybill", None)),
    ]:
        with subtests.test(raw=raw, expected=expected):
            assert judged(raw) == expected


GS1_TEXT = "(01)06901234567892(3103)002480(10)12AB(21)X"


def test_what_an_independent_reader_makes_of_a_printed_symbol(subtests: pytest.Subtests) -> None:
    for format_name, text, gs1, symbology, kind in [
        ("Code128", "Y1P04412J", False, "CODE128", "member"),
        ("Code128", GS1_TEXT, True, "GS1_128", "gs1"),
        ("DataMatrix", GS1_TEXT, True, "GS1_DATAMATRIX", "gs1"),
        ("QRCode", GS1_TEXT, True, "GS1_QR", "gs1"),
        ("DataMatrix", "SF1385123456789", False, "DATAMATRIX", "waybill"),
        ("QRCode", "https://example.com", False, "QR", "rejected"),
        ("EAN13", "6901234567892", False, "EAN13", "product"),
        ("EAN8", "96385074", False, "EAN8", "product"),
        ("UPCA", "036000291452", False, "UPCA", "product"),
        ("Code39", "JT512345678901", False, "CODE39", "waybill"),
        ("ITF", "773123456789012"[:14], False, "ITF", "waybill"),
    ]:
        with subtests.test(format_name=format_name, text=text, gs1=gs1, symbology=symbology, kind=kind):
            options = {"gs1": True} if gs1 else {}
            symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, format_name), **options)
            (read,) = zxingcpp.read_barcodes(symbol.to_image(scale=4))
            scan = parse_scan(read.symbology_identifier.encode() + read.bytes + b"\r")
            assert (scan.symbology, scan.kind, scan.aim) == (symbology, kind, read.symbology_identifier)
            if gs1:
                assert "".join(f"({identifier}){value}" for identifier, value in scan.ais) == text


# --- GS1 --------------------------------------------------------------------------------------------------------------


def test_element_strings(subtests: pytest.Subtests) -> None:
    for raw, expected in [
        (f"]C1{LABEL}\x1d21X", ("gs1", None)),
        (f"{LABEL}\x1d21X", ("gs1", None)),
        (LABEL, ("gs1", None)),
        ("00106141412345678908", ("gs1", None)),
        ("]C110A\x1d21B", ("gs1", None)),
        ("10A\x1d21B", ("gs1", None)),
        ("]C1", ("rejected", "empty")),
        ("]C1\x1d10A", ("gs1", "separator")),
        ("]C10106901234567891", ("gs1", "check_digit")),
        ("]C121A\x1d235B", ("gs1", "forbidden_ai")),
        ("]C1Y1P04412J", ("gs1", "unknown_ai")),
        ("]C1https://x", ("gs1", "unknown_ai")),
        ("]C0A\x1dB", ("rejected", "control")),
        ("A\x1dB", ("rejected", "control")),
        ("\x1dY1P04412J", ("rejected", "control")),
    ]:
        with subtests.test(raw=raw, expected=expected):
            assert judged(raw) == expected


def test_elements_are_there_only_when_all_are_right() -> None:
    assert parse_scan(f"]C1{LABEL}".encode()).ais == (("01", "06901234567892"), ("3103", "002480"), ("10", "12AB"))
    assert parse_scan(f"]C1{LABEL}\x1d17991399".encode()).ais == ()


def test_data_longer_than_a_code_of_ours_are_read() -> None:
    """A supplier's label may fill every field; what is longer than that is nobody's label."""
    full = build_element_string(
        parse_notation(f"(01)06901234567892(3103)002480(10){'A' * 20}(21){'B' * 20}(91){'C' * 90}")
    )
    assert judged(f"]d2{full}") == judged(full) == ("gs1", None)
    assert judged(f"]C0{full.replace(chr(29), '')}") == ("rejected", "too_long")
    assert judged(f"]d2{full}\x1d92{'D' * 90}") == ("rejected", "too_long")


# --- GS1 links --------------------------------------------------------------------------------------------------------

PATH = "/01/06901234567892/10/12AB/21/X"


def test_a_gs1_link_of_any_domain_is_gs1_data(subtests: pytest.Subtests) -> None:
    for aim in ["", "]Q1", "]d1"]:
        for domain in [
            "https://id.example.org",
            "http://kashgar.example:8443",
            "HTTPS://ID.EXAMPLE.ORG",
            "https://[2001:db8::1]",
        ]:
            with subtests.test(aim=aim, domain=domain):
                scan = parse_scan(f"{aim}{domain}/shop{PATH}?3103=002480&utm=x\r".encode())
                assert (scan.kind, scan.error, scan.aim) == ("gs1", None, aim or None)
                assert scan.ais == (("01", "06901234567892"), ("10", "12AB"), ("21", "X"), ("3103", "002480"))


def test_any_other_address_is_refused(subtests: pytest.Subtests) -> None:
    for link, error in [
        ("https://id.example.org/01/06901234567893", "check_digit"),
        ("https://id.example.org/01/6901234567892", "length"),
        ("https://id.example.org/01/06901234567892/21/X/10/A", "link"),
        ("https://id.example.org/01/06901234567892?10=A", "link"),
        ("https://id.example.org/01/06901234567892?3103=00248", "length"),
        ("https://id.example.org/01/06901234567892?02=06901234567892", "forbidden_ai"),
        ("https://id.example.org/01/06901234567892/10/%zz", "percent"),
        ("https://id.example.org/99/06901234567892", "url"),
        ("https://id.example.org/gtin/06901234567892", "url"),
        ("https://id.example.org/", "url"),
        ("https://someone@id.example.org/01/06901234567892", "url"),
        ("https:id.example.org/01/06901234567892", "url"),
        ("Https://id.example.org/01/06901234567892", "url"),
        ("ftp://id.example.org/01/06901234567892", "url"),
        ("javascript://id.example.org/01/06901234567892", "url"),
        ("https://id.example.org/01/06901234567892/21/" + "A" * 250, "too_long"),
    ]:
        with subtests.test(link=link, error=error):
            scan = parse_scan(link.encode())
            assert (scan.kind, scan.error, scan.ais) == ("rejected", error, ())


# --- numbers of one shop ----------------------------------------------------------------------------------------------

SHOP = (InStoreLayout("20IIIIIWWWWWC"), InStoreLayout("21IIIIIWWWWWPPPPPC"))
WEIGHED = "201234502480" + gs1_check_digit("201234502480")
PRICED = "21123450248004712" + gs1_check_digit("21123450248004712")


def test_a_shop_s_own_number_by_its_layouts(subtests: pytest.Subtests) -> None:
    for raw, kind, said in [
        (WEIGHED, "product", InStoreNumber("12345", 2480, None)),
        (f"]E0{WEIGHED}", "product", InStoreNumber("12345", 2480, None)),
        (f"]C0{WEIGHED}", "waybill", None),
        (PRICED, "product", InStoreNumber("12345", 2480, 4712)),
        (f"]C0{PRICED}", "product", InStoreNumber("12345", 2480, 4712)),
        (PRICED[:-1] + "9", "text", None),
        ("6901234567892", "product", None),
        ("13812345678", "rejected", None),
        (LABEL, "gs1", None),
    ]:
        with subtests.test(raw=raw, kind=kind, said=said):
            scan = parse_scan(raw.encode(), SHOP)
            assert (scan.kind, scan.in_store) == (kind, said)


def test_without_a_layout_no_number_has_a_meaning() -> None:
    assert parse_scan(WEIGHED.encode()).in_store is None
    assert judged(PRICED) == ("text", None)


def test_the_number_of_a_person_is_none_of_a_shop() -> None:
    """Region 21, born in 1990, and the check digit of a label by chance."""
    body = next(f"21010219900307{order:03d}" for order in range(1000))
    person = body + gs1_check_digit(body)
    scan = parse_scan(person.encode(), SHOP)
    assert (scan.kind, scan.error, scan.in_store) == ("rejected", "id_number", None)


# --- strangers --------------------------------------------------------------------------------------------------------


def test_what_people_scan(subtests: pytest.Subtests) -> None:
    for raw, expected in [
        ("13812345678", ("rejected", "phone")),
        ("]Q1tel:+8613812345678", ("rejected", "phone")),
        ("]C013812345678", ("rejected", "phone")),
        ("653101199001011234", ("rejected", "id_number")),
        ("https://example.com", ("rejected", "url")),
        ("]Q1http://example.com/?Y1P04412J", ("rejected", "url")),
        ("https://example.com/" + "x" * 200, ("rejected", "url")),
        ("https://example.com/" + "x" * 4096, ("rejected", "too_long")),
        ("javascript:fetch('//x')", ("rejected", "url")),
        ("intent:#Intent;end", ("rejected", "url")),
        ("WIFI:T:WPA;S:a;P:b;;", ("rejected", "wifi")),
        ("WIFI:T:WPA;S:" + "a" * 100 + ";;", ("rejected", "wifi")),
        ("^XA^FDhello^FS^XZ", ("command", "command")),
        ("~JA", ("command", "command")),
        ("SIZE 60 mm,40 mm", ("command", "command")),
        ("@FACDEF", ("command", "command")),
        ("$%0200", ("command", "command")),
        ("! 0 200 200 210 1", ("command", "command")),
        ("! U1 setvar", ("command", "command")),
        ("@MENU_OPTO@ZZ@TH@OTPO_UNEM@", ("command", "command")),
        ("@SETUPE1", ("command", "command")),
        ("$P,HA35$P", ("command", "command")),
        ("$CSNRM02$Ar", ("command", "command")),
        ("$+$!", ("command", "command")),
        ("%%SpecCode00", ("command", "command")),
        ("DEFALT.", ("command", "command")),
        ("SUFBK2990D.", ("command", "command")),
        ("DFMBK30099999999.", ("command", "command")),
        ("TERMID124", ("command", "command")),
        ("{G1000/}", ("command", "command")),
        ("^#SC^3030011", ("command", "command")),
        ("AT+MODE=1", ("command", "command")),
        ("PAPER", ("text", None)),
        ("PREMIUM GOODS", ("text", None)),
        ("' OR '1'='1", ("text", None)),
        ("'; DROP TABLE intakes;--", ("text", None)),
        ("<script>alert(1)</script>", ("text", None)),
        ("{{7*7}}", ("text", None)),
        ("../../etc/passwd", ("text", None)),
        ("12-2-1203", ("text", None)),
        ("hello", ("text", None)),
        ("SF1385123456789", ("waybill", None)),
        ("EE123456785CN", ("waybill", None)),
        ("EE123456784CN", ("waybill", "check_digit")),
        ("773123456789012", ("waybill", None)),
    ]:
        with subtests.test(raw=raw, expected=expected):
            assert judged(raw) == expected


# --- what could press a key, or hide ----------------------------------------------------------------------------------


def test_every_control_character_refuses_the_scan(subtests: pytest.Subtests) -> None:
    for byte in [*range(0x1D), 0x1E, 0x1F, 0x7F]:
        with subtests.test(byte=byte):
            inside = b"Y1P0" + bytes([byte]) + b"4412J"
            assert judged(inside) == ("rejected", "control")
            assert judged(b"]C1" + LABEL.encode() + bytes([byte]) + b"A") == ("rejected", "control")
            assert judged(bytes([byte]) + b"Y1P04412J") == ("rejected", "control")


def test_only_the_scanners_own_line_end_is_taken_off() -> None:
    assert judged(b"Y1P04412J\r\n") == ("member", None)
    assert judged(b"Y1P04412J\r\r\n") == ("rejected", "control")
    assert judged(b"Y1P04412J\rY1P04412J\r") == ("rejected", "control")


def test_look_alikes_and_marks_are_refused_by_their_reason(subtests: pytest.Subtests) -> None:
    for text, error in [
        ("Y1P0٤٤١٢J", "look_alike"),
        ("Y1P0۴۴۱۲J", "look_alike"),
        ("Y1P0४४१२J", "look_alike"),
        ("Y1P0４４12J", "look_alike"),
        ("SF１３85123456789", "look_alike"),
        ("Y1Р04412J", "look_alike"),
        ("АBC-1", "look_alike"),
        ("ΕE123456785CN", "look_alike"),
        ("12‑2‑1203", "look_alike"),
        ("Y1P04412J\u202e", "bidi"),
        ("\u202eJ21440P1Y", "bidi"),
        ("\u2067Y1P04412J\u2069", "bidi"),
        ("\ufeffY1P04412J", "invisible"),
        ("Y1P\u200b04412J", "invisible"),
        ("Y1P04412\u0301J", "invisible"),
        ("Y1P\u2028", "invisible"),
        ("Y1P04412J\x85", "control"),
        ("\x9b31mY1P04412J", "control"),
        ("ئايگۈل", "not_ascii"),
        ("喀什 Y1P04412J", "not_ascii"),
    ]:
        with subtests.test(text=text, error=error):
            assert judged(text) == ("rejected", error)
            assert judged(f"]Q1{text}") == ("rejected", error)


def test_bytes_that_are_no_text_are_refused(subtests: pytest.Subtests) -> None:
    for raw in [b"\xff\xfe\x00", b"\xffY1P04412J", b"Y1P\xc3"]:
        with subtests.test(raw=raw):
            assert judged(raw)[0] == "rejected"


def test_nothing_is_named(subtests: pytest.Subtests) -> None:
    for raw in [b"", b"\r\n", b"   ", b"]C0", b"]Q1  "]:
        with subtests.test(raw=raw):
            assert judged(raw) == ("rejected", "empty")


def test_length() -> None:
    assert judged("x" * MAX_LENGTH) == ("text", None)
    assert judged("]C0" + "x" * MAX_LENGTH) == ("text", None)
    assert judged("x" * (MAX_LENGTH + 1)) == ("rejected", "too_long")
    four_kilobytes = parse_scan(b"]Q1" + b"7" * 4096)
    assert (four_kilobytes.kind, four_kilobytes.error) == ("rejected", "too_long")
    assert len(four_kilobytes.data) == MAX_NAMED_LENGTH


def test_the_code_of_a_receipt_is_known_by_its_beginning_and_named_as_any_link() -> None:
    """However it goes on, and in capitals, as a keyboard that holds Shift types it."""
    text = "https://slips.example:8443/s#" + "3" * 400
    for begin in ("", "]Q1", " "):
        for end in ("", "\r\n"):
            assert slip_in(begin + text + end) == text
    assert slip_in(text.upper()) == text.upper()
    assert slip_in(text[:29]) == text[:29]
    for other in (text[:28], text[1:], f"x{text}", "https://a/b/s#1", "https:///s#1", "", "\ud800"):
        assert slip_in(other) == ""
    assert judged(text[:200]) == ("rejected", "url")
    assert max_length_of(text.encode()) > max_length_of(text[1:].encode()) == MAX_NAMED_LENGTH


_PIECES = "]C1 ]Q1 01 06901234567892 10 310 Y1P04412J https:// a/01/ ? % & 20 WIFI: ^XA ٣ SF1385123456789"
PIECES = st.sampled_from([*_PIECES.split(), "\x1d", "\r", "\n", "\u202e", " "])


@settings(max_examples=many(100, torture=5_000), deadline=None)
@given(st.binary(max_size=400) | st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_are_judged(raw: bytes) -> None:
    scan = parse_scan(raw, SHOP)
    assert scan.kind in KINDS
    assert scan.valid == (scan.error is None)
    assert len(scan.data) <= MAX_NAMED_LENGTH
    if scan.valid:
        assert scan.data.isascii()
        assert all(character.isprintable() or (character == "\x1d" and scan.kind == "gs1") for character in scan.data)
    assert bool(scan.ais) == (scan.kind == "gs1" and scan.valid)
    if scan.ais:
        assert parse_scan(b"]d2" + build_element_string(scan.ais).encode()).ais == scan.ais


@given(st.sampled_from(sorted(CODE_TYPES)), st.text("0123456789ABCDEFGHJKLMNPQRSTVWXYZ", min_size=1, max_size=30))
def test_every_code_we_can_make_is_read_back(letter: str, body: str) -> None:
    scan = parse_scan(internal_code(letter, body).encode())
    assert (scan.kind, scan.valid) == (CODE_TYPES[letter], True)


def test_the_data_does_not_show_in_a_log() -> None:
    assert "13812345678" not in repr(parse_scan(b"13812345678"))
