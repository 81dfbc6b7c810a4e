"""Lots: the goods of a confirmed intake, with their owner."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.events import ListingDrafted, PictureData
from kiosk.sorting_center.reports.journal import EventRow
from kiosk.sorting_center.reports.projection.feed_batch import receipt_of_lot
from kiosk.sorting_center.reports.receipts import ReceiptDetails, Receipts


@dataclass(frozen=True, slots=True)
class Lot:
    """One lot: it has exactly one receipt. ``owner`` is ``cooperative``, a member number or ``non_member``; None when
    the event of its intake is in an archive. ``listings`` are drafts of offers made from its photos.
    """

    lot: str
    receipt: ReceiptDetails
    owner: str | None
    listings: tuple[EventRow, ...]

    @property
    def net_g(self) -> int:
        """Grams of goods; 0 when the receipt is void or never counted."""
        row = self.receipt.row
        return row.net_g if row is not None and not row.voided else 0

    @property
    def photos(self) -> tuple[PictureData, ...]:
        return self.receipt.photos


class Lots:
    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    def find(self, lot: str, region: str | None = None) -> tuple[Lot, ...]:
        """By its internal code (``Y1L...``), one for each region that knows it; empty for anything else."""
        number = receipt_of_lot(lot)
        if number is None:
            return ()
        return tuple(
            Lot(
                lot,
                one,
                one.confirmed.owner if one.confirmed is not None else None,
                tuple(event for event in one.events if event.type == ListingDrafted.TYPE),
            )
            for one in self._receipts.find(number, region)
        )
