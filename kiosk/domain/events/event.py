"""What every event is: past tense, integers, codes and references.

The fields of the classes below this folder are the allow-list: no name, phone, ID number, face or free text of a
villager has a place in any of them. Adding a field keeps the version; a new meaning is a new type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class EventData:
    """The data of one event. A class that has a ``TYPE`` of its own, its name on the wire, can be told."""

    TYPE: ClassVar[str] = ""
