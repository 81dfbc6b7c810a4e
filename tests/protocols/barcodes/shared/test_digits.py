"""Check digits, against numbers printed in the standards and on goods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.shared.digits import (
    BadDigits,
    gs1_check_digit,
    gs1_check_pair,
    has_valid_check_digit,
    has_valid_check_pair,
    is_digits,
    s10_check_digit,
)

DIGITS = st.text("0123456789", min_size=1, max_size=17)


def test_numbers_of_goods_and_pallets(subtests: pytest.Subtests) -> None:
    for number in [
        "6901234567892",
        "4006381333931",
        "96385074",
        "036000291452",
        "00012345678905",
        "106141412345678908",
    ]:
        with subtests.test(number=number):
            assert gs1_check_digit(number[:-1]) == number[-1]
            assert has_valid_check_digit(number)


def test_postal_items(subtests: pytest.Subtests) -> None:
    """RA473124829GB is the example of S10; a sum of 0 gives 11, which becomes 5."""
    for serial, digit in [("47312482", "9"), ("12345678", "5"), ("00000000", "5")]:
        with subtests.test(serial=serial, digit=digit):
            assert s10_check_digit(serial) == digit


def test_a_postal_rest_of_ten_becomes_zero() -> None:
    assert s10_check_digit("00000020") == "4"
    found = {s10_check_digit(f"{serial:08d}") for serial in range(200)}
    assert found == set("0123456789")


@given(DIGITS, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(body: str, place: int, step: int) -> None:
    number = body + gs1_check_digit(body)
    at = place % len(number)
    wrong = number[:at] + str((int(number[at]) + step) % 10) + number[at + 1 :]
    assert has_valid_check_digit(number)
    assert not has_valid_check_digit(wrong)


def test_only_ascii_digits_are_digits(subtests: pytest.Subtests) -> None:
    for text in ["", "12a", "٣٣٣", "１２３", "²³", " 12", "12\n"]:
        with subtests.test(text=text):
            assert not is_digits(text)
            assert not has_valid_check_digit(text)
            with pytest.raises(BadDigits):
                gs1_check_digit(text)


def test_a_postal_serial_has_eight_digits(subtests: pytest.Subtests) -> None:
    for serial in ["1234567", "123456789", "1234567٣", ""]:
        with subtests.test(serial=serial), pytest.raises(BadDigits, match="eight digits"):
            s10_check_digit(serial)


def test_check_pairs(subtests: pytest.Subtests) -> None:
    """The first is the model number that the General Specifications print; of nothing the sum is 0."""
    for text in ["1987654Ad4X4bL5ttr2310c2K", "22"]:
        with subtests.test(text=text):
            assert gs1_check_pair(text[:-2]) == text[-2:]
            assert has_valid_check_pair(text)


@given(st.text("ABab019-/", min_size=1, max_size=23), st.integers(0, 22))
def test_one_wrong_character_before_a_pair_is_always_seen(body: str, place: int) -> None:
    at = place % len(body)
    wrong = body[:at] + ("Z" if body[at] != "Z" else "Y") + body[at + 1 :]
    assert gs1_check_pair(wrong) != gs1_check_pair(body)


def test_what_has_no_check_pair(subtests: pytest.Subtests) -> None:
    for text in ["", "2", "A B22", "喀22", "A" * 98 + "22"]:
        with subtests.test(text=text):
            assert not has_valid_check_pair(text)
