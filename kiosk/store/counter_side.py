"""The part of the store that the counter uses beside parcels: papers, people, locks and the day."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from kiosk.domain.clerk import Role
from kiosk.domain.day import DayTotals
from kiosk.domain.events import AuthLocked, BackupMade
from kiosk.domain.lockout import Lockout
from kiosk.store import clerks, days, intakes, lockouts
from kiosk.store.database.connection import Database
from kiosk.store.journal import journal
from kiosk.store.journal.sealed_rows import Altered, altered_newest, bare_of
from kiosk.store.papers import decisions as paper_decisions
from kiosk.store.papers import print_jobs
from kiosk.store.records import ClerkRow, ConfirmedRow, NewPaper, PrintJob, Stamp

DayPapers = Callable[[DayTotals, str], Sequence[NewPaper]]
"""The papers of a day: its totals and its head, the hash of its last event."""


class CounterSide:
    """Papers, people, locks and the day. Each method is one transaction; refusals are StoreRefusal."""

    _database: Database

    # Papers

    def queue_paper(self, paper: NewPaper, about: str, stamp: Stamp) -> int:
        """Queue a paper that is no intake's; ``about`` is what it is about, like ``test-label``. Returns the job."""
        return self._database.write(lambda connection: print_jobs.queue(connection, paper, about))

    def reprint(self, job_id: int, actor: str, stamp: Stamp) -> int:
        """A person asked for the paper again: a new queued job with the same body, marked as a copy.

        Refused: reissue (a pickup slip: its code is gone), cancelled, already_void, unknown_paper, record_altered.
        """
        return self._database.write(lambda connection: paper_decisions.reprint(connection, job_id, actor, stamp))

    def resolve_print(self, job_id: int, came_out: bool, actor: str, stamp: Stamp) -> int | None:
        """A person looked at a paper of unknown fate: it is printed, or a copy is queued and its job returned.

        Refused: not_unknown, unknown_paper, reissue (a pickup slip that did not come out).
        """
        return self._database.write(
            lambda connection: paper_decisions.resolve(connection, job_id, came_out, actor, stamp)
        )

    def open_papers(self, limit: int = 200) -> list[PrintJob]:
        """Papers that are queued, sending or unknown, oldest first."""
        return self._database.read(lambda connection: print_jobs.open_jobs(connection, limit))

    # Intakes

    def altered_intakes(self) -> list[Altered]:
        """Of the newest intakes those whose rows are not what was sealed; for every start."""
        return self._database.read(lambda connection: altered_newest(bare_of(connection)))

    def find_intake(self, text: str) -> ConfirmedRow | None:
        """The confirmed intake of a receipt number, a receipt code, a lot code or a bag code of this station."""
        return self._database.read(lambda connection: intakes.by_any_code(connection, text))

    def session_intakes(self, limit: int = 50, offset: int = 0) -> list[ConfirmedRow]:
        """Intakes confirmed since the last close of day, newest receipt first."""
        return self._database.read(lambda connection: days.intakes_since_close(connection, limit, offset))

    # People

    def add_clerk(self, name: str, role: Role, pin_hash: str, stamp: Stamp) -> ClerkRow:
        """A new person with the next number. Raises BadClerk for a name that is none, or when no number is left."""
        return self._database.write(lambda connection: clerks.add(connection, name, role, pin_hash, stamp))

    def clerks(self, active: bool = True) -> list[ClerkRow]:
        """The people, by number; with those who are retired when not ``active``."""
        return self._database.read(lambda connection: clerks.everyone(connection, active))

    def clerk(self, number: str) -> ClerkRow | None:
        """The person with this number, retired ones too."""
        return self._database.read(lambda connection: clerks.by_number(connection, number))

    def wrap_pins(self, wrap: Callable[[str], str | None]) -> int:
        """Put what is kept of every PIN under a key, all or none of them; returns how many were changed."""
        return self._database.write(lambda connection: clerks.wrap_pins(connection, wrap), finishing=True)

    def set_pin(self, number: str, pin_hash: str, stamp: Stamp) -> None:
        """A new PIN. Refused: unknown_clerk (also for a retired one)."""
        self._database.write(lambda connection: clerks.set_pin(connection, number, pin_hash, stamp))

    def retire_clerk(self, number: str, stamp: Stamp) -> None:
        """This person works here no more; the number is not given again. Again changes nothing."""
        self._database.write(lambda connection: clerks.retire(connection, number, stamp))

    # Locks

    def lockout(self, scope: str) -> Lockout:
        """How often somebody guessed wrong in this scope, ``pin`` or ``pickup``."""
        return self._database.read(lambda connection: lockouts.read(connection, scope))

    def save_lockout(self, scope: str, lockout: Lockout, locked_event: AuthLocked | None, stamp: Stamp) -> None:
        """Keep it over a restart, with the event when this wrong try was one too many."""
        self._database.write(
            lambda connection: lockouts.save(connection, scope, lockout, locked_event, stamp), finishing=True
        )

    # The day

    def day_totals(self) -> DayTotals:
        """Counts since the last close."""
        return self._database.read(days.totals)

    def close_day(self, actor: str, papers: DayPapers, stamp: Stamp) -> tuple[DayTotals, str]:
        """Close the day: event and papers. Returns its totals and its head (64 hex digits).

        Refused: record_altered, when a row of the day is not what was sealed.
        """
        return self._database.write(lambda connection: days.close(connection, actor, papers, stamp))

    # The box

    def tell_backup(self, made: BackupMade, stamp: Stamp) -> None:
        """Record that a backup was made."""

        def work(connection: Connection) -> None:
            journal.append(connection, made, stamp)

        self._database.write(work)
