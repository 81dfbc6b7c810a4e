"""Element strings: what the table allows, and each way to be wrong by its name and place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.gs1.elements import (
    CODES,
    GS,
    BadElementString,
    build_element_string,
    check_value,
    parse_element_string,
)
from kiosk.protocols.barcodes.gs1.rules import RULES
from kiosk.protocols.barcodes.gs1.table import CHARSETS, PREDEFINED_LENGTH, TABLE, matches
from tests.protocols.barcodes.gs1.examples import value

GTIN = "0106901234567892"
LABEL = f"{GTIN}3103002480132601011012AB{GS}21X-7"


def refused(data: str) -> BadElementString:
    with pytest.raises(BadElementString) as caught:
        parse_element_string(data)
    assert str(caught.value)
    assert caught.value.code in CODES
    return caught.value


# --- the table --------------------------------------------------------------------------------------------------------


def test_no_identifier_is_the_beginning_of_another() -> None:
    assert [(one, two) for one in TABLE for two in TABLE if one != two and two.startswith(one)] == []


def test_the_identifiers_of_the_dictionary() -> None:
    assert len(TABLE) == 541


def test_predefined_lengths_fit_the_rows() -> None:
    known = {identifier for identifier in TABLE if identifier[:2] in PREDEFINED_LENGTH}
    assert {"00", "01", "02", "11", "13", "15", "17", "20", "3103", "3303", "3695", "410", "417"} <= known
    for identifier in known:
        (part,) = TABLE[identifier].parts
        assert part.min_length == part.max_length == PREDEFINED_LENGTH[identifier[:2]] - len(identifier)


def test_every_pattern_of_a_row_means_an_identifier(subtests: pytest.Subtests) -> None:
    for identifier in sorted(TABLE):
        with subtests.test(identifier=identifier):
            row = TABLE[identifier]
            patterns = [*row.not_with, *(each for alternative in row.needs for each in alternative)]
            patterns += [each for order in row.qualifiers for each in order]
            assert [pattern for pattern in patterns if not any(matches(pattern, one) for one in TABLE)] == []


def test_every_rule_is_used_and_known() -> None:
    used = {rule for row in TABLE.values() for part in row.parts for rule in part.rules}
    assert used == set(RULES)
    assert {rule.code for rule in RULES.values()} <= CODES


def test_every_row_takes_its_example_and_not_too_much_of_it(subtests: pytest.Subtests) -> None:
    for identifier in sorted(TABLE):
        with subtests.test(identifier=identifier):
            check_value(identifier, value(identifier))
            assert parse_element_string(f"{identifier}{value(identifier)}{GS}") == ((identifier, value(identifier)),)
            for wrong in "", value(identifier) + "1" * 91:
                with pytest.raises(BadElementString):
                    check_value(identifier, wrong)


def test_a_coupon_is_text_that_nobody_reads(subtests: pytest.Subtests) -> None:
    for identifier in ["8110", "8112"]:
        with subtests.test(identifier=identifier):
            assert parse_element_string(f"{identifier}A-7{GS}") == ((identifier, "A-7"),)


def test_every_row_refuses_what_is_in_no_charset(subtests: pytest.Subtests) -> None:
    for identifier in sorted(TABLE):
        with subtests.test(identifier=identifier):
            for alien in " ", "٣", "３", "é", "\x00", "^", "`", "~":
                with pytest.raises(BadElementString):
                    check_value(identifier, alien + value(identifier)[1:])


def test_the_sizes_of_the_charsets() -> None:
    assert [len(CHARSETS[name]) for name in "nxyz"] == [10, 82, 39, 65]


# --- strings ----------------------------------------------------------------------------------------------------------


def test_a_label_of_the_trade() -> None:
    assert parse_element_string(LABEL) == (
        ("01", "06901234567892"),
        ("3103", "002480"),
        ("13", "260101"),
        ("10", "12AB"),
        ("21", "X-7"),
    )
    assert build_element_string(parse_element_string(LABEL)) == LABEL


def test_separators_that_are_not_needed_are_forgiven() -> None:
    plain = parse_element_string(f"{GTIN}10A")
    assert parse_element_string(f"{GTIN}{GS}10A{GS}") == plain


def test_a_fixed_length_that_is_not_predefined_needs_its_separator() -> None:
    assert parse_element_string(f"422156{GS}10A") == (("422", "156"), ("10", "A"))
    assert refused("42215610A").code == "length"


def test_each_way_to_be_wrong_has_its_name_and_place(subtests: pytest.Subtests) -> None:
    for data, code, identifier, at in [
        ("", "empty", "", 0),
        (GS + GTIN, "separator", "", 0),
        (f"10A{GS}{GS}21B", "separator", "", 4),
        ("0206901234567891", "check_digit", "02", 2),
        ("00106141412345678909", "check_digit", "00", 2),
        (f"{GTIN}4101234567890123", "check_digit", "410", 19),
        ("0106901234567", "length", "01", 2),
        ("10", "length", "10", 2),
        ("10" + "A" * 21, "length", "10", 22),
        ("3712345678" + "9", "length", "37", 10),
        ("11261301", "date", "11", 2),
        (f"10A{GS}11260230", "date", "11", 6),
        ("0506901234567892", "unknown_ai", "", 0),
        (f"{GTIN}31790012", "unknown_ai", "", 16),
        ("abc", "unknown_ai", "", 0),
        ("1", "unknown_ai", "", 0),
        ("10A B", "charset", "10", 3),
        ("10ئا", "charset", "10", 2),
        ("0106901٣34567892", "charset", "01", 7),
        ("3103002x80", "charset", "3103", 7),
        ("800310690123456789210", "zero", "8003", 4),
        (f"10A{GS}10B", "repeated_ai", "10", 0),
    ]:
        with subtests.test(data=data, code=code, identifier=identifier, at=at):
            error = refused(data)
            assert (error.code, error.identifier, error.at) == (code, identifier, at)


def test_the_same_value_twice_is_one_truth() -> None:
    assert parse_element_string(f"10A{GS}10A") == (("10", "A"), ("10", "A"))


def test_parts_that_may_be_absent() -> None:
    for data in "7007260901", "7007260901260915", "423156", "423156398", "80082609011200", "800826090112":
        size = 3 if data.startswith("423") else 4
        assert parse_element_string(data) == ((data[:size], data[size:]),)
    assert refused("42315639").code == "length"
    assert refused("700326090112").code == "length"


def test_what_cannot_be_built() -> None:
    for elements in [], [("10", "A"), ("10", "B")], [("05", "1")], [("10", f"A{GS}B")], [("10", "")]:
        with pytest.raises(BadElementString):
            build_element_string(elements)


def test_cut_anywhere_it_is_read_or_refused_by_name(subtests: pytest.Subtests) -> None:
    for stop in range(len(LABEL) + 1):
        with subtests.test(stop=stop):
            whole = parse_element_string(LABEL)
            try:
                elements = parse_element_string(LABEL[:stop])
            except BadElementString as error:
                assert error.code in CODES
                assert error.at <= stop
            else:
                assert elements[:-1] == whole[: len(elements) - 1]


@given(st.text(max_size=60) | st.text("0123456789" + GS + "AB(%", max_size=60))
def test_nothing_but_a_named_refusal_ever_comes_of_any_text(data: str) -> None:
    try:
        elements = parse_element_string(data)
    except BadElementString as error:
        assert error.code in CODES
        assert 0 <= error.at <= len(data)
    else:
        assert "".join(identifier + value for identifier, value in elements) == data.replace(GS, "")


@given(st.lists(st.sampled_from(sorted(TABLE)), min_size=1, max_size=5, unique=True))
def test_what_is_put_together_comes_apart_the_same(identifiers: list[str]) -> None:
    elements = tuple((one, value(one)) for one in identifiers)
    assert parse_element_string(build_element_string(elements)) == elements
