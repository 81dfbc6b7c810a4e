"""The part of the store that the relay process uses: identity, epochs, outbox, journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from kiosk.store.database.check import check_journal
from kiosk.store.database.connection import Database
from kiosk.store.errors import StoreError
from kiosk.store.journal import epochs, outbox, reissue
from kiosk.store.journal.series import Series, SeriesMarker, letter_after
from kiosk.store.records import EarlierEpoch, EventTotals, Identity, OutboxCounts, OutboxRow, Stamp


@dataclass(eq=False)
class RelaySide:
    """A station's database as the relay sees it. ``Store`` adds what the station does."""

    default_stamp: Callable[[], Stamp]
    """The stamp of calls that are made without one."""
    _database: Database
    _marker: SeriesMarker
    _station: str
    _new_epoch: Callable[[], str]
    _counter_floor: Mapping[str, int] = field(default_factory=dict)

    def close(self) -> None:
        """Close the connections of this process."""
        self._database.close()

    def identity(self) -> Identity:
        """Station, current epoch and receipt series; the other process may have started a new epoch."""
        epoch = self._database.read(epochs.current)
        return Identity(self._station, epoch.epoch, epoch.series)

    def pending(self, limit: int, after: int = 0) -> list[OutboxRow]:
        """Events of the current epoch that are not done, with seq above ``after``, oldest first."""
        return self._database.read(lambda connection: outbox.pending(connection, limit, after))

    def counts(self) -> OutboxCounts:
        """How much waits for the sorting center."""
        return self._database.read(outbox.counts)

    def totals(self) -> EventTotals:
        """How much was ever written here, and how much of it the center has said to have."""
        return self._database.read(outbox.totals)

    def earlier(self) -> list[EarlierEpoch]:
        """The epochs before the current one of which the center had something, oldest first."""
        return self._database.read(outbox.earlier)

    def sealed(self, epoch: str, limit: int, after: int = 0) -> list[OutboxRow]:
        """Events of any epoch of this database, done or not, with seq above ``after``, oldest first."""
        return self._database.read(lambda connection: outbox.sealed(connection, epoch, limit, after))

    def hash_at(self, seq: int, epoch: str | None = None) -> str | None:
        """The hash of an event of this epoch (None: the current one), to compare with the center's."""
        return self._database.read(lambda connection: outbox.hash_at(connection, seq, epoch))

    def acknowledge(self, upto: int, quarantined: Sequence[int], epoch: str | None = None) -> bool:
        """Events up to ``upto`` are done, those above wait (again).

        False, and nothing is written, when ``epoch`` is given and the other process has ended it meanwhile.
        """
        return self._database.write(
            lambda connection: outbox.acknowledge(connection, upto, quarantined, epoch), finishing=True
        )

    def quarantined(self) -> list[int]:
        """Events the center keeps apart for a person; the technician's page shows them."""
        return self._database.read(outbox.quarantined)

    def start_new_epoch(self, why: str, stamp: Stamp | None = None, *, ending: str | None = None) -> bool:
        """Go on in a new epoch with the next receipt series; what is not done is told again in it.

        False, and nothing is written, when ``ending`` is given and is not the current epoch (any more). Raises
        StoreError when an acknowledgement asks for it (``why`` is "behind" and ``ending`` the epoch it named) and
        ``behind_spent``.
        When ``receipt-series`` cannot be written after the commit, StoreError says so, the new epoch stands, and the
        next opening writes the file.
        """
        try:
            with self._marker.locked():
                return self._enter_epoch(why, stamp or self.default_stamp(), ending)
        except OSError as error:
            raise StoreError(f"The file {self._marker.path} cannot be written ({error}): check the disk.") from error

    def behind_spent(self) -> bool:
        """Whether ``start_new_epoch("behind")`` would be refused: see ``kiosk.store.journal.epochs.behind_spent``."""
        boot_id = self.default_stamp().moment.boot_id
        return self._database.read(lambda connection: epochs.behind_spent(connection, boot_id))

    def changed(self) -> bool:
        """Whether another process committed since the last call; true the first time."""
        return self._database.changed()

    def verify_journal(self) -> int:
        """Walk all events of all epochs and return how many; raises DatabaseDamaged at the first broken link."""
        return self._database.read(lambda connection: check_journal(connection, self._database.path))

    def settle(self, stamp: Stamp) -> None:
        """At opening, with the marker locked: see that epoch and receipt series are this database's alone.

        A file just made gets its first epoch; one that is older than the marker is a backup and gets a new epoch. When
        it has a letter after all of the marker, that was done at the start before and the marker could not be written.
        Raises StoreError for the database of another station.
        """
        used = self._marker.used(self._station)
        known = self._database.read(self._own_series)
        if not known:
            self._enter_epoch("new", stamp)
        elif used and used[-1] not in known and known[-1].letter <= max(one.letter for one in used):
            self._enter_epoch("restored", stamp)
        else:
            self._marker.add_missing(self._station, known)

    def _own_series(self, connection: Connection) -> list[Series]:
        owner = epochs.station_of(connection)
        if owner not in (None, self._station):
            raise StoreError(
                f"The database {self._database.path} belongs to station {owner}, not to {self._station}: "
                "check the station id in the configuration, or bring the right database."
            )
        return epochs.all_series(connection)

    def _enter_epoch(self, why: str, stamp: Stamp, ending: str | None = None) -> bool:
        """First the database, then the marker: see ``kiosk.store.journal.series``."""
        epoch, used = self._new_epoch(), self._marker.used(self._station)

        def work(connection: Connection) -> list[Series] | None:
            known = epochs.all_series(connection)
            if ending is not None and known[-1].epoch != ending:
                return None
            told = why == epochs.BEHIND and ending is not None
            if told and epochs.behind_spent(connection, stamp.moment.boot_id):
                raise StoreError(
                    "The sorting center says again that this database is older than what it has: no further epoch is "
                    "begun for that. Call the administrator of the broker; a technician can begin one (Settle a fork)."
                )
            if not known:
                epochs.claim(connection, self._station)
            letter = letter_after([*used, *known])
            reissue.start_epoch(connection, epoch, letter, why, stamp, self._counter_floor)
            return epochs.all_series(connection)

        known = self._database.write(work, finishing=True)
        if known is not None:
            self._marker.add_missing(self._station, known)
        return known is not None
