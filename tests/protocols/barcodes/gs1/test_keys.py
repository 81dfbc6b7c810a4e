"""Numbers of one's own: only from a prefix that GS1 has given, never invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.gs1.associations import check_associations, check_pairs
from kiosk.protocols.barcodes.gs1.bag import Bag, own_serial
from kiosk.protocols.barcodes.gs1.digital_link import parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import check_value
from kiosk.protocols.barcodes.gs1.keys import VARIABLE_MEASURE, BadKey, CompanyPrefix
from kiosk.protocols.barcodes.gs1.notation import parse_written
from kiosk.protocols.barcodes.settings import BagSymbols, CodesSettings
from tests.each import each


def test_numbers_of_a_company() -> None:
    company = CompanyPrefix("6901234")
    assert company.gtin(56789) == "06901234567892"
    assert company.gtin(1, VARIABLE_MEASURE) == "96901234000019"
    assert CompanyPrefix("0614141").sscc(234567890, 1) == "106141412345678908"


@each(
    "digits",
    ["", "690", "6901234567890", "69012 34", "690123٤", "6901234\n", "2012345", "0212345", "9781234", "9912345"],
)
def test_without_a_prefix_there_is_no_number(digits: str) -> None:
    with pytest.raises(BadKey):
        CompanyPrefix(digits)


@each(("item", "indicator"), [(-1, 0), (100_000, 0), (1, 10), (1, -1)])
def test_what_does_not_fit(item: int, indicator: int) -> None:
    with pytest.raises(BadKey):
        CompanyPrefix("6901234").gtin(item, indicator)
    with pytest.raises(BadKey):
        CompanyPrefix("6901234").sscc(item * 10_000, indicator)


@given(st.integers(0, 99_999), st.integers(0, 9))
def test_every_number_is_right_by_the_rules(number: int, first: int) -> None:
    company = CompanyPrefix("6901234")
    check_value("01", company.gtin(number, first))
    check_value("00", company.sscc(number, first))


BAG = Bag(51_710, date(2026, 9, 14), "0147A000381", "0147A00038101")
CODES = CodesSettings(company_prefix="6901234", items={"BADAM": 1}, link_domain="id.example.org")


def test_a_bag_in_a_symbol_and_in_a_link() -> None:
    symbols = CODES.symbols("BADAM", BAG)
    assert symbols.gs1 == "(01)96901234000019(3103)051710(13)260914(10)0147A000381(21)0147A00038101"
    elements = parse_written(symbols.gs1)
    check_pairs(elements)
    check_associations(elements)
    again = parse_digital_link(symbols.link)
    assert sorted(again) == sorted(elements)
    assert own_serial(CompanyPrefix("6901234"), again) == BAG.serial
    assert own_serial(CompanyPrefix("6905678"), again) is None


def test_a_station_whose_clock_is_not_set_says_no_date() -> None:
    assert "(13)" not in CODES.symbols("BADAM", replace(BAG, packed=None)).gs1
    assert replace(CODES, link_domain="").symbols("BADAM", BAG).link == ""


def test_items_are_of_a_company() -> None:
    with pytest.raises(ValueError, match="company_prefix"):
        CodesSettings(items={"BADAM": 1})


def test_goods_and_stations_without_a_number_have_no_symbol() -> None:
    assert CODES.symbols("WALNUT", BAG) == BagSymbols()
    assert CodesSettings().symbols("BADAM", BAG) == BagSymbols()


@each("net_g", [0, -1, 1_000_000])
def test_a_weight_that_does_not_fit_is_not_cut(net_g: int) -> None:
    assert CODES.symbols("BADAM", replace(BAG, net_g=net_g)) == BagSymbols()
