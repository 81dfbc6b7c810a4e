"""POS2-M: the password, the state bit by bit, the tare."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import xor

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_REFUSED = {5: RejectReason.ZERO_ERROR, 7: RejectReason.TIMEOUT_UNSTABLE, 9: RejectReason.NEEDS_CALIBRATION}


def _state(state: int, tare: int = 0) -> Decoded:
    message = b"\x0b\x3a\x00" + state.to_bytes(2, "little") + b"\xd9\x1c\x00\x00" + tare.to_bytes(2, "little") + b"\x00"
    (item,) = registry.decoder("pos2_m", {}).feed(b"\x02" + message + bytes((reduce(xor, message),)))
    return item


def test_each_bit_of_the_state(subtests: pytest.Subtests) -> None:
    def holds(bit: int) -> None:
        item = _state(1 << bit)
        if bit in _REFUSED:
            assert isinstance(item, Rejected)
            assert item.reason is _REFUSED[bit]
            return
        assert isinstance(item, Reading)
        assert item.stable is (bit in (0, 4))
        assert item.net is (bit == 3)
        assert (item.overload, item.underload) == (bit == 6, bit == 8)
        assert item.weight == (None if bit in (6, 8) else Decimal(7385))

    for bit in range(16):
        with subtests.test(bit=bit):
            holds(bit)


def test_the_tare_comes_with_the_weight() -> None:
    item = _state(1 << 3 | 1 << 4, tare=640)
    assert isinstance(item, Reading)
    assert (item.weight, item.net, item.tare) == (Decimal(7385), True, Decimal(640))


def test_every_command_is_acknowledged_and_answered(subtests: pytest.Subtests) -> None:
    for command in ["request_weight", "zero", "tare"]:
        with subtests.test(command=command):
            row = registry.get("pos2_m")
            assert row.respond is not None
            shown = DisplayState(Decimal(7385), unit="g")
            accepted, answer = registry.decoder("pos2_m", {}).feed(
                row.respond(command, shown, registry.defaults("pos2_m"))
            )
            assert isinstance(accepted, Record)
            assert isinstance(answer, Reading if command == "request_weight" else Record)


def test_a_password_has_four_plain_characters(subtests: pytest.Subtests) -> None:
    for password in ["", "030", "00300", "00 0", "пар1"]:
        with subtests.test(password=password), pytest.raises(registry.BadParameter):
            registry.encode("pos2_m", "request_weight", {"password": password})
