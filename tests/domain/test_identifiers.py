from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import (
    BODY_ALPHABET,
    CODE_TYPES,
    MAX_BAGS,
    SERIES_LETTERS,
    BadIdentifier,
    ReceiptNumber,
    bag_of,
    check_character,
    check_region,
    check_station,
    internal_code,
    next_series,
    parse_internal_code,
)


def test_check_character_of_the_standards_own_kind() -> None:
    # The GRid standard (ISO/IEC 7064 MOD 37,36) prints A1-2425G-ABC1234002-M as its example.
    assert check_character("A12425GABC1234002") == "M"


@given(st.sampled_from(sorted(CODE_TYPES)), st.text(BODY_ALPHABET, min_size=1, max_size=18), st.data())
def test_every_single_wrong_character_is_found(kind: str, body: str, data: st.DataObject) -> None:
    code = internal_code(kind, body)
    assert parse_internal_code(code).body == body
    place = data.draw(st.integers(2, len(code) - 1))
    other = data.draw(st.sampled_from([c for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c != code[place]]))
    with pytest.raises(BadIdentifier):
        parse_internal_code(code[:place] + other + code[place + 1 :])


def test_nearly_all_swapped_neighbours_are_found() -> None:
    # ISO/IEC 7064 promises all single substitutions, and nearly all (not all) swaps for its hybrid systems.
    swaps = missed = 0
    for first in BODY_ALPHABET:
        for second in BODY_ALPHABET.replace(first, ""):
            code = internal_code("L", f"0147{first}{second}381")
            swapped = code[:7] + second + first + code[9:]
            swaps += 1
            missed += swapped[-1] == check_character(swapped[:-1])
    assert missed / swaps < 0.03


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        code = parse_internal_code(text)
    except BadIdentifier:
        return
    assert internal_code(code.kind, code.body) == text


@given(st.integers(0, 9999), st.sampled_from(SERIES_LETTERS), st.integers(1, 999_999))
def test_receipt_numbers_round_trip(station: int, series: str, counter: int) -> None:
    receipt = ReceiptNumber(f"S{station:04d}", series, counter)
    assert ReceiptNumber.parse(str(receipt)) == receipt
    assert parse_internal_code(receipt.lot).name == "lot"
    assert parse_internal_code(receipt.code).name == "receipt"
    assert receipt.lot != receipt.code


RECEIPTS = st.builds(
    lambda station, *rest: ReceiptNumber(f"S{station:04d}", *rest),
    st.integers(0, 9999),
    st.sampled_from(SERIES_LETTERS),
    st.integers(1, 999_999),
)


@given(RECEIPTS, st.integers(1, MAX_BAGS))
def test_each_bag_has_a_code_of_its_own_that_says_which_one_it_is(receipt: ReceiptNumber, number: int) -> None:
    code = receipt.bag_code(number)
    assert bag_of(code) == (receipt, number)
    assert parse_internal_code(code).name == "bag"
    assert ReceiptNumber.of_body(receipt.body) == receipt
    assert len({receipt.bag_code(one) for one in range(1, MAX_BAGS + 1)} | {receipt.code, receipt.lot}) == MAX_BAGS + 2


def test_the_code_of_a_bag_is_its_receipts_body_and_two_digits() -> None:
    assert (
        ReceiptNumber.parse("0147-A-000381").bag_code(1) == internal_code("B", "0147A00038101") == "Y1B0147A00038101L"
    )


@given(RECEIPTS, st.integers(1, MAX_BAGS), st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_no_misread_character_makes_another_bag_of_a_code(
    receipt: ReceiptNumber, number: int, place: int, other: str
) -> None:
    code = receipt.bag_code(number)
    read = code[:place] + other + code[place + 1 :]
    if read != code:
        with pytest.raises(BadIdentifier):
            bag_of(read)


def test_codes_of_no_bag_are_refused() -> None:
    receipt = ReceiptNumber.parse("0147-A-000381")
    for number in (0, MAX_BAGS + 1, 99):
        with pytest.raises(BadIdentifier):
            receipt.bag_code(number)
    bodies = ("0147A00038100", "0147A00038141", "0147A000381", "0147A0003811", "0147A00000001", "9")
    for code in (receipt.code, receipt.lot, *(internal_code("B", body) for body in bodies)):
        with pytest.raises(BadIdentifier):
            bag_of(code)


def test_other_receipt_numbers_are_refused(subtests: pytest.Subtests) -> None:
    for text in [
        "",
        "0147-A-381",
        "0147-I-000381",
        "0147-A-000000",
        "0147-a-000381",
        "٠١٤٧-A-000381",
        "0147-A-000381\n",
    ]:
        with subtests.test(text=text), pytest.raises(BadIdentifier):
            ReceiptNumber.parse(text)


def test_series_go_on_without_letters_that_look_like_digits() -> None:
    letters = [next_series(None)]
    while letters[-1] != "Z":
        letters.append(next_series(letters[-1]))
    assert "".join(letters) == SERIES_LETTERS
    with pytest.raises(BadIdentifier):
        next_series("Z")


def test_other_station_ids_are_refused(subtests: pytest.Subtests) -> None:
    for text in ["S147", "s0147", "S01478", "S0147\n", "S०१४७"]:
        with subtests.test(text=text), pytest.raises(BadIdentifier):
            check_station(text)


def test_other_region_ids_are_refused(subtests: pytest.Subtests) -> None:
    for text in ["", "feed", "A", "a/b", "a+b", "a.b", "a" * 17]:
        with subtests.test(text=text):
            with pytest.raises(BadIdentifier):
                check_region(text)
            assert check_region("yarkant-1") == "yarkant-1"
