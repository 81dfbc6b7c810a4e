"""What the database records of the station's signing key: which one was announced, and what no signature covers yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from kiosk.domain.events import EventData, EventsCovered, KeyMade
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import signing_key as key_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

_ALL_COVERED = {"first_seq": 0, "last_seq": 0, "events": 0, "head": ""}


@dataclass(frozen=True, slots=True)
class SigningState:
    """``public`` is the announced key, in hex, "" for none; ``epoch`` the id of the epoch it was announced in, "" when
    none ever was. ``epochs`` holds why each epoch, oldest first, was started; ``uncovered`` counts the events of the
    current one that no signature covers.
    """

    public: str
    epoch: str
    epochs: Mapping[str, str]
    uncovered: int


class Signing(Tables):
    @reading
    def state(self, connection: Connection) -> SigningState:
        rows = connection.execute(select(epoch_table).order_by(epoch_table.c.number)).all()
        key = connection.execute(select(key_table)).one_or_none()
        epochs = {row.epoch: row.why for row in rows}
        if key is None:
            return SigningState("", "", epochs, 0)
        announced_in = next(row.epoch for row in rows if row.number == key.position // EPOCH_SHIFT)
        return SigningState(key.public, announced_in, epochs, key.events)

    @writing
    def announce(self, connection: Connection, key: KeyMade, stamp: Stamp) -> None:
        """Announce the key. Raises StoreError, and writes nothing, while ``stamp`` cannot sign."""
        position = _append_signed(connection, key, stamp)
        covered = connection.execute(select(*(key_table.c[name] for name in _ALL_COVERED))).mappings().one_or_none()
        connection.execute(delete(key_table))
        row = {"id": 1, "public": key.public, "position": position, **(covered or _ALL_COVERED)}
        connection.execute(insert(key_table).values(row))

    @writing
    def cover(self, connection: Connection, stamp: Stamp) -> None:
        """Sign once for all events that have no signature. Raises StoreError while ``stamp`` cannot sign."""
        key = connection.execute(select(key_table)).one_or_none()
        if key is not None and key.events:
            event = EventsCovered(key.first_seq, key.last_seq, key.events, key.head)
            _append_signed(connection, event, stamp)
            connection.execute(update(key_table).values(_ALL_COVERED))


def begin_epoch(connection: Connection) -> None:
    """Reset the coverage: what is uncovered is reissued and signed again, or no further event can reach it."""
    connection.execute(update(key_table).values(_ALL_COVERED))


def repeat_announcement(connection: Connection) -> None:
    """Require a new announcement: the sorting center may no longer have the event of the key."""
    connection.execute(update(key_table).values(public=""))


def _append_signed(connection: Connection, event: EventData, stamp: Stamp) -> int:
    position, sealed = journal.append_sealed(connection, event, stamp)
    if not journal.is_signed(sealed):
        raise StoreError("Nothing was written: the signing key cannot be used.")
    return position
