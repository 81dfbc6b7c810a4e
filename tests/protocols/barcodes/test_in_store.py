"""Numbers of one shop: the layout is set, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.in_store import BadLayout, InStoreLayout, InStoreNumber, inner_check_digit, read_in_store
from kiosk.protocols.barcodes.shared.digits import gs1_check_digit


def ean(body: str) -> str:
    return body + gs1_check_digit(body)


def test_layouts_of_the_trade_both_ways(subtests: pytest.Subtests) -> None:
    for layout, number, meaning in [
        ("20IIIIIWWWWWC", ean("201234502480"), InStoreNumber("12345", 2480, None)),
        ("22IIIIIPPPPPC", ean("221234501990"), InStoreNumber("12345", None, 1990)),
        ("2IIIIIIPPPPPC", ean("212345601990"), InStoreNumber("123456", None, 1990)),
        ("02IIIIIKPPPPC", ean("021234592875"), InStoreNumber("12345", None, 2875)),
        ("02IIIIKPPPPPC", ean("021234614685"), InStoreNumber("1234", None, 14685)),
        ("21IIIIIWWWWWPPPPPC", ean("21123450248004712"), InStoreNumber("12345", 2480, 4712)),
        ("22IIIIIPPPPPWWWWWC", ean("22123450471202480"), InStoreNumber("12345", 2480, 4712)),
    ]:
        with subtests.test(layout=layout, number=number, meaning=meaning):
            assert InStoreLayout(layout).read(number) == meaning
            assert InStoreLayout(layout).number(meaning) == number


def test_what_a_layout_has_no_place_for(subtests: pytest.Subtests) -> None:
    for layout, said in [
        ("20IIIIIWWWWWC", InStoreNumber("123456", 2480, None)),
        ("20IIIIIWWWWWC", InStoreNumber("12345", 100_000, None)),
        ("20IIIIIWWWWWC", InStoreNumber("12345", -1, None)),
        ("20IIIIIWWWWWC", InStoreNumber("12345", None, None)),
        ("20IIIIIWWWWWC", InStoreNumber("12345", 2480, 4712)),
        ("22IIIIIPPPPPC", InStoreNumber("12345", 2480, None)),
        ("20IIIIIWWWWWC", InStoreNumber("1234٣", 2480, None)),
        ("20IIIIIWWWWWC", InStoreNumber("A", 2480, None)),
    ]:
        with subtests.test(layout=layout, said=said), pytest.raises(BadLayout):
            InStoreLayout(layout).number(said)


def test_the_first_layout_that_fits_reads_a_number() -> None:
    layouts = [InStoreLayout("20IIIIIWWWWWC"), InStoreLayout("21IIIIIPPPPPC")]
    assert read_in_store(layouts, ean("211234501990")) == InStoreNumber("12345", None, 1990)
    assert read_in_store(layouts, ean("221234501990")) is None
    assert read_in_store([], ean("211234501990")) is None


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999))
def test_every_number_that_is_made_is_read_back(item: int, grams: int, fen: int) -> None:
    for text in "20IIIIIWWWWWC", "02IIIIKPPPPPC", "21IIIIIWWWWWPPPPPC":
        said = InStoreNumber(
            f"{item:05d}"[-text.count("I") :], grams if "W" in text else None, fen if "P" in text else None
        )
        assert InStoreLayout(text).read(InStoreLayout(text).number(said)) == said


def test_what_is_no_number_of_a_layout(subtests: pytest.Subtests) -> None:
    for layout, number in [
        ("20IIIIIWWWWWC", ean("211234502480")),
        ("20IIIIIWWWWWC", ean("201234502480")[:-1]),
        ("20IIIIIWWWWWC", "2012345024801"),
        ("20IIIIIWWWWWC", "20123450248٣0"),
        ("02IIIIIKPPPPC", ean("021234582875")),
        ("20IIIIIWWWWWC", ""),
    ]:
        with subtests.test(layout=layout, number=number):
            assert InStoreLayout(layout).read(number) is None


def test_what_is_no_layout(subtests: pytest.Subtests) -> None:
    for layout in [
        "",
        "69IIIIIWWWWWC",
        "20IIIIIWWWWWW",
        "20IIIIIWWWWC",
        "20IIIIIWWWWWWC",
        "IIIIIIIWWWWWC",
        "20WWWWWIIIIIC",
        "20IIIIIWWWWWPPPPC",
        "20IIIIIWWPPPPPPPPPC",
        "20IIIKWWWWPPPPPPPC",
        "20IIIKPPPPPPC",
        "20IIIIIWWWWWc",
    ]:
        with subtests.test(layout=layout), pytest.raises(BadLayout):
            InStoreLayout(layout)


def test_inner_check_digits(subtests: pytest.Subtests) -> None:
    """2875 and 14685 are the examples of the General Specifications."""
    for amount, digit in [("2875", "9"), ("14685", "6"), ("0000", "0"), ("00000", "0")]:
        with subtests.test(amount=amount, digit=digit):
            assert inner_check_digit(amount) == digit


@given(st.text("0123456789", min_size=4, max_size=5), st.integers(0, 4), st.integers(1, 9))
def test_one_wrong_digit_of_an_amount_is_always_seen(amount: str, place: int, step: int) -> None:
    at = place % len(amount)
    wrong = amount[:at] + str((int(amount[at]) + step) % 10) + amount[at + 1 :]
    assert inner_check_digit(wrong) != inner_check_digit(amount)
