"""Lists of stations that were looked at and not taken yet: what is applied is what was shown."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import registry_draft
from kiosk.sorting_center.ledger.database.times import to_rfc3339

LIFETIME: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RegistryDraft:
    """``base`` is the mark of the list it was compared with."""

    content: bytes
    file_sha256: str
    base: str


class RegistryDrafts:
    """One a person, of one session: it ends with the session, after GOOD_FOR, and with the next one."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def store(self, who: str, session: str, content: bytes, base: str, now: datetime) -> RegistryDraft:
        """``session`` is the word of the session's forms."""
        draft = RegistryDraft(content, hashlib.sha256(content).hexdigest(), base)
        row = {"who": who, "session_sha256": _hash(session), "file_sha256": draft.file_sha256, "base": base}
        with self._database.writing() as connection:
            connection.execute(delete(registry_draft).where(registry_draft.c.made_at < to_rfc3339(now - LIFETIME)))
            connection.execute(delete(registry_draft).where(registry_draft.c.who == who))
            connection.execute(insert(registry_draft).values(**row, content=content, made_at=to_rfc3339(now)))
        return draft

    def find(self, who: str, session: str, file_sha256: str, now: datetime) -> RegistryDraft:
        """Raises Refused: no_draft."""
        with self._database.reading() as connection:
            row = connection.execute(select(registry_draft).where(registry_draft.c.who == who)).first()
        if (
            row is None
            or not hmac.compare_digest(row.session_sha256, _hash(session))
            or row.file_sha256 != file_sha256
            or row.made_at < to_rfc3339(now - LIFETIME)
        ):
            raise Refused("no_draft", "this file is not there any more: choose it again")
        return RegistryDraft(bytes(row.content), row.file_sha256, row.base)

    def discard(self, who: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(registry_draft).where(registry_draft.c.who == who))


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
