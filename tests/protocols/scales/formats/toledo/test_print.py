"""What the simulated Toledo balance and JIK-6CAB print."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading
from tests.protocols.scales.golden import decode


def _sent(protocol: str, shown: DisplayState, **params: str) -> bytes:
    return registry.get(protocol).encode_frame(shown, registry.defaults(protocol) | params)


def test_the_length_of_a_line_is_a_setting() -> None:
    assert len(_sent("mt_print", DisplayState(Decimal("7.385")))) == 26
    assert len(_sent("mt_print", DisplayState(Decimal("7.385")), length="27")) == 27


def test_what_a_line_cannot_carry_is_refused(subtests: pytest.Subtests) -> None:
    for shown in [DisplayState(Decimal("12345678901.234")), DisplayState(Decimal(1), unit="jin of rice")]:
        with subtests.test(shown=shown), pytest.raises(ValueError, match="mt_print cannot carry"):
            _sent("mt_print", shown)


def test_the_key_prints_nothing_out_of_range(subtests: pytest.Subtests) -> None:
    for protocol in ["mt_print", "mt_jik6cab"]:
        with subtests.test(protocol=protocol):
            assert _sent(protocol, DisplayState(Decimal(1), overload=True)) == b""
            assert _sent(protocol, DisplayState(Decimal(-1), underload=True)) == b""


def test_a_block_of_a_net_weight_says_its_tare() -> None:
    lines = _sent("mt_jik6cab", DisplayState(Decimal("7.385"), net=True)).split(b"\r\n")
    assert lines[3:5] == [b"  1.000 kg", b"  8.385 kg"]
    with pytest.raises(ValueError, match="mt_jik6cab cannot carry pcs"):
        _sent("mt_jik6cab", DisplayState(Decimal(1), unit="pcs"))


def test_a_block_tells_the_tare_of_its_weight() -> None:
    (item,) = decode("mt_jik6cab", {}, _sent("mt_jik6cab", DisplayState(Decimal("7.385"), net=True)))
    assert isinstance(item, Reading)
    assert (str(item.weight), str(item.tare)) == ("7.385", "1.000")
