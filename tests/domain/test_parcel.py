from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import SERIES_LETTERS, BadIdentifier, internal_code, parse_internal_code
from kiosk.domain.parcel import (
    ARRIVABLE_STATES,
    TERMINAL_STATES,
    TRANSITIONS,
    WAITING_STATES,
    BadPickupCode,
    ParcelNumber,
    ParcelRefused,
    ParcelState,
    check_pickup_code,
    check_slot,
    read_shelf,
    read_slip,
    slot_code,
    transition,
)

_S = ParcelState
NUMBERS = st.builds(
    ParcelNumber,
    st.integers(0, 9999).map(lambda number: f"S{number:04d}"),
    st.sampled_from(SERIES_LETTERS),
    st.integers(1, 999_999),
)
CODES = st.integers(0, 999_999).map(lambda number: f"{number:06d}")


def test_only_what_is_in_the_table_is_allowed(subtests: pytest.Subtests) -> None:
    def holds(state: ParcelState, to: ParcelState) -> None:
        if to in TRANSITIONS[state]:
            assert transition(state, to) is to
            return
        with pytest.raises(ParcelRefused) as caught:
            transition(state, to)
        assert caught.value.code == ("collected" if state is _S.COLLECTED else "not_waiting")

    for state in ParcelState:
        for to in ParcelState:
            with subtests.test(state=state, to=to):
                holds(state, to)


def test_what_the_law_and_the_shelf_want_of_the_table() -> None:
    assert set(TRANSITIONS) == set(ParcelState)
    assert {_S.COLLECTED, _S.RETURNED, _S.REFUSED, _S.MISROUTED, _S.WITHDRAWN} == TERMINAL_STATES
    assert {state for state, after in TRANSITIONS.items() if _S.COLLECTED in after} == WAITING_STATES
    assert {_S.RETURN_DUE} == {state for state, after in TRANSITIONS.items() if _S.RETURNED in after}
    on_shelf = WAITING_STATES | {_S.SHELVED}
    assert not TERMINAL_STATES & on_shelf
    assert _S.COLLECTED not in ARRIVABLE_STATES and not ARRIVABLE_STATES & on_shelf
    assert all(state not in after for state, after in TRANSITIONS.items())


def test_every_state_is_reached_from_the_beginning() -> None:
    reached, new = set[ParcelState](), {_S.EXPECTED}
    while new:
        reached |= new
        new = {after for state in new for after in TRANSITIONS[state]} - reached
    assert reached == set(ParcelState)


@given(NUMBERS)
def test_a_number_is_read_back(number: ParcelNumber) -> None:
    assert ParcelNumber.parse(str(number)) == number


def test_what_is_no_number(subtests: pytest.Subtests) -> None:
    for text in ["", "0147-A-000012", "P-0147-A-12", "P-0147-I-000012", "P-0147-A-000000", "P-٠147-A-000012"]:
        with subtests.test(text=text), pytest.raises(BadIdentifier):
            ParcelNumber.parse(text)


@given(NUMBERS, CODES)
def test_a_slip_is_read_back(number: ParcelNumber, code: str) -> None:
    assert read_slip(parse_internal_code(number.slip_code(code))) == (number, code)


def test_a_slip_as_it_is_printed() -> None:
    assert ParcelNumber("S0147", "A", 12).slip_code("004711")[:-1] == "Y1K0147A000012004711"


def test_what_is_no_pickup_code_is_not_repeated(subtests: pytest.Subtests) -> None:
    for code in ["", "12345", "1234567", "12345a", "１２３４５６", "12345\n", " 12345"]:
        with subtests.test(code=code):
            with pytest.raises(BadPickupCode) as caught:
                check_pickup_code(code)
            assert not code or code not in str(caught.value)
            with pytest.raises(BadPickupCode):
                ParcelNumber("S0147", "A", 12).slip_code(code)


def test_a_code_that_is_no_slip(subtests: pytest.Subtests) -> None:
    for body in ["0147A000012", "0147A00001212345", "A147A000012123456", "0147A000000123456"]:
        with subtests.test(body=body):
            with pytest.raises(BadIdentifier):
                read_slip(parse_internal_code(internal_code("K", body)))
            with pytest.raises(BadIdentifier):
                read_slip(parse_internal_code(internal_code("R", "0147A000012123456")))


@given(st.sampled_from(SERIES_LETTERS), st.integers(1, 9), st.integers(1, 99))
def test_a_slot_is_read_back(shelf: str, layer: int, slot: int) -> None:
    text = f"{shelf}-{layer}-{slot:02d}"
    assert read_shelf(parse_internal_code(slot_code(text))) == text


def test_a_shelf_label_as_it_is_printed() -> None:
    assert slot_code("A-3-17")[:-1] == "Y1HA317"


def test_what_is_no_slot(subtests: pytest.Subtests) -> None:
    for text in ["", "A-3-7", "A-0-17", "A-3-00", "I-3-17", "A317", "a-3-17", "A-3-17 "]:
        with subtests.test(text=text), pytest.raises(BadIdentifier):
            check_slot(text)


def test_a_code_that_is_no_shelf(subtests: pytest.Subtests) -> None:
    for kind, body in [("H", "A300"), ("H", "A31"), ("H", "3A17"), ("K", "A317")]:
        with subtests.test(kind=kind, body=body), pytest.raises(BadIdentifier):
            read_shelf(parse_internal_code(internal_code(kind, body)))
