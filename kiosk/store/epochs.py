"""The epochs of a continued database: a new one reissues what the center may not have under new numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, Table, insert, select, update

from kiosk.domain import events as e
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.messaging.contract.envelope import EVENT_TYPES, data_as
from kiosk.messaging.contract.seal import DatabaseIdentity, SealedEvent
from kiosk.store import listings, photos
from kiosk.store.database.connection import Database
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.database.schema import day as day_table
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.database.tables import Tables, reading
from kiosk.store.journal import journal, signing
from kiosk.store.journal.numbering import number_of
from kiosk.store.journal.series import Series, SeriesMarker, letter_after
from kiosk.store.scale import event_counters
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

# Why an epoch was started: the sorting center has more of this database than the database itself.
BEHIND: Final = "behind"
# At most this many of a station's 23 receipt letters may ever be spent because a broker says so. A card is restored
# from an older copy once in years; the other letters are for people, who start an epoch at the technician's page.
MAX_BEHIND_EPOCHS: Final = 6
_OF_ONE_EPOCH: Final = frozenset((e.EpochStarted.TYPE, e.KeyMade.TYPE, e.EventsCovered.TYPE))


@dataclass(frozen=True, slots=True)
class NewEpoch:
    epoch: str
    series: str
    why: str


class Epochs(Tables):
    """The epoch a database is in, and the next one. The series file records it outside the database as well."""

    def __init__(
        self, database: Database, marker: SeriesMarker, station: str, stamps: Callable[[], Stamp], opening: OpenOptions
    ) -> None:
        super().__init__(database)
        self._marker = marker
        self._stamps = stamps
        self._station = station
        self._opening = opening

    def identity(self) -> DatabaseIdentity:
        """Read station, epoch and receipt series each time: the other process may have started a new epoch."""
        epoch = self.database.read(journal.current_epoch)
        return DatabaseIdentity(self._station, epoch.epoch, epoch.series)

    def start(self, why: str, stamp: Stamp | None = None, *, ending: str | None = None) -> bool:
        """Start a new epoch with the next receipt series; what is not done is reissued in it.

        Returns False, and writes nothing, when ``ending`` is given and is not the current epoch (any more). Raises
        StoreError when an acknowledgement requires it (``why`` is "behind" and ``ending`` the epoch it named) and
        ``behind_limit_reached``. When ``receipt-series`` cannot be written after the commit, StoreError says so, the
        new epoch stays, and the next opening writes the file.
        """
        try:
            with self._marker.locked():
                return self._enter(why, stamp or self._stamps(), ending)
        except OSError as error:
            raise StoreError(f"The file {self._marker.path} cannot be written ({error}): check the disk.") from error

    def reissue(self, epoch: str, after: int) -> int:
        """Issue again, in the current epoch, what was acknowledged of an earlier one above ``after``; return how many.

        The center came back from a backup and gave those numbers to another machine with the same card. From now on
        ``after`` is what was acknowledged of it. Nothing is done for the current epoch: that one has to end first.
        """
        stamp = self._stamps()

        def work(connection: Connection) -> int:
            return _reissue_acknowledged(connection, epoch, after, stamp)

        return self.database.write(work, finishing=True)

    @reading
    def behind_limit_reached(self, connection: Connection) -> bool:
        """Return whether ``start("behind")`` would be refused: one was begun in this boot, or too many in all."""
        return _behind_limit_reached(connection, self._stamps().moment.boot_id)

    def settle(self, stamp: Stamp) -> None:
        """Make sure, at opening with the marker locked, that epoch and receipt series are this database's alone.

        A file just made gets its first epoch; one that is older than the marker is a backup and gets a new epoch. When
        its letter is after all of the marker, the start before did that and could not write the marker. Raises
        StoreError for the database of another station.
        """
        used = self._marker.used(self._station)
        known = self.series()
        if not known:
            self._enter("new", stamp)
        elif used and used[-1] not in known and known[-1].letter <= max(one.letter for one in used):
            self._enter("restored", stamp)
        else:
            self._marker.add_missing(self._station, known)

    @reading
    def series(self, connection: Connection) -> list[Series]:
        """Return every letter used, oldest first. Raises StoreError for the database of another station."""
        owner = connection.execute(select(station_table.c.station)).scalar_one_or_none()
        if owner not in (None, self._station):
            raise StoreError(
                f"The database {self.database.path} belongs to station {owner}, not to {self._station}: "
                "check the station id in the configuration, or bring the right database."
            )
        return _all_series(connection)

    def _enter(self, why: str, stamp: Stamp, ending: str | None = None) -> bool:
        """Write first the database, then the marker."""
        epoch, used = self._opening.new_epoch(), self._marker.used(self._station)

        def work(connection: Connection) -> list[Series] | None:
            known = _all_series(connection)
            if ending is not None and known[-1].epoch != ending:
                return None
            by_acknowledgement = why == BEHIND and ending is not None
            if by_acknowledgement and _behind_limit_reached(connection, stamp.moment.boot_id):
                raise StoreError(
                    "The sorting center says again that this database is older than what it has: no further epoch is "
                    "begun for that. Call the administrator of the broker; a technician can begin one (Resolve a fork)."
                )
            if not known:
                connection.execute(insert(station_table).values(id=1, station=self._station))
            new_epoch = NewEpoch(epoch, letter_after([*used, *known]), why)
            _begin(connection, new_epoch, stamp, self._opening.counter_floor)
            return _all_series(connection)

        known = self.database.write(work, finishing=True)
        if known is not None:
            self._marker.add_missing(self._station, known)
        return known is not None


def _begin(connection: Connection, new_epoch: NewEpoch, stamp: Stamp, floor: Mapping[str, int]) -> None:
    """Begin the epoch and seal every event of the old one that is not done again; the old rows are kept.

    Every epoch but a new station's first raises the event counters above what is here and above ``floor``.
    """
    old = journal.newest_epoch(connection)
    waiting = []
    if old is not None:
        waiting = list(journal.rows_from(connection, journal.position_of(old.number, old.acked_upto + 1)))
    if new_epoch.why != "new":
        event_counters.raise_all(connection, floor)
    connection.execute(
        insert(epoch_table).values(
            number=len(_all_series(connection)) + 1,
            epoch=new_epoch.epoch,
            series=new_epoch.series,
            why=new_epoch.why,
            started_at=stamp.moment.timestamp,
        )
    )
    signing.begin_epoch(connection)
    counters = e.CountersData.of(event_counters.read(connection))
    journal.append(connection, e.EpochStarted(series=new_epoch.series, why=new_epoch.why, counters=counters), stamp)
    for event in _to_reissue(connection, waiting):
        assert old is not None
        before = journal.position_of(old.number, event.seq)
        position = _reissue(connection, event, before, stamp)
        if event.type == e.DayClosed.TYPE:
            connection.execute(update(day_table).where(day_table.c.position == before).values(position=position))


def _to_reissue(connection: Connection, events: Iterable[SealedEvent]) -> list[SealedEvent]:
    """Leave out what names events of its own epoch, and keys: a key is announced again, signed by itself."""
    found = list(events)
    if any(event.type == e.KeyMade.TYPE for event in found):
        signing.repeat_announcement(connection)
    return [event for event in found if event.type not in _OF_ONE_EPOCH]


def _reissue_acknowledged(connection: Connection, epoch: str, after: int, stamp: Stamp) -> int:
    query = select(epoch_table.c.number, epoch_table.c.acked_upto).where(epoch_table.c.epoch == epoch)
    earlier = connection.execute(query).one_or_none()
    if earlier is None or earlier.number == journal.current_epoch(connection).number or earlier.acked_upto <= after:
        return 0
    first = journal.position_of(earlier.number, after + 1)
    lost = [
        (event, position)
        for event in _to_reissue(connection, journal.rows_from(connection, first, earlier.acked_upto - after))
        if not _is_superseded(connection, event, position := journal.position_of(earlier.number, event.seq))
    ]
    # An earlier close keeps its place: what the current epoch has recorded already did not happen before it.
    for event, position in lost:
        _reissue(connection, event, position, stamp)
    connection.execute(update(epoch_table).where(epoch_table.c.number == earlier.number).values(acked_upto=after))
    return len(lost)


def _is_superseded(connection: Connection, event: SealedEvent, position: int) -> bool:
    """Return whether an offer is outdated: the center takes the offer of a lot that it gets last."""
    return event.type == e.ListingSubmitted.TYPE and not listings.is_current_offer(connection, position)


def _reissue(connection: Connection, sealed: SealedEvent, before: int, now: Stamp) -> int:
    """Reissue the event of position ``before``, and point its rows to the new one; return its position."""
    event = json.loads(sealed.body)
    data = data_as(EVENT_TYPES[sealed.type], event["data"])
    first_id = event.get("reissued", event["id"])
    # The time it happened, not that of the reissue; but the region where the station is now.
    stamp = Stamp(journal.moment_of(event), event["software"], now.region, event.get("metrology", ""), now.sign)
    position = journal.append(connection, data, stamp, reissue_of=journal.ReissuedEvent(first_id, event["data"]))
    if isinstance(data, e.IntakeConfirmed | e.IntakeAbandoned):
        _point_to_event(connection, intake_table, intake_table.c.number, data.receipt, position)
    elif isinstance(data, e.IntakeVoided):
        _point_to_event(connection, void_table, void_table.c.intake, data.receipt, position)
    elif isinstance(data, e.PhotoAccepted):
        photos.point_to_event(connection, data, position)
    elif isinstance(data, e.ListingSubmitted):
        listings.point_to_event(connection, before, position)
    return position


def _point_to_event(connection: Connection, table: Table, key: Column[int], receipt: str, position: int) -> None:
    condition = key == number_of(ReceiptNumber.parse(receipt))
    connection.execute(update(table).where(condition).values(position=position))


def _all_series(connection: Connection) -> list[Series]:
    rows = connection.execute(select(epoch_table.c.series, epoch_table.c.epoch).order_by(epoch_table.c.number))
    return [Series(*row) for row in rows]


def _behind_limit_reached(connection: Connection, boot_id: str) -> bool:
    """Return whether no epoch may be begun for BEHIND: one was in this boot, or MAX_BEHIND_EPOCHS in all.

    An acknowledgement is no proof, and each such epoch costs a letter. The database is an older copy at most once
    between two starts of the machine, and its own first events say in which boot each epoch was begun.
    """
    firsts = (
        select(journal_table.c.body)
        .join(epoch_table, journal_table.c.position == epoch_table.c.number * EPOCH_SHIFT + 1)
        .where(epoch_table.c.why == BEHIND)
    )
    boots = [json.loads(body)["bootid"] for body in connection.execute(firsts).scalars()]
    return boot_id in boots or len(boots) >= MAX_BEHIND_EPOCHS
