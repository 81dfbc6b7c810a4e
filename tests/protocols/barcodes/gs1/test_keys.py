"""Numbers of one's own: only from a prefix that GS1 has given, never invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import SERIES_LETTERS, SerialNumber
from kiosk.protocols.barcodes.goods_codes import BagSymbols, CodesSettings, CrateSymbols
from kiosk.protocols.barcodes.gs1.digital_link import parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import check_associations, check_pairs, check_value, parse_notation
from kiosk.protocols.barcodes.gs1.keys import (
    VARIABLE_MEASURE,
    BadGs1Key,
    CompanyPrefix,
    Crate,
    Gs1Bag,
    crate_sscc,
    own_serial,
)
from kiosk.protocols.barcodes.in_store import InStoreLayout, InStoreNumber


def test_numbers_of_a_company() -> None:
    company = CompanyPrefix("6901234")
    assert company.gtin(56789) == "06901234567892"
    assert company.gtin(1, VARIABLE_MEASURE) == "96901234000019"
    assert CompanyPrefix("0614141").sscc(234567890, 1) == "106141412345678908"


def test_without_a_prefix_there_is_no_number(subtests: pytest.Subtests) -> None:
    for digits in [
        "",
        "690",
        "6901234567890",
        "69012 34",
        "690123٤",
        "6901234\n",
        "2012345",
        "0212345",
        "9781234",
        "9912345",
    ]:
        with subtests.test(digits=digits), pytest.raises(BadGs1Key):
            CompanyPrefix(digits)


def test_what_does_not_fit(subtests: pytest.Subtests) -> None:
    for item, indicator in [(-1, 0), (100_000, 0), (1, 10), (1, -1)]:
        with subtests.test(item=item, indicator=indicator):
            with pytest.raises(BadGs1Key):
                CompanyPrefix("6901234").gtin(item, indicator)
            with pytest.raises(BadGs1Key):
                CompanyPrefix("6901234").sscc(item * 10_000, indicator)


@given(st.integers(0, 99_999), st.integers(0, 9))
def test_every_number_is_right_by_the_rules(number: int, first: int) -> None:
    company = CompanyPrefix("6901234")
    check_value("01", company.gtin(number, first))
    check_value("00", company.sscc(number, first))


CRATE = Crate(SerialNumber("S0147", "A", 1), 51_710, date(2026, 9, 14), "0147A000381", 4)


def test_a_crate_has_its_own_sscc_and_says_what_is_in_it() -> None:
    symbols = CODES.crate_symbols("BADAM", CRATE)
    assert symbols.sscc == "069012341470000001"
    assert symbols.gs1 == f"(00){symbols.sscc}(02)96901234000019(3103)051710(13)260914(10)0147A000381(37)4"
    elements = parse_notation(symbols.gs1)
    check_pairs(elements)
    check_associations(elements)
    assert parse_digital_link(symbols.link) == elements[:1]
    assert CODES.crate_symbols("HONEY", CRATE).gs1 == f"(00){symbols.sscc}"
    assert CODES.crate_symbols("BADAM", replace(CRATE, net_g=1_000_000)).gs1 == f"(00){symbols.sscc}"
    assert "(13)" not in CODES.crate_symbols("BADAM", replace(CRATE, packed=None)).gs1
    assert CodesSettings().crate_symbols("BADAM", CRATE) == CrateSymbols(), "no number is invented"


def test_no_two_crates_of_a_company_have_one_sscc(subtests: pytest.Subtests) -> None:
    """The first and the last of every letter, at stations beside each other, and not one more."""

    def holds(prefix: str, each: int) -> None:
        company, seen = CompanyPrefix(prefix), set()
        for station in ("S0147", "S0148", "S9999"):
            for letter in SERIES_LETTERS:
                for counter in {1, 2, each} if each else ():
                    seen.add(crate_sscc(company, SerialNumber(station, letter, counter)))
                with pytest.raises(BadGs1Key, match="used up"):
                    crate_sscc(company, SerialNumber(station, letter, each + 1))
        assert len(seen) == (3 * 3 * len(SERIES_LETTERS) if each else 0)
        for sscc in seen:
            check_value("00", sscc)

    for prefix, one_each in [("6901234", 43_478), ("69012345", 4_347), ("690123456", 434), ("690123456789", 0)]:
        with subtests.test(prefix=prefix, each=one_each):
            holds(prefix, one_each)


def test_a_bag_has_a_number_for_a_till_only_by_a_layout() -> None:
    codes = CodesSettings(shop_layout="20IIIIIWWWWWC", shop_items={"BADAM": 7})
    number = codes.in_store_number("BADAM", 12_480, 29_952)
    said = InStoreLayout(codes.shop_layout).read(number)
    assert said == InStoreNumber("00007", 12_480, None)
    assert codes.in_store_number("HONEY", 12_480, 1) == "", "nobody gave it a number"
    assert codes.in_store_number("BADAM", 112_480, 1) == "", "no room"
    assert CodesSettings().in_store_number("BADAM", 12_480, 1) == ""
    priced = CodesSettings(shop_layout="22IIIIIPPPPPC", shop_items={"BADAM": 7})
    assert InStoreLayout(priced.shop_layout).read(priced.in_store_number("BADAM", 12_480, 29_952)) == InStoreNumber(
        "00007", None, 29_952
    )


def test_settings_of_a_till_that_cannot_be_meant(subtests: pytest.Subtests) -> None:
    for settings, told in [
        ({"shop_items": {"BADAM": 7}}, "need a shop_layout"),
        ({"shop_layout": "30IIIIIWWWWWC"}, "shop_layout: "),
        ({"shop_layout": "20IIIIIWWWWWPPPPPC"}, "13 digits"),
        ({"shop_layout": "20IIIIIWWWWWC", "shop_items": {"A": 7, "B": 7}}, "same item number"),
        ({"shop_layout": "20IIIIIWWWWWC", "shop_items": {"A": 100_000}}, "5 digits of I"),
    ]:
        with subtests.test(settings=settings, told=told), pytest.raises(ValueError, match=told):
            CodesSettings(**settings)


BAG = Gs1Bag(51_710, date(2026, 9, 14), "0147A000381", "0147A00038101")
CODES = CodesSettings(company_prefix="6901234", items={"BADAM": 1}, link_domain="id.example.org")


def test_a_bag_in_a_symbol_and_in_a_link() -> None:
    symbols = CODES.bag_symbols("BADAM", BAG)
    assert symbols.gs1 == "(01)96901234000019(3103)051710(13)260914(10)0147A000381(21)0147A00038101"
    elements = parse_notation(symbols.gs1)
    check_pairs(elements)
    check_associations(elements)
    again = parse_digital_link(symbols.link)
    assert sorted(again) == sorted(elements)
    assert own_serial(CompanyPrefix("6901234"), again) == BAG.serial
    assert own_serial(CompanyPrefix("6905678"), again) is None


def test_a_station_whose_clock_is_not_set_says_no_date() -> None:
    assert "(13)" not in CODES.bag_symbols("BADAM", replace(BAG, packed=None)).gs1
    assert replace(CODES, link_domain="").bag_symbols("BADAM", BAG).link == ""


def test_items_are_of_a_company() -> None:
    with pytest.raises(ValueError, match="company_prefix"):
        CodesSettings(items={"BADAM": 1})


def test_goods_and_stations_without_a_number_have_no_symbol() -> None:
    assert CODES.bag_symbols("WALNUT", BAG) == BagSymbols()
    assert CodesSettings().bag_symbols("BADAM", BAG) == BagSymbols()


def test_a_weight_that_does_not_fit_is_not_cut(subtests: pytest.Subtests) -> None:
    for net_g in [0, -1, 1_000_000]:
        with subtests.test(net_g=net_g):
            assert CODES.bag_symbols("BADAM", replace(BAG, net_g=net_g)) == BagSymbols()
