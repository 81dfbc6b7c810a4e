"""Numbers of one's own: only from a prefix that GS1 has given, never invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.gs1.elements import check_value
from kiosk.protocols.barcodes.gs1.keys import VARIABLE_MEASURE, BadKey, CompanyPrefix
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
