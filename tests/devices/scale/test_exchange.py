"""Poller to a polled scale, at moments chosen by the test."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from kiosk.devices.scale.exchange import Poller
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState, Poll
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_READING = Reading(Decimal("1.000"), "kg", True, False, False, False, raw=b"w")
_ACK = Record("acknowledgement", "", b"\x06")
_TWO_STEPS = Poll(("enquiry", "request_weight"), interval_s=0.2, timeout_s=0.5, retries=2)
_ONE_STEP = Poll(interval_s=0.2, timeout_s=0.5, retries=1)

_WHY = Poll(("price", "enquiry"), interval_s=0.2, timeout_s=0.5, retries=1, why="why")
_TOLD = Poll(interval_s=0.2, timeout_s=0.5, retries=1, accept=b"ok", refuse=b"again")
_NAK = Rejected(RejectReason.NAK, b"\x15")
_OVERLOAD = Reading(None, None, None, None, True, False, raw=b"32")


class _Line:
    """What was sent, and how often the port was emptied."""

    def __init__(self, poll: Poll) -> None:
        self.sent: list[bytes] = []
        self.cleaned = 0
        self.poller = Poller(poll, str.encode, self.sent.append, self._clean)

    def _clean(self) -> None:
        self.cleaned += 1


def test_one_question_at_a_time_and_an_interval_between_them() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(10.0)
    line.poller.poll(10.1)
    assert (line.sent, line.cleaned) == ([b"request_weight"], 1)
    assert not line.poller.idle
    assert line.poller.receive([_READING], 10.1) == [_READING]
    assert line.poller.due_at() == pytest.approx(10.2)
    line.poller.poll(10.19)
    assert len(line.sent) == 1
    line.poller.poll(10.2)
    assert len(line.sent) == 2


def test_an_answer_slower_than_the_interval_is_followed_by_the_next_question_at_once() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(10.0)
    line.poller.receive([_READING], 10.4)
    assert line.poller.due_at() == pytest.approx(10.4)


def test_each_step_waits_for_its_acknowledgement() -> None:
    line = _Line(_TWO_STEPS)
    line.poller.poll(1.0)
    assert line.poller.receive([_READING], 1.1) == []  # a late answer to an earlier question
    assert line.poller.unsolicited == 1
    line.poller.receive([_ACK], 1.2)
    assert line.sent == [b"enquiry", b"request_weight"]
    assert line.poller.receive([_ACK], 1.25) == []
    assert line.poller.receive([_READING], 1.3) == [_READING]
    assert line.cleaned == 1  # the answer to a step must not be thrown away with what was before the question


def test_without_an_answer_it_asks_anew_from_the_start_so_often_and_then_waits() -> None:
    line = _Line(_TWO_STEPS)
    line.poller.poll(0.0)
    line.poller.receive([_ACK], 0.1)
    line.poller.poll(0.6)
    line.poller.poll(1.1)
    assert line.sent == [b"enquiry", b"request_weight", b"enquiry", b"enquiry"]
    assert line.cleaned == 3
    line.poller.poll(1.6)
    assert line.poller.idle
    assert len(line.sent) == 4
    line.poller.poll(line.poller.due_at())
    assert len(line.sent) == 5


def test_what_comes_after_the_question_was_given_up_is_not_shown() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(0.0)
    line.poller.poll(0.5)
    line.poller.poll(1.0)
    assert line.poller.idle
    assert line.poller.receive([_READING, _READING], 1.1) == []
    assert line.poller.unsolicited == 2


def test_a_second_reading_to_one_question_is_not_shown() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(0.0)
    assert line.poller.receive([_READING, _READING], 0.1) == [_READING]
    assert line.poller.unsolicited == 1


def test_a_refusal_answers_the_question() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(0.0)
    line.poller.receive([Rejected(RejectReason.NO_WEIGHT, b"?")], 0.1)
    assert line.poller.idle
    assert line.poller.due_at() == pytest.approx(0.2)


def test_a_step_that_is_refused_begins_the_question_anew_a_little_later() -> None:
    line = _Line(_TWO_STEPS)
    line.poller.poll(0.0)
    line.poller.receive([Rejected(RejectReason.NAK, b"\x15")], 0.05)
    assert not line.poller.idle
    line.poller.poll(0.2)
    assert len(line.sent) == 1
    line.poller.poll(0.25)
    assert line.sent == [b"enquiry", b"enquiry"]


@pytest.mark.parametrize("heard", [[Rejected(RejectReason.CHECKSUM, b"x")], []])
def test_damage_and_half_answers_wait_for_their_rest_but_not_the_whole_time(heard: list[Rejected]) -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(0.0)
    line.poller.receive(heard, 0.1)
    assert not line.poller.idle
    assert line.poller.due_at() == pytest.approx(0.25)
    assert line.poller.receive([_READING], 0.2) == [_READING]


def test_held_it_asks_nothing_and_takes_nothing() -> None:
    line = _Line(_ONE_STEP)
    line.poller.poll(0.0)
    line.poller.pause(3.0)
    assert line.poller.idle
    assert line.poller.receive([_READING], 0.1) == []
    line.poller.poll(2.9)
    assert len(line.sent) == 1
    line.poller.poll(3.0)
    assert len(line.sent) == 2


def _asked_why() -> _Line:
    line = _Line(_WHY)
    line.poller.poll(0.0)
    line.poller.receive([_ACK], 0.05)
    assert line.poller.receive([_NAK], 0.1) == []
    assert line.sent == [b"price", b"enquiry", b"why"]
    return line


def test_a_bare_no_is_asked_why_and_the_condition_is_the_answer() -> None:
    line = _asked_why()
    assert line.poller.receive([_OVERLOAD], 0.15) == [_OVERLOAD]
    assert line.poller.idle
    assert line.poller.due_at() == pytest.approx(0.2)


@pytest.mark.parametrize(
    "answer",
    [Rejected(RejectReason.NO_NEW_WEIGHING, b"21"), _NAK, Record("status", "00", b"00")],
    ids=lambda it: it.raw,
)
def test_why_is_asked_once_whatever_is_answered(answer: Rejected | Record) -> None:
    line = _asked_why()
    assert line.poller.receive([answer], 0.15) == []
    assert line.poller.idle
    assert len(line.sent) == 3


def test_a_weight_is_no_answer_to_why() -> None:
    line = _asked_why()
    assert line.poller.receive([_READING], 0.15) == []
    assert (line.poller.unsolicited, line.poller.idle) == (1, False)


def test_without_an_answer_to_why_the_question_begins_anew() -> None:
    line = _asked_why()
    line.poller.poll(0.6)
    assert line.sent[3:] == [b"price"]
    line.poller.receive([_ACK], 0.65)
    line.poller.receive([_NAK], 0.7)
    assert line.sent[3:] == [b"price", b"enquiry", b"why"]
    line.poller.poll(1.2)
    assert line.poller.idle


def test_a_no_to_a_step_before_the_last_is_not_asked_why() -> None:
    line = _Line(_WHY)
    line.poller.poll(0.0)
    line.poller.receive([_NAK], 0.05)
    assert line.sent == [b"price"]
    line.poller.poll(0.25)
    assert line.sent == [b"price", b"price"]


@pytest.mark.parametrize("answer", [_READING, Rejected(RejectReason.BUSY, b"x")], ids=["weight", "refusal"])
def test_a_scale_that_waits_for_a_word_gets_it_once(answer: Reading | Rejected) -> None:
    line = _Line(_TOLD)
    line.poller.poll(0.0)
    line.poller.receive([_ACK], 0.05)
    line.poller.receive([answer, answer], 0.1)
    assert line.sent == [b"request_weight", b"ok"]


def test_a_damaged_answer_is_asked_for_again_once() -> None:
    line = _Line(_TOLD)
    line.poller.poll(0.0)
    damage = Rejected(RejectReason.CHECKSUM, b"x")
    line.poller.receive([damage, damage], 0.1)
    assert line.sent == [b"request_weight", b"again"]
    assert line.poller.receive([_READING], 0.2) == [_READING]
    assert line.sent == [b"request_weight", b"again", b"ok"]
    line.poller.poll(0.3)
    line.poller.receive([damage], 0.4)
    assert line.sent[3:] == [b"request_weight", b"again"]


def test_a_scale_that_is_not_ready_is_not_thanked() -> None:
    line = _Line(_TOLD)
    line.poller.poll(0.0)
    line.poller.receive([_NAK], 0.1)
    assert line.sent == [b"request_weight"]
    assert line.poller.idle


def _repeats(asked: bytes, item: Decoded) -> bool:
    return item.raw == asked


@pytest.mark.parametrize(
    "other",
    [_READING, Record("tare", "0.640", b"w"), Rejected(RejectReason.NO_WEIGHT, b"w")],
    ids=["weight", "record", "refusal"],
)
def test_what_answers_another_question_leaves_the_own_one_open(other: Decoded) -> None:
    line = _Line(replace(_ONE_STEP, answers=_repeats))
    line.poller.poll(0.0)
    assert line.poller.receive([other], 0.1) == []
    assert (line.poller.idle, line.poller.unsolicited) == (False, int(isinstance(other, Reading)))
    own = replace(_READING, raw=b"request_weight")
    assert line.poller.receive([own], 0.2) == [own]
    assert line.sent == [b"request_weight"]


def test_an_indicator_that_answers_with_another_letter_is_asked_again() -> None:
    row = registry.get("xk3190_tf1")
    params = registry.defaults(row.id)
    assert row.poll is not None and row.respond is not None
    sent: list[bytes] = []
    poller = Poller(row.poll, lambda name: registry.encode(row.id, name, {}), sent.append, lambda: None)
    shown = DisplayState(Decimal("6.745"), net=True, tare=Decimal("0.640"))
    poller.poll(0.0)
    net = registry.read(row.id, {}, row.respond("read_net", shown, params))
    assert poller.receive(net, 0.1) == []
    gross = registry.read(row.id, {}, row.respond("request_weight", shown, params))
    assert poller.receive(gross, 0.2) == gross
