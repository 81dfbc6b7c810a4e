"""What the first start sees of a station that may be put back on this card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kiosk.base.refused import Refused

# The digits do not open the kit; too many did not; the kit cannot be used; it brings what only an administrator may put
# in place; the county has not opened it; it is of another county; kit or backup are of newer software; there is none;
# there is none; nobody can use the backup; the letter is missing or was the last one; the stick was pulled; the card is
# full; this machine is another station; the card is set up; the station is being put back at this moment; that was cut
# off; the card or its helper failed.
RecoveryRefusal = Literal[
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
RecoveryWhy = Literal["machine", "silent"]  # Behind `failed`: this machine cannot keep it; nobody answers
# What is missing before a station can be put back: nothing; its kit; its backup; its kit is there, but locked as the
# station wrote it.
Lacks = Literal["", "kit", "backup", "opening"]


@dataclass(frozen=True, slots=True)
class OfferedRecovery:
    """A station of which a kit or a backup lies on a medium. ``made_on`` is the day of its newest backup, as the
    station's clock had it: 2026-11-27, or "" when that cannot be read here.
    """

    station: str
    made_on: str
    lacks: Lacks


class Recoveries:
    """Stations that may be put back, and how far that is. These are those of a machine that puts none back: a demo, a
    test of something else. Nothing here raises for a medium that was pulled.
    """

    def offered(self) -> tuple[OfferedRecovery, ...]:
        return ()

    def has_letters(self) -> bool:
        """Whether the card knows which receipt letters were used."""
        return False

    def begin(self, station: str, code: str, letter: str) -> None:
        """Returns when root has found the digits right and begun; ``letter`` is "" when the card knows it.

        May take half a minute. Raises Refused ``recovery_…``, OSError.
        """
        raise Refused("recovery_no_kit")

    def busy(self) -> bool:
        return False

    def refusal(self) -> Refused | None:
        """Why what was begun has ended; None while it goes on, and when it is done: then the station starts anew."""
        return Refused("recovery_cut")
