"""What the photos lane needs of the station, what the sorting center answers, and how the lane's state is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from kiosk.messaging.contract.photos import UnsentPicture


@dataclass(frozen=True, slots=True)
class Backlog:
    pictures: int
    size_bytes: int


class PictureQueue(Protocol):
    """The pictures of this station. Any call may raise the store's errors."""

    def waiting(self, limit: int) -> Sequence[UnsentPicture]: ...  # At most ``limit`` of them, the smallest first
    def backlog(self) -> Backlog: ...

    def open(self, sha256: str) -> BinaryIO:
        """Open the picture's bytes. Raises OSError, FileNotFoundError when it is not (or no longer) here."""

    def sent(self, sha256: str) -> None: ...


@dataclass(frozen=True, slots=True)
class UploadResponse:
    """What the center says; ``offset``: where the next part begins."""

    status: int
    complete: bool = False
    offset: int | None = None
    retry_after_s: float | None = None
    why: str = ""


class PhotoFault(StrEnum):
    """The lane continues with the other pictures; one with such a fault is tried again after a day."""

    FORBIDDEN = "forbidden"  # The certificate is not this station's, or the center does not let it in
    SIZE = "size"  # The center was given another size than the picture has
    PART_TOO_LARGE = "part_too_large"
    # The center got other bytes than their hash says, again and again, or no plain JPEG: it is damaged here.
    CONTENT = "content"
    MISSING = "missing"  # The picture is not in the station's folder
    NOT_ANNOUNCED = "not_announced"  # The center has been without the event of this picture for a long time
    REFUSED = "refused"  # For another reason, which the relay's log names
    UNREACHABLE = "no_way"  # The center's photos lane cannot be reached at all
