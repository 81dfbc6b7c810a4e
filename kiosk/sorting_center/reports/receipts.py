"""Receipts: one with everything about it, and lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, Select, and_, select, tuple_

from kiosk.domain.events import (
    IntakeAbandoned,
    IntakeConfirmed,
    IntakeVoided,
    ListingDrafted,
    PhotoAccepted,
    PhotoRemoved,
    PhotoTaken,
    PictureData,
)
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter
from kiosk.sorting_center.reports.days import COUNTY, ReportScope
from kiosk.sorting_center.reports.journal import EventJournal, EventRow, RecordsCheck, data_of
from kiosk.sorting_center.reports.projection.feed_batch import receipt_of_lot
from kiosk.sorting_center.reports.shared.figures import Figures, part_of
from kiosk.sorting_center.reports.shared.times import from_milliseconds_or_none
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import receipt, void

MAX_PAGE: Final = 500
_CHUNK: Final = 1000
_SUMMED: Final = ("gross_g", "tare_g", "net_g", "amount_fen")


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt that the ledger counts, or did until its void.

    ``at`` is the corrected time, None where it cannot be known: then ``day`` is that of the arrival. ``written_at`` is
    the time in the event, ``clock`` how far that can be trusted (``synced``, ``restored``, ``unset``). ``member`` is
    None for a non-member. ``bags`` is 0 for an intake whose event was in an archive when it was read.
    """

    region: str
    station: str
    receipt: str
    epoch: str
    seq: int
    feedseq: int
    lot: str
    product: str
    mode: str
    member: str | None
    bags: int
    net_g: int
    amount_fen: int
    at: datetime | None
    written_at: datetime | None
    clock: str
    received_at: datetime | None
    day: date
    late: bool
    voided: bool
    price_fen: int = 0  # Of a kilogram, 0 where it is not known

    @classmethod
    def of(cls, row: Row[Any]) -> ReceiptRow:
        return cls(
            *(row.region, row.station, row.receipt, row.epoch, row.seq, row.feedseq, row.lot, row.product, row.mode),
            *(row.member, row.bags, row.net_g, row.amount_fen),
            at=from_milliseconds_or_none(row.at_ms),
            written_at=from_milliseconds_or_none(row.written_ms),
            clock=row.clock,
            received_at=from_milliseconds_or_none(row.received_ms),
            day=date.fromisoformat(row.day),
            late=bool(row.late),
            voided=bool(row.voided),
            price_fen=row.price_fen,
        )

    @property
    def time_unknown(self) -> bool:
        return self.at is None

    @property
    def figures(self) -> Figures:
        goods = (self.bags, self.net_g, self.amount_fen)
        return Figures.of(part_of(self.mode, self.voided), goods, (self.late, self.time_unknown))


@dataclass(frozen=True, slots=True)
class ReceiptDetails:
    """Everything about one receipt number in one region.

    ``row`` is None when it never counted: abandoned, or only named by other events. ``confirmed`` has the bags, tares,
    price, certificate and the scale of the intake; None where ``row`` is, and when its event is in an archive. ``void``
    is the row of its void; the reason is one of `kiosk.domain.void.VoidReason`.
    ``replaces`` are receipts that were voided in favour of this one. ``repeat_confirmations`` are further events that
    confirm it: sent again in a later epoch, or receipts sent twice. ``events`` are all of them, in the order of the
    feed.
    """

    region: str
    station: str
    number: str
    row: ReceiptRow | None
    confirmed: IntakeConfirmed | None
    void: Row[Any] | None
    replaces: tuple[str, ...]
    photos: tuple[PictureData, ...]
    repeat_confirmations: tuple[EventRow, ...]
    events: tuple[EventRow, ...]

    @property
    def is_abandoned(self) -> bool:
        """The number was taken and nobody agreed."""
        return self.row is None and any(event.type == IntakeAbandoned.TYPE for event in self.events)

    @property
    def counted_event(self) -> EventRow | None:
        row = self.row
        return next((one for one in self.events if row is not None and _position(one) == (row.epoch, row.seq)), None)

    @property
    def records(self) -> RecordsCheck:
        return RecordsCheck.of(self.events)

    @property
    def sums_agree(self) -> bool:
        """The bags make the totals of the receipt, and the reports count the same. Of an event in an archive nothing
        can be added up: true.
        """
        of, row = self.confirmed, self.row
        if of is None or row is None:
            return True
        sums = tuple(sum(getattr(bag, name) for bag in of.bags) for name in _SUMMED)
        totals = tuple(getattr(of, name) for name in _SUMMED)
        nets = all(bag.gross_g - bag.tare_g == bag.net_g for bag in of.bags)
        return nets and sums == totals and (of.net_g, of.amount_fen) == (row.net_g, row.amount_fen)

    @property
    def listings(self) -> tuple[EventRow, ...]:
        """Drafts of offers made from photos of the lot."""
        return tuple(event for event in self.events if event.type == ListingDrafted.TYPE)

    @property
    def conflicts(self) -> tuple[EventRow, ...]:
        """Of ``repeat_confirmations`` those with another content, or that do not say that they are told again. What is
        in an archive cannot be compared."""
        first = self.counted_event
        return tuple(
            event
            for event in self.repeat_confirmations
            if event.recomputed is not None and (event.reissued is None or first is None or event.data != first.data)
        )


class Receipts:
    """Raises a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: ReportTables, journal: EventJournal) -> None:
        self._tables, self._journal = tables, journal

    def find(self, number: ReceiptNumber, region: str | None = None) -> tuple[ReceiptDetails, ...]:
        regions = [region] if region is not None else self._journal.regions(str(number))
        found = (self._receipt(number, one) for one in regions)
        return tuple(one for one in found if one.events or one.row)

    def of_lot(self, lot: str, region: str | None = None) -> tuple[ReceiptDetails, ...]:
        """Find by the internal code of the lot (``Y1L...``), which has exactly one receipt; empty for anything else."""
        number = receipt_of_lot(lot)
        return self.find(number, region) if number is not None else ()

    def rows(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], ReceiptRow]:
        """Return what lists show of receipts that count or did, by station, number and region."""
        with self._tables.reading() as connection:
            table, c = Keys(connection.dialect.name), receipt.c
            same = (c.station == table.text(0)) & (c.receipt == table.text(1)) & (c.region == table.text(2))
            query = select(receipt).select_from(table.table).join(receipt, same)
            rows = [ReceiptRow.of(row) for row in connection.execute(query, as_parameter(keys))]
        return {(row.station, row.receipt, row.region): row for row in rows}

    def row(self, number: ReceiptNumber, region: str) -> ReceiptRow | None:
        """Return what lists show of the receipt; None when it does not count and never did."""
        key = (number.station, str(number), region)
        return self.rows([key]).get(key)

    def page(
        self, first: date, last: date, of: ReportScope = COUNTY, after: ReceiptRow | None = None, limit: int = MAX_PAGE
    ) -> tuple[ReceiptRow, ...]:
        """Return receipts of these days by day, station, number; the next ``limit`` behind ``after``."""
        c = receipt.c
        first = first if after is None else max(first, after.day)
        condition = and_(c.day >= first.isoformat(), c.day <= last.isoformat(), of.condition(receipt))
        key = (c.day, c.station, c.receipt, c.region)
        if after is not None:
            condition &= tuple_(*key) > (after.day.isoformat(), after.station, after.receipt, after.region)
        return self._load_rows(select(receipt).where(condition).order_by(*key).limit(limit))

    def each(self, first: date, last: date, of: ReportScope = COUNTY) -> Iterator[ReceiptRow]:
        """Yield all receipts of these days from one snapshot, read as they are taken, for an export."""
        c = receipt.c
        condition = (c.day >= first.isoformat()) & (c.day <= last.isoformat()) & of.condition(receipt)
        query = select(receipt).where(condition).order_by(c.day, c.station, c.receipt, c.region)
        with self._tables.reading() as connection:
            for row in connection.execution_options(yield_per=_CHUNK).execute(query):
                yield ReceiptRow.of(row)

    def newest(self, of: ReportScope, limit: int) -> tuple[ReceiptRow, ...]:
        """Return the newest by receipt number for one station, and those of the newest days for several."""
        c = receipt.c
        query = select(receipt).where(of.condition(receipt))
        order = [c.receipt.desc()] if of.station is not None else [c.day.desc(), c.station.desc()]
        return self._load_rows(query.order_by(*order).limit(limit))

    def _load_rows(self, query: Select[Any]) -> tuple[ReceiptRow, ...]:
        with self._tables.reading() as connection:
            return tuple(ReceiptRow.of(row) for row in connection.execute(query))

    def _receipt(self, number: ReceiptNumber, region: str) -> ReceiptDetails:
        events = self._journal.about(str(number), region)
        row = self.row(number, region)
        confirming = [event for event in events if event.type == IntakeConfirmed.TYPE]
        is_counted = [row is not None and _position(event) == (row.epoch, row.seq) for event in confirming]
        counted = next((event for event, is_it in zip(confirming, is_counted, strict=True) if is_it), None)
        voids = [event for event in events if event.type == IntakeVoided.TYPE]
        return ReceiptDetails(
            region,
            number.station,
            str(number),
            row,
            data_of(counted, IntakeConfirmed) if counted is not None else None,
            self._void(number, region),
            tuple(event.data["receipt"] for event in voids if event.data.get("replacement") == str(number)),
            _photos(events),
            tuple(event for event, is_it in zip(confirming, is_counted, strict=True) if not is_it),
            events,
        )

    def _void(self, number: ReceiptNumber, region: str) -> Row[Any] | None:
        c = void.c
        same = (c.station == number.station) & (c.receipt == str(number)) & (c.region == region)
        with self._tables.reading() as connection:
            return connection.execute(select(void).where(same)).one_or_none()


def _position(event: EventRow) -> tuple[str, int]:
    return event.epoch, event.seq


def _photos(events: Sequence[EventRow]) -> tuple[PictureData, ...]:
    """Return for each shot the picture that buyers see, each once; not those that the station has deleted since."""
    found: dict[str, PictureData] = {}
    for event in events:
        if (removed := data_of(event, PhotoRemoved)) is not None:
            found.pop(removed.photo_sha256, None)
        elif (accepted := data_of(event, PhotoAccepted)) is not None:
            found[accepted.master.sha256] = accepted.master
        elif (shot := data_of(event, PhotoTaken)) is not None:
            found[shot.photo_sha256] = PictureData(shot.photo_sha256, shot.size_bytes, shot.width, shot.height)
    return tuple(found.values())
