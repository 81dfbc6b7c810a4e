"""What telephones check receipts with: public keys, receipts that were made void, and what goods are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kiosk.messaging.contract.checkpoint import parse_checkpoint
from kiosk.messaging.contract.configuration import (
    CheckpointsPart,
    ConfigurationDocument,
    GoodsPart,
    KeyRow,
    KeysPart,
    VoidsPart,
    from_base64,
    parse_document,
    parse_part,
)
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.sorting_center.desk.shared.schema import document_part, station_document
from kiosk.sorting_center.stations.authority import log_lines
from kiosk.sorting_center.storefront.database import DeskReader


@dataclass(frozen=True, slots=True)
class CountySlips:
    """What receipts of one county are checked with. ``goods``: by code the names in Uyghur, Chinese and English."""

    keys: PublicKeys
    goods: Mapping[str, tuple[str, str, str]]


class SlipKeys:
    """Read from the newest documents of stations: all of them have the same keys and voids."""

    def __init__(self, reader: DeskReader) -> None:
        self._reader = reader

    def counties(self) -> list[CountySlips]:
        """Return keys and goods of each county, in the order of their regions. Raises DeskError."""
        found, documents = station_document.c, dict[str, list[ConfigurationDocument]]()
        rows = select(found.region, found.document).order_by(found.region, found.made_at)
        with self._reader.reading() as connection:
            for region, content in connection.execute(rows):
                documents.setdefault(region, []).append(parse_document(bytes(content)))
            return [_county(connection, region, ordered) for region, ordered in documents.items()]


def _county(connection: Connection, region: str, documents: list[ConfigurationDocument]) -> CountySlips:
    """Collect keys and goods from ``documents``, the newest last: a township may have goods of its own."""
    named = [(name, part.sha256) for one in documents for name, part in one.parts.items() if name == "goods"]
    named += [
        (name, part.sha256) for name, part in documents[-1].parts.items() if name in ("keys", "voids", "checkpoints")
    ]
    part = document_part.c
    rows = connection.execute(select(part.sha256, part.content).where(part.sha256.in_({row[1] for row in named})))
    contents = {row.sha256: bytes(row.content) for row in rows}
    keys: tuple[KeyRow, ...] = ()
    voids: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    goods: dict[str, tuple[str, str, str]] = {}
    for name, sha256 in dict.fromkeys(named):
        match parse_part(name, contents[sha256]):
            case KeysPart() as found:
                keys = found.keys
            case VoidsPart() as found:
                voids = found.receipts
            case CheckpointsPart() as found:
                origins = [parse_checkpoint(row.note).checkpoint.origin for row in found.checkpoints]
                log = log_lines(origins, [from_base64(documents[-1].certificate)])
            case GoodsPart() as found:
                goods |= {one.code: (one.names.ug, one.names.zh, one.names.en) for one in found.products}
    return CountySlips(PublicKeys(region, keys, voids, log), goods)
