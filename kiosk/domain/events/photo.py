"""What the station tells about photographs of a lot, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from kiosk.domain.events.event import EventData
from kiosk.domain.verdict import Finding, Measures


@dataclass(frozen=True, slots=True)
class PhotoTaken(EventData):
    """A shot of the goods of a lot is kept as the camera gave it. No station tells this any more."""

    TYPE: ClassVar[str] = "station.photo.taken.v1"
    lot: str
    photo_sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PictureData:
    """A JPEG without metadata that the station keeps: its name is its SHA-256; sides in pixels."""

    sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PhotoAccepted(EventData):
    """A shot of the goods of a lot was judged, and the listing pictures made of it are kept; the shot itself is not.

    The pictures travel another way. ``overruled`` are the reasons that a clerk, ``actor``, decided against.
    """

    TYPE: ClassVar[str] = "station.photo.taken.v2"
    lot: str
    master: PictureData  # Cut out, on white; of a further picture of the same shot that one, and `natural`, too
    natural: PictureData  # The same goods on the grey of the mat, with their shadow and a scale bar
    measures: Measures
    overruled: tuple[Finding, ...] = ()
    actor: str | None = None

    def __post_init__(self) -> None:
        if bool(self.overruled) != (self.actor is not None):
            raise ValueError("a shot is overruled by a clerk, or it is not")
        EventData.__post_init__(self)


@dataclass(frozen=True, slots=True)
class PhotoRemoved(EventData):
    """A picture that was kept before shots were judged is deleted; ``why`` is the reason word of the judgement."""

    TYPE: ClassVar[str] = "station.photo.removed.v1"
    lot: str
    photo_sha256: str
    why: str


@dataclass(frozen=True, slots=True)
class ListingDrafted(EventData):
    """A listing draft was opened for a lot."""

    TYPE: ClassVar[str] = "station.listing.drafted.v1"
    lot: str
    product: str
    photo_sha256: str


@dataclass(frozen=True, slots=True)
class WordsData:
    """One text of the product data in Uyghur, Chinese, English; an empty one is not written yet."""

    ug: str
    zh: str
    en: str


NO_WORDS: Final = WordsData("", "", "")


@dataclass(frozen=True, slots=True)
class ListingSubmitted(EventData):
    """A clerk offers a lot for sale; told again for the same lot, it replaces what was told before.

    Every text is of the product data of the catalog: nobody writes at the counter.
    """

    TYPE: ClassVar[str] = "station.listing.submitted.v1"
    lot: str
    product: str
    catalog_version: int
    # Hashes of masters that an earlier event of this lot told, in the order in which buyers see them.
    photos: tuple[str, ...]
    pack_g: int
    price_fen: int  # Of one pack
    title: WordsData
    story: WordsData
    storage: WordsData
    origin: str  # Code of the catalog
    grade: str  # Code of the catalog; empty for goods without grades
    harvest: str  # `2026-09`; empty when the catalog does not say
    allergens: tuple[str, ...]  # Words of the trade: `tree_nuts`, `not_for_infants`
    actor: str
    origin_words: WordsData = NO_WORDS  # What buyers read instead of the code; older stations tell none
    grade_words: WordsData = NO_WORDS
