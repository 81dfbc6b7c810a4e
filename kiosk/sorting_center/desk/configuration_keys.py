"""The generations of the county's key, and which version of its configuration each station was given and reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import (
    configuration_key,
    document_part,
    station_configuration,
    station_document,
)
from kiosk.sorting_center.ledger.database.times import to_rfc3339


@dataclass(frozen=True, slots=True)
class StationVersions:
    """As ``2.17``, "" for none. ``document``: the newest that was made; ``reason`` of what it refused last."""

    station: str
    document: str = ""
    applied: str = ""
    refused: str = ""
    reason: str = ""


class ConfigurationKeys:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def last(self, region: str) -> int:
        """The newest generation; 0 before the first."""
        query = select(func.max(configuration_key.c.generation)).where(configuration_key.c.region == region)
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def add(self, region: str, generation: int, certificate: str, now: datetime) -> None:
        """Raises DeskError for a generation that is there."""
        values = {"generation": generation, "certificate": certificate, "made_at": to_rfc3339(now)}
        with self._database.writing() as connection:
            connection.execute(insert(configuration_key).values(region=region, **values))

    def versions(self, region: str) -> list[StationVersions]:
        """Of each station that has a document or has reported one."""
        d, s = station_document.c, station_configuration.c
        documents = select(d.station, d.key, d.number).where(d.region == region)
        reports = select(s.station, s.state, s.key, s.number, s.reason).where(
            s.region == region, s.state.in_(("applied", "refused"))
        )
        found: dict[str, dict[str, str]] = {}
        with self._database.reading() as connection:
            for station, key, number in connection.execute(documents):
                found.setdefault(station, {})["document"] = str(ConfigurationVersion(key, number))
            for station, state, key, number, reason in connection.execute(reports):
                values = {state: str(ConfigurationVersion(key, number))} | ({"reason": reason} if reason else {})
                found.setdefault(station, {}).update(values)
        return [StationVersions(station, **values) for station, values in sorted(found.items())]

    def document(self, region: str, station: str) -> bytes | None:
        """The newest one, signed; None where none was made."""
        d = station_document.c
        query = select(d.document).where(d.region == region, d.station == station)
        with self._database.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return bytes(found) if found is not None else None

    def parts(self, hashes: list[str]) -> Iterator[tuple[str, bytes]]:
        """Those that are there, by their SHA-256."""
        query = select(document_part.c.sha256, document_part.c.content).where(document_part.c.sha256.in_(hashes))
        with self._database.reading() as connection:
            for sha256, content in connection.execute(query):
                yield sha256, bytes(content)
