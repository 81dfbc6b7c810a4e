"""Which certificates of machines the county lets in: the one list that broker, photographs and updates go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import machine_certificate
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.stations.shared.subject import BadSubject, MachineKind, MachineSubject

_DELIVERY_MARGIN: Final = timedelta(minutes=10)  # By then the machine that had the certificate before is out
_c = machine_certificate.c
_LISTED: Final = (
    *(column for column in _c if column.name not in ("sealed", "pin_secret")),
    _c.sealed.is_not(None).label("has_file"),
)


@dataclass(frozen=True, slots=True)
class MachineCertificate:
    """``revoked_at`` is None while it is valid. ``has_file``: its sealed identity can be fetched from the pages."""

    subject: MachineSubject
    made_at: str
    not_after: str
    revoked_at: str | None
    reason: str
    has_file: bool

    @property
    def state(self) -> str:
        """``made`` until its machine has it, then ``valid``; ``revoked``."""
        return "revoked" if self.revoked_at is not None else "made" if self.has_file else "valid"


class MachineCertificates:
    """A machine has at most one valid certificate: the newest, unless that was revoked."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def next_subjects(self, region: str, kind: MachineKind, names: Iterable[str]) -> list[MachineSubject]:
        """Return the subjects for new certificates of these machines, in the order of ``names``."""
        query = select(_c.name, func.max(_c.generation)).where(_c.region == region, _c.kind == kind.value)
        with self._database.reading() as connection:
            newest = {row.name: row[1] for row in connection.execute(query.group_by(_c.name))}
        return [MachineSubject(region, kind, name, newest.get(name, 0) + 1) for name in names]

    def add(
        self,
        subjects: Sequence[tuple[MachineSubject, datetime, bytes]],
        now: datetime,
        *,
        replacing: bool,
        pin_secrets: Mapping[MachineSubject, bytes] = MappingProxyType({}),
    ) -> None:
        """Admit these certificates, all or none, each with its end and its sealed identity (b"" for none).

        ``replacing`` revokes the certificate that each machine has. ``pin_secrets`` are those of the identities of
        stations. Raises Refused: identity_exists (without ``replacing``), changed_meanwhile (when another was made
        since ``next_subjects``).
        """
        with self._database.writing() as connection:
            for subject, not_after, sealed in subjects:
                content = {"not_after": to_rfc3339(not_after), "sealed": sealed or None}
                self._add(connection, subject, content | {"pin_secret": pin_secrets.get(subject)}, now, replacing)

    def _add(
        self,
        connection: Connection,
        subject: MachineSubject,
        content: Mapping[str, object],
        now: datetime,
        replacing: bool,
    ) -> None:
        same = (_c.region == subject.region) & (_c.kind == subject.kind.value) & (_c.name == subject.name)
        newest = connection.execute(select(func.max(_c.generation)).where(same)).scalar_one() or 0
        if newest + 1 != subject.generation:
            raise Refused("changed_meanwhile", f"somebody else has made an identity of {subject.name} meanwhile")
        valid = same & _c.revoked_at.is_(None)
        if connection.execute(select(_c.made_at).where(valid)).first() is not None:
            if not replacing:
                text = f"{subject.name} has an identity: replace it, and the machine that has it is let in no more"
                raise Refused("identity_exists", text, {"name": subject.name})
            self._revoke(connection, valid, "replaced", now)
        row: dict[str, object] = {"region": subject.region, "kind": subject.kind.value, "name": subject.name}
        row |= {"generation": subject.generation, "made_at": to_rfc3339(now), "reason": ""}
        connection.execute(insert(machine_certificate), [row | dict(content)])

    def revoke(self, region: str, kind: MachineKind, name: str, reason: str, now: datetime) -> MachineSubject:
        """Revoke the valid certificate and return its subject. Raises Refused: no_identity."""
        with self._database.writing() as connection:
            valid = (_c.region == region) & (_c.kind == kind.value) & (_c.name == name) & _c.revoked_at.is_(None)
            row = connection.execute(select(machine_certificate).where(valid)).first()
            if row is None:
                raise Refused(
                    "no_identity", f"{name[:40]} of {region} has no identity that is valid", {"name": name[:40]}
                )
            self._revoke(connection, valid, reason, now)
            return _subject(row)

    @staticmethod
    def _revoke(connection: Connection, rows: Any, reason: str, now: datetime) -> None:
        values = {"revoked_at": to_rfc3339(now), "reason": reason, "sealed": None, "pin_secret": None}
        connection.execute(update(machine_certificate).where(rows).values(values))

    def all(self) -> list[MachineCertificate]:
        """Return all by region, kind and name, the newest of a machine first."""
        order = (_c.region, _c.kind, _c.name, _c.generation.desc())
        with self._database.reading() as connection:
            rows = connection.execute(select(*_LISTED).order_by(*order)).all()
        return [_certificate(row) for row in rows]

    def newest(self, kind: MachineKind) -> dict[tuple[str, str], MachineCertificate]:
        """Return the newest of each machine, by region and name."""
        found = (one for one in reversed(self.all()) if one.subject.kind is kind)
        return {(one.subject.region, one.subject.name): one for one in found}

    def subjects(self) -> dict[MachineSubject, bool]:
        """Return every certificate that was ever made, and whether it is valid."""
        query: Select[Any] = select(_c.region, _c.kind, _c.name, _c.generation, _c.revoked_at)
        with self._database.reading() as connection:
            return {_subject(row): row.revoked_at is None for row in connection.execute(query)}

    def revoked_stations(self) -> frozenset[tuple[str, str]]:
        """Return region and number of stations whose machine was revoked and has no other certificate."""
        newest = self.newest(MachineKind.STATION)
        return frozenset(key for key, one in newest.items() if one.revoked_at is not None)

    def sealed(self, subject: MachineSubject) -> bytes | None:
        """Return the sealed identity of a valid certificate; None without one."""
        query = select(_c.sealed).where(*_same(subject), _c.revoked_at.is_(None))
        with self._database.reading() as connection:
            content = connection.execute(query).scalar_one_or_none()
        return bytes(content) if content else None

    def pin_secret(self, region: str, station: str) -> bytes | None:
        """Return the secret of the station's valid certificate; None without one, or when it has no secret."""
        of_station = (_c.region == region) & (_c.kind == MachineKind.STATION.value) & (_c.name == station)
        with self._database.reading() as connection:
            query = select(_c.pin_secret).where(of_station, _c.revoked_at.is_(None))
            content = connection.execute(query).scalar_one_or_none()
        return bytes(content) if content else None

    def discard_delivered(self, last_seen: Mapping[tuple[str, str], datetime | None]) -> None:
        """Discard the sealed identities that stations use already; ``last_seen`` is by region and number."""
        for key, one in self.newest(MachineKind.STATION).items():
            at = last_seen.get(key) if one.has_file else None
            if at is not None and at > datetime.fromisoformat(one.made_at) + _DELIVERY_MARGIN:
                self.discard_sealed(one.subject)

    def discard_sealed(self, subject: MachineSubject) -> None:
        """Discard the sealed identity, once its machine has it."""
        with self._database.writing() as connection:
            connection.execute(update(machine_certificate).where(*_same(subject)).values(sealed=None))

    def is_valid(self, subject: MachineSubject) -> bool:
        """Return whether the certificate is listed and not revoked."""
        query = select(_c.generation).where(*_same(subject), _c.revoked_at.is_(None))
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def admits(self, text: str, station: str, region: str = "") -> bool:
        """Return whether a station with this certificate is admitted; ``region``: what it speaks for, "" for any.

        A subject of another authority is admitted unless the list has that station.
        """
        try:
            subject = MachineSubject.parse(text)
        except BadSubject:
            listed = (_c.kind == MachineKind.STATION.value) & (_c.name == station)
            query = select(_c.name).where(listed & (_c.region == region) if region else listed)
            with self._database.reading() as connection:
                return connection.execute(query).first() is None
        is_own = (subject.kind, subject.name) == (MachineKind.STATION, station) and region in ("", subject.region)
        return is_own and self.is_valid(subject)


def _same(subject: MachineSubject) -> tuple[Any, ...]:
    return (
        _c.region == subject.region,
        _c.kind == subject.kind.value,
        _c.name == subject.name,
        _c.generation == subject.generation,
    )


def _subject(row: Row[Any]) -> MachineSubject:
    return MachineSubject(row.region, MachineKind(row.kind), row.name, row.generation)


def _certificate(row: Row[Any]) -> MachineCertificate:
    return MachineCertificate(_subject(row), row.made_at, row.not_after, row.revoked_at, row.reason, bool(row.has_file))
