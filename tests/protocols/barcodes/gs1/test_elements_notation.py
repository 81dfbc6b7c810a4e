"""Element strings as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.gs1.elements import CODES, BadElementString, parse_notation, to_bracketed
from kiosk.protocols.barcodes.gs1.table import TABLE
from tests.protocols.barcodes.gs1.examples import value

LABEL = (("01", "06901234567892"), ("10", "A(B)"), ("21", "X"))


def test_one_label_in_each_way(subtests: pytest.Subtests) -> None:
    for text in [r"(01)06901234567892(10)A\(B)(21)X", "010690123456789210A(B)^21X", "^010690123456789210A(B)^21X^"]:
        with subtests.test(text=text):
            assert parse_notation(text) == LABEL


def test_each_way_to_write_it_wrong(subtests: pytest.Subtests) -> None:
    for text, code, at in [
        ("", "empty", 0),
        ("^", "empty", 1),
        ("^^10A", "separator", 1),
        ("(01)06901234567891", "check_digit", 4),
        ("(01)06901234567892(10)", "length", 22),
        ("(01)06901234567892(10)A B", "charset", 23),
        ("(01)06901234567892(89)A", "unknown_ai", 22),
        ("(1)A", "brackets", 0),
        ("(10A", "brackets", 0),
        ("(10)A(B)", "brackets", 5),
        ("(٠١)A", "brackets", 0),
        ("(10)A^(21)B", "charset", 5),
        ("(10)A(10)B", "repeated_ai", 0),
    ]:
        with subtests.test(text=text, code=code, at=at):
            with pytest.raises(BadElementString) as caught:
                parse_notation(text)
            assert (caught.value.code, caught.value.at) == (code, at)


@given(st.text("()0123456789^A\\%", max_size=40))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        parse_notation(text)
    except BadElementString as error:
        assert error.code in CODES
        assert 0 <= error.at <= len(text)


@given(st.lists(st.sampled_from(sorted(TABLE)), min_size=1, max_size=5, unique=True))
def test_what_is_written_is_read_the_same(identifiers: list[str]) -> None:
    elements = tuple((one, value(one)) for one in identifiers)
    assert parse_notation(to_bracketed(elements)) == elements
