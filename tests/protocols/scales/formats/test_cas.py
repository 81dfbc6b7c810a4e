"""CAS: the dialogue, answers that fall into a broken frame, the A&D line on a CAS indicator, and what it can show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected, RejectReason
from tests.protocols.scales.golden import decode

_FRAME = bytes.fromhex("01 02 53 20 30 37 2E 33 38 35 6B 67 68 03 04")
_DIALOGUES = ("cas_type6", "cas_m_pro")


def _respond(protocol: str, command: str, shown: DisplayState, **params: str) -> bytes:
    row = registry.get(protocol)
    assert row.respond is not None
    return row.respond(command, shown, registry.defaults(protocol) | params)


def test_a_weight_is_asked_for_in_two_steps(subtests: pytest.Subtests) -> None:
    for protocol in _DIALOGUES:
        with subtests.test(protocol=protocol):
            row, shown = registry.get(protocol), DisplayState(Decimal("7.385"))
            assert row.poll is not None
            assert [registry.encode(protocol, step, {}) for step in row.poll.steps] == [b"\x05", b"\x11"]
            decoder = registry.decoder(protocol, {})
            assert decoder.feed(_respond(protocol, "enquiry", shown)) == [Record("acknowledgement", "ACK", b"\x06")]
            (reading,) = decoder.feed(_respond(protocol, "request_weight", shown))
            assert isinstance(reading, Reading)
            assert (reading.weight, reading.unit, reading.stable, reading.overload) == (
                Decimal("7.385"),
                "kg",
                True,
                False,
            )


def test_an_answer_behind_a_frame_that_broke_off_is_not_swallowed(subtests: pytest.Subtests) -> None:
    """The scale went silent inside its frame; the host asks again and must see what it says now."""
    for protocol in _DIALOGUES:
        for name, answer in [("ACK", b"\x06"), ("NAK", b"\x15")]:
            with subtests.test(name, protocol=protocol):
                for cut in range(1, len(_FRAME)):
                    if cut == 12:
                        continue  # in the place of the check any byte is a check: see the next test
                    decoder = registry.decoder(protocol, {})
                    decoder.feed(_FRAME[:cut])
                    *_, last = decoder.feed(answer)
                    assert last.raw == answer, cut


def test_an_answer_in_the_place_of_the_check_costs_one_question(subtests: pytest.Subtests) -> None:
    for protocol in _DIALOGUES:
        with subtests.test(protocol=protocol):
            decoder = registry.decoder(protocol, {})
            assert decoder.feed(_FRAME[:12] + b"\x06") == []
            told = decoder.feed(b"\x06" + _FRAME)
            assert [item.raw for item in told if isinstance(item, Reading)] == [_FRAME]
            assert Rejected(RejectReason.FRAMING, _FRAME[:12]) in told


def test_every_value_of_the_check_but_one_is_refused_whole_and_once() -> None:
    for check in range(256):
        frame = _FRAME[:12] + bytes((check,)) + _FRAME[13:]
        told = decode("cas_type6", {}, frame + _FRAME)
        if check != 0x68:
            assert told[0] == Rejected(RejectReason.CHECKSUM, frame), hex(check)
        assert isinstance(told[-1], Reading)
        assert len(told) == 2


def test_what_the_simulated_indicator_answers(subtests: pytest.Subtests) -> None:
    for shown, body in [
        (DisplayState(Decimal("7.385")), b"S 07.385kg"),
        (DisplayState(Decimal("-0.25"), unit="lb", stable=False), b"U-000.25lb"),
        (DisplayState(Decimal("123.456")), b"S 123.456kg"),
        (DisplayState(Decimal(12450), unit="g"), b"S 012450 g"),
        (DisplayState(Decimal("12345.678")), b"UFFFFFFFkg"),
        (DisplayState(Decimal("7.385"), overload=True), b"UFFFFFFFkg"),
    ]:
        with subtests.test(shown=shown, body=body):
            frame = _respond("cas_type6", "request_weight", shown)
            assert frame[:2] + frame[-2:] == b"\x01\x02\x03\x04"
            assert frame[2:-3] == body


def test_what_the_dialogue_cannot_say() -> None:
    assert _respond("cas_type6", "request_weight", DisplayState(Decimal(-1), underload=True)) == b""
    with pytest.raises(ValueError, match="not t"):
        _respond("cas_type6", "request_weight", DisplayState(Decimal(1), unit="t"))
    assert _respond("cas_m_pro", "zero", DisplayState(Decimal(0))) == b""


def test_the_queries_of_cas_m_pro() -> None:
    assert registry.encode("cas_m_pro", "zero", {}) == bytes.fromhex("3C 5A 4B 3E 09")
    assert registry.encode("cas_m_pro", "tare", {}) == bytes.fromhex("3C 54 4B 3E 09")
    (record,) = decode("cas_m_pro", {}, _respond("cas_m_pro", "handshake", DisplayState(Decimal(0))))
    assert record == Record("mode", "224F", b"mode=224F  \r\n")


# --- 22 bytes ---------------------------------------------------------------------------------------------------------


def test_the_a_and_d_line_of_a_cas_indicator(subtests: pytest.Subtests) -> None:
    for line, told in [
        (b"ST,NT,+0012.34kg\r\n", ("12.34", "kg", True, True, False, False)),
        (b"US,GS,-0012.34kg\r\n", ("-12.34", "kg", False, False, False, False)),
        (b"ST,+0007.385 kg\r\n", ("7.385", "kg", True, None, False, False)),
        (b"OL,GS,+    .  kg\r\n", (None, None, None, False, True, False)),
        (b"OL,-9999999E+19\r\n", (None, None, None, None, False, True)),
    ]:
        with subtests.test(line=line, told=told):
            (reading,) = decode("cas_22", {}, line)
            assert isinstance(reading, Reading)
            weight = None if reading.weight is None else str(reading.weight)
            assert (weight, reading.unit, reading.stable, reading.net, reading.overload, reading.underload) == told


def test_every_lamp_byte_leaves_the_weight_alone() -> None:
    for lamp in range(0x80, 0x100):
        (reading,) = decode("cas_22", {}, b"ST,GS,0%c,   7.385 kg\r\n" % lamp)
        assert isinstance(reading, Reading)
        assert (reading.weight, reading.stable, reading.net) == (Decimal("7.385"), True, False)


def test_every_device_number_is_read_and_addressed() -> None:
    for number in range(100):
        params = {"address": str(number)}
        assert registry.encode("cas_22", "request_weight", params) == bytes((0x30 + number,)) + b"RW\r\n"
        answer = _respond("cas_22", "request_weight", DisplayState(Decimal("7.385")), **params)
        assert answer[6] == 0x30 + number
        assert isinstance(decode("cas_22", params, answer)[0], Reading)
        (echo,) = decode("cas_22", params, _respond("cas_22", "zero", DisplayState(Decimal(0)), **params))
        assert (type(echo), echo.raw) == (Record, bytes((0x30 + number,)) + b"MZ")


def test_the_line_of_the_simulated_indicator(subtests: pytest.Subtests) -> None:
    for shown, line in [
        (DisplayState(Decimal("7.385")), b"ST,GS,0\xc4,   7.385 kg\r\n"),
        (DisplayState(Decimal("-0.250"), stable=False, net=True), b"US,NT,0\x82,  -0.250 kg\r\n"),
        (DisplayState(Decimal("0"), unit="g"), b"ST,GS,0\xc5,       0  g\r\n"),
        (DisplayState(Decimal("1"), overload=True), b"OL,GS,0\xc4,         kg\r\n"),
        (DisplayState(Decimal("123456.789")), b"OL,GS,0\xc4,         kg\r\n"),
        (DisplayState(Decimal("-1"), underload=True), b""),
    ]:
        with subtests.test(shown=shown, line=line):
            assert registry.get("cas_22").encode_frame(shown, registry.defaults("cas_22")) == line


def test_a_unit_of_three_letters_does_not_fit() -> None:
    with pytest.raises(ValueError, match="not ozt"):
        registry.get("cas_22").encode_frame(DisplayState(Decimal(1), unit="ozt"), registry.defaults("cas_22"))
