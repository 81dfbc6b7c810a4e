"""Numbers of one shop: the layout is set, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.digits import gs1_check_digit
from kiosk.protocols.barcodes.in_store import BadLayout, InStoreNumber, inner_check_digit, parse_layout
from tests.each import each


def ean(body: str) -> str:
    return body + gs1_check_digit(body)


@each(
    ("layout", "number", "meaning"),
    [
        ("20IIIIIWWWWWC", ean("201234502480"), InStoreNumber("12345", 2480, None)),
        ("22IIIIIPPPPPC", ean("221234501990"), InStoreNumber("12345", None, 1990)),
        ("2IIIIIIPPPPPC", ean("212345601990"), InStoreNumber("123456", None, 1990)),
        ("02IIIIIKPPPPC", ean("021234592875"), InStoreNumber("12345", None, 2875)),
        ("02IIIIKPPPPPC", ean("021234614685"), InStoreNumber("1234", None, 14685)),
    ],
)
def test_layouts_of_the_trade(layout: str, number: str, meaning: InStoreNumber) -> None:
    assert parse_layout(layout).read(number) == meaning


@each(
    ("layout", "number"),
    [
        ("20IIIIIWWWWWC", ean("211234502480")),
        ("20IIIIIWWWWWC", ean("201234502480")[:-1]),
        ("20IIIIIWWWWWC", "2012345024801"),
        ("20IIIIIWWWWWC", "20123450248٣0"),
        ("02IIIIIKPPPPC", ean("021234582875")),
        ("20IIIIIWWWWWC", ""),
    ],
)
def test_what_is_no_number_of_a_layout(layout: str, number: str) -> None:
    assert parse_layout(layout).read(number) is None


@each(
    "layout",
    [
        "",
        "69IIIIIWWWWWC",
        "20IIIIIWWWWWW",
        "20IIIIIWWWWC",
        "20IIIIIWWWWWWC",
        "IIIIIIIWWWWWC",
        "20WWWWWIIIIIC",
        "20IIIIIWWPPPC",
        "20IIIKPPPPPPC",
        "20IIIIIWWWWWc",
    ],
)
def test_what_is_no_layout(layout: str) -> None:
    with pytest.raises(BadLayout):
        parse_layout(layout)


@each(("amount", "digit"), [("2875", "9"), ("14685", "6"), ("0000", "0"), ("00000", "0")])
def test_inner_check_digits(amount: str, digit: str) -> None:
    """2875 and 14685 are the examples of the General Specifications."""
    assert inner_check_digit(amount) == digit


@given(st.text("0123456789", min_size=4, max_size=5), st.integers(0, 4), st.integers(1, 9))
def test_one_wrong_digit_of_an_amount_is_always_seen(amount: str, place: int, step: int) -> None:
    at = place % len(amount)
    wrong = amount[:at] + str((int(amount[at]) + step) % 10) + amount[at + 1 :]
    assert inner_check_digit(wrong) != inner_check_digit(amount)
