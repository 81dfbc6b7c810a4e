"""The Toledo continuous output beyond its golden frames: the tare, and what the simulated terminal can show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.protocol import Shown
from kiosk.protocols.scales.reading import Reading
from tests.protocols.scales.golden import decode

_OFF = {"checksum": "off"}


def _tare(words: bytes, tare: bytes, **params: str) -> str | None:
    (item,) = decode("mt_continuous", _OFF | params, b"\x02%b  7385%b\r" % (words, tare))
    assert isinstance(item, Reading)
    return None if item.tare is None else str(item.tare)


def test_the_tare_has_the_decimals_of_the_weight() -> None:
    assert _tare(b"\x2d\x31\x20", b"   250") == "0.250"
    assert _tare(b"\x2d\x31\x30", b"  2500") == "0.2500"
    assert _tare(b"\x29\x31\x20", b"    25") == "250"
    assert _tare(b"\x29\x31\x20", b"   250", dummy_zeros="sent") == "250"


def test_a_blank_tare_is_none_and_that_of_a_load_out_of_range_is_not_told() -> None:
    assert _tare(b"\x2d\x30\x20", b"      ") is None
    assert _tare(b"\x2d\x34\x20", b"   250") is None


def _shown(weight: str, **flags: bool) -> Reading:
    params = registry.defaults("mt_continuous")
    frame = registry.get("mt_continuous").encode_frame(Shown(Decimal(weight), **flags), params)
    (item,) = decode("mt_continuous", {}, frame)
    assert isinstance(item, Reading)
    return item


def test_more_than_six_digits_are_out_of_range() -> None:
    assert str(_shown("999.999").weight) == "999.999"
    assert (_shown("1000.000").weight, _shown("1000.000").overload) == (None, True)
    assert (_shown("-1000.000").weight, _shown("-1000.000").underload) == (None, True)


def test_overload_counts_more_than_underload() -> None:
    item = _shown("-1.000", overload=True, underload=True)
    assert (item.weight, item.overload, item.underload) == (None, True, False)


@pytest.mark.parametrize("shown", [Shown(Decimal("0.000001")), Shown(Decimal(1), unit="pcs")])
def test_what_the_frame_cannot_carry_is_refused(shown: Shown) -> None:
    with pytest.raises(ValueError, match="mt_continuous cannot carry"):
        registry.get("mt_continuous").encode_frame(shown, registry.defaults("mt_continuous"))


def test_no_command_is_answered() -> None:
    row, params = registry.get("mt_continuous"), registry.defaults("mt_continuous")
    assert row.respond is not None
    assert {row.respond(name, Shown(Decimal(1)), params) for name in row.commands} == {b""}
