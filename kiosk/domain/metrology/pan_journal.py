"""The journal of the pan: every load that settled and left without being booked.

A load is on the pan between two rests at zero, as ``Pan`` counts them; it is recorded here once it has rested above
20 e. It ends in exactly one of these ways:

    booked      its weight is on a confirmed receipt, as goods or as the container weighed for them
    checked     it was the check weight
    held        it is held as a bag or a container for an intake that is still open: noted at once, so that a power
                cut loses nothing; the end of the intake decides (on the receipt: booked, else unbooked)
    unbooked    anything else: ``LoadLeftNote`` is written when the pan rests at zero again

A load that is unbooked for 30 s is noted as well (``LingeringLoadNote``; ``BookedLoadNote`` when it is booked later).
After a power cut that note says what was on the pan: when the pan is empty then, the load left without power, and that
is recorded. A load that settled less than 30 s before the power cut and was removed before the start is not recorded.

Each load costs at most two notes, or one note and one row, and takes a second of rest and a rest at zero. Against a pan
that is rocked on purpose, rows are capped: ``MAX_BURST_ROWS`` at once, then one every ``ROW_INTERVAL_S``; loads beyond
that are summed into the next row (``loads``, the greatest peak), so that each is in exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from kiosk.domain.metrology.indication import ScaleProfile

MAX_BURST_ROWS: Final = 12
ROW_INTERVAL_S: Final = 300.0
LINGERING_AFTER_S: Final = 30.0


class UnbookedWhy(StrEnum):
    """Why a load left unbooked, as far as the station can know."""

    NO_INTAKE = "not_asked"  # Nobody had chosen goods
    NOT_AGREED = "not_agreed"  # Goods were chosen, and it was taken off before anybody agreed
    ABANDONED = "abandoned"  # The intake was left
    IDLE = "idle"  # The intake ended by itself: nobody touched the screen
    ABOVE_MAX = "above_max"
    FAULT = "fault"  # The scale was lost or unreadable while it lay there
    RESTART = "restart"  # It lay there when the station started: nothing is booked before the first zero
    POWER = "power"  # It lay there when the station stopped, and was gone when it started


@dataclass(frozen=True, slots=True)
class LoadLeftNote:
    """One row of the journal. ``peak_g``: the greatest weight at rest; ``settled_ms``: the time since the first rest;
    ``loads``: above 1 for a sum of loads; ``noted``: there is a ``LingeringLoadNote`` of the load, which this one ends.
    """

    peak_g: int
    why: UnbookedWhy
    settled_ms: int = 0
    loads: int = 1
    noted: bool = False


@dataclass(frozen=True, slots=True)
class LingeringLoadNote:
    """A load has been on the pan for half a minute, unbooked."""

    load_no: int
    peak_g: int


@dataclass(frozen=True, slots=True)
class HeldLoadNote:
    """A load is held for this open intake, at ``held_g``."""

    receipt: str
    load_no: int
    peak_g: int
    held_g: int


@dataclass(frozen=True, slots=True)
class BookedLoadNote:
    """A load with a ``LingeringLoadNote`` is booked, or was the check weight.

    Notes are written with a delay. A ``LingeringLoadNote`` that is written after the booking would stay open, and be
    recorded after the next start as a load that left unbooked; this note follows and closes it.
    """

    load_no: int


PanNote = LoadLeftNote | LingeringLoadNote | HeldLoadNote | BookedLoadNote


@dataclass(frozen=True, slots=True)
class PreviousLoads:
    """What was on the pan before this start, as far as it is stored.

    ``lies_g``: the peak of a load that was noted as unbooked. ``known_g``: weights of loads that are accounted for
    and may still be on the pan: the last bag booked, a load held for an intake.
    """

    lies_g: int | None = None
    known_g: tuple[int, ...] = ()


class _LoadState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"  # It is being booked: the commit decides
    DONE = "done"


@dataclass(slots=True)
class _TrackedLoad:
    """``since`` None: not seen since this start; ``number``: as `Pan` counts loads, from 1."""

    peak_g: int
    since: float | None = None
    number: int = 0
    state: _LoadState = _LoadState.OPEN
    restart: bool = False
    hold_requested: bool = False
    ended: UnbookedWhy | None = None
    fault: bool = False
    noted: bool = False


class PanJournal:
    """Follows the loads of one pan. Not thread-safe; times are monotonic seconds, the pan's own."""

    def __init__(self, profile: ScaleProfile, before: PreviousLoads = PreviousLoads()) -> None:
        self._profile = profile
        self._known = before.known_g
        self._zero_seen = False
        self._load: _TrackedLoad | None = None
        self._claimed: _TrackedLoad | None = None
        self._claimed_left: LoadLeftNote | None = None
        self._limiter = _RowLimiter()
        if before.lies_g is not None:
            self._load = _TrackedLoad(before.lies_g, restart=True, noted=True)

    def on_rest(self, grams: int, at: float, load_no: int, *, hold_requested: bool) -> Iterator[PanNote]:
        """Note that the pan rests at this weight, which is not zero; ``hold_requested``: an intake waits for it."""
        if grams > self._profile.min_g:
            load = self._load or self._begin(grams)
            if load.since is None:
                load.since = at
            load.number = load_no
            load.peak_g = max(load.peak_g, grams)
            load.fault = False
            load.hold_requested = load.hold_requested or hold_requested
            if load.state is _LoadState.OPEN and not load.noted and at - load.since >= LINGERING_AFTER_S:
                load.noted = True
                yield LingeringLoadNote(load.number, load.peak_g)
        yield from self._limiter.due(at)

    def on_zero(self, at: float) -> Iterator[PanNote]:
        """Note that the pan rests at zero: the load has left."""
        load, self._load, self._zero_seen = self._load, None, True
        if load is not None and load.state is _LoadState.OPEN:
            yield from self._limiter.take(self._unbooked(load, at), at)
        elif load is not None and load.state is _LoadState.CLAIMED:
            self._claimed_left = self._unbooked(load, at)
        yield from self._limiter.due(at)

    def unreadable(self) -> None:
        """Note that the scale is lost, or reports nothing that may be used."""
        if self._load is not None:
            self._load.fault = True

    def hold(self, load_no: int, receipt: str, held_g: int) -> Iterator[PanNote]:
        """Note that the load on the pan is held for an intake, at this weight."""
        load = self._open_load(load_no)
        if load is not None:
            load.state = _LoadState.DONE
            yield HeldLoadNote(receipt, load_no, load.peak_g, held_g)

    def claim(self, load_no: int) -> None:
        """Note that the load is about to be booked; it may leave before the commit is done. ``decide`` must follow."""
        load = self._open_load(load_no)
        if load is not None:
            load.state = _LoadState.CLAIMED
            self._claimed = load

    def decide(self, used: bool, at: float) -> Iterator[PanNote]:
        """Note that the claimed load was booked or checked (``used``), or that it was not and still may be."""
        load, self._claimed = self._claimed, None
        left, self._claimed_left = self._claimed_left, None
        if load is not None:
            load.state = _LoadState.DONE if used else _LoadState.OPEN
            if used and load.noted:
                yield BookedLoadNote(load.number)
        if left is not None and not used:
            yield from self._limiter.take(left, at)

    def intake_ended(self, why: UnbookedWhy) -> None:
        """Note that an intake was given up while a load was on the pan."""
        if self._load is not None:
            self._load.ended = why

    def stop(self) -> Iterator[PanNote]:
        """End in good order: yield the pending sum, and a note of the load on the pan."""
        yield from self._limiter.rest()
        load = self._load
        if load is not None and load.state is _LoadState.OPEN and not load.noted:
            load.noted = True
            yield LingeringLoadNote(load.number, load.peak_g)

    def _begin(self, grams: int) -> _TrackedLoad:
        load = self._load = _TrackedLoad(grams, restart=not self._zero_seen)
        if load.restart and any(abs(grams - known) <= self._profile.e_g for known in self._known):
            load.state = _LoadState.DONE
        return load

    def _open_load(self, load_no: int) -> _TrackedLoad | None:
        load = self._load
        return load if load is not None and load.number == load_no and load.state is _LoadState.OPEN else None

    def _unbooked(self, load: _TrackedLoad, at: float) -> LoadLeftNote:
        settled_ms = 0 if load.since is None else max(0, round((at - load.since) * 1000))
        return LoadLeftNote(load.peak_g, self._why(load), settled_ms, noted=load.noted)

    def _why(self, load: _TrackedLoad) -> UnbookedWhy:
        """Return the first reason that applies."""
        reasons = (
            (load.since is None, UnbookedWhy.POWER),
            (load.restart, UnbookedWhy.RESTART),
            (load.peak_g > self._profile.max_g, UnbookedWhy.ABOVE_MAX),
            (load.fault, UnbookedWhy.FAULT),
            (load.ended is not None, load.ended or UnbookedWhy.ABANDONED),
            (load.hold_requested, UnbookedWhy.NOT_AGREED),
        )
        return next((why for holds, why in reasons if holds), UnbookedWhy.NO_INTAKE)


class _RowLimiter:
    """So many rows at once, then one each ``ROW_INTERVAL_S``; what is beyond is summed up and never dropped."""

    def __init__(self) -> None:
        self._tokens = float(MAX_BURST_ROWS)
        self._refilled: float | None = None
        self._summed: LoadLeftNote | None = None

    def take(self, left: LoadLeftNote, at: float) -> Iterator[LoadLeftNote]:
        if left.noted:  # its note is on the disk already and waits for exactly this row
            yield left
            return
        self._summed = left if self._summed is None else _sum(self._summed, left)
        yield from self.due(at)

    def due(self, at: float) -> Iterator[LoadLeftNote]:
        if self._refilled is not None:
            self._tokens = min(float(MAX_BURST_ROWS), self._tokens + max(0.0, at - self._refilled) / ROW_INTERVAL_S)
        self._refilled = at
        if self._summed is not None and self._tokens >= 1:
            self._tokens -= 1
            yield from self.rest()

    def rest(self) -> Iterator[LoadLeftNote]:
        summed, self._summed = self._summed, None
        if summed is not None:
            yield summed


def _sum(one: LoadLeftNote, other: LoadLeftNote) -> LoadLeftNote:
    """Join two rows into one: the heavier gives the reason, of equal ones the earlier."""
    heavier = one if one.peak_g >= other.peak_g else other
    return replace(heavier, loads=one.loads + other.loads, settled_ms=max(one.settled_ms, other.settled_ms))
