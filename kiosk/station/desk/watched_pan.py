"""The pan with its journal beside it: both hear the same readings, and what the journal tells goes out at once.

Not thread-safe: the desk holds its lock. ``on_note`` must not wait, the scale's thread stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kiosk.domain.intake import AbandonReason
from kiosk.domain.metrology.indication import ScaleProfile, indicate
from kiosk.domain.metrology.pan import Lock, Pan, PanView
from kiosk.domain.metrology.pan_journal import Before, PanJournal, PanNote, UnbookedWhy
from kiosk.protocols.scales.reading import Reading

OnNote = Callable[[PanNote], None]

_WHY = {AbandonReason.IDLE: UnbookedWhy.IDLE, AbandonReason.LEFT: UnbookedWhy.ABANDONED}


class WatchedPan:
    """A ``Pan`` of which every load is accounted for. ``at`` is monotonic seconds, the scale's."""

    def __init__(self, profile: ScaleProfile, on_note: OnNote) -> None:
        self._pan = Pan(profile)
        self._journal = PanJournal(profile)
        self._on_note = on_note
        self._at = 0.0

    def begin(self, before: Before) -> None:
        """What the last run knew; to be given before the first reading."""
        self._journal = PanJournal(self.profile, before)

    @property
    def profile(self) -> ScaleProfile:
        """The scale."""
        return self._pan.profile

    @property
    def loaded(self) -> bool:
        """Whether goods lay there when the pan was seen last."""
        return self._pan.loaded

    @property
    def empty(self) -> bool:
        """Whether the newest reading shows that nothing lies there."""
        return self._pan.empty

    @property
    def losses(self) -> int:
        """How often the pan was known and then was not."""
        return self._pan.losses

    def look(self, now: float) -> bool:
        """Lose what is too old at this moment; True when something was lost just now."""
        lost = self._pan.look(now)
        if lost:
            self._journal.unreadable()
        return lost

    def feed(self, reading: Reading, at: float) -> PanView:
        """Take one decoded frame."""
        self.look(at)
        self._at = at
        indication = indicate(
            self.profile,
            weight=reading.weight,
            unit=reading.unit,
            stable=reading.stable,
            net=reading.net,
            overload=reading.overload,
            underload=reading.underload,
            suspect=reading.suspect,
        )
        view = self._pan.feed(indication, at, reading.raw)
        if indication.grams is None:
            self._journal.unreadable()
        self._follow(at)
        return view

    def lose(self) -> PanView:
        """Nothing is known of the pan any more."""
        self._journal.unreadable()
        return self._pan.lose()

    def view(self) -> PanView:
        """What to show."""
        return self._pan.view()

    def want_lock(self) -> PanView:
        """An intake asks for a weight."""
        return self._pan.want_lock()

    def release(self) -> PanView:
        """Nobody asks any more."""
        return self._pan.release()

    def read(self) -> Lock | None:
        """The load as it could be booked now."""
        return self._pan.read()

    def hold(self, lock: Lock, receipt: str) -> None:
        """The load is fixed for this open intake, as a bag or as its empty container."""
        self._tell(self._journal.hold(lock.load_no, receipt, lock.grams))
        self._pan.count(lock)

    def claim(self, lock: Lock) -> None:
        """The load is about to be booked; ``count`` or ``give_back`` follows, even when it has left meanwhile."""
        self._journal.claim(lock.load_no)

    def count(self, lock: Lock) -> None:
        """The claimed load is booked, or was the check weight: it gives nothing more."""
        self._tell(self._journal.decide(used=True, at=self._at))
        self._pan.count(lock)

    def give_back(self) -> None:
        """The claimed load was not booked."""
        self._tell(self._journal.decide(used=False, at=self._at))

    def intake_ended(self, why: AbandonReason) -> None:
        """The open intake is given up."""
        self._journal.intake_ended(_WHY.get(why, UnbookedWhy.ABANDONED))

    def stop(self) -> None:
        """The station ends in good order."""
        self._tell(self._journal.stop())

    def _follow(self, at: float) -> None:
        if self._pan.rests_at_zero:
            self._tell(self._journal.at_zero(at))
        elif (grams := self._pan.rest_g) is not None:
            self._tell(self._journal.rests(grams, at, self._pan.view().load_no, wanted=self._pan.wanted))

    def _tell(self, notes: Iterable[PanNote]) -> None:
        for note in notes:
            self._on_note(note)
