"""What the configuration lane needs of the station."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.messaging.contract.configuration import ConfigurationDocument, Part


class PartDamaged(Exception):
    """What came is not what the document names, and is deleted."""


@dataclass(frozen=True, slots=True)
class DocumentInForce:
    """``confirmed``: the county has said of this very database that it is the newest one."""

    version: ConfigurationVersion
    sha256: str
    confirmed: bool


class CountyInbox(Protocol):
    """The folder from which the station's process takes documents, and what its database has. Any call may raise
    OSError and the store's errors.
    """

    def in_force(self) -> DocumentInForce | None: ...

    def missing(self, document: ConfigurationDocument) -> Sequence[Part]:
        """The parts that neither the folder nor the database has, the smallest first."""

    def offset(self, part: Part) -> int: ...  # How many bytes of it are here

    def put(self, part: Part, content: bytes) -> None: ...  # All of it, whose hash was checked; durable

    def take(self, part: Part, piece: bytes) -> None:
        """The next bytes of it. Raises PartDamaged when they are more than were named."""

    def finish(self, part: Part) -> None:
        """All of it is here: whole and durable when this returns. Raises PartDamaged."""

    def deliver(self, document: ConfigurationDocument, content: bytes) -> None:
        """Its parts are here: from now on the station's process finds it. What no document needs is removed."""


class AppliedDocument(Protocol):
    @property
    def version(self) -> ConfigurationVersion: ...
    @property
    def sha256(self) -> str: ...
    @property
    def confirmed(self) -> bool: ...


class AppliedDocuments(Protocol):
    """What the station's database has of the county. Any call may raise StoreError."""

    def in_force(self) -> AppliedDocument | None: ...

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Which of these parts it has not."""
