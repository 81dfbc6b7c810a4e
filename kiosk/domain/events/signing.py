"""What the station tells about its signing key, and about the county's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData


@dataclass(frozen=True, slots=True)
class KeyMade(EventData):
    """From here on events and slips are signed with this key: Ed25519, 64 hex digits. It signs this event, too."""

    TYPE: ClassVar[str] = "station.key.made.v1"
    public: str
    # `first`, `restored` (the database came back from a backup or began anew), `moved` (the card is in another machine)
    # or `repaired` (the key before it could not be read).
    why: str


@dataclass(frozen=True, slots=True)
class EventsCovered(EventData):
    """The key works again: the signature of this event covers those that were written without one.

    ``first_seq`` and ``last_seq`` bound them, in the epoch of this event; ``events`` is how many of them are unsigned,
    ``head`` the hash of the last one, which all others precede in the chain.
    """

    TYPE: ClassVar[str] = "station.events.covered.v1"
    first_seq: int
    last_seq: int
    events: int
    head: str


@dataclass(frozen=True, slots=True)
class CheckpointKept(EventData):
    """The county's log at a size, as the station keeps it: consistent with all that it kept before."""

    TYPE: ClassVar[str] = "station.checkpoint.kept.v1"
    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class CheckpointRefused(EventData):
    """The county's log is not what it was, or is not signed. ``kept_size`` is that of the newest checkpoint kept, 0 for
    none; ``reason`` is `signature`, `inconsistent` or `smaller`.
    """

    TYPE: ClassVar[str] = "station.checkpoint.refused.v1"
    origin: str
    size: int
    root: str
    kept_size: int
    reason: str
