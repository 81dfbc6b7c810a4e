"""What each station says of the county's documents, beside the newest one that it was given.

It is read from the ledger's feed (`listings.offer_follower`). Taken in again, from a ledger that was made again or by
a desk that came back from a backup, the same events come to the same rows: of a station the last one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.events import CatalogImported, ConfigApplied, ConfigRefused, EventData
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import BadConfiguration, ClerksPart, parse_document, parse_part
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import (
    document_part,
    former_person,
    station_configuration,
    station_document,
)
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.shared.stored_events import EventEnvelope

APPLIED: Final = "applied"
REFUSED: Final = "refused"
IMPORTED: Final = "imported"  # The station's newest catalog, whatever it was made of
EVENT_TYPES: Final = frozenset({ConfigApplied.TYPE, ConfigRefused.TYPE, CatalogImported.TYPE})

StationKey = tuple[str, str]  # Region and station
_c, _d = station_configuration.c, station_document.c


class DocumentState(StrEnum):
    NONE = "none"  # The county has given this station no document
    WAITING = "waiting"
    CURRENT = "current"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Report:
    """``at``: when it happened there, RFC 3339. ``reason`` is that of a refusal."""

    version: ConfigurationVersion
    catalog_version: int
    feedseq: int
    sha256: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class StationConfiguration:
    """``newest`` is the version of the newest document that the county made, ``made_at`` when.

    A county restored from a backup may assign a version twice: a station's document is identified by its hash.
    """

    newest: ConfigurationVersion | None = None
    sha256: str = ""
    made_at: str = ""
    applied: Report | None = None
    refused: Report | None = None
    imported: Report | None = None

    @property
    def state(self) -> DocumentState:
        """Of the newest document; a station that has it may have refused another one since."""
        if self.newest is None:
            return DocumentState.NONE
        if self.applied is not None and self.applied.sha256 == self.sha256:
            return DocumentState.CURRENT
        if self.refused is None:
            return DocumentState.WAITING
        # What could not be read has no version.
        is_unreadable = self.refused.version.number == 0 and self.refused.at >= self.made_at
        is_of_newest = is_unreadable or self.refused.version == self.newest
        return DocumentState.REFUSED if is_of_newest else DocumentState.WAITING

    @property
    def by_hand_since(self) -> str:
        """When a catalog was imported there by hand that is in force now; "" for none, and without a county's document.

        The version of a catalog that is made of a document is named by what the station says of that document.
        """
        if self.imported is None or self.newest is None:
            return ""
        applied = self.applied
        if applied is not None and (
            applied.catalog_version == self.imported.catalog_version or applied.feedseq > self.imported.feedseq
        ):
            return ""
        return self.imported.at

    @property
    def is_behind(self) -> bool:
        """Whether something else is in force there than the county wants."""
        return self.state in (DocumentState.WAITING, DocumentState.REFUSED) or bool(self.by_hand_since)


NO_CONFIGURATION: Final = StationConfiguration()


class StationConfigurations:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def all(self) -> dict[StationKey, StationConfiguration]:
        """Return every station that has a document or has reported on its configuration."""
        with self._database.reading() as connection:
            return _load(connection)

    def of_station(self, region: str, station: str) -> StationConfiguration:
        with self._database.reading() as connection:
            return _load(connection, (region, station)).get((region, station), NO_CONFIGURATION)


def _load(connection: Connection, key: StationKey | None = None) -> dict[StationKey, StationConfiguration]:
    reported = select(station_configuration)
    given = select(_d.region, _d.station, _d.key, _d.number, _d.sha256, _d.made_at)
    if key is not None:
        reported = reported.where(_c.region == key[0], _c.station == key[1])
        given = given.where(_d.region == key[0], _d.station == key[1])
    found: dict[StationKey, dict[str, Any]] = {}
    for row in connection.execute(reported):
        found.setdefault((row.region, row.station), {})[row.state] = Report(
            ConfigurationVersion(row.key, row.number), row.catalog_version, row.feedseq, row.sha256, row.reason, row.at
        )
    for row in connection.execute(given):
        newest = {"newest": ConfigurationVersion(row.key, row.number), "sha256": row.sha256, "made_at": row.made_at}
        found.setdefault((row.region, row.station), {}).update(newest)
    return {key: StationConfiguration(**values) for key, values in found.items()}


def record_event(
    connection: Connection, place: tuple[str, int], event: EventEnvelope, data: EventData, now: datetime
) -> None:
    """Take in one event of ``EVENT_TYPES``; ``place`` is its region and its number in the feed."""
    region, feedseq = place
    at = event.time if event.clock == ClockQuality.SYNCED else to_rfc3339(now)
    if isinstance(data, ConfigApplied):
        values: tuple[Any, ...] = (data.key, data.number, data.catalog_version, feedseq, data.document_sha256, "")
        of_station = (_c.region == region) & (_c.station == event.station)
        # A day with other prices has the same document applied again, which answers no refusal.
        if _record(connection, (region, event.station, APPLIED), values, at):
            connection.execute(delete(station_configuration).where(of_station, _c.state == REFUSED))
        # Those who have left, when the document that is in force now does not have them. An older one proves nothing.
        person = former_person.c
        left = (person.region == region) & (person.station == event.station) & person.locked_out_at.is_(None)
        numbers = connection.execute(select(person.number).where(left)).scalars().all()
        clerks = _clerks(connection, region, event.station, data.document_sha256) if numbers else None
        if clerks is not None:
            present = {row.number for row in clerks.clerks}
            missing = [number for number in numbers if number not in present]
            connection.execute(update(former_person).where(left, person.number.in_(missing)).values(locked_out_at=at))
    elif isinstance(data, ConfigRefused):
        values = (data.key, data.number, 0, feedseq, data.document_sha256, data.reason)
        _record(connection, (region, event.station, REFUSED), values, at)
    elif isinstance(data, CatalogImported):
        values = (0, 0, data.catalog_version, feedseq, data.content_sha256, "")
        _record(connection, (region, event.station, IMPORTED), values, at)


def _record(connection: Connection, key: tuple[str, str, str], values: tuple[Any, ...], at: str) -> bool:
    """Store a report; return whether it is new. A repeated one keeps the time of the first."""
    query = select(_c.sha256, _c.at).where(_c.region == key[0], _c.station == key[1], _c.state == key[2])
    before = connection.execute(query).one_or_none()
    is_new = before is None or before.sha256 != values[4]
    if before is not None and not is_new:
        at = before.at
    upsert_rows(connection, station_configuration, [(*key, *values, at)])
    return is_new


def _clerks(connection: Connection, region: str, station: str, sha256: str) -> ClerksPart | None:
    """Return the clerks of the newest document; None when its hash is another, or it leaves people as they are."""
    query = select(_d.document).where(_d.region == region, _d.station == station, _d.sha256 == sha256)
    document = connection.execute(query).scalar_one_or_none()
    try:
        part = parse_document(bytes(document)).parts.get("clerks") if document is not None else None
        query = select(document_part.c.content).where(document_part.c.sha256 == (part.sha256 if part else ""))
        content = connection.execute(query).scalar_one_or_none()
        found = parse_part("clerks", bytes(content)) if content is not None else None
    except BadConfiguration:
        return None
    return found if isinstance(found, ClerksPart) else None
