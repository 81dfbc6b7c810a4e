"""What every event is: past tense, integers, codes and references.

The fields of the classes below this folder are the allow-list: no name, phone, ID number, face or free text of a
villager has a place in any of them. Adding a field keeps the version; a new meaning is a new type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.clerk import check_actor


@dataclass(frozen=True, slots=True)
class EventData:
    """The data of one event. A class that has a ``TYPE`` of its own, its name on the wire, can be told.

    Whoever did it, ``actor`` or ``clerk``, is a number and never a name.
    """

    TYPE: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in ("actor", "clerk"):
            if (who := getattr(self, field, None)) is not None:
                check_actor(who)
