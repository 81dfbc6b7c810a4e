"""The part of the store that is about the scale itself: counters, checks, raw frames, the journal of the pan."""

from __future__ import annotations

from kiosk.domain.metrology.pan_journal import Before, PanNote
from kiosk.domain.metrology.standing import Counters, ScaleStanding
from kiosk.domain.moment import ClockQuality
from kiosk.store.database.connection import Database
from kiosk.store.records import CheckRow, FramesCheck, LoadRow, NewCheck, ScaleContent, Stamp
from kiosk.store.scale import checks as scale_checks
from kiosk.store.scale import metrology_counters, pan_loads, weighings


class ScaleSide:
    """Each method is one transaction with its events."""

    _database: Database

    def counters(self) -> Counters:
        """The event counters as they stand; another process may have imported a catalog."""
        return self._database.read(metrology_counters.read)

    def observe_scale(self, content: ScaleContent, stamp: Stamp) -> int:
        """At the station's start: the scale as it is set up. Another one than before counts and is told."""
        return self._database.write(lambda connection: metrology_counters.observe_scale(connection, content, stamp))

    def count_clock(self, before: ClockQuality, after: ClockQuality, step_s: int, stamp: Stamp) -> int:
        """The clock was set, or became another quality; ``step_s`` is the jump in seconds."""
        return self._database.write(
            lambda connection: metrology_counters.count_clock(connection, before, after, step_s, stamp)
        )

    def record_check(self, check: NewCheck, stamp: Stamp) -> CheckRow:
        """The check weight was read. It is recorded on a full disk as well: a failed one must not be lost."""
        return self._database.write(lambda connection: scale_checks.add(connection, check, stamp), finishing=True)

    def last_check(self) -> CheckRow | None:
        """The newest check, None before the first."""
        return self._database.read(scale_checks.last)

    def note_load(self, note: PanNote, stamp: Stamp) -> None:
        """Keep what the journal of the pan tells, with its event when a load has left unbooked."""
        self._database.write(lambda connection: pan_loads.note(connection, note, stamp), finishing=True)

    def pan_before(self) -> Before:
        """What the last run knew of the pan; ask before ``abandon_left_open``."""
        return self._database.read(pan_loads.before)

    def unbooked_loads(self, limit: int = 50, offset: int = 0) -> list[LoadRow]:
        """The journal of the pan, newest first."""
        return self._database.read(lambda connection: pan_loads.unbooked(connection, limit, offset))

    def standing_of(self, receipt: str) -> ScaleStanding | None:
        """What the scale was worth for this receipt; None when nobody knew then."""
        return self._database.read(lambda connection: weighings.standing(connection, receipt))

    def frames(self, receipt: str, bag: int) -> tuple[bytes, ...]:
        """The raw frames kept with a bag, oldest first; empty when there are none. Raises BadFrames."""
        return self._database.read(lambda connection: weighings.frames(connection, receipt, bag))

    def verify_frames(self) -> FramesCheck:
        """Read all kept frames again, against their hashes and those in the sealed events."""
        return self._database.read(weighings.verify)
