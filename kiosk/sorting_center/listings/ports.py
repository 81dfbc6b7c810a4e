"""What listings need of others."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class PictureStore(Protocol):
    def path(self, region: str, station: str, sha256: str) -> Path | None:
        """Return the path of the whole picture, checked on arrival; None while it is not here."""


class NoPictureStore:
    """Of a center that receives none."""

    def path(self, region: str, station: str, sha256: str) -> Path | None:
        return None
