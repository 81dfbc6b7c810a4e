"""XK3190 in command mode: what is asked, what a simulated indicator answers, and that the two fit."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import xor

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected

_ROW = registry.get("xk3190_tf1")
_ADDRESSES = [str(n) for n in range(1, 27)]


def _params(address: str = "1") -> dict[str, str]:
    return registry.defaults("xk3190_tf1") | {"address": address}


def _answer(name: str, shown: DisplayState, address: str = "1") -> bytes:
    assert _ROW.respond is not None
    return _ROW.respond(name, shown, _params(address))


def _framed(body: bytes) -> bytes:
    return b"\x02%b%02X\x03" % (body, reduce(xor, body))


def _decode(data: bytes, address: str = "1") -> list[Decoded]:
    return registry.decoder("xk3190_tf1", {"address": address}).feed(data)


def test_question_and_answer_bear_the_address_as_a_letter(subtests: pytest.Subtests) -> None:
    for address in _ADDRESSES:
        with subtests.test(address=address):
            asked = registry.encode("xk3190_tf1", "request_weight", {"address": address})
            letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[int(address) - 1].encode()
            assert asked[:3] == b"\x02" + letter + b"B"
            assert asked[3:5] == b"%02X" % (letter[0] ^ ord("B"))
            (reading,) = _decode(_answer("request_weight", DisplayState(Decimal("12.450")), address), address)
            assert isinstance(reading, Reading)
            assert (str(reading.weight), reading.net) == ("12.450", False)


def test_there_are_26_addresses(subtests: pytest.Subtests) -> None:
    for address in ["0", "27", "01", "A", "", "1 ", "٣"]:
        with subtests.test(address=address), pytest.raises(registry.BadParameter, match="address"):
            registry.decoder("xk3190_tf1", {"address": address})


def test_only_the_asked_indicator_is_heard() -> None:
    answer = _answer("request_weight", DisplayState(Decimal("12.450")), "3")
    for address in _ADDRESSES:
        heard = [item for item in _decode(answer, address) if isinstance(item, Reading)]
        assert len(heard) == (address == "3")


def test_a_number_under_another_letter_is_no_weight(subtests: pytest.Subtests) -> None:
    for letter in "EFGHIJKLMNOPQRSTUVWXYZ":
        with subtests.test(letter=letter):
            body = f"A{letter}+0000123".encode()
            check = 0
            for byte in body:
                check ^= byte
            (refused,) = _decode(b"\x02" + body + b"%02X\x03" % check)
            assert isinstance(refused, Rejected)
            assert refused.reason == "no_weight"


def test_net_is_told_by_the_letter_alone() -> None:
    shown = DisplayState(Decimal("6.745"), net=True)
    (by_question,) = _decode(_answer("read_net", shown))
    (sent,) = _decode(_ROW.encode_frame(shown, _params()))
    assert isinstance(by_question, Reading)
    assert by_question == sent
    assert (str(by_question.weight), by_question.net) == ("6.745", True)


def test_a_net_weight_is_never_named_gross(subtests: pytest.Subtests) -> None:
    for name in ["request_weight", "read_gross"]:
        with subtests.test(name=name):
            assert _answer(name, DisplayState(Decimal("6.745"), net=True)) == b""
            (reading,) = _decode(_answer(name, DisplayState(Decimal("6.745"), net=True, tare=Decimal("0.640"))))
            assert isinstance(reading, Reading)
            assert (str(reading.weight), reading.net) == ("7.385", False)


def test_an_answer_repeats_the_address_and_the_letter_of_its_question() -> None:
    assert _ROW.poll is not None and _ROW.poll.answers is not None
    asked = registry.encode("xk3190_tf1", "request_weight", {"address": "3"})
    gross, net = b"CB+0007383", b"CD+0007383"
    told = [
        _ROW.poll.answers(asked, item)
        for body, address in ((gross, "3"), (net, "3"), (b"CC+0007383", "3"), (b"CE+0007383", "3"), (gross, "4"))
        for item in _decode(_framed(body), address)
    ]
    assert told == [True, False, False, False, True]
    assert not any(_ROW.poll.answers(asked, item) for item in _decode(_framed(b"DB+0007383"), "3"))
    assert all(_ROW.poll.answers(asked, item) for item in _decode(b"\x02CD+00\x02", "3")), "damage is seen as such"


def test_tare_and_handshake_are_records() -> None:
    shown = DisplayState(Decimal("7.385"))
    (tare,) = _decode(_answer("read_tare", shown))
    assert isinstance(tare, Record)
    assert (tare.kind, tare.value) == ("tare", "0.000")
    (hand,) = _decode(_answer("handshake", shown))
    assert isinstance(hand, Record)
    assert hand.kind == "acknowledgement"
    assert _answer("read_tare", DisplayState(Decimal("7.385"), net=True)) == b""
    (tare,) = _decode(_answer("read_tare", DisplayState(Decimal("7.385"), net=True, tare=Decimal("0.640"))))
    assert (tare.kind, tare.value) == ("tare", "0.640") if isinstance(tare, Record) else False


def test_beyond_its_range_the_indicator_keeps_silent(subtests: pytest.Subtests) -> None:
    for name in ["request_weight", "read_gross", "read_net"]:
        for shown in [
            DisplayState(Decimal("7.385"), overload=True),
            DisplayState(Decimal("-7.385"), underload=True),
            DisplayState(Decimal("12345.678")),
        ]:
            with subtests.test(name=name, shown=shown):
                assert _answer(name, shown) == b""


def test_the_question_handed_back_by_the_adapter_does_not_end_the_waiting() -> None:
    """A refusal would: the host would take it for the answer."""
    asked = registry.encode("xk3190_tf1", "request_weight", {})
    assert [type(item) for item in _decode(asked)] == [Record]
    told = _decode(asked + _answer("request_weight", DisplayState(Decimal("-0.385"))))
    assert [type(item) for item in told] == [Record, Reading]


def test_the_poll_asks_for_the_weight_within_the_time_of_the_manual() -> None:
    assert _ROW.poll is not None
    assert _ROW.poll.steps == ("request_weight",)
    assert 0.15 <= _ROW.poll.timeout_s <= 0.3
    assert _ROW.poll.retries == 2
