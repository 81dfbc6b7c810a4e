"""The journal of the pan, load by load: why it left, what is noted before a power cut, and the cap on rows."""

from __future__ import annotations

import pytest

from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.pan_journal import (
    MAX_BURST_ROWS,
    ROW_INTERVAL_S,
    BookedLoadNote,
    HeldLoadNote,
    LingeringLoadNote,
    LoadLeftNote,
    PanJournal,
    PanNote,
    PreviousLoads,
    UnbookedWhy,
)

PROFILE = ScaleProfile(e_g=5, max_g=30_000)


class Day:
    """A pan that was empty at first; every call moves the time by ``step`` seconds."""

    def __init__(self, before: PreviousLoads | None = None, step: float = 1.0, zero: bool = True) -> None:
        self.journal = PanJournal(PROFILE, before or PreviousLoads())
        self.now, self.step, self.load_no, self.wanted = 100.0, step, 0, False
        self.told: list[PanNote] = []
        if zero:
            self.zero()

    def zero(self) -> list[PanNote]:
        self.now += self.step
        self.load_no += 1
        return self._keep(list(self.journal.on_zero(self.now)))

    def rest(self, grams: int) -> list[PanNote]:
        self.now += self.step
        return self._keep(list(self.journal.on_rest(grams, self.now, self.load_no, hold_requested=self.wanted)))

    def _keep(self, notes: list[PanNote]) -> list[PanNote]:
        self.told += notes
        return notes


def why(notes: list[PanNote]) -> UnbookedWhy:
    (left,) = notes
    assert isinstance(left, LoadLeftNote)
    return left.why


def test_only_more_than_20_e_is_a_load() -> None:
    day = Day()
    day.rest(100)
    assert day.zero() == []
    day.rest(105)
    assert day.zero() == [LoadLeftNote(105, UnbookedWhy.NO_INTAKE, 1000)]
    assert day.zero() == []


def test_the_peak_is_the_greatest_rest() -> None:
    day = Day()
    for grams in (5_000, 9_000, 400):
        day.rest(grams)
    assert day.zero() == [LoadLeftNote(9_000, UnbookedWhy.NO_INTAKE, 3000)]


def test_why_a_load_left() -> None:
    day = Day()
    day.wanted = True
    day.rest(5_000)
    assert why(day.zero()) is UnbookedWhy.NOT_AGREED
    day.wanted = False
    for ended in (UnbookedWhy.ABANDONED, UnbookedWhy.IDLE):
        day.rest(5_000)
        day.journal.intake_ended(ended)
        assert why(day.zero()) is ended
    day.rest(30_005)
    assert why(day.zero()) is UnbookedWhy.ABOVE_MAX
    day.rest(5_000)
    day.journal.unreadable()
    assert why(day.zero()) is UnbookedWhy.FAULT
    day.rest(5_000)
    day.journal.unreadable()
    day.rest(5_000)
    assert why(day.zero()) is UnbookedWhy.NO_INTAKE, "it was read again afterwards"


def test_a_booked_load_is_in_no_row() -> None:
    day = Day()
    day.rest(5_000)
    day.journal.claim(day.load_no)
    assert list(day.journal.decide(used=True, at=day.now)) == []
    assert day.zero() == []


def test_a_load_that_leaves_while_it_is_booked_waits_for_the_commit() -> None:
    for used, want in ((True, []), (False, [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 1000)])):
        day = Day()
        day.rest(5_000)
        day.journal.claim(day.load_no)
        assert day.zero() == []
        assert list(day.journal.decide(used=used, at=day.now)) == want


def test_a_claim_that_failed_leaves_the_load_to_the_next_try() -> None:
    day = Day()
    day.rest(5_000)
    day.journal.claim(day.load_no)
    assert list(day.journal.decide(used=False, at=day.now)) == []
    day.journal.claim(day.load_no)
    assert list(day.journal.decide(used=True, at=day.now)) == []
    assert day.zero() == []


def test_a_claim_that_failed_leaves_the_load_unbooked_when_nobody_tries_again() -> None:
    day = Day()
    day.rest(5_000)
    day.journal.claim(day.load_no)
    assert list(day.journal.decide(used=False, at=day.now)) == []
    assert day.zero() == [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 1000)]


def test_a_load_of_exactly_min_is_booked_without_the_journal() -> None:
    day = Day()
    day.rest(100)
    day.journal.claim(day.load_no)
    assert list(day.journal.decide(used=True, at=day.now)) == []
    assert day.zero() == []


def test_a_decision_of_a_load_that_has_left_says_nothing_of_the_next() -> None:
    day = Day()
    day.rest(5_000)
    day.journal.claim(day.load_no)
    day.zero()
    day.rest(6_000)
    assert list(day.journal.decide(used=True, at=day.now)) == []
    assert day.zero() == [LoadLeftNote(6_000, UnbookedWhy.NO_INTAKE, 1000)]


def test_a_load_of_exactly_max_is_not_above_it() -> None:
    day = Day()
    day.rest(30_000)
    assert why(day.zero()) is UnbookedWhy.NO_INTAKE


def test_no_time_and_time_that_runs_back_are_no_time() -> None:
    for seconds in (0.0, -3.0):
        day = Day()
        day.rest(5_000)
        day.now += seconds - day.step
        assert day.zero() == [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 0)]


def test_a_held_load_is_told_at_once_and_once() -> None:
    day = Day()
    day.rest(5_000)
    assert list(day.journal.hold(day.load_no, "0147-A-000001", 5_000)) == [
        HeldLoadNote("0147-A-000001", 1, 5_000, 5_000)
    ]
    assert list(day.journal.hold(day.load_no, "0147-A-000001", 5_000)) == []
    assert day.zero() == []


def test_a_load_that_lies_for_half_a_minute_is_noted_once() -> None:
    day = Day()
    for _ in range(30):
        assert day.rest(5_000) == []
    assert day.rest(5_000) == [LingeringLoadNote(1, 5_000)]
    assert day.rest(5_000) == []
    assert day.zero() == [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 32_000, noted=True)]


def test_a_noted_load_that_is_booked_after_all_closes_its_note(subtests: pytest.Subtests) -> None:
    for leaves_first in [False, True]:
        with subtests.test(leaves_first=leaves_first):
            for used, want in ((True, [BookedLoadNote(1)]), (False, [])):
                day = Day(step=40.0)
                day.rest(5_000)
                assert day.rest(5_000) == [LingeringLoadNote(1, 5_000)]
                day.journal.claim(1)
                left = [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 80_000, noted=True)]
                if leaves_first:
                    assert day.zero() == []
                    assert list(day.journal.decide(used, day.now)) == (want or left)
                    assert day.zero() == []
                else:
                    assert list(day.journal.decide(used, day.now)) == want
                    assert day.zero() == ([] if used else left)


def test_what_the_power_cut_left_behind() -> None:
    gone = Day(PreviousLoads(lies_g=5_000), zero=False)
    assert gone.zero() == [LoadLeftNote(5_000, UnbookedWhy.POWER, noted=True)]
    still = Day(PreviousLoads(lies_g=5_000), zero=False)
    still.rest(7_000)
    assert still.zero() == [LoadLeftNote(7_000, UnbookedWhy.RESTART, 1000, noted=True)]
    strange = Day(zero=False)
    strange.rest(5_000)
    assert why(strange.zero()) is UnbookedWhy.RESTART


def test_the_load_booked_before_the_power_cut_is_known_again(subtests: pytest.Subtests) -> None:
    for grams in [4_995, 5_000, 5_005]:
        with subtests.test(grams=grams):
            day = Day(PreviousLoads(known_g=(5_000,)), zero=False)
            day.rest(grams)
            assert day.zero() == []
            day.rest(grams)
            assert why(day.zero()) is UnbookedWhy.NO_INTAKE, "after a zero it is another load"


def test_an_orderly_stop_notes_what_lies_there_and_tells_what_was_summed_up() -> None:
    day = Day()
    for _ in range(MAX_BURST_ROWS + 3):
        day.rest(5_000)
        day.zero()
    day.rest(6_000)
    assert list(day.journal.stop()) == [
        LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 1000, loads=3),
        LingeringLoadNote(day.load_no, 6_000),
    ]
    assert list(day.journal.stop()) == []


def test_what_lay_there_before_the_power_cut_is_no_load_of_this_start() -> None:
    gone = Day(PreviousLoads(lies_g=5_000), zero=False)
    gone.journal.claim(1)
    assert gone.zero() == [LoadLeftNote(5_000, UnbookedWhy.POWER, noted=True)]


def test_the_burst_is_told_at_once_and_then_one_row_each_five_minutes() -> None:
    day = Day(step=0.0)
    for number in range(MAX_BURST_ROWS + 2):
        day.rest(5_000)
        assert len(day.zero()) == (number < MAX_BURST_ROWS)
    day.now += ROW_INTERVAL_S - 1
    assert day.zero() == []
    day.now += 1
    assert day.zero() == [LoadLeftNote(5_000, UnbookedWhy.NO_INTAKE, 0, loads=2)]
    day.rest(6_000)
    day.now += ROW_INTERVAL_S - 1
    assert day.zero() == []
    day.now += 1
    assert day.rest(50) == [LoadLeftNote(6_000, UnbookedWhy.NO_INTAKE, 299_000)], (
        "a pan that is not empty tells it as well"
    )


def test_of_loads_in_one_row_the_heavier_says_why(subtests: pytest.Subtests) -> None:
    for first, second, peak, reason in [
        (9_000, 5_000, 9_000, UnbookedWhy.NOT_AGREED),
        (5_000, 9_000, 9_000, UnbookedWhy.NO_INTAKE),
        (5_000, 5_000, 5_000, UnbookedWhy.NOT_AGREED),
    ]:
        with subtests.test(first=first, second=second, peak=peak, reason=reason):
            day = Day(step=0.5)
            for _ in range(MAX_BURST_ROWS):
                day.rest(5_000)
                day.zero()
            day.wanted = True
            day.rest(first)
            day.rest(first)
            day.zero()
            day.wanted = False
            day.rest(second)
            day.zero()
            assert list(day.journal.stop()) == [LoadLeftNote(peak, reason, 1_000, loads=2)], (
                "and the longest rest is told"
            )


def test_a_rocked_pan_writes_few_rows_and_loses_no_load() -> None:
    day = Day(step=0.6)
    for number in range(1, 3_001):
        day.rest(1_000 + 5 * number)
        day.zero()
    hour = 3_000 * 1.2
    rows = [note for note in day.told if isinstance(note, LoadLeftNote)]
    assert len(rows) <= MAX_BURST_ROWS + hour / ROW_INTERVAL_S + 1
    rows += [note for note in day.journal.stop() if isinstance(note, LoadLeftNote)]
    assert sum(row.loads for row in rows) == 3_000
    assert max(row.peak_g for row in rows) == 16_000
