"""What the ledger knows of keys and voids, as parts of stations' documents and as the county's file of public keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, func, select

from kiosk.messaging.contract.configuration import KeyRow, KeysPart, VoidsPart, encode_part, to_base64
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import station_keys
from kiosk.sorting_center.ledger.database.schema import intake, intake_void, same_receipt
from kiosk.sorting_center.log.tree import trees
from kiosk.sorting_center.stations.authority import log_lines

_MAX_VOIDS: Final = 20_000  # Of a document; of a file as many as it takes
_MAX_FILE_VOIDS: Final = 1_000_000


def ledger_parts(ledger: Ledger, region: str) -> Mapping[str, bytes]:
    """Return ``keys`` and ``voids``, the same for every station of the region; {} before the first key is known.

    Raises a LedgerError.
    """
    with ledger.reading() as connection:
        if not (keys := _keys(connection, region)):
            return {}
        voids = _voids(connection, region, _MAX_VOIDS)
    return {"keys": encode_part(KeysPart(keys)), "voids": encode_part(VoidsPart(voids))}


def public_keys(ledger: Ledger, region: str, certificates: Sequence[bytes]) -> PublicKeys:
    """Build the file. ``certificates``: of the county's configuration keys. Raises a LedgerError, ValueError."""
    with ledger.reading() as connection:
        log = log_lines((tree.origin for tree in trees(connection, region)), certificates)
        return PublicKeys(region, _keys(connection, region), _voids(connection, region, _MAX_FILE_VOIDS), log)


def _keys(connection: Connection, region: str) -> tuple[KeyRow, ...]:
    rows = station_keys.of_region(connection, region)
    return tuple(KeyRow(row.station, to_base64(bytes.fromhex(row.public)), row.state) for row in rows)


def _voids(connection: Connection, region: str, limit: int) -> tuple[str, ...]:
    """Return the voids of the newest receipts, the newest last."""
    c = intake_void.c
    newest = (
        select(c.receipt)
        .select_from(intake_void.outerjoin(intake, same_receipt(intake, c)))
        .where(c.region == region)
        .order_by(func.coalesce(intake.c.feedseq, 0).desc(), c.receipt.desc())
        .limit(limit)
    )
    return tuple(reversed(connection.execute(newest).scalars().all()))
