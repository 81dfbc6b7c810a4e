"""The pan: what may be shown of it, and the one load that may be booked.

A load moves through these states; the rules here decide, never the page:

    empty ──rise──▶ moving ──rest──▶ stable ──requested──▶ held ──booked──▶ used ──back to zero──▶ empty

A load may be booked (its weight printed) from Min to Max, at rest over the readings and the time of its `ScaleProfile`.
A hold lasts only while every reading stays within 1 e of it and none reports motion. Anything else (a swing, a fault,
silence) breaks it, and a new hold has a new reading number, so a page that shows the old one cannot book anything.
A used load cannot be booked again until the pan has rested at zero. After a start nothing may be booked before the
first zero: the load on the pan may have been booked before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kiosk.domain.metrology.frames import newest_that_fit
from kiosk.domain.metrology.indication import Indication, ScaleProfile, UnusableReason

_WINDOW = 64  # Readings kept for the stability rule: over a second even from the fastest indicators (50 a second)

# Up to this age in seconds a reading is valid; an older one is neither shown nor booked. Readings further apart are not
# consecutive: the load in between is unknown. The supervisor of the scale, the desk and the technician's page use it.
STALE_S: Final = 1.0


class PanState(StrEnum):
    """The seven states a person sees, each with a shape of its own."""

    EMPTY = "empty"
    MOVING = "moving"
    STABLE = "stable"
    HELD = "locked"
    OVERLOAD = "overload"
    NEGATIVE = "negative"
    LOST = "lost"


class NotBookableReason(StrEnum):
    """Why the load on the pan cannot be booked now."""

    LOST = "lost"
    UNIT = "unit"
    NET_ON_SCALE = "net_on_scale"
    OFF_STEP = "off_step"
    UNSTABLE = "unstable"
    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    LOAD_ALREADY_COUNTED = "load_already_counted"


@dataclass(frozen=True, slots=True)
class Hold:
    """The weight a person is asked to agree on: grams, the reading it came from, and the evidence of rest.

    ``frames`` are the raw frames of that rest, oldest first, bounded as ``frames.py`` says.
    """

    grams: int
    reading_no: int
    load_no: int
    stable_ms: int
    readings: int
    frames: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PanView:
    """What the pan looks like after the newest reading. ``grams`` is None when there is nothing to show."""

    state: PanState
    grams: int | None
    reading_no: int
    load_no: int
    why_not: NotBookableReason | None
    hold: Hold | None


_NOT_BOOKABLE_REASONS = {
    UnusableReason.UNIT: NotBookableReason.UNIT,
    UnusableReason.NET_ON_SCALE: NotBookableReason.NET_ON_SCALE,
    UnusableReason.OFF_STEP: NotBookableReason.OFF_STEP,
    UnusableReason.OVERLOAD: NotBookableReason.ABOVE_MAX,
    UnusableReason.UNDERLOAD: NotBookableReason.UNSTABLE,
    UnusableReason.NO_WEIGHT: NotBookableReason.LOST,
}


class Pan:
    """The state of one pan. Not thread-safe: its owner has a lock. Times are monotonic seconds, passed in."""

    def __init__(self, profile: ScaleProfile) -> None:
        self._profile = profile
        self._rest: deque[tuple[float, int, bytes]] = deque(maxlen=_WINDOW)
        self._fed_at: float | None = None
        self._losses = 0
        self._newest: Indication | None = None
        self._loaded = False
        self._reading_no = 0
        self._load_no = 0
        self._may_book = False
        self._load_seen = False
        self._hold: Hold | None = None
        self._hold_requested = False

    @property
    def profile(self) -> ScaleProfile:
        """The scale this pan belongs to."""
        return self._profile

    def feed(self, indication: Indication, at: float, raw: bytes = b"") -> PanView:
        """Take the newest reading; readings count from 1 and never repeat within one start of the station.

        ``raw`` is its frame. A pause of more than a second, or a time before the last one, ends the rest and the hold
        as silence does.
        """
        self.expire_stale(at)
        self._fed_at = at
        self._reading_no += 1
        self._newest = indication
        if indication.grams is not None:
            self._loaded = indication.grams > self._profile.e_g
        elif indication.unusable is UnusableReason.OVERLOAD:
            self._loaded = True
        if indication.grams is None or indication.stable is False:
            self._rest.clear()
        if indication.grams is not None:
            self._remember(indication.grams, at, raw, keep=indication.stable is not False)
        self._follow_load(seen=indication.grams is not None)
        return self.view()

    def expire_stale(self, now: float) -> bool:
        """Drop what is too old at ``now``, on the clock of the readings; return True when something was dropped by this
        call.

        Call it before a weight is shown or booked: a process that was suspended is not notified that time has passed.
        """
        if self._newest is None or self._fed_at is None or 0 <= now - self._fed_at <= STALE_S:
            return False
        self.lose()
        return True

    def lose(self) -> PanView:
        """Forget the load: the newest reading is too old to be shown."""
        self._losses += self._newest is not None
        self._newest = None
        self._rest.clear()
        self._hold = None
        return self.view()

    def request_hold(self) -> PanView:
        """Hold the first weight that can be booked from now on, and the next one whenever a hold breaks."""
        self._hold_requested = True
        self._try_hold()
        return self.view()

    def read(self) -> Hold | None:
        """Return the load as it could be booked now, without a request to hold; None: ``view().why_not`` says why."""
        return self._hold or (self._evidence() if self._why_not() is None else None)

    def release(self) -> PanView:
        """Withdraw the request to hold a weight."""
        self._hold_requested = False
        self._hold = None
        return self.view()

    def count(self, hold: Hold) -> None:
        """Mark the held load as booked: it cannot be booked again. A later load is not affected."""
        if hold.load_no == self._load_no:
            self._may_book = False
            self._hold = None

    def view(self) -> PanView:
        state, grams = self._state()
        return PanView(state, grams, self._reading_no, self._load_no, self._why_not(), self._hold)

    @property
    def losses(self) -> int:
        """How often readings stopped or failed. Between two equal counts the pan was readable all the time."""
        return self._losses

    @property
    def rests_at_zero(self) -> bool:
        """Whether the pan is empty beyond doubt."""
        return self._is_at_rest() and abs(self._rest[-1][1]) <= self._profile.e_g

    @property
    def rest_g(self) -> int | None:
        """Grams the pan rests at, whatever they are; None while it does not rest."""
        return self._rest[-1][1] if self._is_at_rest() else None

    @property
    def hold_requested(self) -> bool:
        """Whether an intake waits for a weight."""
        return self._hold_requested

    @property
    def loaded(self) -> bool:
        """Whether goods were on the pan at the newest usable reading: a scale that falls silent does not unload it."""
        return self._loaded

    @property
    def empty(self) -> bool:
        """Whether the newest reading shows an empty pan. A pan that cannot be read is not empty."""
        newest = self._newest
        return newest is not None and newest.grams is not None and newest.grams <= self._profile.e_g

    def _remember(self, grams: int, at: float, raw: bytes, keep: bool) -> None:
        if not keep:
            return
        self._rest.append((at, grams, raw))
        lowest = highest = grams
        retained = 0
        for _, value, _ in reversed(self._rest):
            lowest, highest = min(lowest, value), max(highest, value)
            if highest - lowest > self._profile.e_g:
                break
            retained += 1
        while len(self._rest) > retained:
            self._rest.popleft()

    def _is_at_rest(self) -> bool:
        if len(self._rest) < self._profile.min_readings:
            return False
        return self._rest[-1][0] - self._rest[0][0] >= self._profile.min_span_s

    def _follow_load(self, *, seen: bool) -> None:
        if self.rests_at_zero:
            if self._load_seen or not self._may_book:
                self._load_no += 1
            self._may_book, self._load_seen = True, False
        elif seen and self._loaded:
            self._load_seen = True
        self._drop_broken_hold()
        self._try_hold()

    def _drop_broken_hold(self) -> None:
        if self._hold is not None and not self._is_unbroken(self._hold):
            self._hold = None

    def _is_unbroken(self, hold: Hold) -> bool:
        newest = self._newest
        if newest is None or newest.grams is None or newest.stable is False:
            return False
        return abs(newest.grams - hold.grams) <= self._profile.e_g

    def _try_hold(self) -> None:
        if not self._hold_requested or self._hold is not None or self._why_not() is not None:
            return
        self._hold = self._evidence()

    def _evidence(self) -> Hold:
        """Return the resting load and the readings that prove its rest."""
        first, last = self._rest[0], self._rest[-1]
        return Hold(
            grams=last[1],
            reading_no=self._reading_no,
            load_no=self._load_no,
            stable_ms=round((last[0] - first[0]) * 1000),
            readings=len(self._rest),
            frames=newest_that_fit(raw for _, _, raw in self._rest),
        )

    def _why_not(self) -> NotBookableReason | None:
        newest = self._newest
        if newest is None:
            return NotBookableReason.LOST
        if newest.grams is None:
            return _NOT_BOOKABLE_REASONS[newest.unusable or UnusableReason.NO_WEIGHT]
        if newest.grams > self._profile.max_g:
            return NotBookableReason.ABOVE_MAX
        if newest.grams < self._profile.min_g:
            return NotBookableReason.BELOW_MIN
        if not self._may_book:
            return NotBookableReason.LOAD_ALREADY_COUNTED
        if not self._is_at_rest():
            return NotBookableReason.UNSTABLE
        return None

    def _state(self) -> tuple[PanState, int | None]:
        newest = self._newest
        if newest is None:
            return PanState.LOST, None
        if newest.grams is None:
            return self._unusable_state(newest.unusable), None
        if self._hold is not None:
            return PanState.HELD, self._hold.grams
        if newest.grams < -self._profile.e_g:
            return PanState.NEGATIVE, newest.grams
        if not self._is_at_rest():
            return PanState.MOVING, newest.grams
        if newest.grams <= self._profile.e_g:
            return PanState.EMPTY, newest.grams
        return PanState.STABLE, newest.grams

    @staticmethod
    def _unusable_state(unusable: UnusableReason | None) -> PanState:
        if unusable is UnusableReason.OVERLOAD:
            return PanState.OVERLOAD
        if unusable is UnusableReason.UNDERLOAD:
            return PanState.NEGATIVE
        return PanState.LOST
