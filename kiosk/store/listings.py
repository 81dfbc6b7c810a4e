"""Listings: what a clerk chose for buyers of a lot, and which event offers it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from kiosk.domain.events import ListingSubmitted
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.messaging.contract.envelope import data_as
from kiosk.store.database.schema import catalog_version as catalog_table
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import listing as listing_table
from kiosk.store.database.schema import listing_photo as arranged_table
from kiosk.store.database.schema import lot as lot_table
from kiosk.store.database.schema import photo as photo_table
from kiosk.store.database.schema import quarantined as quarantined_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal
from kiosk.store.journal.numbering import is_intake, number_of
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import ListedPhoto, ListingRow, SeenShot, Stamp, SubmittedListing

_c = listing_table.c
_NEWEST = select(func.max(catalog_table.c.version)).scalar_subquery()
# The sorting center has quarantined an event of the journal, until a person decides.
_IS_QUARANTINED = (quarantined_table.c.epoch == journal_table.c.epoch) & (
    quarantined_table.c.seq == journal_table.c.seq
)
_ROW = (
    select(
        lot_table.c.lot,
        intake_table.c.product,
        lot_table.c.net_g,
        intake_table.c.catalog_version.label("agreed_version"),
        func.coalesce(_NEWEST, 0).label("catalog_version"),
        void_table.c.intake.is_not(None).label("voided"),
        _c.intake.is_not(None).label("drafted"),
        _c.pack_g,
        _c.grade,
        journal_table.c.body,
        (journal_table.c.seq <= epoch_table.c.acked_upto).label("acknowledged"),
        quarantined_table.c.seq.is_not(None).label("quarantined"),
    )
    .select_from(intake_table)
    .join(lot_table)
    .outerjoin(void_table, void_table.c.intake == intake_table.c.number)
    .outerjoin(listing_table, _c.intake == intake_table.c.number)
    .outerjoin(journal_table, journal_table.c.position == _c.position)
    .outerjoin(epoch_table, epoch_table.c.number == journal_table.c.epoch)
    .outerjoin(quarantined_table, _IS_QUARANTINED)
)


class Listings(Tables):
    """One of each lot. Every act is refused for an intake that is void: already_void."""

    @reading
    def of(self, connection: Connection, receipt: ReceiptNumber) -> ListingRow:
        """Return the listing of this confirmed intake, begun or not. Raises StoreError when it is not stored here."""
        return _read(connection, receipt)

    @reading
    def newest_shots(self, connection: Connection, limit: int) -> list[SeenShot]:
        query = (
            select(lot_table.c.lot, photo_table.c.sha256, photo_table.c.likeness)
            .join(lot_table, lot_table.c.intake == photo_table.c.intake)
            .where(photo_table.c.likeness.is_not(None))
            .order_by(photo_table.c.intake.desc(), photo_table.c.shot.desc())
            .limit(limit)
        )
        return [SeenShot(*row) for row in connection.execute(query)]

    @writing
    def choose(self, connection: Connection, receipt: ReceiptNumber, pack_g: int, grade: str, stamp: Stamp) -> None:
        """Store how the goods are packed, and their grade; ``grade`` is empty for goods without."""
        _require_valid(_read(connection, receipt))
        number = number_of(receipt)
        begin_draft(connection, number, stamp)
        connection.execute(update(listing_table).where(_c.intake == number).values(pack_g=pack_g, grade=grade))

    @writing
    def arrange(
        self, connection: Connection, receipt: ReceiptNumber, photos: Sequence[ListedPhoto], stamp: Stamp
    ) -> None:
        """Order the photos, those not named last. Raises StoreRefusal stale_page for one that is not the lot's."""
        row = _read(connection, receipt)
        _require_valid(row)
        if not {one.sha256 for one in photos} <= {one.sha256 for one in row.photos}:
            raise StoreRefusal("stale_page", f"Receipt {receipt} has no such photo.")
        number = number_of(receipt)
        begin_draft(connection, number, stamp)
        connection.execute(delete(arranged_table).where(arranged_table.c.intake == number))
        rows = [
            {"intake": number, "sha256": one.sha256, "place": place, "left_out": int(one.left_out)}
            for place, one in enumerate(photos, 1)
        ]
        if rows:
            connection.execute(insert(arranged_table), rows)

    @writing
    def submit(
        self, connection: Connection, receipt: ReceiptNumber, seen: ListingRow, data: ListingSubmitted, stamp: Stamp
    ) -> None:
        """Record the offer ``data``, made of ``seen``. Raises StoreRefusal stale_page when that has changed."""
        row = _read(connection, receipt)
        _require_valid(row)
        if row != seen:
            raise StoreRefusal("stale_page", f"The listing of {receipt} has changed.")
        number = number_of(receipt)
        begin_draft(connection, number, stamp)
        position = journal.append(connection, data, stamp)
        connection.execute(update(listing_table).where(_c.intake == number).values(position=position))


def begin_draft(connection: Connection, number: int, stamp: Stamp) -> None:
    if connection.execute(select(_c.intake).where(_c.intake == number)).first() is None:
        connection.execute(insert(listing_table).values(intake=number, drafted_at=stamp.moment.timestamp))


def is_current_offer(connection: Connection, position: int) -> bool:
    return connection.execute(select(_c.intake).where(_c.position == position)).first() is not None


def point_to_event(connection: Connection, before: int, position: int) -> None:
    """Point the listing of the event at ``before`` to its reissue; leave one with a newer offer."""
    connection.execute(update(listing_table).where(_c.position == before).values(position=position))


def _require_valid(row: ListingRow) -> None:
    if row.voided:
        raise StoreRefusal("already_void", f"Lot {row.lot} is of an intake that is void.")


def _read(connection: Connection, receipt: ReceiptNumber) -> ListingRow:
    row = connection.execute(_ROW.where(is_intake(receipt))).one_or_none()
    if row is None:
        raise StoreError(f"Receipt {receipt} is not confirmed in this database.")
    return ListingRow(
        lot=row.lot,
        product=row.product,
        net_g=row.net_g,
        agreed_version=row.agreed_version,
        catalog_version=row.catalog_version,
        voided=bool(row.voided),
        drafted=bool(row.drafted),
        photos=_photos(connection, number_of(receipt)),
        pack_g=row.pack_g,
        grade=row.grade,
        submitted=_submitted(row),
    )


def _submitted(row: Row[Any]) -> SubmittedListing | None:
    if row.body is None:
        return None
    event = json.loads(row.body)
    offer = data_as(ListingSubmitted, event["data"])
    return SubmittedListing(offer, event["time"], bool(row.acknowledged), bool(row.quarantined))


def _photos(connection: Connection, number: int) -> tuple[ListedPhoto, ...]:
    arranged = (arranged_table.c.intake == photo_table.c.intake) & (arranged_table.c.sha256 == photo_table.c.sha256)
    query = (
        select(
            photo_table.c.sha256,
            func.coalesce(arranged_table.c.left_out, 0),
            func.coalesce(photo_table.c.likeness, ""),
            quarantined_table.c.seq.is_not(None),
        )
        .outerjoin(arranged_table, arranged)
        .outerjoin(journal_table, journal_table.c.position == photo_table.c.position)
        .outerjoin(quarantined_table, _IS_QUARANTINED)
        .where(photo_table.c.intake == number)
        .order_by(arranged_table.c.place.is_(None), arranged_table.c.place, photo_table.c.shot)
    )
    return tuple(ListedPhoto(row[0], bool(row[1]), row[2], bool(row[3])) for row in connection.execute(query))
