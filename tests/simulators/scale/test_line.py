"""Bits laid out in time and sampled by a receiver with other settings."""

from __future__ import annotations

import pytest

from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.line import as_received

_8N1, _7E1, _7O1, _8E1 = (LineSettings(9600, bits, parity) for bits, parity in ((8, "N"), (7, "E"), (7, "O"), (8, "E")))


def test_equal_settings_carry_everything_the_bits_can_hold(subtests: pytest.Subtests) -> None:
    for line in [_8N1, _7E1, _7O1, _8E1, LineSettings(2400, 8, "N", 2)]:
        with subtests.test(line=line):
            data = bytes(range(256 if line.bytesize == 8 else 128))
            assert as_received(data, line, line) == data


def test_a_7e1_line_read_as_8n1_has_the_parity_in_bit_7() -> None:
    assert as_received(b"0123A", _7E1, _8N1) == bytes((0x30, 0xB1, 0xB2, 0x33, 0x41))
    assert as_received(b"0123A", _7O1, _8N1) == bytes((0xB0, 0x31, 0x32, 0xB3, 0xC1))


def test_wrong_parity_alone_is_handed_on_as_linux_does() -> None:
    assert as_received(b"ST,GS", _7E1, _7O1) == b"ST,GS"
    assert as_received(b"ST,GS", _8N1, _7E1) == b"ST,GS"


def test_two_stop_bits_are_one_and_a_pause() -> None:
    assert as_received(b"12.345kg", LineSettings(9600, 8, "N", 2), _8N1) == b"12.345kg"


def test_another_speed_is_noise(subtests: pytest.Subtests) -> None:
    for baud in [1200, 2400, 4800, 19_200, 38_400]:
        with subtests.test(baud=baud):
            heard = as_received(b"ST,GS,+  2.480kg\r\n" * 3, LineSettings(9600), LineSettings(baud))
            assert b"2.480" not in heard
            assert heard


def test_speeds_that_differ_by_two_percent_understand_each_other() -> None:
    data = b"ST,GS,+  2.480kg\r\n"
    assert as_received(data, LineSettings(9600), LineSettings(9800)) == data
    assert as_received(data, LineSettings(9600), LineSettings(9400, stopbits=1)) != b""
