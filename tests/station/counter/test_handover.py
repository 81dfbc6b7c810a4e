"""Parcels out: one at a time, by code or named proxy, by a clerk's tap."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path

import pytest

from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.station.counter.handover import Handovers
from kiosk.station.counter.parcels import ParcelShelf
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import ParcelRow, Store, StoreError
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import CounterRig, foreign, refused


def test_a_typed_code_hands_out_its_parcel_and_works_once(rig: CounterRig) -> None:
    first, second = rig.bring(1), rig.bring(2)
    code = rig.code_of(first)
    row = collect_by_code(rig.counter, rig.session, code)
    assert (row.number, row.state, row.shelf) == (first.number, ParcelState.COLLECTED, None)
    assert refused(lambda: collect_by_code(rig.counter, rig.session, code)).code == "wrong_code"
    assert rig.counter.shelf.parcel(rig.session, str(second.number)).state is ParcelState.NOTICED
    assert rig.bring(3).shelf == "A-1-01", "the slot is free again"


class TestHandover:
    def test_the_villager_proves_and_the_clerk_taps(self, rig: CounterRig) -> None:
        row = rig.bring()
        masked = rig.counter.handovers.public_code(rig.code_of(row))
        assert (masked.shelf, masked.waybill, masked.phone_last4) == ("A-1-01", "0001", None)
        assert rig.counter.shelf.parcel(rig.session, str(row.number)).state is ParcelState.NOTICED
        assert rig.counter.state.view().handover == row
        done = rig.counter.handovers.confirm(rig.session, str(row.number))
        assert done.state is ParcelState.COLLECTED
        assert rig.counter.state.view().handover is None
        assert refused(lambda: rig.counter.handovers.confirm(rig.session, str(row.number))).code == "stale_page"

    def test_a_slip_under_the_public_scanner_is_the_same(self, rig: CounterRig) -> None:
        row = rig.bring()
        assert rig.counter.handovers.public_code(rig.slip_of(row)).number == row.number

    def test_two_villagers_stand_in_line(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        rig.counter.handovers.public_code(rig.code_of(first))
        rig.counter.handovers.public_code(rig.code_of(second))
        rig.counter.handovers.public_code(rig.code_of(second))
        view = rig.counter.state.view()
        assert (view.handover and view.handover.number, view.waiting_handovers) == (first.number, 2)
        rig.counter.handovers.confirm(rig.session, str(first.number))
        assert rig.counter.state.view().handover == second
        rig.counter.handovers.dismiss(rig.session, str(second.number))
        assert rig.counter.state.view().handover is None
        assert rig.counter.shelf.parcel(rig.session, str(second.number)).state is ParcelState.NOTICED

    def test_a_page_that_shows_another_parcel_hands_out_none(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        rig.counter.handovers.public_code(rig.code_of(first))
        assert refused(lambda: rig.counter.handovers.confirm(rig.session, str(second.number))).code == "stale_page"
        assert {row.state for row in rig.store.parcels.in_states(list(ParcelState))} == {ParcelState.NOTICED}

    def test_nobody_waits_for_ever(self, rig: CounterRig) -> None:
        row = rig.bring()
        rig.counter.handovers.public_code(rig.code_of(row))
        rig.clock.jump(-1)
        rig.counter.tick()
        assert rig.counter.state.view().handover is not None
        rig.clock.wait(301)
        rig.session = rig.access.sign_in("02", "905172")
        assert refused(lambda: rig.counter.handovers.confirm(rig.session, str(row.number))).code == "stale_page"

    def test_a_new_code_takes_the_old_proof_back(self, rig: CounterRig) -> None:
        row = rig.bring()
        old = rig.code_of(row)
        rig.counter.handovers.public_code(old)
        rig.counter.codes.reissue(rig.session, str(row.number))
        assert rig.counter.state.view().handover is None
        assert refused(lambda: rig.counter.handovers.public_code(old)).code == "wrong_code"
        assert rig.counter.handovers.public_code(rig.code_of(row)).number == row.number

    def test_a_disk_that_fails_keeps_the_parcel_up(self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(*_: object) -> None:
            raise StoreError("the card does not answer")

        row = rig.bring()
        rig.counter.handovers.public_code(rig.code_of(row))
        with monkeypatch.context() as patch:
            patch.setattr(rig.store.parcels, "collect", failing)
            refusal = refused(lambda: rig.counter.handovers.confirm(rig.session, str(row.number)))
        assert refusal.code == "store_failed"
        assert rig.counter.handovers.confirm(rig.session, str(row.number)).state is ParcelState.COLLECTED

    def test_the_line_is_bounded(self, rig: CounterRig) -> None:
        rows = [rig.bring(number) for number in range(5)]
        codes = [rig.code_of(row) for row in rows]
        collect_by_code(rig.counter, rig.session, codes[0])
        sixth = rig.bring(6)
        seventh_slot = [*rows[1:], sixth]
        for row in seventh_slot:
            rig.counter.handovers.public_code(rig.code_of(row))
        assert rig.counter.state.view().waiting_handovers == 5


class TestTheLine:
    @pytest.fixture
    def full(self, store: Store, tmp_path: Path) -> tuple[CounterRig, list[ParcelRow]]:
        """Five parcels are up, a sixth waits on its shelf."""
        rig = CounterRig(store, tmp_path, parcels=ParcelSettings(shelves=("A-1:9",)))
        rows = [rig.bring(number) for number in range(1, 7)]
        for row in rows[:5]:
            rig.counter.handovers.public_code(rig.code_of(row))
        return rig, rows

    def test_a_full_line_refuses_the_next_one_and_drops_nobody(self, full: tuple[CounterRig, list[ParcelRow]]) -> None:
        rig, (*up, sixth) = full
        code, slip = rig.code_of(sixth), rig.slip_of(sixth)
        for _ in range(4):
            assert refused(lambda: rig.counter.handovers.public_code(code)).code == "line_full"
            assert refused(lambda: rig.counter.handovers.public_code(slip)).code == "line_full"
            assert refused(lambda: rig.counter.handovers.put_up(rig.session, code)).code == "line_full"
            assert rig.scan(slip).word == "line_full"
        assert rig.counter.proofs.guess_limit.wait_s() == 0, "no guess was counted"
        assert rig.counter.handovers.public_code(rig.code_of(up[0])).number == up[0].number, "it is up already"
        for row in up:
            assert rig.counter.handovers.confirm(rig.session, str(row.number)).state is ParcelState.COLLECTED
        assert rig.counter.handovers.public_code(code).number == sixth.number

    def test_who_never_came_back_fills_no_line(self, full: tuple[CounterRig, list[ParcelRow]]) -> None:
        rig, (*_, sixth) = full
        rig.clock.wait(301)
        assert rig.counter.handovers.public_code(rig.code_of(sixth)).number == sixth.number
        assert rig.counter.state.view().waiting_handovers == 1

    def test_what_the_clerk_types_is_up_first(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        rig.counter.handovers.public_code(rig.code_of(first))
        assert rig.counter.handovers.put_up(rig.session, rig.code_of(second)).number == second.number
        view = rig.counter.state.view()
        assert (view.handover and view.handover.number, view.waiting_handovers) == (second.number, 2)

    def test_only_a_clerk_puts_up_first(self, rig: CounterRig) -> None:
        code = rig.code_of(rig.bring())
        technician = rig.access.sign_in("03", "482913")
        assert refused(lambda: rig.counter.handovers.put_up(technician, code)).code == "forbidden"
        assert refused(lambda: rig.counter.handovers.put_up(rig.session, code)).code == "not_unlocked"


class TestUsedSlips:
    @pytest.mark.parametrize(
        ("end", "word"),
        [
            ("collect", "collected"),
            ("return_", "parcel_gone"),
            ("mark_misrouted", "parcel_gone"),
            ("undo", "parcel_gone"),
        ],
    )
    def test_a_used_slip_says_so_and_is_no_guess(self, rig: CounterRig, end: str, word: str) -> None:
        waits, row = rig.bring(1), rig.bring(2)
        slip, right = rig.slip_of(row), rig.code_of(waits)
        self._end(rig, end, row)
        for _ in range(6):
            assert refused(lambda: rig.counter.handovers.public_code(slip)).code == word
            assert rig.scan(slip).word == word
        assert rig.counter.proofs.guess_limit.wait_s() == 0
        assert rig.counter.handovers.public_code(right).state is ParcelState.NOTICED

    @staticmethod
    def _end(rig: CounterRig, end: str, row: ParcelRow) -> None:
        if end == "collect":
            collect_by_code(rig.counter, rig.session, rig.code_of(row))
        elif end == "undo":
            rig.counter.receiving.undo(rig.session, str(row.number))
        else:
            if end == "return_":
                rig.counter.shelf.mark_due_back(rig.session, str(row.number))
            getattr(rig.counter.shelf, end)(rig.session, str(row.number))

    def test_the_six_digits_of_a_used_slip_are_a_guess(self, rig: CounterRig) -> None:
        row = rig.bring()
        code = rig.code_of(row)
        collect_by_code(rig.counter, rig.session, code)
        for _ in range(5):
            rig.clock.wait(6)
            assert refused(lambda: rig.counter.handovers.public_code(code)).code == "wrong_code"
        assert refused(lambda: rig.counter.handovers.public_code(code)).code == "code_locked"

    def test_nobody_learns_from_slips_while_codes_are_locked(self, rig: CounterRig) -> None:
        row = rig.bring()
        slip = rig.slip_of(row)
        collect_by_code(rig.counter, rig.session, rig.code_of(row))
        for _ in range(5):
            rig.clock.wait(6)
            refused(lambda: rig.counter.handovers.public_code(rig.wrong_code()))
        assert refused(lambda: rig.counter.handovers.public_code(slip)).code == "code_locked"

    def test_a_slip_that_is_not_whole_or_not_of_a_parcel_that_left_says_nothing(self, rig: CounterRig) -> None:
        gone, waits = rig.bring(1), rig.bring(2)
        slip, wrong = rig.slip_of(gone), waits.number.slip_code(rig.wrong_code())
        collect_by_code(rig.counter, rig.session, rig.code_of(gone))
        assert refused(lambda: rig.counter.handovers.public_code(slip[:-1] + "*")).code == "unknown_code"
        assert refused(lambda: rig.counter.handovers.public_code(wrong)).code == "wrong_code"
        rig.clock.wait(6)
        nobody = ParcelNumber("S0147", "A", 999).slip_code(rig.wrong_code())
        assert refused(lambda: rig.counter.handovers.public_code(nobody)).code == "wrong_code"


class TestGuessing:
    def test_five_wrong_codes_lock_for_ten_minutes_everywhere(self, rig: CounterRig) -> None:
        row = rig.bring()
        wrong, right = rig.wrong_code(), rig.code_of(row)
        for number in range(5):
            rig.clock.wait(6)
            act = (
                rig.counter.handovers.public_code
                if number % 2
                else lambda code: collect_by_code(rig.counter, rig.session, code)
            )
            assert refused(lambda act=act: act(wrong)).code == "wrong_code"  # type: ignore[misc]
        locked = refused(lambda: rig.counter.handovers.public_code(right))
        assert (locked.code, locked.wait_s) == ("code_locked", 600)
        assert refused(lambda: collect_by_code(rig.counter, rig.session, right)).code == "code_locked"
        rig.clock.wait(300)
        rig.session = rig.access.sign_in("01", "482913")
        assert refused(lambda: collect_by_code(rig.counter, rig.session, right)).wait_s == 300
        rig.clock.wait(300)
        assert rig.counter.handovers.public_code(right).number == row.number

    def test_a_right_code_buys_no_fresh_guesses(self, rig: CounterRig) -> None:
        row = rig.bring()
        wrong, own = rig.wrong_code(), rig.code_of(row)
        for _ in range(5):
            rig.clock.wait(6)
            rig.counter.handovers.public_code(own)
            assert refused(lambda: rig.counter.handovers.public_code(wrong)).code == "wrong_code"
        assert refused(lambda: rig.counter.handovers.public_code(own)).code == "code_locked"

    def test_a_slip_of_another_parcel_with_a_right_code_is_wrong(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        crossed = second.number.slip_code(rig.code_of(first))
        assert refused(lambda: rig.counter.handovers.public_code(crossed)).code == "wrong_code"

    @pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "000000\n"])
    def test_what_can_be_no_code_is_refused_without_a_count(self, rig: CounterRig, text: str) -> None:
        for _ in range(6):
            assert refused(lambda: rig.counter.handovers.public_code(text)).code == "wrong_code"

    def test_codes_of_others(self, rig: CounterRig) -> None:
        assert refused(lambda: rig.counter.handovers.public_code(foreign("K"))).code == "foreign_code"
        assert refused(lambda: rig.counter.handovers.public_code("Y1K12")).code == "unknown_code"

    def test_no_code_is_logged_or_shown_in_a_repr(self, rig: CounterRig, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            row = rig.bring()
            code = rig.code_of(row)
            rig.counter.handovers.public_code(code)
            wrong = refused(lambda: rig.counter.handovers.public_code(rig.wrong_code()))
        seen = [caplog.text, repr(rig.counter.state.view()), repr(rig.views), repr(wrong), repr(rig.key)]
        assert not any(code in text or rig.wrong_code() in text for text in seen)


class TestShowingACode:
    def test_once_and_only_the_newest(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        assert refused(lambda: rig.counter.codes.show(rig.session, str(first.number))).code == "reissue"
        assert rig.counter.codes.show(rig.session, str(second.number)) == rig.code_of(second)
        assert refused(lambda: rig.counter.codes.show(rig.session, str(second.number))).code == "reissue"
        rig.counter.codes.reissue(rig.session, str(first.number))
        assert rig.counter.codes.show(rig.session, str(first.number)) == rig.code_of(first)

    def test_not_after_the_counter_was_locked(self, rig: CounterRig) -> None:
        row = rig.bring()
        rig.session = rig.access.sign_in("01", "482913")
        assert refused(lambda: rig.counter.codes.show(rig.session, str(row.number))).code == "reissue"


class TestProxy:
    def test_a_named_person_before_a_clerk(self, rig: CounterRig) -> None:
        row = rig.bring()
        done = rig.counter.handovers.collect_by_proxy(rig.session, str(row.number), "  Gulnar  ")
        assert done.state is ParcelState.COLLECTED

    @pytest.mark.parametrize("name", ["", "   ", "13800138000", "653125199001011234", "a\u202eb", "x" * 41, "a\nb"])
    def test_no_name_no_parcel(self, rig: CounterRig, name: str) -> None:
        row = rig.bring()
        refusal = refused(lambda: rig.counter.handovers.collect_by_proxy(rig.session, str(row.number), name))
        assert refusal.code == "proxy_needs_name"
        assert name.strip() not in str(refusal) or not name.strip()

    def test_twice_is_refused(self, rig: CounterRig) -> None:
        row = rig.bring()
        rig.counter.handovers.collect_by_proxy(rig.session, str(row.number), "Gulnar")
        assert (
            refused(lambda: rig.counter.handovers.collect_by_proxy(rig.session, str(row.number), "Gulnar")).code
            == "collected"
        )


class TestShelf:
    def test_lost_and_found(self, rig: CounterRig) -> None:
        row = rig.bring()
        number, code = str(row.number), rig.code_of(row)
        rig.counter.handovers.public_code(code)
        assert rig.counter.shelf.mark_lost(rig.session, number).state is ParcelState.LOST
        assert rig.counter.state.view().handover is None
        assert (
            refused(lambda: rig.counter.handovers.collect_by_proxy(rig.session, number, "Gulnar")).code == "not_waiting"
        )
        found = rig.counter.shelf.mark_found(rig.session, number)
        assert (found.state, found.shelf) == (ParcelState.NOTICED, "A-1-01")

    def test_due_back_and_returned(self, rig: CounterRig) -> None:
        row = rig.bring()
        number, code = str(row.number), rig.code_of(row)
        assert refused(lambda: rig.counter.shelf.return_(rig.session, number)).code == "not_waiting"
        assert rig.counter.shelf.mark_due_back(rig.session, number).state is ParcelState.RETURN_DUE
        assert rig.counter.shelf.return_(rig.session, number).state is ParcelState.RETURNED
        assert refused(lambda: collect_by_code(rig.counter, rig.session, code)).code == "wrong_code"

    def test_misrouted(self, rig: CounterRig) -> None:
        row = rig.bring()
        assert rig.counter.shelf.mark_misrouted(rig.session, str(row.number)).state is ParcelState.MISROUTED
        assert rig.counter.shelf.counts(rig.session)[ParcelState.MISROUTED] == 1
        assert rig.counter.shelf.parcels(rig.session, [ParcelState.MISROUTED])[0].number == row.number

    @pytest.mark.parametrize("number", ["P-0147-A-000009", "P-147", "", "P-0147-A-000001' OR 1=1"])
    def test_what_is_not_there(self, rig: CounterRig, number: str) -> None:
        assert refused(lambda: rig.counter.shelf.mark_lost(rig.session, number)).code == "unknown_parcel"
        assert refused(lambda: rig.counter.shelf.parcel(rig.session, number)).code == "unknown_parcel"

    def test_another_stations_parcel(self, rig: CounterRig) -> None:
        assert refused(lambda: rig.counter.shelf.mark_lost(rig.session, "P-0999-A-000001")).code == "foreign_code"


def test_no_act_takes_more_than_one_parcel() -> None:
    """No bulk "collected": every public act that can end a parcel names one by one text."""
    for act in (Handovers.confirm, Handovers.collect_by_proxy, ParcelShelf.return_):
        kinds = inspect.signature(act).parameters
        assert [kinds[row].annotation for row in kinds if row != "self"][1:] in (["str"], ["str", "str"])
    assert {name for name in dir(Handovers) if name.startswith("collect")} == {"collect_by_proxy"}


def test_a_wrong_code_counts_over_a_restart(store: Store, tmp_path: Path) -> None:
    rig = CounterRig(store, tmp_path)
    row = rig.bring()
    wrong, right = rig.wrong_code(), rig.code_of(row)
    for _ in range(5):
        rig.clock.wait(6)
        assert refused(lambda: rig.counter.handovers.public_code(wrong)).code == "wrong_code"
    rig.clock.reboot()
    rig.clock.jump(365)
    again = CounterRig(store, tmp_path, clock=rig.clock, take_people=False)
    locked = refused(lambda: again.counter.handovers.public_code(right))
    assert locked.code == "code_locked"
    assert 590 <= locked.wait_s <= 600, "the days the machine was off count as none"
