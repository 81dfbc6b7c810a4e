"""A lot that a station offers for sale, what people make of it, and what buyers see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from kiosk.domain.events.photo import NO_WORDS, ListingSubmitted, WordsData


class ListingState(StrEnum):
    REVIEW = "review"
    PUBLISHED = "published"
    PAUSED = "paused"
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"  # Permanent


class ListingAction(StrEnum):
    """What is done to a listing; `LEDGER_USER` does the first by the ledger's events, and may do the last."""

    OFFER = "offer"
    EDIT = "edit"
    PUBLISH = "publish"
    PAUSE = "pause"
    SELL_OUT = "sell_out"
    WITHDRAW = "withdraw"


LEDGER_USER: Final = "ledger"  # Who does what an event does; no person is called so
VOIDED: Final = "voided"  # The reason of a listing whose intake was voided

_OPEN: Final = frozenset(ListingState) - {ListingState.WITHDRAWN}
# Of people. A published one is published again to show what has changed since.
ALLOWED_STATES: Final[Mapping[ListingAction, frozenset[ListingState]]] = {
    ListingAction.EDIT: _OPEN,
    ListingAction.PUBLISH: _OPEN,
    ListingAction.PAUSE: frozenset({ListingState.PUBLISHED}),
    ListingAction.SELL_OUT: frozenset({ListingState.PUBLISHED, ListingState.PAUSED}),
    ListingAction.WITHDRAW: _OPEN,
}

RESULTING_STATE: Final[Mapping[ListingAction, ListingState]] = {
    ListingAction.PUBLISH: ListingState.PUBLISHED,
    ListingAction.PAUSE: ListingState.PAUSED,
    ListingAction.SELL_OUT: ListingState.SOLD_OUT,
    ListingAction.WITHDRAW: ListingState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, order=True)
class ListingKey:
    region: str
    station: str
    lot: str

    def __str__(self) -> str:
        return f"{self.region}/{self.station}/{self.lot}"


@dataclass(frozen=True, slots=True)
class StationOffer:
    epoch: str
    seq: int
    told: ListingSubmitted

    @property
    def place(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @property
    def sha256(self) -> str:
        """Over what it says, however often it is said; without the words of origin and grade that it does not say."""
        fields = msgspec.to_builtins(self.told)
        for name, words in (("origin_words", self.told.origin_words), ("grade_words", self.told.grade_words)):
            if words == NO_WORDS:
                del fields[name]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class ListingTexts:
    title: WordsData
    story: WordsData


@dataclass(frozen=True, slots=True)
class LotWeighing:
    """What may be public of the receipt of a lot. What is not known is empty, or 0."""

    day: str  # YYYY-MM-DD
    bags: int
    net_g: int
    village: str = ""
    township: str = ""
    verification: str = ""  # Of the scale on that day, one of `kiosk.domain.metrology.legal_status.Verification`


@dataclass(frozen=True, slots=True)
class Published:
    """Exactly what buyers see, but ``offer``: the hash of the offer it was made of. ``photos`` are masters that are
    here, in their order. ``weighing``: None when no receipt of the lot was known then.
    """

    texts: ListingTexts
    storage: WordsData
    product: str
    photos: tuple[str, ...]
    pack_g: int
    price_fen: int
    origin: str
    grade: str
    harvest: str
    allergens: tuple[str, ...]
    at: str
    offer: str
    origin_words: WordsData = NO_WORDS
    grade_words: WordsData = NO_WORDS
    weighing: LotWeighing | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The current state; ``version`` is the one that the acting user must have seen."""

    key: ListingKey
    offer: StationOffer
    state: ListingState
    version: int
    edited: ListingTexts | None
    published: Published | None
    updated_at: str

    @property
    def texts(self) -> ListingTexts:
        """What a person wrote, else what the offer says."""
        return self.edited or ListingTexts(self.offer.told.title, self.offer.told.story)

    @property
    def newer_offer_waits(self) -> bool:
        return (
            self.state is not ListingState.WITHDRAWN
            and self.published is not None
            and self.published.offer != self.offer.sha256
        )

    @property
    def newer_texts_wait(self) -> bool:
        return (
            self.state is not ListingState.WITHDRAWN
            and self.published is not None
            and self.published.texts != self.texts
        )

    def allows(self, action: ListingAction) -> bool:
        return self.state in ALLOWED_STATES[action]


@dataclass(frozen=True, slots=True)
class ListingStep:
    """One thing that was done to a listing. ``reason`` of an offer is which event it came with."""

    at: str
    who: str
    act: str
    reason: str


@dataclass(frozen=True, slots=True)
class OfferPhoto:
    """A photo of an offer. ``known``: an accepted event reported it for this very lot; no other is ever shown.
    ``path``: None while it is not here.
    """

    sha256: str
    known: bool
    path: Path | None

    @property
    def may_be_shown(self) -> bool:
        return self.known and self.path is not None
