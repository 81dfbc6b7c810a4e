"""Every rule on a value: what it takes and what it refuses, as element strings with their verdicts."""

from __future__ import annotations

import pytest

from kiosk.protocols.barcodes.gs1.elements import BadElementString, check_value
from kiosk.protocols.barcodes.gs1.rules import RULES
from kiosk.protocols.barcodes.gs1.table import TABLE

GOOD: dict[str, list[tuple[str, str]]] = {
    "check": [("01", "06901234567892"), ("00", "106141412345678908"), ("414", "6901234567892")],
    "check_pair": [("8013", "1987654Ad4X4bL5ttr2310c2K")],
    "prefix": [("8004", "0614A"), ("401", "061414"), ("8010", "0614141-A#/")],
    "prefix2": [("01", "06901234567892")],
    "date": [("4326", "260228"), ("7003", "2802290000"), ("7007", "260901260915"), ("7006", "000229")],
    "day0": [("17", "260200"), ("17", "280229"), ("11", "991231")],
    "date4": [("7250", "20000229"), ("7250", "19491001"), ("7250", "00000101")],
    "hh": [("8008", "26010100"), ("8008", "26010123")],
    "mm": [("8008", "2601010059")],
    "ss": [("8008", "260101000059")],
    "hhmm": [("7011", "2601012359"), ("7011", "260101")],
    "country": [("422", "156"), ("421", "156844700"), ("423", "156398860")],
    "country999": [("7030", "999A"), ("7039", "156A")],
    "country2": [("4307", "CN"), ("4317", "KZ")],
    "currency": [("3932", "1561990"), ("3912", "9781990")],
    "iban": [("8007", "GB82WEST12345698765432"), ("8007", "DE89370400440532013000")],
    "percent": [("4300", "%E5%96%80%e4"), ("7256", "A+B%20C")],
    "latitude": [("4309", "00000000000000000000"), ("4309", "18000000003600000000")],
    "longitude": [("4309", "13947000002560000000")],
    "piece": [("8006", "069012345678920101"), ("8026", "069012345678920299")],
    "sequence": [("7258", "1/1"), ("7258", "2/3")],
    "media": [("7241", "01"), ("7241", "10"), ("7241", "80"), ("7241", "99")],
    "package": [("7041", "8"), ("7041", "APE"), ("7041", "200")],
    "sex": [("7252", digit) for digit in "0129"],
    "winding": [("8001", f"000100001001{digit}0") for digit in "019"],
    "bit": [("4321", "0"), ("4323", "1")],
    "importer": [("7040", f"1AB{one}") for one in "-_9Zz"],
    "hyphen": [("4330", "001234-"), ("4331", "001234")],
    "letter": [("8014", "1987654Ad4X4bL5ttr2310c2K")],
    "padding": [("8030", "AB-_"), ("8030", "AB="), ("8030", "A==")],
    "zero": [("8003", "06901234567892"), ("8003", "06901234567892A1")],
    "nonzero": [("8001", "00010000100190")],
    "no_leading_zero": [("8011", "1"), ("8011", "10")],
}
BAD: dict[str, list[tuple[str, str]]] = {
    "check": [("01", "06901234567891"), ("414", "6901234567891"), ("8017", "106141412345678907")],
    "check_pair": [("8013", "1987654Ad4X4bL5ttr2310c2L"), ("8013", "1"), ("8013", "1987654Bd4X4bL5ttr2310c2K")],
    "prefix": [("8004", "061"), ("8004", "061A4"), ("7023", "A0614141"), ("8010", "-0614141")],
    "prefix2": [],
    "date": [("4326", "260200"), ("7003", "2702290000"), ("7007", "260901260931"), ("7006", "260001")],
    "day0": [("17", "261301"), ("17", "260230"), ("17", "270229"), ("11", "260001")],
    "date4": [("7250", "19000229"), ("7250", "20260200"), ("7250", "20261301")],
    "hh": [("8008", "26010124")],
    "mm": [("8008", "2601010060")],
    "ss": [("8008", "260101000060")],
    "hhmm": [("7003", "2601012400"), ("7011", "2601010060")],
    "country": [("422", "000"), ("421", "999844700"), ("423", "156000860")],
    "country999": [("7030", "998A")],
    "country2": [("4307", "ZZ"), ("4307", "cn"), ("4317", "EU")],
    "currency": [("3932", "0001990"), ("3912", "2491990")],
    "iban": [
        ("8007", "GB82WEST12345698765433"),
        ("8007", "ZZ82WEST12345698765432"),
        ("8007", "DE89370400"),
        ("8007", "DE89"),
    ],
    "percent": [("4300", "100%"), ("4300", "%5"), ("4300", "%GG"), ("4300", "A%2%20")],
    "latitude": [("4309", "18000000010000000000")],
    "longitude": [("4309", "00000000003600000001")],
    "piece": [("8006", "069012345678920201"), ("8006", "069012345678920001"), ("8006", "069012345678920100")],
    "sequence": [("7258", "3/2"), ("7258", "0/2"), ("7258", "1/0"), ("7258", "111"), ("7258", "/11"), ("7258", "11/")],
    "media": [("7241", "00"), ("7241", "11"), ("7241", "79")],
    "package": [("7041", "ZZZ"), ("7041", "ape"), ("7041", "0")],
    "sex": [("7252", "3")],
    "winding": [("8001", "00010000100120")],
    "bit": [("4321", "2")],
    "importer": [("7040", "1AB!"), ("7040", "1AB+")],
    "hyphen": [("4330", "001234+")],
    "letter": [],
    "padding": [("8030", "="), ("8030", "A="), ("8030", "A=B"), ("8030", "ABC===")],
    "zero": [("8003", "16901234567892")],
    "nonzero": [("8001", "00000000100190"), ("8001", "00010000000190"), ("8001", "00010000100090")],
    "no_leading_zero": [("8011", "0"), ("8011", "01")],
}
NEVER_ALONE = {"prefix2", "letter"}
"""Another rule of every row that has them fails first: digits alone, and a pair that one in a thousand texts has."""


def test_every_rule_has_its_verdicts() -> None:
    assert set(GOOD) == set(BAD) == set(RULES)
    assert {name for name, cases in BAD.items() if not cases} == NEVER_ALONE
    for name, cases in [*GOOD.items(), *BAD.items()]:
        for identifier, _ in cases:
            assert any(name in part.rules for part in TABLE[identifier].parts), (name, identifier)


def test_what_a_rule_takes(subtests: pytest.Subtests) -> None:
    for rule, identifier, value in [(name, *case) for name, cases in GOOD.items() for case in cases]:
        with subtests.test(rule=rule, identifier=identifier, value=value):
            check_value(identifier, value)


def test_what_a_rule_refuses(subtests: pytest.Subtests) -> None:
    for rule, identifier, value in [(name, *case) for name, cases in BAD.items() for case in cases]:
        with subtests.test(rule=rule, identifier=identifier, value=value):
            with pytest.raises(BadElementString) as caught:
                check_value(identifier, value)
            assert caught.value.code == RULES[rule].code
            assert caught.value.identifier == identifier


def test_the_letter_and_the_second_place_of_the_prefix() -> None:
    assert not RULES["letter"].holds("1234567")
    assert RULES["letter"].holds("1234A67")
    assert not RULES["prefix2"].holds("106A")
    assert RULES["prefix2"].holds("A0614")


def test_every_value_cut_anywhere_is_taken_or_refused_by_name(subtests: pytest.Subtests) -> None:
    for rule, identifier, value in [(name, *case) for name, cases in GOOD.items() for case in cases]:
        with subtests.test(rule=rule, identifier=identifier, value=value):
            for stop in range(len(value)):
                try:
                    check_value(identifier, value[:stop])
                except BadElementString as error:
                    assert error.at <= stop
