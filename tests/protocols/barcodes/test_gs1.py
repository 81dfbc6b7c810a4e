"""Element strings: what the table allows, and each way to be wrong by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.digits import gs1_check_digit
from kiosk.protocols.barcodes.gs1 import GS, BadElementString, check_value, parse_element_string
from kiosk.protocols.barcodes.gs1_table import CHARSETS, FORMATS, PREDEFINED_LENGTH, Part
from tests.each import each

GTIN = "0106901234567892"


def wrong(data: str) -> str:
    with pytest.raises(BadElementString) as caught:
        parse_element_string(data)
    assert str(caught.value)
    return caught.value.code


def example(part: Part) -> str:
    """The longest value a part may have, so that the rule on it holds."""
    if part.rule == "key":
        body = "1" * (part.most - 1)
        return body + gs1_check_digit(body)
    if part.rule in ("date", "day0"):
        return "260228"
    return {"time": "2359", "zero": "0", "bit": "1"}.get(part.rule, "1" * part.most)[: part.most]


# --- the table --------------------------------------------------------------------------------------------------------


def test_no_identifier_is_the_beginning_of_another() -> None:
    assert [(one, two) for one in FORMATS for two in FORMATS if one != two and two.startswith(one)] == []


def test_predefined_lengths_fit_the_rows() -> None:
    known = {identifier for identifier in FORMATS if identifier[:2] in PREDEFINED_LENGTH}
    assert {"00", "01", "02", "11", "13", "15", "17", "20", "3103", "3303", "3695", "410", "417"} <= known
    for identifier in known:
        (part,) = FORMATS[identifier]
        assert part.least == part.most == PREDEFINED_LENGTH[identifier[:2]] - len(identifier)


@each("identifier", sorted(FORMATS))
def test_every_row_takes_its_longest_value_and_not_one_more_character(identifier: str) -> None:
    value = "".join(example(part) for part in FORMATS[identifier])
    check_value(identifier, value)
    assert parse_element_string(f"{identifier}{value}{GS}") == ((identifier, value),)
    with pytest.raises(BadElementString):
        check_value(identifier, value + "1")
    with pytest.raises(BadElementString):
        check_value(identifier, "")


@each("identifier", sorted(FORMATS))
def test_every_row_refuses_what_is_in_no_charset(identifier: str) -> None:
    value = "".join(example(part) for part in FORMATS[identifier])
    for alien in " ", "٣", "３", "é", "\x00", "^", "`", "~":
        with pytest.raises(BadElementString):
            check_value(identifier, alien + value[1:])


def test_the_charset_of_82_has_82_characters() -> None:
    assert [len(CHARSETS[name]) for name in "nxa"] == [10, 82, 39]


# --- strings ----------------------------------------------------------------------------------------------------------


def test_a_label_of_the_trade() -> None:
    data = f"{GTIN}3103002480132601011012AB{GS}21X-7"
    assert parse_element_string(data) == (
        ("01", "06901234567892"),
        ("3103", "002480"),
        ("13", "260101"),
        ("10", "12AB"),
        ("21", "X-7"),
    )


def test_separators_that_are_not_needed_are_forgiven() -> None:
    plain = parse_element_string(f"{GTIN}10A")
    assert parse_element_string(f"{GTIN}{GS}10A{GS}") == plain


def test_a_fixed_length_that_is_not_predefined_needs_its_separator() -> None:
    assert parse_element_string(f"422156{GS}10A") == (("422", "156"), ("10", "A"))
    assert wrong("42215610A") == "length"


@each(
    ("data", "code"),
    [
        ("", "empty"),
        (GS + GTIN, "separator"),
        (f"10A{GS}{GS}21B", "separator"),
        ("0206901234567891", "check_digit"),
        ("00106141412345678909", "check_digit"),
        ("4101234567890123", "check_digit"),
        ("253" + "1" * 13, "check_digit"),
        ("0106901234567", "length"),
        ("10", "length"),
        ("10" + "A" * 21, "length"),
        ("3712345678" + "9", "length"),
        ("11261301", "date"),
        ("11260001", "date"),
        ("11260230", "date"),
        ("11270229", "date"),
        ("7006260100", "date"),
        ("700326010124" + "00", "date"),
        ("0506901234567892", "unknown_ai"),
        ("31790012", "unknown_ai"),
        ("abc", "unknown_ai"),
        ("1", "unknown_ai"),
        ("10A B", "charset"),
        ("10ئا", "charset"),
        ("0106901٣34567892", "charset"),
        ("3103002x80", "charset"),
        ("800310690123456789210", "charset"),
        (f"10A{GS}10B", "repeated_ai"),
    ],
)
def test_each_way_to_be_wrong_has_its_name(data: str, code: str) -> None:
    assert wrong(data) == code


def test_the_same_value_twice_is_one_truth() -> None:
    assert parse_element_string(f"10A{GS}10A") == (("10", "A"), ("10", "A"))


def test_day_zero_and_leap_day() -> None:
    assert parse_element_string("15260200" + "17280229") == (("15", "260200"), ("17", "280229"))


def test_parts_that_may_be_absent() -> None:
    for data in "7007260901", "7007260901260915", "423156", "423156398", "80082609011200", "800826090112":
        size = 3 if data.startswith("423") else 4
        assert parse_element_string(data) == ((data[:size], data[size:]),)
    assert wrong("42315639") == "length"
    assert wrong("700326090112") == "length"


@given(st.text(max_size=60))
def test_nothing_but_a_named_refusal_ever_comes_of_any_text(data: str) -> None:
    try:
        elements = parse_element_string(data)
    except BadElementString as error:
        assert error.code in {
            *("empty", "unknown_ai", "length", "charset", "check_digit", "date", "separator", "repeated_ai"),
        }
    else:
        assert "".join(identifier + value for identifier, value in elements) == data.replace(GS, "")


@given(st.lists(st.sampled_from(sorted(FORMATS)), min_size=1, max_size=5, unique=True))
def test_what_is_put_together_comes_apart_the_same(identifiers: list[str]) -> None:
    elements = tuple((one, "".join(example(part) for part in FORMATS[one])) for one in identifiers)
    data = "".join(one + value + ("" if one[:2] in PREDEFINED_LENGTH else GS) for one, value in elements)
    assert parse_element_string(data) == elements
