"""Addresses that carry element strings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link, is_link, parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import CODES, BadElementString, Elements, parse_notation
from kiosk.protocols.barcodes.gs1.table import TABLE
from tests.protocols.barcodes.gs1.examples import value

GTIN = "06901234567892"


def test_addresses_of_the_trade(subtests: pytest.Subtests) -> None:
    for text, elements in [
        (f"https://id.example.org/01/{GTIN}", f"(01){GTIN}"),
        (f"HTTP://example.org:8080/shop/01/{GTIN}/10/A%2FB/21/C?3103=002480&17=260200", None),
        (f"https://example.org/01/{GTIN}?linkType=gs1:pip&lang=ug&3103=002480", f"(01){GTIN}(3103)002480"),
        (f"https://example.org/01/{GTIN}/22/A/10/B/21/C#top", f"(01){GTIN}(22)A(10)B(21)C"),
        (f"https://example.org/01/{GTIN}/235/A", f"(01){GTIN}(235)A"),
        ("https://example.org/414/6901234567892/254/A", "(414)6901234567892(254)A"),
        (f"https://example.org/00/106141412345678908?02={GTIN}&37=12&10=A", None),
        (f"https://example.org/01/{GTIN}?", f"(01){GTIN}"),
        (f"https://example.org/01/{GTIN}/22/A+B?&&lang&98=C%2fD", f"(01){GTIN}(22)A+B(98)C/D"),
        (f"https://[2001:db8::1]:8443/00/x/01/{GTIN}", f"(01){GTIN}"),
    ]:
        with subtests.test(text=text, elements=elements):
            assert is_link(text)
            found = parse_digital_link(text)
            if elements is not None:
                assert found == parse_notation(elements)


def test_each_way_to_be_no_digital_link(subtests: pytest.Subtests) -> None:
    for text, code in [
        ("", "link"),
        (f"ftp://example.org/01/{GTIN}", "link"),
        (f"Https://example.org/01/{GTIN}", "link"),
        ("https://example.org", "link"),
        ("https://example.org/", "link"),
        ("https://example.org/about/us", "link"),
        (f"https://example.org/01/{GTIN}/", "link"),
        (f"https://example.org/01/{GTIN}/21/A/10/B", "link"),
        (f"https://example.org/01/{GTIN}/10/A/10/A", "link"),
        (f"https://example.org/01/{GTIN}/22/A/235/B", "link"),
        (f"https://example.org/01/{GTIN}/3103/002480", "link"),
        (f"https://example.org/01/{GTIN}?10=A", "link"),
        (f"https://example.org/01/{GTIN}?01={GTIN}", "repeated_ai"),
        (f"https://example.org/01/{GTIN}?17=260101&17=260101", "repeated_ai"),
        (f"https://example.org/01/{GTIN}?98=A+B", "charset"),
        (f"https://example.org/01/{GTIN}?98=A<B", "link"),
        (f"https://example.org/01/{GTIN}?8200=A", "link"),
        (f"https://example.org/01/{GTIN}?3103", "link"),
        (f"https://example.org/01/{GTIN}?3103=2480", "length"),
        (f"https://example.org/01/{GTIN}?9=1", "unknown_ai"),
        (f"https://example.org/01/{GTIN}?17=260101&17=260102", "repeated_ai"),
        ("https://example.org/01/06901234567891", "check_digit"),
        ("https://example.org/01/6901234567892", "length"),
        (f"https://example.org/01/{GTIN}/10/A%2", "percent"),
        (f"https://example.org/01/{GTIN}/10/A%00", "charset"),
        (f"https://example.org/01/{GTIN}/10/%E5%96%80", "charset"),
    ]:
        with subtests.test(text=text, code=code):
            with pytest.raises(BadElementString) as caught:
                parse_digital_link(text)
            assert caught.value.code == code


def test_what_is_built_has_the_key_first_and_the_qualifiers_in_their_order() -> None:
    elements = parse_notation(f"(3103)002480(21)C/(10)A+B(01){GTIN}(17)260200")
    link = build_digital_link("id.example.org", elements)
    assert link == f"https://id.example.org/01/{GTIN}/10/A%2BB/21/C%2F?3103=002480&17=260200"
    assert sorted(parse_digital_link(link)) == sorted(elements)


def test_what_cannot_be_an_address(subtests: pytest.Subtests) -> None:
    for domain, elements in [
        ("id.example.org", "(3103)002480"),
        ("id.example.org", f"(01){GTIN}(8200)A"),
        ("id.example.org", f"(01){GTIN}(22)A(10)B(235)C"),
        ("id.example.org/x", f"(01){GTIN}"),
        ("", f"(01){GTIN}"),
        ("https://example.org", f"(01){GTIN}"),
    ]:
        with subtests.test(domain=domain, elements=elements):
            with pytest.raises(BadElementString) as caught:
                build_digital_link(domain, parse_notation(elements))
            assert caught.value.code == "link"


def test_every_key_with_its_qualifiers_there_and_back(subtests: pytest.Subtests) -> None:
    for identifier in sorted(one for one in TABLE if TABLE[one].is_key):
        with subtests.test(identifier=identifier):
            for order in TABLE[identifier].qualifiers:
                elements: Elements = tuple((one, value(one)) for one in (identifier, *order))
                assert parse_digital_link(build_digital_link("example.org", elements)) == elements


@given(st.text(max_size=60) | st.text("htps:/.?&=%0123456789A", max_size=60).map(f"https://a.b/01/{GTIN}".__add__))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        parse_digital_link(text)
    except BadElementString as error:
        assert error.code in CODES
    else:
        assert is_link(text)


def test_an_address_cut_anywhere(subtests: pytest.Subtests) -> None:
    for stop in range(len(f"https://a.b/01/{GTIN}/10/A%2FB?3103=002480")):
        with subtests.test(stop=stop):
            text = f"https://a.b/01/{GTIN}/10/A%2FB?3103=002480"[:stop]
            try:
                assert parse_digital_link(text)[0] == ("01", GTIN)
            except BadElementString as error:
                assert error.code in CODES
