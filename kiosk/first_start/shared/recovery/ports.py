"""What the first start sees of a station that may be put back on this card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

# The digits do not open the kit; too many did not; the kit cannot be used; it brings what only an administrator may put
# in place; the county has not opened it; it is of another county; kit or backup are of newer software; there is none;
# there is none; nobody can use the backup; the letter is missing or was the last one; the stick was pulled; the card is
# full; this machine is another station; the card is set up; the station is being put back at this moment; that was cut
# off; the card or its helper failed.
Refusal = Literal[
    "wrong",
    "wait",
    "kit",
    "shell",
    "unopened",
    "county",
    "software",
    "no_kit",
    "no_backup",
    "backup",
    "letter",
    "stick",
    "room",
    "other",
    "here",
    "busy",
    "cut",
    "failed",
]
Why = Literal["machine", "silent"]  # Behind `failed`: this machine cannot keep it; nobody answers
# What is missing before a station can be put back: nothing; its kit; its backup; its kit is there, but locked as the
# station wrote it.
Lacks = Literal["", "kit", "backup", "opening"]


class RecoveryRefused(Exception):
    """The card is as new. ``word`` ends a text ``setup.refused.recovery_…``, ``why`` one ``setup.refused.why_…``; the
    message is technical. ``wait_s`` is how long until the next try.
    """

    def __init__(self, word: Refusal, message: str, why: Why | None = None, wait_s: int = 0) -> None:
        super().__init__(message)
        self.word: Final = word
        self.why: Final = why
        self.wait_s: Final = wait_s


@dataclass(frozen=True, slots=True)
class OfferedRecovery:
    """A station of which a kit or a backup lies on a medium. ``made_on`` is the day of its newest backup, as the
    station's clock had it: 2026-11-27, or "" when that cannot be read here.
    """

    station: str
    made_on: str
    lacks: Lacks


class Recoveries(Protocol):
    """Stations that may be put back, and how far that is. Nothing here raises for a medium that was pulled."""

    def offered(self) -> tuple[OfferedRecovery, ...]: ...

    def has_letters(self) -> bool:
        """Whether the card knows which receipt letters were used."""

    def begin(self, station: str, code: str, letter: str) -> None:
        """Returns when root has found the digits right and begun; ``letter`` is "" when the card knows it.

        May take half a minute. Raises RecoveryRefused, OSError.
        """

    def busy(self) -> bool:
        """Whether a station is being put back at this moment."""

    def refusal(self) -> RecoveryRefused | None:
        """Why what was begun has ended; None while it goes on, and when it is done: then the station starts anew."""
