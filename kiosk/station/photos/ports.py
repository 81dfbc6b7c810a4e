"""What photographs need of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kiosk.store.records import PhotoPlace, Stamp


class NoSpace(Exception):
    """No shot may be taken; ``word`` is one the screens have a sentence for: photo_room, disk_full."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


class PhotoStore(Protocol):
    """Tells a picture that is kept."""

    def add_photo(
        self, lot: str, product: str, sha256: str, size_bytes: int, width: int, height: int, stamp: Stamp
    ) -> None: ...


class PhotoOrder(Protocol):
    """Knows the pictures in the order of their intakes."""

    def oldest_photos(self, limit: int, after: PhotoPlace | None = None) -> Sequence[PhotoPlace]: ...
