"""Parcels in any order of steps: the store against a model of a dictionary, and against its own events."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kiosk.domain.parcel import (
    ARRIVABLE_STATES,
    TERMINAL_STATES,
    TRANSITIONS,
    WAITING_STATES,
    CollectedBy,
    ParcelNumber,
    ParcelState,
    Proof,
)
from kiosk.store import ExpectedParcel, ParcelRow, StoreRefusal
from kiosk.store.shared.records import DamageEvidence, HandoverProof, NewCode, SlotAssignment
from tests.depth import many
from tests.store.counter_rig import CLERK, PHOTO, SLOTS, Codes, arrive, collect, days_ago, days_later, mac_of, papers
from tests.store.village import epochs, events, open_store, rows, stamp

ON_SHELF = WAITING_STATES | {ParcelState.SHELVED}
"""Takes up a slot."""

_WAYBILLS = st.sampled_from([f"SF{number:010d}" for number in range(9)])
_S = ParcelState
_STEPS = {
    "refuse": _S.REFUSED,
    "misroute": _S.MISROUTED,
    "lose": _S.LOST,
    "due_back": _S.RETURN_DUE,
    "give_back": _S.RETURNED,
    "withdraw": _S.WITHDRAWN,
}
_TOLD_STATE = {
    "arrived": _S.ARRIVED,
    "shelved": _S.SHELVED,
    "noticed": _S.NOTICED,
    "collected": _S.COLLECTED,
    "overdue": _S.OVERDUE,
    "returnable": _S.RETURN_DUE,
    "returned": _S.RETURNED,
    "refused": _S.REFUSED,
    "misrouted": _S.MISROUTED,
    "lost": _S.LOST,
    "missing": _S.MISSING,
    "withdrawn": _S.WITHDRAWN,
}


class ParcelCounter(RuleBasedStateMachine):
    """A parcel counter; ``template`` is set by the test."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "kiosk.sqlite"
        self.new_epoch = epochs()
        self.codes = Codes()
        self.known: dict[ParcelNumber, ParcelRow] = {}
        self.old_codes: list[str] = []
        self.events = 1

    @initialize()
    def begin(self) -> None:
        self.store = open_store(self.path, self.template, new_epoch=self.new_epoch)

    def _keep(self, row: ParcelRow, events: int) -> None:
        before = self.known.get(row.number)
        assert before is None or before.state not in TERMINAL_STATES, "the end is the end"
        self.known[row.number] = row
        self.events += events

    def _some(self, data: st.DataObject) -> ParcelRow | None:
        return data.draw(st.sampled_from(list(self.known.values()))) if self.known else None

    def _newest(self, waybill: str) -> ParcelRow | None:
        mine = [row for row in self.known.values() if row.waybill == waybill]
        return max(mine, key=lambda row: row.number) if mine else None

    @rule(waybills=st.lists(_WAYBILLS, max_size=4))
    def expect(self, waybills: list[str]) -> None:
        known = {waybill: self._newest(waybill) for waybill in waybills}
        new = [one for one, row in known.items() if row is None or row.state in TERMINAL_STATES - {_S.COLLECTED}]
        assert self.store.deliveries.expect([ExpectedParcel(one, "SF") for one in waybills], stamp()) == len(new)
        for waybill in new:
            row = self.store.parcels.by_waybill(waybill)
            assert row is not None and row.state is _S.EXPECTED
            self._keep(row, 0)
        self.events += bool(new)

    @rule(waybill=_WAYBILLS, damaged=st.booleans())
    def scan(self, waybill: str, damaged: bool) -> None:
        before = self._newest(waybill)
        if before is not None and before.state not in ARRIVABLE_STATES:
            again = arrive(self.store, self.codes, waybill, damaged=damaged)
            assert (again.repeated, again.number, again.state) == (True, before.number, before.state)
            return
        if not damaged and self._full():
            with pytest.raises(StoreRefusal) as caught:
                arrive(self.store, self.codes, waybill)
            assert caught.value.code == "shelves_full"
            return
        row = arrive(self.store, self.codes, waybill, damaged=damaged)
        assert (row.repeated, row.state) == (False, _S.ARRIVED if damaged else _S.NOTICED)
        self._keep(row, 1 if damaged else 3)

    def _full(self) -> bool:
        return sum(row.state in ON_SHELF for row in self.known.values()) == len(SLOTS)

    @rule(data=st.data(), step=st.sampled_from(sorted(_STEPS)))
    def step(self, data: st.DataObject, step: str) -> None:
        row = self._some(data)
        if row is None:
            return
        act = getattr(self.store.parcels, step)
        if _STEPS[step] not in TRANSITIONS[row.state]:
            with pytest.raises(StoreRefusal) as caught:
                act(row.number, CLERK, stamp())
            assert caught.value.code == ("collected" if row.state is _S.COLLECTED else "not_waiting")
            return
        self._keep(act(row.number, CLERK, stamp()), 1)
        if step == "withdraw" and row.expected:
            anew = self.store.parcels.by_waybill(row.waybill)
            assert anew is not None and anew.state is _S.EXPECTED and anew.number not in self.known
            self._keep(anew, 0)

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        row = self._some(data)
        if row is None or row.state is not _S.ARRIVED or self._full():
            return
        done = self.store.parcels.accept_damaged(
            row.number, DamageEvidence(PHOTO, CLERK), SlotAssignment(SLOTS, self.codes, papers), stamp()
        )
        self._keep(done, 3)

    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        row = self._some(data)
        if row is None or row.state is not _S.LOST or self._full():
            return
        self._keep(self.store.parcels.find(row.number, CLERK, stamp(), SLOTS), 3)

    @rule(data=st.data(), by_name=st.booleans())
    def hand_over(self, data: st.DataObject, by_name: bool) -> None:
        row = self._some(data)
        if row is None:
            return
        code = self.codes.given.get(row.number, "000000")
        if row.state not in WAITING_STATES:
            with pytest.raises(StoreRefusal):
                collect(self.store, row, code)
            return
        if by_name:
            done = self.store.parcels.collect(
                row.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, "Tursun", CLERK), stamp()
            )
        else:
            done = collect(self.store, row, code)
        self._keep(done, 1)
        self.old_codes.append(code)

    @rule(data=st.data())
    def reissue(self, data: st.DataObject) -> None:
        row = self._some(data)
        if row is None or row.state not in WAITING_STATES:
            return
        self.old_codes.append(self.codes.given[row.number])
        self._keep(self.store.parcels.reissue_code(row.number, NewCode(self.codes, papers), CLERK, stamp()), 1)

    @rule()
    def close_delivery(self) -> None:
        for row in self.store.deliveries.close(CLERK, stamp()):
            assert self.known[row.number].state is _S.EXPECTED
            self._keep(row, 1)
        assert self.store.parcels.counts()[_S.EXPECTED] == 0

    @rule(days=st.sampled_from([1, 4, 8]))
    def sweep(self, days: int) -> None:
        at = days_later(days)
        for row in self.store.parcels.sweep(days_ago(3, at), days_ago(7, at), at):
            assert row.state in TRANSITIONS[self.known[row.number].state]
            self._keep(row, 1)

    @rule()
    def center_has_more(self) -> None:
        if self.store.epochs.identity().series < "D":
            self.store.epochs.start("behind")

    @invariant()
    def rows_are_what_the_steps_left(self) -> None:
        for number, row in self.known.items():
            assert self.store.parcels.by_number(number) == row
        counts = Counter(row.state for row in self.known.values())
        assert {state: count for state, count in self.store.parcels.counts().items() if count} == counts

    @invariant()
    def a_slot_holds_one_parcel_and_a_parcel_one_slot(self) -> None:
        on_shelf = {row.shelf: row for row in self.known.values() if row.state in ON_SHELF}
        assert len(on_shelf) == sum(row.state in ON_SHELF for row in self.known.values())
        for slot in SLOTS:
            assert self.store.parcels.in_slot(slot) == on_shelf.get(slot)

    @invariant()
    def a_code_opens_its_parcel_while_it_waits_and_nothing_else(self) -> None:
        for number, code in self.codes.given.items():
            row = self.known.get(number)
            if row is not None and code not in self.old_codes:
                assert self.store.parcels.by_mac(mac_of(code)) == (row if row.state in WAITING_STATES else None)
        for code in self.old_codes:
            assert self.store.parcels.by_mac(mac_of(code)) is None

    @invariant()
    def every_step_is_told_once(self) -> None:
        told = [one for one in events(self.path) if "reissued" not in one]
        assert len([one for one in told if one["type"] != "station.epoch.started.v1"]) == self.events - 1

    def teardown(self) -> None:
        self.store.journal.verify()
        told = [one for one in events(self.path) if "reissued" not in one]
        assert _projection(told) == {
            str(row.number): row.state for row in self.known.values() if row.state is not _S.EXPECTED
        }
        self.store.close()
        open_store(self.path, self.template, new_epoch=self.new_epoch).close()
        assert rows(self.path, "PRAGMA integrity_check") == [("ok",)]
        self.folder.cleanup()


def _projection(told: list[dict[str, Any]]) -> dict[str, ParcelState]:
    """The state of every parcel, from the events alone, each step one the table allows."""
    states: dict[str, ParcelState] = {}
    for one in told:
        verb = one["type"].split(".")[2]
        if verb not in _TOLD_STATE:
            continue
        parcel, after = one["data"]["parcel"], _TOLD_STATE[verb]
        before = states.get(parcel, _S.EXPECTED)
        if verb == "noticed" and before in WAITING_STATES:
            continue  # a new code for a parcel that waits already
        assert after in TRANSITIONS[before], f"{parcel}: {before} → {after}"
        states[parcel] = after
    return states


def test_parcels_in_any_order(template: Path) -> None:
    ParcelCounter.template = template
    run_state_machine_as_test(
        ParcelCounter,
        settings=settings(
            max_examples=many(6, torture=200, quick=2),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
