"""The people who work at the station, their numbers, roles and PINs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from kiosk.base.refused import Refused

PIN_DIGITS: Final = 6
MAX_CLERK: Final = 9999
MAX_NAME: Final = 40
STATION_ACTOR: Final = "station"  # The actor of what the station does by itself, such as counting days

_NUMBER = re.compile(r"(?!0+$)(?:[0-9]{2}|[1-9][0-9]{2,3})")
_ACTOR = re.compile(rf"(?:clerk|witness):[0-9]{{2,4}}|{STATION_ACTOR}")
_PIN = re.compile(rf"[0-9]{{{PIN_DIGITS}}}")


class BadClerk(ValueError):
    """A clerk's number or name is invalid; the text states what would be valid."""


class BadPin(Refused, ValueError):
    """The PIN is refused; ``code`` is ``not_six_digits`` or ``too_easy``. The PIN itself is never in the message."""


class Role(StrEnum):
    """What a person may do: a clerk works at the counter, a technician looks after the box."""

    CLERK = "clerk"
    TECHNICIAN = "technician"


@dataclass(frozen=True, slots=True)
class Clerk:
    """``number`` is ``01`` to ``9999`` and never given twice; ``name`` is short and stays at the station."""

    number: str
    name: str
    role: Role

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.number):
            raise BadClerk(f"clerk number {self.number!r} must be 01 to {MAX_CLERK}")
        if not 1 <= len(self.name.strip()) <= MAX_NAME or not self.name.isprintable():
            raise BadClerk(f"a clerk's name has 1 to {MAX_NAME} printable characters")

    @property
    def actor(self) -> str:
        """How events name this person: ``clerk:07``, whatever the role."""
        return f"clerk:{self.number}"


def clerk_number(counter: int) -> str:
    """Format 7 as ``07``; raises BadClerk beyond 9999."""
    if not 1 <= counter <= MAX_CLERK:
        raise BadClerk(f"clerk numbers go from 01 to {MAX_CLERK}")
    return f"{counter:02d}"


def check_actor(text: str) -> str:
    """Return the actor unchanged. Raises ValueError: an event holds a number, never a person's name."""
    if not _ACTOR.fullmatch(text):
        raise ValueError("an actor looks like clerk:07, witness:02 or station")
    return text


def check_pin(text: str) -> str:
    """Return the PIN unchanged. Raises BadPin unless it is six digits, not all the same and not a run up or down."""
    if not _PIN.fullmatch(text):
        raise BadPin("not_six_digits", f"a PIN is {PIN_DIGITS} digits")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(text)}
    if steps in ({0}, {1}, {9}):
        raise BadPin("too_easy", "a PIN of one digit or of a run such as 123456 is guessed first")
    return text
