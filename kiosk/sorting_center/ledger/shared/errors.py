"""What can be wrong with a ledger, as sentences from which a technician knows what to do."""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger cannot be used; the text names it and the act."""


class LedgerAddressError(LedgerError):
    """The URL is not one that this version opens."""


class LedgerMissing(LedgerError):
    """Nothing is there, and this command does not create one."""


class LedgerForeign(LedgerError):
    """The file is no ledger of a sorting center."""


class LedgerNewer(LedgerError):
    """Made by another version of the program, and no migration leads here."""


class LedgerDamaged(LedgerError):
    """The file cannot be read as it was written. It is left as it is."""


class LedgerInUse(LedgerError):
    """Another sorting center has it open for writing."""


class LedgerNotEmpty(LedgerError):
    """Something is there already that would be mixed with what was to be put there."""


class LedgerUnwritable(LedgerError):
    """A commit failed: disk full, read-only, locked, I/O error. Nothing of it is stored; try again later."""
