"""Two rules that hold whatever the pan, the line and the people do, judged from the readings alone.

No sequence of readings books a weight that was not stable. Each load that settled and left is booked or in the journal,
exactly once. The judge keeps the whole past and looks at it anew each time; it shares nothing with the code. The same
examples are tried every time, so that a mutant gets the same verdict every time.
"""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.metrology.indication import Indication, ScaleProfile, UnusableReason
from kiosk.domain.metrology.pan import Hold, Pan
from kiosk.domain.metrology.pan_journal import (
    HeldLoadNote,
    LingeringLoadNote,
    LoadLeftNote,
    PanJournal,
    PanNote,
    UnbookedWhy,
)

PROFILE = ScaleProfile(e_g=5, max_g=30_000)
Seen = tuple[float, Indication]


def rested(past: list[Seen]) -> bool:
    """Whether some end of the past is a rest: at least 4 readings over 0.5 s, within 5 g, none moving, no pause."""
    for begin in range(len(past) - 3):
        end = past[begin:]
        weights = [seen.grams for _, seen in end if seen.grams is not None and seen.stable is not False]
        calm = len(weights) == len(end) and max(weights) - min(weights) <= 5
        if calm and end[-1][0] - end[0][0] >= 0.5 and all(0 <= b - a <= 1 for (a, _), (b, _) in pairwise(end)):
            return True
    return False


class Judge:
    """Every reading since the station started; the loads as a person at the pan counts them."""

    def __init__(self) -> None:
        self.past: list[Seen] = []
        self.zero_seen = False
        self.used = False

    def feed(self, at: float, indication: Indication) -> None:
        self.past.append((at, indication))
        grams = indication.grams
        if grams is not None and -5 <= grams <= 5 and rested(self.past[-40:]):
            self.zero_seen, self.used = True, False

    def lose(self) -> None:
        """A pause no rest goes across: what is known of it counts as a fault."""
        self.past.append((self.past[-1][0] if self.past else 0.0, Indication(None, UnusableReason.NO_WEIGHT, None)))

    def may_be_booked(self) -> bool:
        if not self.past or (grams := self.past[-1][1].grams) is None:
            return False
        return self.zero_seen and not self.used and 100 <= grams <= 30_000 and rested(self.past[-40:])

    def locked_rightly(self, lock: Hold) -> None:
        """It was a rest when it was taken, and every reading since is within a step of it."""
        real = [number for number, (_, seen) in enumerate(self.past) if seen.unusable is not UnusableReason.NO_WEIGHT]
        taken = real[lock.reading_no - 1] + 1
        assert rested(self.past[:taken][-40:])
        assert self.past[taken - 1][1].grams == lock.grams
        since = self.past[taken - 1 :]
        assert all(seen.grams is not None and abs(seen.grams - lock.grams) <= 5 for _, seen in since)
        assert all(0 <= after - before <= 1 for (before, _), (after, _) in pairwise(since))
        assert self.zero_seen and not self.used and 100 <= lock.grams <= 30_000


PAUSES = st.sampled_from([0.125, 0.125, 0.125, 0.125, 0.25, 0.0, 1.0, 1.125, -0.125])
SAID = st.sampled_from([None, None, None, None, True, False])
NEAR = st.tuples(st.sampled_from([995, 1_000, 1_000, 1_005, 1_010]), st.integers(1, 6), PAUSES, SAID)
"""One load, swinging around the bound of one interval."""
FAR = st.tuples(st.sampled_from([5, -5, -10, 95, 100, 2_000, 30_000, 30_005]), st.integers(1, 6), PAUSES, SAID)
ZERO = st.tuples(st.just(0), st.integers(3, 8), st.just(0.125), st.none())
DEEDS = st.sampled_from(["lose", "overload", "want", "want", "release", "count", "count late"])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.one_of(NEAR, NEAR, NEAR, FAR, ZERO, DEEDS), min_size=20, max_size=40))
def test_no_sequence_of_readings_books_a_weight_that_was_not_stable(
    steps: list[tuple[int, int, float, bool | None] | str],
) -> None:
    pan, judge, now, early = Pan(PROFILE), Judge(), 100.0, None
    for step in [(0, 8, 0.125, None), *steps]:
        if isinstance(step, tuple):
            grams, times, pause, stable = step
            for number in range(times):
                now += pause if number == 0 else 0.125
                judge.feed(now, Indication(grams, None, stable))
                pan.feed(Indication(grams, None, stable), now)
                _agree(pan, judge)
        elif step == "lose":
            pan.lose()
            judge.lose()
        elif step == "overload":
            now += 0.125
            judge.feed(now, Indication(None, UnusableReason.OVERLOAD, None))
            pan.feed(Indication(None, UnusableReason.OVERLOAD, None), now)
        elif step == "want":
            pan.request_hold()
        elif step == "release":
            pan.release()
        else:
            lock = early if step == "count late" else pan.read()
            if lock is not None:
                judge.used = judge.used or lock.load_no == pan.view().load_no
                pan.count(lock)
        _agree(pan, judge)
        early = early or pan.read()


def _agree(pan: Pan, judge: Judge) -> None:
    """What the pan offers was at rest; what was at rest, and is bookable, it offers."""
    view = pan.view()
    if view.hold is not None:
        judge.locked_rightly(view.hold)
    assert (view.why_not is None) is judge.may_be_booked()
    assert pan.read() is None or view.hold is not None or judge.may_be_booked()
    if view.hold is None and view.why_not is None:
        read = pan.read()
        assert read is not None
        judge.locked_rightly(read)


class Station:
    """A pan with its journal beside it, as the desk keeps them; each load has weights no other has."""

    def __init__(self) -> None:
        self.pan, self.journal = Pan(PROFILE), PanJournal(PROFILE)
        self.now, self.weights = 100.0, count(505, 50)
        self.heavier = iter(range(30_005, 30_046, 5))
        self.booked: list[int] = []
        self.told: list[PanNote] = []
        self.loads: list[list[int]] = []
        self.claimed: Hold | None = None
        self.feed(0)

    def feed(self, grams: int | None, times: int = 6) -> None:
        for _ in range(times):
            self.now += 0.125
            self.pan.feed(Indication(grams, UnusableReason.NO_WEIGHT if grams is None else None, None), self.now)
            if grams is None:
                self.journal.unreadable()
            if self.pan.rests_at_zero:
                self.told += self.journal.on_zero(self.now)
            elif (rest := self.pan.rest_g) is not None:
                load_no, wanted = self.pan.view().load_no, self.pan.hold_requested
                self.told += self.journal.on_rest(rest, self.now, load_no, hold_requested=wanted)

    def claim(self) -> None:
        if self.claimed is None and (lock := self.pan.read()) is not None:
            self.claimed = lock
            self.journal.claim(lock.load_no)

    def decide(self, used: bool) -> None:
        if self.claimed is not None:
            self.told += self.journal.decide(used, self.now)
            if used:
                self.booked.append(self.claimed.grams)
                self.pan.count(self.claimed)
            self.claimed = None

    def hold(self) -> None:
        if self.claimed is None and (lock := self.pan.read()) is not None:
            self.told += self.journal.hold(lock.load_no, "0147-A-000001", lock.grams)
            self.pan.count(lock)

    def do(self, word: str) -> None:
        """One thing that may happen; a load is put down only on an empty pan, its weights are its own."""
        lying = bool(self.loads) and self.pan.loaded
        if word in ("put", "put heavy") and not lying:
            self.loads.append([(next(self.heavier, 0) if word == "put heavy" else 0) or next(self.weights)])
            self.feed(self.loads[-1][0])
        elif word == "add" and lying and self.loads[-1][-1] not in self.booked and not self._is_held():
            self.loads[-1].append(next(self.weights))
            self.feed(self.loads[-1][-1])
        elif word == "swing" and lying:
            self.feed(self.loads[-1][-1] + 400, 2)
            self.feed(self.loads[-1][-1])
        elif word == "lie" and lying:
            self.feed(self.loads[-1][-1], 260)
        elif word == "take off":
            self.feed(0)
        elif word == "rock" and not lying:
            for _ in range(5):
                self.do("put")
                self.feed(0)
        elif word == "fault":
            self.feed(None, 1)
            self.feed(self.loads[-1][-1] if lying else 0)
        elif word == "want":
            self.pan.request_hold()
        elif word == "leave":
            self.pan.release()
            self.journal.intake_ended(UnbookedWhy.ABANDONED)
        elif word == "claim":
            self.claim()
        elif word == "hold":
            self.hold()
        elif word in ("book", "fail"):
            self.decide(word == "book")

    def _is_held(self) -> bool:
        return any(isinstance(note, HeldLoadNote) and note.held_g in self.loads[-1] for note in self.told)

    def end(self) -> None:
        self.decide(used=False)
        self.feed(0)
        self.told += self.journal.stop()


def lying_after(notes: list[PanNote]) -> int | None:
    """The load that is noted as lying unbooked once all these notes are written, however late."""
    lying = None
    for note in notes:
        if isinstance(note, LingeringLoadNote):
            lying = note.load_no
        elif isinstance(note, LoadLeftNote):
            lying = None if note.noted else lying
        elif note.load_no == lying:
            lying = None
    return lying


OFTEN = ["put", "put", "put", "take off", "claim", "book", "rock"]
SELDOM = ["put heavy", "add", "swing", "lie", "lie", "fault", "want", "leave", "hold", "fail"]
HAPPENS = st.sampled_from([*OFTEN, *OFTEN, *SELDOM])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(HAPPENS, min_size=10, max_size=40))
def test_each_load_that_settled_and_left_is_booked_or_in_the_journal_exactly_once(words: list[str]) -> None:
    station = Station()
    for word in words:
        station.do(word)
    station.end()
    rows = [note for note in station.told if isinstance(note, LoadLeftNote)]
    held = [note for note in station.told if isinstance(note, HeldLoadNote)]
    assert len(station.booked) + len(held) + sum(row.loads for row in rows) == len(station.loads)
    if all(row.loads == 1 for row in rows):
        found = Counter([*station.booked, *(note.held_g for note in held), *(row.peak_g for row in rows)])
        for load in station.loads:
            assert sum(found[grams] for grams in load) == 1
    assert lying_after(station.told) is None, "a note that stays open is told as another load after the next start"
    assert all(row.why is UnbookedWhy.ABOVE_MAX for row in rows if row.peak_g > PROFILE.max_g)


def test_the_judge_sees_what_is_no_rest() -> None:
    still = [(number / 8, Indication(1_000, None, None)) for number in range(5)]
    assert rested(still)
    assert not rested(still[:4]) and not rested(still[1:])
    assert not rested([*still, (0.625, Indication(1_000, None, False))])
    assert not rested([*still, (1.625, Indication(1_000, None, None))])
