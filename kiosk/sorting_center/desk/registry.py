"""The stations a county expects: their places, opening hours and scales."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select, text

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.shared.database import DeskDatabase, hash_secret
from kiosk.sorting_center.desk.shared.schema import expected_station, registry_draft, township
from kiosk.sorting_center.ledger.database.times import to_rfc3339

QUIET_MIN: Final = 60
DRAFT_LIFETIME: Final = timedelta(hours=1)
StationKey = tuple[str, str]  # Region and station


@dataclass(frozen=True, slots=True)
class Township:
    """``hours`` and ``quiet_min`` hold for each of its stations."""

    region: str
    name: str
    hours: OpeningHours
    quiet_min: int = QUIET_MIN


@dataclass(frozen=True, slots=True)
class ExpectedStation:
    """What is not known is empty. Dates as YYYY-MM-DD."""

    region: str
    station: str
    village: str = ""
    township: str = ""
    contact: str = ""
    scale: str = ""
    route: str = ""
    verified_on: str = ""
    valid_until: str = ""

    @property
    def key(self) -> StationKey:
        return self.region, self.station


@dataclass(frozen=True, slots=True)
class StationRegister:
    stations: Mapping[StationKey, ExpectedStation]
    townships: Mapping[StationKey, Township]  # By region and name

    @property
    def digest(self) -> str:
        """SHA-256 over the whole list."""
        rows = [repr(self.stations[key]) for key in sorted(self.stations)]
        rows += [repr(self.townships[key]) for key in sorted(self.townships)]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def township_of(self, key: StationKey) -> Township | None:
        """Return the township; None for a station without one, or one that is not expected."""
        row = self.stations.get(key)
        return self.townships.get((row.region, row.township)) if row is not None else None


@dataclass(frozen=True, slots=True)
class RegistryDifferences:
    """What a new register would change."""

    new: tuple[StationKey, ...]
    changed: tuple[StationKey, ...]
    removed: tuple[StationKey, ...]
    townships: tuple[StationKey, ...]  # New, changed or removed

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.changed or self.removed or self.townships)

    def __str__(self) -> str:
        sorts = {"new": self.new, "changed": self.changed, "gone": self.removed, "townships": self.townships}
        return ", ".join(f"{name} {len(keys)}" for name, keys in sorts.items())


@dataclass(frozen=True, slots=True)
class RegistryCoverage:
    never: tuple[StationKey, ...]  # Expected, and has never reported
    unexpected: tuple[StationKey, ...]


class Registry:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def current(self) -> StationRegister:
        with self._database.reading() as connection:
            return _load_register(connection)

    def station(self, key: StationKey) -> ExpectedStation | None:
        query = select(expected_station).where(
            expected_station.c.region == key[0], expected_station.c.station == key[1]
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return ExpectedStation(**row._mapping) if row is not None else None

    def replace(
        self, stations: Sequence[ExpectedStation], townships: Sequence[Township], base: str | None = None
    ) -> RegistryDifferences:
        """Replace the whole list in one transaction; return what has changed.

        ``base`` is the digest of the list that the person saw. Raises Refused: changed_meanwhile.
        """
        requested = build_register(stations, townships)
        rows = [asdict(row) for row in requested.stations.values()]
        places = [asdict(row) | {"hours": str(row.hours)} for row in requested.townships.values()]
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE expected_station IN EXCLUSIVE MODE"))
            before = _load_register(connection)
            if base is not None and base != before.digest:
                raise Refused("changed_meanwhile", "somebody has changed the list meanwhile: look at the file again")
            connection.execute(delete(expected_station))
            connection.execute(delete(township))
            if rows:
                connection.execute(insert(expected_station), rows)
            if places:
                connection.execute(insert(township), places)
        return differences(before, requested)


def differences(before: StationRegister, after: StationRegister) -> RegistryDifferences:
    old, new = before.stations, after.stations
    places = {**before.townships, **after.townships}
    return RegistryDifferences(
        new=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(key for key in new.keys() & old.keys() if new[key] != old[key])),
        removed=tuple(sorted(old.keys() - new.keys())),
        townships=tuple(sorted(key for key in places if before.townships.get(key) != after.townships.get(key))),
    )


def registry_coverage(register: StationRegister, reporting: Iterable[StationKey]) -> RegistryCoverage:
    known = set(reporting)
    return RegistryCoverage(
        tuple(sorted(register.stations.keys() - known)), tuple(sorted(known - register.stations.keys()))
    )


def build_register(stations: Iterable[ExpectedStation], townships: Iterable[Township]) -> StationRegister:
    return StationRegister({row.key: row for row in stations}, {(row.region, row.name): row for row in townships})


def _load_register(connection: Connection) -> StationRegister:
    stations = [ExpectedStation(**row._mapping) for row in connection.execute(select(expected_station))]
    townships = [
        Township(row.region, row.name, OpeningHours.parse(row.hours), row.quiet_min)
        for row in connection.execute(select(township))
    ]
    return build_register(stations, townships)


@dataclass(frozen=True, slots=True)
class RegistryDraft:
    """``base`` is the digest of the list it was compared with."""

    content: bytes
    file_sha256: str
    base: str


class RegistryDrafts:
    """Files that were checked and not applied yet: what is applied is what was shown.

    One for each person and session; it ends with the session, after DRAFT_LIFETIME, and with the next one.
    """

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def store(self, who: str, session: str, content: bytes, base: str, now: datetime) -> RegistryDraft:
        """Store the draft in place of the person's last one; ``session`` is the ``csrf`` of the session."""
        draft = RegistryDraft(content, hashlib.sha256(content).hexdigest(), base)
        row = {"who": who, "session_sha256": hash_secret(session), "file_sha256": draft.file_sha256, "base": base}
        with self._database.writing() as connection:
            connection.execute(delete(registry_draft).where(registry_draft.c.who == who))
            connection.execute(insert(registry_draft).values(**row, content=content, made_at=to_rfc3339(now)))
        return draft

    def find(self, who: str, session: str, file_sha256: str, now: datetime) -> RegistryDraft:
        """Find the draft. Raises Refused: no_draft."""
        with self._database.reading() as connection:
            row = connection.execute(select(registry_draft).where(registry_draft.c.who == who)).first()
        if (
            row is None
            or not hmac.compare_digest(row.session_sha256, hash_secret(session))
            or row.file_sha256 != file_sha256
            or row.made_at < to_rfc3339(now - DRAFT_LIFETIME)
        ):
            raise Refused("no_draft", "this file is not there any more: choose it again")
        return RegistryDraft(bytes(row.content), row.file_sha256, row.base)

    def discard(self, who: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(registry_draft).where(registry_draft.c.who == who))
