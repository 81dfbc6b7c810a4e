"""Scanner-scales: the two questions, and bar codes on the same line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Record


def _sent(command: str, shown: DisplayState, **given: str) -> bytes:
    row = registry.get("magellan_s")
    assert row.respond is not None
    return row.respond(command, shown, registry.defaults("magellan_s") | given)


def test_one_question_waits_and_the_other_does_not(subtests: pytest.Subtests) -> None:
    for shown, when_still, at_once in [
        (DisplayState(Decimal("7.385")), b"S1107385\r", b"S14407385\r"),
        (DisplayState(Decimal("7.382"), stable=False), b"", b"S141\r"),
        (DisplayState(Decimal("0.000")), b"", b"S143\r"),
        (DisplayState(Decimal("15.005"), overload=True), b"", b"S142\r"),
        (DisplayState(Decimal("100.000")), b"", b"S142\r"),
        (DisplayState(Decimal("-0.250")), b"", b"S145\r"),
        (DisplayState(Decimal("-0.250"), overload=True), b"", b"S142\r"),
    ]:
        with subtests.test(shown=shown, when_still=when_still, at_once=at_once):
            assert _sent("request_weight", shown) == when_still
            assert _sent("read", shown) == at_once


def test_pounds_have_four_digits() -> None:
    assert _sent("read", DisplayState(Decimal("16.28"), unit="lb"), metric="false") == b"S1441628\r"
    with pytest.raises(ValueError, match="lb with 2 decimals"):
        _sent("read", DisplayState(Decimal("7.385")), metric="false")


def test_a_bar_code_between_question_and_answer_is_told_apart_by_its_prefix() -> None:
    decoded = registry.decoder("magellan_s", {}).feed(b"S08F6901234567892\rS14407385\rS08B3S1199999\r")
    assert [type(item) for item in decoded] == [Record, Reading, Record]
    assert [item.weight for item in decoded if isinstance(item, Reading)] == [Decimal("7.385")]
