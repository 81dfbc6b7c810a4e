"""Parts of stations' documents that the county does not type: they are made of what the ledger holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select

from kiosk.messaging.contract.configuration import KeyRow, KeysPart, VoidsPart, encode_part, to_base64
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import station_keys
from kiosk.sorting_center.ledger.database.schema import intake, intake_void, same_receipt

MAX_VOIDS: Final = 20_000  # The newest


class LedgerParts:
    """``keys`` and ``voids``, the same for every station of a region; none before the first key is known."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def parts(self, region: str) -> Mapping[str, bytes]:
        """Names and bytes, the same for the same content. Raises a LedgerError."""
        c = intake_void.c
        newest = (
            select(c.receipt)
            .select_from(intake_void.outerjoin(intake, same_receipt(intake, c)))
            .where(c.region == region)
            .order_by(func.coalesce(intake.c.feedseq, 0).desc(), c.receipt.desc())
            .limit(MAX_VOIDS)
        )
        with self._ledger.reading() as connection:
            rows = station_keys.of_region(connection, region)
            if not rows:
                return {}
            voided = connection.execute(newest).scalars().all()
        keys = tuple(KeyRow(row.station, to_base64(bytes.fromhex(row.public)), row.state) for row in rows)
        return {"keys": encode_part(KeysPart(keys)), "voids": encode_part(VoidsPart(tuple(reversed(voided))))}
