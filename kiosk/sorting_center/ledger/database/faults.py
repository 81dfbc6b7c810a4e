"""Database errors as sentences from which a technician knows what to do."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError

from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.shared.errors import (
    LedgerAddressError,
    LedgerDamaged,
    LedgerError,
    LedgerMissing,
    LedgerUnwritable,
)

# PostgreSQL: a deadlock, a lost connection, a row that another process wrote first. Nothing of the transaction is
# stored, and the same events succeed at the next try.
_RETRYABLE: Final = (OperationalError, IntegrityError, InterfaceError, InternalError)


def translate_error(address: LedgerAddress, error: DBAPIError) -> LedgerError:
    """Translate an error of a ledger that was open."""
    message = _first_line(error)
    if address.path is None:
        if isinstance(error, _RETRYABLE):
            return LedgerUnwritable(f"the ledger {address} cannot be used: {message}")
    elif isinstance(error, OperationalError):
        return LedgerUnwritable(f"the ledger {address} cannot be used: {message}")
    elif "malformed" in message or "not a database" in message:
        return LedgerDamaged(f"the ledger {address} is damaged: {message}; restore the last backup")
    return LedgerError(f"the ledger {address} refused a statement: {message}")


def translate_open_error(address: LedgerAddress, error: DBAPIError) -> LedgerError:
    """Translate an error of a ledger that was to be opened."""
    message = _first_line(error)
    if address.path is None:
        return _connection_error(address, message)
    if isinstance(error, OperationalError) or not isinstance(error, DatabaseError):
        return LedgerUnwritable(f"the ledger {address} cannot be opened: {message}")
    return damage_error(address, message)


def damage_error(address: LedgerAddress, why: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"the ledger {address} is damaged ({why}): it is left as it is; keep a copy and restore the last backup"
    )


def _connection_error(address: LedgerAddress, message: str) -> LedgerError:
    why = message.rpartition(" failed: ")[2]  # what is before it is the server's address
    if "password" in why or "authentication" in why or "no pg_hba.conf entry" in why:
        return LedgerAddressError(
            f"the database server does not let the ledger {address} in ({message}): check the user, and the password "
            "in PGPASSWORD or ~/.pgpass"
        )
    if "role" in why and "does not exist" in why:
        return LedgerAddressError(f"the database server knows no such user: {address} ({message})")
    if "database" in why and "does not exist" in why:
        return LedgerMissing(f"there is no database for the ledger {address}: create it first, empty ({message})")
    return LedgerUnwritable(f"the ledger {address} cannot be opened: {message}")


def _first_line(error: DBAPIError) -> str:
    """Return the first line; of a failed connection the server's message, without the address again."""
    lines = [line.strip() for line in str(error.orig).splitlines() if line.strip()]
    return lines[0].rpartition("FATAL:")[2].strip() if lines else type(error.orig).__name__
