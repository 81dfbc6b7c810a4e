"""Times as the ledger stores them: RFC 3339 in UTC with milliseconds, so that texts sort as times do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

MIN_TIMESTAMP = ""  # No time is before it


def to_rfc3339(moment: datetime) -> str:
    """Format in UTC, with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_now() -> str:
    return to_rfc3339(datetime.now(UTC))


class TimestampColumn(TypeDecorator[str]):
    """Text in Python and in SQLite; TIMESTAMPTZ(3) in PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import TIMESTAMP  # a ledger in SQLite does without that dialect

            return TIMESTAMP(timezone=True, precision=3)
        return Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return "-infinity" if value == MIN_TIMESTAMP and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return to_rfc3339(value) if isinstance(value, datetime) else value
