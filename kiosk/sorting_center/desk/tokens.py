"""Tokens of programs, with scopes and a rate."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase, hash_secret, insert_named
from kiosk.sorting_center.desk.shared.errors import check_name
from kiosk.sorting_center.desk.shared.schema import token as token_table
from kiosk.sorting_center.ledger.database.times import to_rfc3339

PER_MINUTE: Final = 600
MAX_PER_MINUTE: Final = 100_000
MAX_TOKENS: Final = 200
_PREFIX: Final = "sct_"  # So that a secret in a log or a repository is recognised as one


class Scope(StrEnum):
    """What a token opens: the feed; receipts and figures; what Prometheus scrapes."""

    FEED = "feed"
    READ = "read"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Token:
    """``expires_at`` is None for one that is valid until it is revoked."""

    name: str
    scopes: frozenset[Scope]
    per_minute: int
    made_at: str
    expires_at: str | None = None
    revoked_at: str | None = None


class Tokens:
    """Only hashes of secrets are stored."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def add(
        self,
        name: str,
        scopes: Iterable[Scope],
        now: datetime,
        per_minute: int = PER_MINUTE,
        expires: datetime | None = None,
    ) -> str:
        """Return the secret, shown only here. Raises Refused: bad_name, no_scope, bad_rate, name_taken, too_many."""
        scope_words = sorted({scope.value for scope in scopes})
        check_name(name)
        if not scope_words:
            raise Refused("no_scope", f"a token opens something: {', '.join(Scope)}")
        if not 1 <= per_minute <= MAX_PER_MINUTE:
            raise Refused(
                "bad_rate", f"a token may ask 1 to {MAX_PER_MINUTE} times a minute", {"most": str(MAX_PER_MINUTE)}
            )
        secret = _PREFIX + secrets.token_urlsafe(32)
        row = {
            "name": name,
            "secret_sha256": hash_secret(secret),
            "scopes": " ".join(scope_words),
            "per_minute": per_minute,
            "made_at": to_rfc3339(now),
            "expires_at": to_rfc3339(expires) if expires is not None else None,
        }
        with self._database.writing() as connection:
            insert_named(connection, token_table, row, MAX_TOKENS)
        return secret

    def find(self, secret: str, now: datetime) -> Token | None:
        """Find a token by its secret; None when it is unknown, revoked or expired."""
        if not secret.startswith(_PREFIX):
            return None
        valid = token_table.c.revoked_at.is_(None) & (
            token_table.c.expires_at.is_(None) | (token_table.c.expires_at > to_rfc3339(now))
        )
        same_secret = token_table.c.secret_sha256 == hash_secret(secret)
        with self._database.reading() as connection:
            row = connection.execute(select(token_table).where(same_secret, valid)).first()
        return _token(row) if row is not None else None

    def revoke(self, name: str, now: datetime) -> None:
        """Revoke a token. Raises Refused: no_such_token."""
        with self._database.writing() as connection:
            active = (token_table.c.name == name) & token_table.c.revoked_at.is_(None)
            if not connection.execute(update(token_table).where(active).values(revoked_at=to_rfc3339(now))).rowcount:
                raise Refused("no_such_token", f"there is no token {name[:40]!r} that is good", {"name": name[:40]})

    def all(self) -> list[Token]:
        """Return all by name, with the revoked ones."""
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(select(token_table).order_by(token_table.c.name))]


class TokenRateLimiter:
    """A token bucket for each token, of this process: the requests of a minute at once, and then evenly.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def wait_s(self, token: Token) -> float:
        """Return 0 for a request that is allowed now, which is counted; else the seconds until one is."""
        with self._lock:
            now = self._clock()
            left, since = self._left.get(token.name, (float(token.per_minute), now))
            left = min(float(token.per_minute), left + (now - since) * token.per_minute / 60)
            if left < 1:
                self._left[token.name] = (left, now)
                return (1 - left) * 60 / token.per_minute
            self._left[token.name] = (left - 1, now)
            return 0.0


def _token(row: Row[Any]) -> Token:
    return Token(
        row.name, frozenset(map(Scope, row.scopes.split())), row.per_minute, row.made_at, row.expires_at, row.revoked_at
    )
