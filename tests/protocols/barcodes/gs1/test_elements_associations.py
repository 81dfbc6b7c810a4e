"""What must and must not stand together: every row's own rule, and the verdicts on labels of the trade."""

from __future__ import annotations

from functools import cache

import pytest

from kiosk.protocols.barcodes.gs1.elements import (
    BadElementString,
    Elements,
    check_associations,
    check_pairs,
    parse_notation,
)
from kiosk.protocols.barcodes.gs1.table import TABLE, matches
from tests.protocols.barcodes.gs1.examples import value

G, C, S = "(01)06901234567892", "(02)06901234567892", "(00)106141412345678908"
GLN = "6901234567892"

GOOD = [
    G,
    S,
    f"{G}(3103)002480(13)260101(10)12AB(21)X-7",
    f"{S}{C}(37)12",
    f"{S}(8026)069012345678920102(37)12",
    f"{G}(30)12(3922)1990",
    f"{G}(3103)002480(3922)1990",
    f"{G}(3103)002480(3932)1561990",
    f"{G}(3103)002480(3953)001990",
    f"{G}(3103)002480(3303)002500(3203)002480",
    f"{G}(3103)002480(3103)002480",
    f"{G}(21)A(250)B",
    "(03)06901234567892(21)A(250)B",
    "(8006)069012345678920102(21)A(250)B",
    f"{G}(422)156(427)XJ",
    f"{G}(10)A(7004)12",
    f"{G}(416){GLN}(7020)A",
    f"{G}(7021)A(7022)B",
    f"(414){GLN}(254)A",
    f"(415){GLN}(8020)A(3902)1990",
    f"(415){GLN}(8020)A(3912)1561990",
    f"(415){GLN}(8020)A(8007)GB82WEST12345698765432",
    f"(255){GLN}123(3902)1990",
    f"(255){GLN}123(3941)0500",
    f"{S}(4302)A(4303)B(420)844700(4307)CN",
    f"{S}(4330)001234-(4333)001200",
    f"{S}(421)156844700",
    "(8010)0614141A(8011)1",
    "(8018)106141412345678908(8019)1(7258)1/2(7259)A",
    "(8018)106141412345678908(7253)A(7254)B",
    "(8004)0614141A(7230)EMA",
    f"(253){GLN}1(8030)AB",
    f"(8003)0{GLN}1(8030)AB",
    f"{G}(21)A(8030)AB",
    f"{G}(21)A(8040)123456789012345(8041)123456789012345",
    "(400)A(90)B(91)C",
]
MISSING = [
    ("(10)A", "10"),
    ("(13)260101", "13"),
    (f"{S}(10)A", "10"),
    ("(3103)002480", "3103"),
    (f"{S}(3103)002480", "3103"),
    (C, "02"),
    (f"{C}(37)12", "37"),
    (f"{S}(37)12", "37"),
    (f"{G}(3922)1990", "3922"),
    (f"{C}{S}(37)1(3103)002480(3922)1990", "3922"),
    (f"{G}(3953)001990", "3953"),
    (f"{G}(3932)1561990", "3932"),
    (f"{G}(250)B", "250"),
    ("(21)A(250)B", "21"),
    (f"{G}(427)XJ", "427"),
    (f"{G}(7004)12", "7004"),
    (f"{G}(7020)A", "7020"),
    (f"{G}(7022)A", "7022"),
    ("(254)A", "254"),
    (f"(415){GLN}", "415"),
    ("(8020)A", "8020"),
    ("(12)260101", "12"),
    ("(3912)1561990", "3912"),
    ("(4300)A", "4300"),
    (f"{S}(4303)B", "4303"),
    ("(8011)1", "8011"),
    ("(8019)1", "8019"),
    ("(8018)106141412345678908(7258)1/2", "7258"),
    (f"{G}(8030)AB", "8030"),
    (f"(253){GLN}(8030)AB", "253"),
    (f"(255){GLN}(8030)AB", "255"),
    (f"(8003)0{GLN}(8030)AB", "8003"),
    (f"{G}(21)A(8041)123456789012345", "8041"),
    ("(8026)069012345678920102", "8026"),
]
FORBIDDEN = [
    (f"{G}{C}(37)1{S}", "01"),
    (f"{G}(37)1", "01"),
    (f"{G}(255){GLN}", "01"),
    (f"{G}(03)06901234567892", "03"),
    (f"{G}(21)A(235)B", "21"),
    (f"{G}(3103)002480(3102)000248", "3103"),
    (f"{G}(3103)002480(3922)1990(3932)1561990", "3922"),
    (f"{G}(3103)002480(3922)1990(3953)001990", "3953"),
    (f"{G}(3103)002480(3953)001990(8005)001990", "3953"),
    (f"{G}(422)156(426)156", "422"),
    (f"{G}(423)156(426)156", "423"),
    (f"{S}(420)844700(421)156844700", "420"),
    (f"{S}(421)156844700(4307)CN", "421"),
    (f"{S}(4330)001234(4331)001234", "4330"),
    (f"(8006)069012345678920102{G}", "8006"),
    ("(8017)106141412345678908(8018)106141412345678908", "8017"),
    (f"(255){GLN}(3902)1990(3941)0500", "3902"),
    ("(8018)106141412345678908(7250)20000101(7251)200001010000", "7250"),
    ("(8018)106141412345678908(7253)A(7256)B", "7253"),
    (f"{G}(7240)A(03)06901234567892", "7240"),
]


def test_what_may_stand_together(subtests: pytest.Subtests) -> None:
    for text in GOOD:
        with subtests.test(text=text):
            elements = parse_notation(text)
            check_pairs(elements)
            check_associations(elements)


def test_what_must_stand_beside_it(subtests: pytest.Subtests) -> None:
    for text, identifier in MISSING:
        with subtests.test(text=text, identifier=identifier):
            elements = parse_notation(text)
            check_pairs(elements)
            with pytest.raises(BadElementString) as caught:
                check_associations(elements)
            assert (caught.value.code, caught.value.identifier) == ("missing_ai", identifier)


def test_what_must_not(subtests: pytest.Subtests) -> None:
    for text, identifier in FORBIDDEN:
        with subtests.test(text=text, identifier=identifier):
            elements = parse_notation(text)
            assert identifier in dict(elements)
            with pytest.raises(BadElementString) as caught:
                check_pairs(elements)
            assert caught.value.code == "forbidden_ai"


@cache
def matching(pattern: str) -> list[str]:
    return [identifier for identifier in sorted(TABLE) if matches(pattern, identifier)]


def concrete(pattern: str) -> str:
    return matching(pattern)[0]


def with_values(identifiers: set[str]) -> Elements:
    return tuple((identifier, value(identifier)) for identifier in sorted(identifiers))


def lacking(alternative: tuple[str, ...], found: set[str]) -> set[str]:
    return set(map(concrete, alternative)) - found


def company(identifier: str) -> set[str]:
    """An identifier and what it needs, and what those need: always the alternative that adds least."""
    found = {identifier}
    wanted = found
    while wanted:
        wanted = set()
        for one in sorted(found):
            wanted |= min((lacking(each, found) for each in TABLE[one].needs), key=len, default=set())
        found |= wanted
    return found


def test_every_row_is_satisfied_by_the_alternative_that_adds_least(subtests: pytest.Subtests) -> None:
    for identifier in sorted(TABLE):
        with subtests.test(identifier=identifier):
            elements = with_values(company(identifier))
            check_pairs(elements)
            check_associations(elements)


def test_every_row_that_needs_another_is_refused_alone(subtests: pytest.Subtests) -> None:
    for identifier in sorted(one for one in TABLE if TABLE[one].needs):
        with subtests.test(identifier=identifier):
            with pytest.raises(BadElementString) as caught:
                check_associations(((identifier, value(identifier)),))
            assert (caught.value.code, caught.value.identifier) == ("missing_ai", identifier)


def test_every_pair_that_a_row_forbids(subtests: pytest.Subtests) -> None:
    def holds(identifier: str, other: str) -> None:
        if identifier == other:
            check_pairs(with_values(company(identifier)))
            return
        for first, second in (identifier, other), (other, identifier):
            with pytest.raises(BadElementString) as caught:
                check_pairs(((first, value(first)), (second, value(second))))
            assert caught.value.code == "forbidden_ai"

    for identifier, other in [
        (row.identifier, one) for row in TABLE.values() for each in row.not_with for one in matching(each)
    ]:
        with subtests.test(identifier=identifier, other=other):
            holds(identifier, other)
