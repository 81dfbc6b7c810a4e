"""Photos of lots, and the listing draft that each of them opens."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, false, insert, select, tuple_

from kiosk.domain.events import ListingDrafted, PhotoTaken
from kiosk.store.database.schema import listing as listing_table
from kiosk.store.database.schema import lot as lot_table
from kiosk.store.database.schema import photo as photo_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.errors import StoreError
from kiosk.store.journal import journal
from kiosk.store.receipts import number_of, receipt_in
from kiosk.store.records import NewPhoto, PhotoPlace, PhotoRow, Stamp


class Photos(Tables):
    """Shots of lots; whether a picture is still here, its file says."""

    @writing
    def add(self, connection: Connection, photo: NewPhoto, stamp: Stamp) -> None:
        """Keep a shot and open its listing draft; the same shot of the same lot again changes nothing."""
        intake = _intake_of(connection, photo.lot)
        before = _of_lot(connection, photo.lot)
        if photo.sha256 in {row.sha256 for row in before}:
            return
        taken_at = stamp.moment.timestamp
        connection.execute(
            insert(photo_table).values(
                intake=intake,
                sha256=photo.sha256,
                shot=len(before) + 1,
                size_bytes=photo.size_bytes,
                width=photo.width,
                height=photo.height,
                taken_at=taken_at,
            )
        )
        connection.execute(
            insert(listing_table).values(
                intake=intake, sha256=photo.sha256, product=photo.product, state="draft", drafted_at=taken_at
            )
        )
        taken = PhotoTaken(photo.lot, photo.sha256, photo.size_bytes, photo.width, photo.height)
        journal.append(connection, taken, stamp)
        journal.append(connection, ListingDrafted(photo.lot, photo.product, photo.sha256), stamp)

    @reading
    def of_lot(self, connection: Connection, lot: str) -> list[PhotoRow]:
        """The shots of a lot, in the order they were taken, whatever the clock said."""
        return _of_lot(connection, lot)

    @reading
    def oldest(self, connection: Connection, limit: int, after: PhotoPlace | None = None) -> list[PhotoPlace]:
        """At most ``limit`` shots behind ``after``, in the order of their intakes: no clock has a say in it."""
        query = select(photo_table.c.intake, photo_table.c.shot, photo_table.c.sha256)
        if after is not None:
            query = query.where(tuple_(photo_table.c.intake, photo_table.c.shot) > (after.intake, after.shot))
        rows = connection.execute(query.order_by(photo_table.c.intake, photo_table.c.shot).limit(limit))
        return [PhotoPlace(*row) for row in rows]


def _of_lot(connection: Connection, lot: str) -> list[PhotoRow]:
    query = (
        select(
            lot_table.c.lot,
            photo_table.c.sha256,
            photo_table.c.size_bytes,
            photo_table.c.width,
            photo_table.c.height,
            photo_table.c.taken_at,
        )
        .join(lot_table)
        .where(_has_lot(lot))
        .order_by(photo_table.c.shot)
    )
    return [PhotoRow(*row) for row in connection.execute(query)]


def _has_lot(lot: str) -> ColumnElement[bool]:
    """The condition for one lot, found by the key of its intake. False for no lot."""
    receipt = receipt_in(lot)
    if receipt is None:
        return false()
    return and_(lot_table.c.intake == number_of(receipt), lot_table.c.lot == lot)


def _intake_of(connection: Connection, lot: str) -> int:
    intake = connection.execute(select(lot_table.c.intake).where(_has_lot(lot))).scalar_one_or_none()
    if intake is None:
        raise StoreError(f"Lot {lot} is not of this database.")
    return int(intake)
