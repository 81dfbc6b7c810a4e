"""The newest signed document of each station, the parts that these documents name, and the generations of the key.

A document's number is given in the transaction that stores it: two processes never give one number to two documents.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from kiosk.base.refused import Refused
from kiosk.domain.configuration import ConfigurationVersion
from kiosk.messaging.contract.configuration import (
    MAX_NUMBER,
    MAX_PART_BYTES,
    MAX_PARTS_BYTES,
    ConfigurationDocument,
    Part,
    parse_document,
)
from kiosk.messaging.contract.strict_json import canonical
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import (
    configuration_key,
    county_draft,
    document_part,
    station_configuration,
    station_document,
    station_document_part,
)
from kiosk.sorting_center.ledger.database.times import to_rfc3339

if TYPE_CHECKING:
    from kiosk.sorting_center.stations.authority import ConfigurationKey  # its library is not loaded to read documents

log = logging.getLogger(__name__)

_APPLIED: Final = "applied"
_d, _p, _link = station_document.c, document_part.c, station_document_part.c


@dataclass(frozen=True, slots=True)
class PartsOfStation:
    """What a station is to have: by name the bytes. ``above``: the version that a new document has to be above.

    Raises ValueError for more than a document may name.
    """

    station: str
    parts: Mapping[str, bytes]
    above: ConfigurationVersion | None = None
    names: Mapping[str, Part] = field(init=False)

    def __post_init__(self) -> None:
        found = {name: Part.of(content) for name, content in sorted(self.parts.items())}
        object.__setattr__(self, "names", found)
        largest = max((part.size for part in found.values()), default=0)
        if largest > MAX_PART_BYTES or sum(part.size for part in found.values()) > MAX_PARTS_BYTES:
            raise ValueError(f"its parts are too large: {largest} bytes are in one of them")

    @property
    def sha256(self) -> str:
        """Of all parts: the same for the same content."""
        return hashlib.sha256(canonical({name: part.sha256 for name, part in self.names.items()})).hexdigest()


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """``content``: its bytes, as they are signed."""

    station: str
    version: ConfigurationVersion
    parts_sha256: str
    sha256: str
    made_at: str
    content: bytes


class StationDocuments:
    """Any call may raise DeskError."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def last_generation(self, region: str) -> int:
        """Return the last generation of the county's key; 0 before the first."""
        query = select(func.max(configuration_key.c.generation)).where(configuration_key.c.region == region)
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def add_generation(self, region: str, generation: int, certificate: str, now: datetime) -> None:
        """Store a generation and its certificate. Raises DeskError when it exists already."""
        values = {"generation": generation, "certificate": certificate, "made_at": to_rfc3339(now)}
        with self._database.writing() as connection:
            connection.execute(insert(configuration_key).values(region=region, **values))

    def certificates(self, region: str) -> list[bytes]:
        """Return the certificates of the county's keys, PEM, the first generation first."""
        c = configuration_key.c
        query = select(c.certificate).where(c.region == region).order_by(c.generation)
        with self._database.reading() as connection:
            return [text.encode("ascii") for text in connection.execute(query).scalars()]

    def newest(self, region: str, station: str) -> SignedDocument | None:
        with self._database.reading() as connection:
            return _newest(connection, region, station)

    def all_newest(self, region: str) -> dict[str, SignedDocument]:
        """Return the newest document by station, of those that have one."""
        with self._database.reading() as connection:
            rows = connection.execute(select(station_document).where(_d.region == region))
            return {row.station: _document(row) for row in rows}

    def regions(self, station: str) -> list[str]:
        """Return the regions in which a station of this number has a document."""
        with self._database.reading() as connection:
            return list(connection.execute(select(_d.region).where(_d.station == station)).scalars())

    def names(self, region: str, station: str, sha256: str) -> bool:
        """Return whether the newest document of this station names such a part."""
        query = select(_link.sha256).where(_link.region == region, _link.station == station, _link.sha256 == sha256)
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def part(self, region: str, station: str, sha256: str) -> bytes | None:
        """Return the part; None when the newest document of this station does not name it."""
        query = select(_p.content).join_from(document_part, station_document_part, _p.sha256 == _link.sha256)
        query = query.where(_link.region == region, _link.station == station, _link.sha256 == sha256)
        with self._database.reading() as connection:
            content = connection.execute(query).scalar_one_or_none()
        return bytes(content) if content is not None else None

    def next_number(self, region: str, station: str, key: int, above: ConfigurationVersion | None = None) -> int:
        """Return a number under this generation of the key, above the last document and what the station says it has.

        It is larger than ``MAX_NUMBER`` when none is left: such a station gets no document before the next generation.
        """
        with self._database.reading() as connection:
            return _number_after(_known_versions(connection, region, station, above), key)

    def issue(
        self, key: ConfigurationKey, book_number: int, stations: Sequence[PartsOfStation], now: datetime
    ) -> list[SignedDocument]:
        """Sign and store documents for these stations of the key's region, all or none; return those that were made.

        None is made for a station whose newest document has the same parts under this key, unless it has to be above.
        ``book_number``: that of the rows from which the parts were made. Raises Refused: changed_meanwhile, when the
        book has changed since; and BadConfiguration, above all for a clock that is not set.
        """
        region, generation = key.subject.region, key.subject.generation
        made: list[SignedDocument] = []
        with self._database.writing() as connection:
            query = select(county_draft.c.number).where(county_draft.c.region == region)
            if (connection.execute(query).scalar_one_or_none() or 0) != book_number:
                raise Refused("changed_meanwhile", "the county's goods, prices or people have changed meanwhile")
            for one in stations:
                before = _newest(connection, region, one.station)
                if before is not None and _is_enough(before, one, generation):
                    continue
                known = _known_versions(connection, region, one.station, one.above)
                number = _number_after(known, generation)
                if number > MAX_NUMBER or any(version.key > generation for version in known):
                    log.error("%s has the document %s: it needs a key after %d.", one.station, max(known), generation)
                    continue
                unsigned = ConfigurationDocument(
                    one.station, region, (generation, number), to_rfc3339(now)[:19] + "Z", None, dict(one.names), ""
                )
                made.append(_signed(key.sign(unsigned), one.sha256, now))
                _store(connection, region, made[-1], one)
            if made:
                connection.execute(delete(document_part).where(_p.sha256.not_in(select(_link.sha256))))
        return made


def _is_enough(before: SignedDocument, one: PartsOfStation, generation: int) -> bool:
    is_newest = one.above is None or one.above < before.version
    return is_newest and (before.parts_sha256, before.version.key) == (one.sha256, generation)


def _signed(document: ConfigurationDocument, parts_sha256: str, now: datetime) -> SignedDocument:
    content = document.encode()
    parse_document(content)
    digest = hashlib.sha256(content).hexdigest()
    return SignedDocument(document.station, document.number, parts_sha256, digest, to_rfc3339(now), content)


def _store(connection: Connection, region: str, made: SignedDocument, one: PartsOfStation) -> None:
    station = made.station
    connection.execute(delete(station_document).where(_d.region == region, _d.station == station))
    connection.execute(delete(station_document_part).where(_link.region == region, _link.station == station))
    values = {name: getattr(made, name) for name in ("station", "parts_sha256", "sha256", "made_at")}
    values |= {"key": made.version.key, "number": made.version.number, "document": made.content}
    connection.execute(insert(station_document).values(region=region, **values))
    hashes = {part.sha256: one.parts[name] for name, part in one.names.items()}
    there = set(connection.execute(select(_p.sha256).where(_p.sha256.in_(hashes))).scalars())
    new = [{"sha256": sha256, "content": content} for sha256, content in hashes.items() if sha256 not in there]
    if new:
        connection.execute(insert(document_part), new)
    if hashes:
        links = [{"region": region, "station": station, "sha256": sha256} for sha256 in hashes]
        connection.execute(insert(station_document_part), links)


def _newest(connection: Connection, region: str, station: str) -> SignedDocument | None:
    query = select(station_document).where(_d.region == region, _d.station == station)
    row = connection.execute(query).one_or_none()
    return _document(row) if row is not None else None


def _document(row: Any) -> SignedDocument:
    version = ConfigurationVersion(row.key, row.number)
    return SignedDocument(row.station, version, row.parts_sha256, row.sha256, row.made_at, bytes(row.document))


def _known_versions(
    connection: Connection, region: str, station: str, above: ConfigurationVersion | None
) -> list[ConfigurationVersion]:
    last = _newest(connection, region, station)
    c = station_configuration.c
    query = select(c.key, c.number).where(c.region == region, c.station == station, c.state == _APPLIED)
    known = [ConfigurationVersion(*row) for row in connection.execute(query)]
    return known + [version for version in (last.version if last is not None else None, above) if version is not None]


def _number_after(known: Iterable[ConfigurationVersion], key: int) -> int:
    return 1 + max((version.number for version in known if version.key == key), default=0)
