"""Where a ledger is: a file of SQLite, or a database of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from kiosk.sorting_center.ledger.shared.errors import LedgerAddressError

_FORMS = "give sqlite:///path or postgresql://user@host:port/name"


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """The address of a ledger. ``path`` is None for a PostgreSQL database. Its text shows no password."""

    url: URL
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> LedgerAddress:
        """Parse an address. Raises LedgerAddressError, whose text repeats nothing that may hold a password."""
        try:
            url = make_url(text)
        except (ArgumentError, ValueError) as error:
            raise LedgerAddressError(f"the ledger is no URL: {_FORMS}") from error
        if url.drivername in ("postgresql", "postgresql+psycopg"):
            if not url.database:
                raise LedgerAddressError(f"the ledger {_without_password(url)} names no database: {_FORMS}")
            return cls(url.set(drivername="postgresql+psycopg"), None)
        if url.drivername != "sqlite" or url.host or url.query or url.database in (None, "", ":memory:"):
            raise LedgerAddressError(f"a ledger is a file or a database of PostgreSQL: {_FORMS}")
        return cls(url, Path(str(url.database)))

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else _without_password(self.url)


def without_password(text: str) -> str:
    """Return the address of a ledger without its password; raises LedgerAddressError when it is invalid."""
    return _without_password(LedgerAddress.parse(text).url)


def _without_password(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
