"""What the configuration lane needs of the station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from kiosk.domain.configuration import ConfigurationVersion


class PartDamaged(Exception):
    """What came is not what the document names, and is deleted."""


@dataclass(frozen=True, slots=True)
class DocumentInForce:
    """``confirmed``: the county has stated for this very database that it is the newest one."""

    version: ConfigurationVersion
    sha256: str
    confirmed: bool


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
        """Return which of these parts are not stored."""
