from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.decisions import ACTS, DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
EVENT = (DecisionKind.QUARANTINE, "shache S0147 0011223344556677 4 ab12")


def test_decisions_are_added_and_never_changed(desk: CenterDesk) -> None:
    desk.decisions.decide(EVENT, 0, "take_again", DecisionRationale("gulnar", "the update is here"), NOW)
    assert desk.decisions.carry_out(DecisionKind.QUARANTINE, "take_again", lambda _: "unknown_type") is not None
    desk.decisions.decide(EVENT, 1, "set_aside", DecisionRationale("turdi", "of a test machine"), NOW)
    told = [(one.number, one.act, one.who, one.outcome) for one in desk.decisions.history(*EVENT)]
    assert told == [(1, "take_again", "gulnar", "unknown_type"), (2, "set_aside", "turdi", "")]
    assert desk.decisions.latest(DecisionKind.QUARANTINE, [EVENT[1], "other"])[EVENT[1]].act == "set_aside"
    assert desk.decisions.latest(DecisionKind.DAY, [EVENT[1]]) == {}


def test_nothing_is_decided_twice(desk: CenterDesk) -> None:
    desk.decisions.decide(EVENT, 0, "set_aside", DecisionRationale("gulnar", "of a test machine"), NOW)
    for seen in (0, 2, -1):
        with pytest.raises(Refused) as refused:
            desk.decisions.decide(EVENT, seen, "take_again", DecisionRationale("turdi", "the update is here"), NOW)
        assert refused.value.code == "decided_meanwhile"
    assert len(desk.decisions.history(*EVENT)) == 1


def test_each_kind_has_its_acts_and_every_one_a_reason(desk: CenterDesk) -> None:
    for kind in DecisionKind:
        for act in {act for acts in ACTS.values() for act in acts} | {"edit", ""}:
            if act not in ACTS[kind]:
                with pytest.raises(Refused) as refused:
                    desk.decisions.decide((kind, "x"), 0, act, DecisionRationale("gulnar", "because"), NOW)
                assert refused.value.code == "no_such_act"
    with pytest.raises(Refused) as refused:
        desk.decisions.decide(EVENT, 0, "set_aside", DecisionRationale("gulnar", " "), NOW)
    assert refused.value.code == "no_reason"


def test_the_latest_of_many(desk: CenterDesk) -> None:
    subjects = [f"shache S0147 e {number}" for number in range(1_200)]
    for subject in subjects[::100]:
        desk.decisions.decide(
            (DecisionKind.DAY, subject), 0, "asked_back", DecisionRationale("gulnar", "does not add up"), NOW
        )
        desk.decisions.decide(
            (DecisionKind.DAY, subject), 1, "accepted", DecisionRationale("gulnar", "papers compared"), NOW
        )
    found = desk.decisions.latest(DecisionKind.DAY, subjects)
    assert set(found) == set(subjects[::100])
    assert {one.act for one in found.values()} == {"accepted"}
