"""What the simulated balances send: silence out of range, and refusals of what a line cannot carry."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from tests.each import each

_LENGTHS = {
    "gg_14": 14,
    "kern_18": 18,
    "steinberg_sbs": 17,
    "ussolid": 15,
    "creedmoor": 14,
    "adam_highland": 18,
}


def _sent(protocol: str, shown: DisplayState, **params: str) -> bytes:
    return registry.get(protocol).encode_frame(shown, registry.defaults(protocol) | params)


@each(("protocol", "length"), _LENGTHS.items())
def test_every_line_has_its_length(protocol: str, length: int) -> None:
    for shown in (
        DisplayState(Decimal("7.385")),
        DisplayState(Decimal("-0.5"), unit="g", stable=False),
        DisplayState(Decimal(0), "ozt"),
    ):
        assert len(_sent(protocol, shown)) == length


@each("protocol", sorted(_LENGTHS))
@each("shown", [DisplayState(Decimal("12345678901.234")), DisplayState(Decimal(1), unit="jin of rice")])
def test_what_a_line_cannot_carry_is_refused(protocol: str, shown: DisplayState) -> None:
    with pytest.raises(ValueError, match=f"{protocol} cannot carry"):
        _sent(protocol, shown)


@each("protocol", sorted(set(_LENGTHS) - {"ussolid"}))
def test_a_balance_without_a_word_for_it_is_silent_out_of_range(protocol: str) -> None:
    assert _sent(protocol, DisplayState(Decimal(1), overload=True)) == b""
    assert _sent(protocol, DisplayState(Decimal(-1), underload=True)) == b""


def test_an_unstable_kern_leaves_its_unit_away_only_where_that_is_set() -> None:
    moving = DisplayState(Decimal("7.385"), stable=False)
    assert _sent("kern_18", moving) == b"       7.385 kg \r\n"
    assert _sent("kern_18", moving, unit_means="stable") == b"       7.385    \r\n"
