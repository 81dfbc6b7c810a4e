"""Who is signed in where: rows here, and a random token in one browser."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffMember, StaffRole
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import person, session
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MAX_IDLE: Final = timedelta(minutes=30)
MAX_AGE: Final = timedelta(hours=12)
_SEEN_AT_RESOLUTION: Final = timedelta(minutes=1)  # So exactly it is kept when somebody was last here
# A clock that is further back than the begin of a session was set: nobody knows how old the session is.
_CLOCK_TOLERANCE: Final = timedelta(minutes=2)
MAX_PER_PERSON: Final = 10  # Sessions of one person; the oldest end


@dataclass(frozen=True, slots=True)
class StaffSession:
    """Of one browser. ``csrf`` is its own word, which goes into each of its forms."""

    person: StaffMember
    csrf: str
    began_at: str


class StaffSessions:
    """Only the hash of a token is stored: who reads the database is not signed in by that."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def begin(self, who: StaffMember, host: str, now: datetime) -> str:
        """The token for the browser: 256 bits, as text. Raises Refused (wrong_password) when ``who`` was changed since
        they were asked for their password: a reset ends also the session that was about to begin.
        """
        fresh, at = secrets.token_urlsafe(32), to_rfc3339(now)
        with self._database.writing() as connection:
            changed_at = connection.execute(select(person.c.changed_at).where(person.c.name == who.name)).scalar()
            if who.changed_at and changed_at != who.changed_at:
                raise Refused("wrong_password", f"{who.name} was changed meanwhile: sign in again")
            connection.execute(delete(session).where(session.c.seen_at < to_rfc3339(now - MAX_IDLE)))
            tokens = select(session.c.token_sha256).where(session.c.person == who.name)
            newest = tokens.order_by(session.c.seen_at.desc()).limit(MAX_PER_PERSON - 1)
            oldest = [
                token
                for (token,) in connection.execute(tokens)
                if token not in set(connection.execute(newest).scalars())
            ]
            connection.execute(delete(session).where(session.c.token_sha256.in_(oldest)))
            row = {"token_sha256": _hash(fresh), "person": who.name, "host": host, "began_at": at, "seen_at": at}
            connection.execute(insert(session).values(**row))
        return fresh

    def find(self, token: str, host: str, now: datetime) -> StaffSession | None:
        """None for a token of nobody, one that is over, or one that was given out under another name of this host."""
        if not token:
            return None
        key = _hash(token)
        with self._database.reading() as connection:
            row = connection.execute(
                select(session, person.c.role, person.c.language, person.c.disabled)
                .join(person, person.c.name == session.c.person)
                .where(session.c.token_sha256 == key)
            ).first()
        if row is None or row.host != host or row.disabled:
            return None
        if (
            to_rfc3339(now + _CLOCK_TOLERANCE) < row.began_at
            or to_rfc3339(now - MAX_AGE) > row.began_at
            or to_rfc3339(now - MAX_IDLE) > row.seen_at
        ):
            self.end(token)
            return None
        if to_rfc3339(now - _SEEN_AT_RESOLUTION) > row.seen_at:
            with self._database.writing() as connection:
                connection.execute(update(session).where(session.c.token_sha256 == key).values(seen_at=to_rfc3339(now)))
        who = StaffMember(row.person, StaffRole.of(row.role), False, row.language)
        return StaffSession(who, hmac.digest(token.encode(), b"csrf", "sha256").hex(), row.began_at)

    def end(self, token: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(session).where(session.c.token_sha256 == _hash(token)))

    def end_all(self, name: str) -> int:
        """Sign out everywhere; how many sessions that were."""
        with self._database.writing() as connection:
            return connection.execute(delete(session).where(session.c.person == name)).rowcount


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
