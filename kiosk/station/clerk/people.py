"""Who works at the station: added, given a PIN. For the command line and the technician's pages alike."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from kiosk.domain.clerk import MAX_NAME, BadClerk, Role, check_pin
from kiosk.station.clerk.pin_hash import PinKey
from kiosk.store.clerks import Clerks
from kiosk.store.shared.records import ClerkRow, Stamp

_MAX_NAME_DIGITS = 4  # In a name: "Aygul 2" is one, a telephone number is none


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here; ``name`` never leaves the station, events know the number alone."""

    number: str
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """How events name this person: ``clerk:07``."""
        return f"clerk:{self.number}"

    @property
    def witness(self) -> str:
        """How the event of a void names this person when it is the second one: ``witness:07``."""
        return f"witness:{self.number}"


def add_person(clerks: Clerks, name: str, role: Role, pin_hash: str, stamp: Stamp) -> ClerkRow:
    return clerks.add(clean_person_name(name), role, pin_hash, stamp)


def hash_pin(key: PinKey, pin: str) -> str:
    """What is kept of a PIN. Raises BadPin, and CounterRefused ``no_pin_key`` when the station's key is missing."""
    return key.hash(check_pin(pin))


def clean_person_name(text: str) -> str:
    """A short name as it may be shown; raises BadClerk, which does not repeat it. A telephone or ID number is no name:
    neither is kept at the station.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MAX_NAME or not all(_fits(character) for character in name):
        raise BadClerk(f"a name has 1 to {MAX_NAME} letters, digits and spaces, and no invisible characters")
    if not any(character.isalpha() for character in name) or sum(map(str.isdecimal, name)) > _MAX_NAME_DIGITS:
        raise BadClerk("a name is no number: telephone and ID numbers are not kept here")
    return name


def _fits(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"
