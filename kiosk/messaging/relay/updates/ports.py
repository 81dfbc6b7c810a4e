"""What the updates lane needs of the station, and how it does."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from kiosk.messaging.contract.updates import UpdateOffer


class UpdateFault(StrEnum):
    """Why no update comes, as the words people see. The lane continues to ask."""

    REFUSED = "refused"  # The center gives none, or none to this station; the relay's log names its answer
    FULL = "full"  # There is no room for it
    DAMAGED = "damaged"  # It arrived wrong again and again
    FORGED = "forged"  # It is not the vendor's, or not what was offered
    LATE = "late"  # It did not come in a week
    INTERNAL = "trouble"  # The card, the database, or a fault of ours; the relay's log names it
    UNREACHABLE = "no_way"  # The center cannot be reached for updates


Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Fetching(msgspec.Struct, frozen=True):
    """The lane's state. ``version`` is being fetched, ``here`` is complete and waits for a person; "" for none.
    ``offers_age_s`` is how long ago the center has reported what it has, -1 when it has not yet.
    """

    version: str = ""
    have_bytes: Count = 0
    size_bytes: Count = 0
    here: str = ""
    fault: UpdateFault | None = None
    offers_age_s: Annotated[int, msgspec.Meta(ge=-1, le=10**12)] = -1


class BundleDamaged(Exception):
    """What came is not what was offered, and was removed; the text says why. ``forged``: asking again is of no use."""

    def __init__(self, why: str, *, forged: bool) -> None:
        super().__init__(why)
        self.forged = forged


class InsufficientSpace(Exception):
    """The partition has to keep what the station needs; the text says how much."""


class BundleInbox(Protocol):
    """The station's folder of bundles. Any call may raise OSError."""

    def poll_requested(self) -> bool: ...  # Whether the county has requested a check now; True once for each time

    def choose(self, offers: Sequence[UpdateOffer]) -> UpdateOffer | None:
        """Choose the offer this station can use; remove what was begun of any other."""

    def offset(self, offer: UpdateOffer) -> int:
        """Return how many bytes are here. Raises BundleDamaged when they show that it is not the vendor's bundle."""

    def require_room(self, offer: UpdateOffer) -> None: ...  # For the rest of it; raises InsufficientSpace

    def take(self, offer: UpdateOffer, piece: bytes) -> None:
        """Append the next bytes. Raises BundleDamaged as `offset` does, and when they exceed the offered size."""

    def finish(self, offer: UpdateOffer) -> None:
        """Put the complete bundle where a person finds it, durable when this returns. Raises BundleDamaged."""

    def discard(self, offer: UpdateOffer) -> None: ...  # What was started of it is of no use

    def here(self) -> str:
        """Return the version that is complete and can be installed; "" when there is none."""
