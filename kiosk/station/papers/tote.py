"""The papers of totes on their way to the sorting center: tag, seal and manifest."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kiosk.domain.identifiers import SerialNumber
from kiosk.labels.papers.manifest import ManifestDocument, ManifestRow
from kiosk.labels.papers.tags import SealTag, ToteTag
from kiosk.station.papers.papers import LABEL_PRINTER
from kiosk.station.shared.settings import StationSettings
from kiosk.store.parcels.totes import MANIFEST, SEAL, TOTE
from kiosk.store.shared.records import NewPaper, Stamp, ToteRow

TOTE_TAG = "tote_tag"
SEAL_TAG = "seal_tag"
MANIFEST_SHEET = "manifest"


def tags(settings: StationSettings, tote: ToteRow, stamp: Stamp) -> list[NewPaper]:
    """What hangs on a tote, and what its seal says."""
    number, seal, moment = tote.number.text(TOTE), tote.seal.text(SEAL), stamp.moment
    tag = ToteTag(
        tote=number,
        code=tote.number.code(TOTE),
        station=settings.station,
        date=moment.local_date,
        zone=moment.zone,
        village=settings.village,
        county=settings.county_name,
    )
    sealed = SealTag(
        seal=seal,
        code=tote.seal.code(SEAL),
        station=settings.station,
        date=moment.local_date,
        zone=moment.zone,
        tote=number,
        village=settings.village,
        county=settings.county_name,
    )
    return [
        NewPaper(TOTE_TAG, LABEL_PRINTER, msgspec.json.encode(tag), number),
        NewPaper(SEAL_TAG, LABEL_PRINTER, msgspec.json.encode(sealed), seal),
    ]


def manifest(
    settings: StationSettings, number: SerialNumber, totes: Sequence[ToteRow], actor: str, stamp: Stamp
) -> ManifestDocument:
    """What the driver signs for. Nobody weighs parcels, so no weight stands on it."""
    rows = tuple(ManifestRow(tote.number.text(TOTE), tote.seal.text(SEAL), len(tote.parcels)) for tote in totes)
    return ManifestDocument(
        manifest=number.text(MANIFEST),
        code=number.code(MANIFEST),
        station=settings.station,
        rows=rows,
        items=sum(row.items for row in rows),
        net_g=0,
        date=stamp.moment.local_date,
        time=stamp.moment.local_time,
        zone=stamp.moment.zone,
        actor=actor,
        software=stamp.software,
        village=settings.village,
        county=settings.county_name,
    )
