"""The audit: who looked for whom, who decided what. No row is changed; `desk.terms` erases those over their term."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import insert, select

from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import audit
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MAX_SUBJECT: Final = 200
MAX_DETAIL: Final = 1_000
MAX_PAGE: Final = 200


class AuditAction(StrEnum):
    """`docs/sorting-center.md` says when each is recorded."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word
    PERSON_ADDED = "person_added"
    ROLE_CHANGED = "role_changed"
    PERSON_DISABLED = "person_disabled"
    PERSON_ENABLED = "person_enabled"
    TOKEN_ADDED = "token_added"  # noqa: S105 - a word
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word
    SEARCHED = "searched"
    MEMBER_SEEN = "member_seen"
    EXPORTED = "exported"
    CASE_CLAIMED = "case_taken"
    CASE_CLOSED = "case_closed"
    CASE_REOPENED = "case_reopened"
    QUARANTINE_DECIDED = "quarantine_decided"
    REGISTRY_IMPORTED = "registry_imported"
    STATION_CHANGED = "station_changed"
    IDENTITY_MADE = "identity_made"
    IDENTITY_REVOKED = "identity_revoked"
    STATION_REQUESTED = "station_requested"
    STATION_PERSON_ADDED = "station_person_added"
    STATION_PERSON_CHANGED = "station_person_changed"
    STATION_PERSON_ENDED = "station_person_ended"
    PIN_ANSWERED = "pin_answered"
    MEMBER_CHANGED = "member_changed"
    KEY_TRIED = "key_tried"
    CONFIGURATION_KEY_MADE = "configuration_key_made"
    KEY_REVOKED = "key_revoked"
    DAY_SETTLED = "day_settled"
    RECEIPT_SETTLED = "receipt_settled"
    NOTICE_TARGET_CHANGED = "notice_target_changed"
    LISTING_EDITED = "listing_edited"
    LISTING_PUBLISHED = "listing_published"
    LISTING_PAUSED = "listing_paused"
    LISTING_SOLD_OUT = "listing_sold_out"
    LISTING_WITHDRAWN = "listing_withdrawn"
    PRICES_CHANGED = "prices_changed"
    GOODS_CHANGED = "goods_changed"
    CONFIGURATION_IMPORTED = "configuration_imported"
    CONFIGURATION_PUBLISHED = "configuration_published"
    RELEASE_RESTORED = "release_restored"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """``id`` counts up; ``who`` is a person's name, or the command line as ``command``."""

    id: int
    at: str
    who: str
    act: str
    subject: str
    detail: str


class Audit:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def record(self, who: str, act: AuditAction, subject: str, detail: str, now: datetime) -> None:
        """Record an act. Raises DeskError; the act itself must not be done then."""
        self.record_all(who, act, {subject: detail}, now)

    def record_all(self, who: str, act: AuditAction, details: Mapping[str, str], now: datetime) -> None:
        """Record a row for each subject, as `record`: all or none."""
        same = {"at": to_rfc3339(now), "who": escaped_text(who, MAX_SUBJECT), "act": act.value}
        rows = [
            same | {"subject": escaped_text(subject, MAX_SUBJECT), "detail": escaped_text(detail, MAX_DETAIL)}
            for subject, detail in details.items()
        ]
        with self._database.writing() as connection:
            connection.execute(insert(audit), rows)

    def page(
        self, before: int | None = None, limit: int = 50, who: str | None = None, act: str | None = None
    ) -> Sequence[AuditRow]:
        """Return the newest first, with an ``id`` below ``before``."""
        query = select(audit).order_by(audit.c.id.desc()).limit(max(1, min(limit, MAX_PAGE)))
        if before is not None:
            query = query.where(audit.c.id < before)
        if who is not None:
            query = query.where(audit.c.who == who)
        if act is not None:
            query = query.where(audit.c.act == act)
        with self._database.reading() as connection:
            return [AuditRow(*row) for row in connection.execute(query)]


def escaped_text(text: str, max_length: int) -> str:
    """Write control, format and private characters and surrogates as ``<U+202E>``; cut to ``max_length``."""
    shown = "".join(
        character if unicodedata.category(character)[0] != "C" else f"<U+{ord(character):04X}>"
        for character in text[: max_length + 1]
    )
    return shown if len(shown) <= max_length else f"{shown[: max_length - 1]}…"
