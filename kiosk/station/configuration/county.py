"""The county at this station, as pages and doctor see it: what is in force, what waits, what lies on a stick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.configuration import ConfigurationVersion, RefusalReason
from kiosk.store.county_documents import CountyDocument
from kiosk.store.store import Store


@dataclass(frozen=True, slots=True)
class StickDocument:
    """A document on a stick. ``refusal``: why it would not be taken; ``same``: it is the one in force."""

    path: Path
    version: ConfigurationVersion | None
    issued: str
    effective: str | None
    refusal: RefusalReason | None
    same: bool = False


@dataclass(frozen=True, slots=True)
class RefusedDocument:
    """The newest document that was not applied; ``version`` is None where it could not be read."""

    version: ConfigurationVersion | None
    reason: RefusalReason
    at: str


@dataclass(frozen=True, slots=True)
class WaitingDocument:
    """One that will be applied. ``why``: ``parts``, ``effective``, or why the station is busy (``busy_pan``, …)."""

    version: ConfigurationVersion
    effective: str | None
    why: str


class County:
    """Thread-safe. ``has_county``: whether the settings name a county at all."""

    def __init__(self, store: Store, has_county: bool, media: Callable[[], tuple[Path, ...]]) -> None:
        self._store, self.has_county, self._media = store, has_county, media

    def in_force(self) -> CountyDocument | None:
        """Raises StoreError."""
        return self._store.county_documents.in_force()

    def manages_people(self) -> bool:
        """Whether the list of people is the county's. Raises StoreError."""
        found = self.in_force()
        return found is not None and "clerks" in found.document.parts

    def is_by_hand(self) -> bool:
        """Whether goods and prices were imported by hand after the document in force. Raises StoreError."""
        raise NotImplementedError

    def prices_confirmed(self) -> bool:
        """False: newer prices may exist than those in force here. Raises StoreError."""
        raise NotImplementedError

    def waiting(self) -> WaitingDocument | None:
        raise NotImplementedError

    def last_refusal(self) -> RefusedDocument | None:
        raise NotImplementedError

    def candidates(self) -> tuple[StickDocument, ...]:
        """Documents of this station on sticks, the newest first."""
        raise NotImplementedError

    def take(self, path: Path) -> StickDocument:
        """Copy one from a stick; it is applied as one that came over the line. Raises Refused: a
        ``RefusalReason`` as its code, ``gone`` for a stick that was pulled; OSError for the card.
        """
        raise NotImplementedError
