"""The pan and its journal: both get the same readings, and the journal's notes are passed on at once.

Not thread-safe: the desk holds its lock. ``on_note`` must not wait, or the scale's thread waits too.
"""

from __future__ import annotations

from collections.abc import Iterable

from kiosk.domain.intake import AbandonReason
from kiosk.domain.metrology.indication import ScaleProfile, indicate
from kiosk.domain.metrology.pan import Hold, Pan, PanView
from kiosk.domain.metrology.pan_journal import PanJournal, PanNote, PreviousLoads, UnbookedWhy
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.ports import OnNote

_WHY = {AbandonReason.IDLE: UnbookedWhy.IDLE, AbandonReason.LEFT: UnbookedWhy.ABANDONED}


class JournaledPan:
    """A ``Pan`` of which every load is accounted for. ``at`` is monotonic seconds, the scale's."""

    def __init__(self, profile: ScaleProfile, on_note: OnNote) -> None:
        self.pan = Pan(profile)  # Only to read, and to hold a load; every other change goes through here
        self._journal = PanJournal(profile)
        self._on_note = on_note
        self._at = 0.0

    def begin(self, before: PreviousLoads) -> None:
        """Set what the last run recorded; call it before the first reading."""
        self._journal = PanJournal(self.pan.profile, before)

    def expire_stale(self, now: float) -> bool:
        """Drop what is too old at this moment; return True when something was dropped just now."""
        lost = self.pan.expire_stale(now)
        if lost:
            self._journal.unreadable()
        return lost

    def feed(self, reading: Reading, at: float) -> PanView:
        self.expire_stale(at)
        self._at = at
        indication = indicate(
            self.pan.profile,
            weight=reading.weight,
            unit=reading.unit,
            stable=reading.stable,
            net=reading.net,
            overload=reading.overload,
            underload=reading.underload,
            suspect=reading.suspect,
        )
        view = self.pan.feed(indication, at, reading.raw)
        if indication.grams is None:
            self._journal.unreadable()
        if self.pan.rests_at_zero:
            self._emit_notes(self._journal.on_zero(at))
        elif (grams := self.pan.rest_g) is not None:
            self._emit_notes(
                self._journal.on_rest(grams, at, self.pan.view().load_no, hold_requested=self.pan.hold_requested)
            )
        return view

    def lose(self) -> None:
        self._journal.unreadable()
        self.pan.lose()

    def fix(self, hold: Hold, receipt: str) -> None:
        """Fix the load for this open intake, as a bag or as its empty container."""
        self._emit_notes(self._journal.hold(hold.load_no, receipt, hold.grams))
        self.pan.count(hold)

    def claim(self, hold: Hold) -> None:
        """Claim the load before booking; ``count`` or ``give_back`` follows, even when it was removed meanwhile."""
        self._journal.claim(hold.load_no)

    def count(self, hold: Hold) -> None:
        """Record that the claimed load is booked, or was the check weight: it cannot be used again."""
        self._emit_notes(self._journal.decide(used=True, at=self._at))
        self.pan.count(hold)

    def give_back(self) -> None:
        """Record that the claimed load was not booked."""
        self._emit_notes(self._journal.decide(used=False, at=self._at))

    def intake_ended(self, why: AbandonReason) -> None:
        """Record that the open intake was abandoned."""
        self._journal.intake_ended(_WHY.get(why, UnbookedWhy.ABANDONED))

    def stop(self) -> None:
        self._emit_notes(self._journal.stop())

    def _emit_notes(self, notes: Iterable[PanNote]) -> None:
        for note in notes:
            self._on_note(note)
