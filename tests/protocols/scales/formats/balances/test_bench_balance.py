"""What the simulated balances send: silence out of range, and refusals of what a line cannot carry."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState

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


def test_every_line_has_its_length(subtests: pytest.Subtests) -> None:
    for protocol, length in _LENGTHS.items():
        with subtests.test(protocol=protocol, length=length):
            for shown in (
                DisplayState(Decimal("7.385")),
                DisplayState(Decimal("-0.5"), unit="g", stable=False),
                DisplayState(Decimal(0), "ozt"),
            ):
                assert len(_sent(protocol, shown)) == length


def test_what_a_line_cannot_carry_is_refused(subtests: pytest.Subtests) -> None:
    for protocol in sorted(_LENGTHS):
        for shown in [DisplayState(Decimal("12345678901.234")), DisplayState(Decimal(1), unit="jin of rice")]:
            with (
                subtests.test(protocol=protocol, shown=shown),
                pytest.raises(ValueError, match=f"{protocol} cannot carry"),
            ):
                _sent(protocol, shown)


def test_a_balance_without_a_word_for_it_is_silent_out_of_range(subtests: pytest.Subtests) -> None:
    for protocol in sorted(set(_LENGTHS) - {"ussolid"}):
        with subtests.test(protocol=protocol):
            assert _sent(protocol, DisplayState(Decimal(1), overload=True)) == b""
            assert _sent(protocol, DisplayState(Decimal(-1), underload=True)) == b""


def test_an_unstable_kern_leaves_its_unit_away_only_where_that_is_set() -> None:
    moving = DisplayState(Decimal("7.385"), stable=False)
    assert _sent("kern_18", moving) == b"       7.385 kg \r\n"
    assert _sent("kern_18", moving, unit_means="stable") == b"       7.385    \r\n"
