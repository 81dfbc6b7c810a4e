"""Whose parcel a number may be: one example for each row, and everything that is no waybill by its name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.protocols.barcodes.waybills import (
    CARRIERS,
    FOREIGN_CODES,
    NUMBER_PATTERNS,
    S10,
    foreign_code_kind,
    identify,
    parse_s10,
)

WHY_NOT = {
    *("product_code", "phone_number", "id_number", "url", "wifi", "pickup_code", "internal_code"),
    *("too_short", "too_long", "not_a_waybill", "empty"),
}

EXAMPLES = [
    ("SF1385123456789", ["SF"]),
    ("SFA385123456789", ["SF"]),
    ("755123456789", ["SF", "ZTO", "STO"]),
    ("123456789012345", ["SF"]),
    ("YT8812345678901", ["YTO"]),
    ("YT2212345678901234", ["YUNEXPRESS"]),
    ("881234567890123456", ["YTO"]),
    ("D0012345678", ["YTO"]),
    ("G123456789", ["YTO"]),
    ("V01234567890", ["YTO"]),
    ("8V1234567890", ["YTO"]),
    ("73123456789012", ["ZTO"]),
    ("74123456789012", ["ZTO"]),
    ("75123456789012", ["ZTO"]),
    ("76123456789012", ["ZTO"]),
    ("78123456789012", ["ZTO"]),
    ("773123456789012", ["STO", "SF"]),
    ("77312345678901", ["STO"]),
    ("77312345678901234", ["STO"]),
    ("43123456789012", ["STO"]),
    ("431234567890123", ["YUNDA", "STO", "SF"]),
    ("312345678901234", ["YUNDA", "SF"]),
    ("4621234567890", ["YUNDA", "STO"]),
    ("JD0123456789012", ["JD"]),
    ("JDAB12345678901", ["JD"]),
    ("JDX012345678901", ["JD"]),
    ("JDK012345678901", ["JD"]),
    ("JDVA12345678901", ["JD"]),
    ("JDVA12345678901-1-2-", ["JD"]),
    ("JT5123456789012", ["JTSD"]),
    ("JT512345678901", ["JTSD"]),
    ("DPK364123456789", ["DBL"]),
    ("1234567890", ["DBL"]),
    ("123456789", ["DBL"]),
    ("9812345678901", ["CHINAPOST", "YUNDA", "STO"]),
    ("1112345678902", ["CHINAPOST", "YUNDA", "STO"]),
    ("5112345678901", ["CHINAPOST", "YUNDA", "STO"]),
    ("PA12345678901", ["CHINAPOST"]),
    ("EE123456785CN", ["CHINAPOST"]),
    ("621123456789012", ["CAINIAO", "SF"]),
]


def test_every_shape_in_order_of_likelihood(subtests: pytest.Subtests) -> None:
    for number, candidates in EXAMPLES:
        with subtests.test(number=number, candidates=candidates):
            found = identify(number)
            assert (list(found.candidates), found.why_not, found.accept) == (candidates, None, True)
            assert found.normalized == number


def test_every_row_has_an_example_and_a_carrier_of_the_contract() -> None:
    unused = [row for row in NUMBER_PATTERNS if not any(row.pattern.fullmatch(number) for number, _ in EXAMPLES)]
    assert unused == []
    assert {row.name for row in NUMBER_PATTERNS} == set(CARRIERS)


def test_a_number_is_found_as_it_is_typed_and_printed(subtests: pytest.Subtests) -> None:
    for text in [
        "sf1385123456789",
        "SF 1385 1234 56789",
        "  SF1385123456789\r\n",
        "\ufeffSF1385123456789",
        "]C0SF1385123456789",
        "ＳＦ１３８５１２３４５６７８９",
        "SF1385\u3000123456789",
    ]:
        with subtests.test(text=text):
            found = identify(text)
            assert (found.normalized, found.candidates, found.accept) == ("SF1385123456789", ("SF",), True)


def test_what_a_clerk_must_look_at(subtests: pytest.Subtests) -> None:
    for text, why_not in [
        ("", "empty"),
        ("  \r\n", "empty"),
        ("]C0", "empty"),
        ("6901234567892", "product_code"),
        ("96385074", "product_code"),
        ("9787111128069", "product_code"),
        ("13812345678", "phone_number"),
        ("138 1234 5678", "phone_number"),
        ("138-1234-5678", "phone_number"),
        ("+8613812345678", "phone_number"),
        ("8613812345678", "phone_number"),
        ("+86 138 1234 5678", "phone_number"),
        ("１３８１２３４５６７８", "phone_number"),
        ("tel:13812345678", "phone_number"),
        ("0998-2512345", "phone_number"),
        ("653101199001011234", "id_number"),
        ("653125800101123", "id_number"),
        ("432503991231999", "id_number"),
        ("11010119900307747X", "id_number"),
        ("11010119900307747x", "id_number"),
        ("https://example.com/SF1385123456789", "url"),
        ("HTTP://EXAMPLE.COM", "url"),
        ("javascript:alert(1)", "url"),
        ("intent://scan/#Intent;end", "url"),
        ("weixin://dl/business", "url"),
        ("mailto:a@example.com", "url"),
        ("www.example.com", "url"),
        ("example.com/q?x=1", "url"),
        ("http://a\nb", "url"),
        ("WIFI:T:WPA;S:net;P:secret;;", "wifi"),
        ("wifi:S:x;;", "wifi"),
        ("12-2-1203", "pickup_code"),
        ("A-3-17", "pickup_code"),
        ("A12-2-1203", "pickup_code"),
        ("123456", "pickup_code"),
        ("12345678", "pickup_code"),
        ("Y1P04412J", "internal_code"),
        ("y1b0147A000381029", "internal_code"),
        (str(ReceiptNumber("S0147", "A", 381)), "internal_code"),
        ("P-0147-A-000012", "internal_code"),
        ("1234", "too_short"),
        ("SF123", "too_short"),
        ("1" * 31, "too_long"),
        ("X" * 4096, "too_long"),
        ("SF12345678901234", "not_a_waybill"),
        ("JT12345678", "not_a_waybill"),
        ("EE123456786CN", "not_a_waybill"),
        ("EE123456785ZZ", "not_a_waybill"),
        ("JA123456785CN", "not_a_waybill"),
        ("٣٣٣٣٣٣٣٣٣٣٣٣", "not_a_waybill"),
        ("SF138512345678\u202e9", "not_a_waybill"),
        ("SF1385\x00123456789", "not_a_waybill"),
        ("'; DROP TABLE parcels;--", "not_a_waybill"),
        ("^XA^FDX^FS^XZ", "not_a_waybill"),
    ]:
        with subtests.test(text=text, why_not=why_not):
            found = identify(text)
            assert (found.why_not, found.accept) == (why_not, False)


def test_candidates_stay_for_a_number_that_may_be_a_product_all_the_same() -> None:
    assert identify("6901234567892").candidates == ("YUNDA", "STO")


def test_every_stranger_is_named_by_its_own_row() -> None:
    assert {row.name for row in FOREIGN_CODES} < WHY_NOT
    assert foreign_code_kind("SF1385123456789") is None


def test_postal_items(subtests: pytest.Subtests) -> None:
    for number, valid, service, name in [
        ("RA473124829GB", True, "RA", "registered"),
        ("EE123456785CN", True, "EE", "ems"),
        ("CP123456785KZ", True, "CP", "parcel"),
        ("HX123456785UZ", True, "HX", "ecommerce_parcel"),
        ("QA123456785TR", True, "QA", "domestic"),
        ("EE123456784CN", False, "EE", "ems"),
        ("KA123456785CN", False, "KA", "reserved"),
        ("EE123456785XX", False, "EE", "ems"),
    ]:
        with subtests.test(number=number, valid=valid, service=service, name=name):
            found = parse_s10(number)
            assert found == S10(valid, service, number[-2:])
            assert found is not None
            assert found.service_name == name
            spaced = f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:11]} {number[11:]}"
            assert identify(spaced).s10 == found
            assert identify(spaced).accept is valid


def test_another_form_is_no_postal_item(subtests: pytest.Subtests) -> None:
    for text in ["", "EE12345678CN", "ee123456785cn", "EE1234567850CN", "EE12345678٣CN"]:
        with subtests.test(text=text):
            assert parse_s10(text) is None


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    found = identify(text)
    assert found.accept == (found.why_not is None)
    assert found.why_not is None or found.why_not in WHY_NOT
    assert set(found.candidates) <= set(CARRIERS)
    if found.accept:
        assert re.fullmatch(r"[0-9A-Z-]{8,30}", found.normalized)
        assert identify(found.normalized) == found


@given(st.from_regex(r"\A1[3-9][0-9]{9}\Z"))
def test_no_mobile_number_is_ever_a_parcel(number: str) -> None:
    for text in (number, f"+86{number}", f"0086{number}", f"{number[:3]} {number[3:7]} {number[7:]}"):
        assert identify(text).why_not == "phone_number"


def test_a_megabyte_is_judged_at_once() -> None:
    for text in ("9" * 10**6, "a." * 500_000, "a-" * 500_000 + "!", "://" * 300_000):
        assert not identify(text).accept


def test_what_is_judged_does_not_show_in_a_log() -> None:
    assert "13812345678" not in repr(identify("13812345678"))
