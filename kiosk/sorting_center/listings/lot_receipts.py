"""What the county knows of the weighing of a lot, without anything about the grower."""

from __future__ import annotations

from kiosk.sorting_center.desk.registry import ExpectedStation, Registry
from kiosk.sorting_center.listings.records import ListingKey, LotWeighing
from kiosk.sorting_center.reports.receipts import Receipts


class LotReceipts:
    """A lot has exactly one receipt."""

    def __init__(self, receipts: Receipts, registry: Registry) -> None:
        self._receipts, self._registry = receipts, registry

    def weighing(self, key: ListingKey) -> LotWeighing | None:
        """Return the weighing; None without a valid receipt in the reports. Raises DeskError and LedgerError."""
        details = next(iter(self._receipts.of_lot(key.lot, key.region)), None)
        row = details.row if details is not None else None
        if details is None or row is None or row.voided or row.station != key.station:
            return None
        of = (key.region, key.station)
        place = self._registry.current().stations.get(of, ExpectedStation(*of))
        scale = details.confirmed.scale if details.confirmed is not None else None
        verification = scale.verification.value if scale is not None else ""
        day = "" if row.time_unknown else row.day.isoformat()
        return LotWeighing(day, row.bags, row.net_g, place.village, place.township, verification)
