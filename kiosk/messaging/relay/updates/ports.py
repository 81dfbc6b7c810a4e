"""What the updates lane needs of the station and of the sorting center."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from kiosk.messaging.contract.updates import Offer


class UpdateFault(StrEnum):
    """Why no update comes, as the words people see. The lane goes on asking."""

    REFUSED = "refused"
    """The center gives none, or none to this station; the relay's log names its answer."""
    FULL = "full"
    """There is no room for it."""
    DAMAGED = "damaged"
    """It arrived wrong again and again."""
    FORGED = "forged"
    """It is not the vendor's, or not what was offered."""
    LATE = "late"
    """It did not come in a week."""
    TROUBLE = "trouble"
    """The card, the database, or a fault of ours; the relay's log names it."""
    NO_WAY = "no_way"
    """The center cannot be reached for updates."""


Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Fetching(msgspec.Struct, frozen=True):
    """How the lane does. ``version`` is on its way, ``here`` is whole and waits for a person; "" of none.

    ``asked_s`` is how long ago the center has said what it has, -1 when it has not yet.
    """

    version: str = ""
    have_bytes: Count = 0
    size_bytes: Count = 0
    here: str = ""
    fault: UpdateFault | None = None
    asked_s: Annotated[int, msgspec.Meta(ge=-1, le=10**12)] = -1


class UpdateWatcher(Protocol):
    """Who is told how the lane does. Must return at once and raise nothing."""

    def tell(self, fetching: Fetching) -> None:
        """Told again as long as it lasts."""


class Spoiled(Exception):
    """What came is not what was offered, and is gone; the text says why. ``forged``: to ask again is of no use."""

    def __init__(self, why: str, *, forged: bool) -> None:
        super().__init__(why)
        self.forged = forged


class NoRoom(Exception):
    """The partition has to keep what the station needs; the text says how much."""


class Refused(Exception):
    """The center does not give it; the text says how it answered. ``again_s``: not before then, as it says itself."""

    def __init__(self, status: int, again_s: float | None = None) -> None:
        super().__init__(f"the sorting center answers {status}")
        self.status, self.again_s = status, again_s


class Inbox(Protocol):
    """The station's folder of bundles. Any call may raise OSError."""

    def choose(self, offers: Sequence[Offer]) -> Offer | None:
        """What this station has a use for; what was begun of any other is removed."""

    def offset(self, offer: Offer) -> int:
        """How much of it is here."""

    def require_room(self, offer: Offer) -> None:
        """For the rest of it; raises NoRoom."""

    def take(self, offer: Offer, piece: bytes) -> None:
        """The next bytes of it. Raises Spoiled as soon as it shows that they are none of the vendor's."""

    def finish(self, offer: Offer) -> None:
        """All of it is here: where a person finds it, whole and durable, when this returns. Raises Spoiled."""

    def discard(self, offer: Offer) -> None:
        """What was begun of it is of no use."""

    def here(self) -> str:
        """The version that came whole and can be installed; "" when there is none."""


class Center(Protocol):
    """The sorting center's end: `client.Client`."""

    def offers(self) -> Sequence[Offer]:
        """What it has for this station; raises NoWay, Refused."""

    def fetch(
        self, offer: Offer, first: int, size: int, take: Callable[[bytes], None], gives_way: Callable[[], bool]
    ) -> None:
        """At most ``size`` bytes from the ``first`` on, each piece as it comes.

        Raises NoWay, Refused, and GaveWay as soon as ``gives_way`` says so between two pieces.
        """

    def close(self) -> None:
        """Hang up; the next question opens a new connection."""

    def end(self) -> None:
        """From another thread: whatever waits for the center is over, and nothing is opened any more."""
