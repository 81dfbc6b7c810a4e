"""Photos of lots, the listing draft that each of them opens, and what the sorting center has of them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    exists,
    false,
    func,
    insert,
    select,
    text,
    tuple_,
    union,
    update,
)

from kiosk.domain.events import ListingDrafted, PhotoAccepted, PictureData
from kiosk.domain.verdict import Finding, Measures
from kiosk.messaging.contract.photos import UnsentPicture
from kiosk.store import listings
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import lot as lot_table
from kiosk.store.database.schema import photo as photo_table
from kiosk.store.database.schema import quarantined as quarantined_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal
from kiosk.store.journal.numbering import number_of, receipt_in
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ListingPictures, NewPhoto, PhotoPlace, PhotoRow, Stamp

_c = photo_table.c
# Spelled as in the rules of the partial indexes, or SQLite does not use them.
_NO = text("0")
_ORDER = (_c.intake, _c.shot)
_MEASURES = msgspec.json.Decoder(Measures)
_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])


class Photos(Tables):
    """Shots of lots; whether a picture is still here, its file says."""

    @writing
    def add(self, connection: Connection, photo: NewPhoto, stamp: Stamp) -> None:
        """Store a shot, open its listing draft and record both; the same shot of the same lot again changes nothing."""
        intake = connection.execute(select(lot_table.c.intake).where(_has_lot(photo.lot))).scalar_one_or_none()
        if intake is None:
            raise StoreError(f"Lot {photo.lot} is not of this database.")
        pictures = photo.pictures
        before = connection.execute(select(_c.sha256).where(_c.intake == intake)).scalars().all()
        if pictures.master.sha256 in before:
            return
        # A further picture is recorded as a shot of which it is both pictures: so it is sent and listed as any other.
        others = [ListingPictures(one, one, pictures.measures) for one in photo.others]
        for shot, one in enumerate((pictures, *others), len(before) + 1):
            event = PhotoAccepted(photo.lot, one.master, one.natural, one.measures, photo.overruled, photo.actor)
            position = journal.append(connection, event, stamp)
            row = {"intake": intake, "shot": shot, "taken_at": stamp.moment.timestamp, "position": position}
            connection.execute(insert(photo_table).values(row | _picture_columns(photo, one)))
        listings.begin_draft(connection, intake, stamp)
        journal.append(connection, ListingDrafted(photo.lot, photo.product, pictures.master.sha256), stamp)

    @reading
    def of_lot(self, connection: Connection, lot: str) -> list[PhotoRow]:
        joined = photo_table.join(lot_table, lot_table.c.intake == _c.intake)
        query = select(photo_table).select_from(joined).where(_has_lot(lot)).order_by(_c.shot)
        return [_row(row) for row in connection.execute(query).mappings()]

    @reading
    def oldest(self, connection: Connection, limit: int, after: PhotoPlace | None = None) -> list[PhotoPlace]:
        """Return at most ``limit`` shots behind ``after``, in the order of their intakes, whatever the clock was."""
        query = select(*_ORDER, _c.sha256, _c.natural_sha256, _c.sent * _c.natural_sent)
        if after is not None:
            query = query.where(tuple_(*_ORDER) > (after.intake, after.shot))
        rows = connection.execute(query.order_by(*_ORDER).limit(limit))
        return [PhotoPlace(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    # --- the sorting center ----------------------------------------------------------------------------------------

    @reading
    def unsent(self, connection: Connection, limit: int) -> list[UnsentPicture]:
        """Return at most ``limit`` pictures that the center does not have, the smallest first: only those of an event
        that it has acknowledged and not put aside.
        """
        master = select(_c.sha256, _c.size_bytes).where(_c.sent == _NO)
        natural = select(_c.natural_sha256, _c.natural_size_bytes).where(_c.natural_sent == _NO)
        both = union(_acknowledged_only(master), _acknowledged_only(natural)).subquery()
        query = select(both).order_by(both.c.size_bytes, both.c.sha256).limit(limit)
        return [UnsentPicture(*row) for row in connection.execute(query)]

    @reading
    def unsent_count(self, connection: Connection) -> int:
        """Count the pictures of accepted shots that the center does not have, whether their event was sent or not."""
        master = select(_c.sha256).where(_c.sent == _NO)
        natural = select(_c.natural_sha256).where(_c.natural_sent == _NO)
        both = union(master, natural).subquery()
        return int(connection.execute(select(func.count()).select_from(both)).scalar_one())

    @finishing
    def mark_sent(self, connection: Connection, sha256: str) -> None:
        """Record that the center has this picture; a hash that is not waited for changes nothing."""
        connection.execute(update(photo_table).where(_c.sent == _NO, _c.sha256 == sha256).values(sent=1))
        natural = update(photo_table).where(_c.natural_sent == _NO, _c.natural_sha256 == sha256)
        connection.execute(natural.values(natural_sent=1))


def point_to_event(connection: Connection, data: PhotoAccepted, position: int) -> None:
    receipt = receipt_in(data.lot)
    if receipt is not None:
        condition = (_c.intake == number_of(receipt)) & (_c.sha256 == data.master.sha256)
        connection.execute(update(photo_table).where(condition).values(position=position))


def _picture_columns(photo: NewPhoto, pictures: ListingPictures) -> dict[str, object]:
    master, natural = pictures.master, pictures.natural
    return {
        "sha256": master.sha256,
        "size_bytes": master.size_bytes,
        "width": master.width,
        "height": master.height,
        "sent": 0,
        "natural_sha256": natural.sha256,
        "natural_size_bytes": natural.size_bytes,
        "natural_width": natural.width,
        "natural_height": natural.height,
        "natural_sent": 0,
        "measures": _json(pictures.measures),
        "likeness": pictures.likeness or None,
        "overruled": _json(photo.overruled) if photo.actor is not None else None,
        "actor": photo.actor,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _row(row: RowMapping) -> PhotoRow:
    pictures = ListingPictures(
        PictureData(row["sha256"], row["size_bytes"], row["width"], row["height"]),
        PictureData(row["natural_sha256"], row["natural_size_bytes"], row["natural_width"], row["natural_height"]),
        _MEASURES.decode(row["measures"]),
        row["likeness"] or "",
    )
    overruled = _FINDINGS.decode(row["overruled"]) if row["overruled"] else ()
    return PhotoRow(pictures, bool(row["sent"] and row["natural_sent"]), overruled, row["actor"])


def _acknowledged_only(query: Select[Any]) -> Select[Any]:
    """Select only shots whose event the center has, and has not put aside for a person."""
    aside = exists().where(
        quarantined_table.c.epoch == journal_table.c.epoch, quarantined_table.c.seq == journal_table.c.seq
    )
    return (
        query.join(journal_table, journal_table.c.position == _c.position)
        .join(epoch_table, epoch_table.c.number == journal_table.c.epoch)
        .where(journal_table.c.seq <= epoch_table.c.acked_upto, ~aside)
    )


def _has_lot(lot: str) -> ColumnElement[bool]:
    """Build the condition for one lot, found by the key of its intake. False for no lot."""
    receipt = receipt_in(lot)
    if receipt is None:
        return false()
    return and_(lot_table.c.intake == number_of(receipt), lot_table.c.lot == lot)
