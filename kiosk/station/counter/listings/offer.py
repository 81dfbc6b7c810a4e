"""What a lot would be offered with, as a clerk sees it: made of the row of its listing and of the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from kiosk.domain.catalog import Names, Pack, Product, Sale
from kiosk.domain.events import NO_WORDS, ListingSubmitted, WordsData
from kiosk.domain.events.rules import MAX_LISTING_PHOTOS
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store.shared.records import ListingRow

VOIDED: Final = "voided"
NOT_IN_CATALOG: Final = "not_in_catalog"  # The catalog in force has these goods no more
NO_SALE_DATA: Final = "no_sale_data"
PACK_OVER_LOT: Final = "pack_over_lot"  # The lot does not fill one such pack
NO_PHOTO: Final = "no_photo"
TOO_MANY_PHOTOS: Final = "too_many_photos"  # More than MAX_LISTING_PHOTOS that are not left out
# Why a lot cannot be offered, in the order in which they are said.
HINDRANCES: Final = (VOIDED, NOT_IN_CATALOG, NO_SALE_DATA, PACK_OVER_LOT, NO_PHOTO, TOO_MANY_PHOTOS)

# States of a listing: neither shot nor choice; not offered yet; offered; offered, and something is otherwise since; its
# newest offer is kept apart by the sorting center, whether something is otherwise since or not.
NONE, DRAFT, SUBMITTED, CHANGED, NOT_ACCEPTED = "none", "draft", "submitted", "changed", "not_accepted"


@dataclass(frozen=True, slots=True)
class ListingPhoto:
    """A photo by its master. ``like`` is the lot of a shot that looks almost the same, "" for none. ``accepted``: false
    once the sorting center keeps apart what tells of it; buyers never see it then.
    """

    sha256: str
    left_out: bool
    like: str
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class ListingView:
    """A listing as it stands. ``photos`` are in the order in which buyers will see them, those left out among them.

    ``pack`` and ``grade`` are what is chosen, else the first of the product; ``pack`` is None without sale data.
    ``hindrances`` are words of HINDRANCES; when there is none, ``offer`` is what would be told now, and ``seen`` the
    digest of what of it people see. ``offered_at`` is when the newest offer was told, "" for never; ``acknowledged``:
    the sorting center has it."""

    receipt: str
    lot: str
    product: Product
    catalog_version: int
    photos: tuple[ListingPhoto, ...]
    pack: Pack | None
    grade: str
    state: str
    hindrances: tuple[str, ...]
    seen: str
    offer: ListingSubmitted | None
    offered_at: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class ListedLot:
    """A listing with its goods: those of the catalog in force, else those that were agreed on."""

    number: ReceiptNumber
    row: ListingRow
    product: Product
    in_catalog: bool


def view_of(listed: ListedLot, like: Mapping[str, str], actor: str) -> ListingView:
    """``like`` has the lots of shots that look almost the same, by masters; ``actor`` would offer it."""
    row, sale = listed.row, listed.product.sale
    pack, grade = _choice_of(row, sale)
    hindrances = tuple(_hindrances(listed, pack))
    offer = _offer(listed, sale, pack, actor) if sale and pack and not hindrances else None
    seen = _digest(offer) if offer else ""
    last_offer = row.submitted
    return ListingView(
        receipt=str(listed.number),
        lot=row.lot,
        product=listed.product,
        catalog_version=row.catalog_version,
        photos=tuple(
            ListingPhoto(one.sha256, one.left_out, like.get(one.sha256, ""), not one.quarantined) for one in row.photos
        ),
        pack=pack,
        grade=grade,
        state=_state(row, offer),
        hindrances=hindrances,
        seen=seen,
        offer=offer,
        offered_at=last_offer.at if last_offer else "",
        acknowledged=last_offer is not None and last_offer.acknowledged,
    )


def _choice_of(row: ListingRow, sale: Sale | None) -> tuple[Pack | None, str]:
    """What is chosen, for as long as the catalog has it."""
    if sale is None:
        return None, ""
    pack = next((one for one in sale.packs if one.net_g == row.pack_g), sale.packs[0])
    grades = [one.code for one in sale.grades]
    return pack, row.grade if row.grade in grades else next(iter(grades), "")


def _hindrances(listed: ListedLot, pack: Pack | None) -> Iterator[str]:
    row = listed.row
    if row.voided:
        yield VOIDED
    if not listed.in_catalog:
        yield NOT_IN_CATALOG
    elif pack is None:
        yield NO_SALE_DATA
    if pack is not None and pack.net_g > row.net_g:
        yield PACK_OVER_LOT
    shown = sum(not one.left_out for one in row.photos)
    if not shown:
        yield NO_PHOTO
    if shown > MAX_LISTING_PHOTOS:
        yield TOO_MANY_PHOTOS


def _state(row: ListingRow, offer: ListingSubmitted | None) -> str:
    if row.submitted is None:
        return DRAFT if row.drafted else NONE
    if row.submitted.quarantined:
        return NOT_ACCEPTED
    return SUBMITTED if row.voided or (offer and _digest(offer) == _digest(row.submitted.data)) else CHANGED


def _offer(listed: ListedLot, sale: Sale, pack: Pack, actor: str) -> ListingSubmitted:
    row, grade = listed.row, _choice_of(listed.row, sale)[1]
    return ListingSubmitted(
        lot=row.lot,
        product=row.product,
        catalog_version=row.catalog_version,
        photos=tuple(one.sha256 for one in row.photos if not one.left_out),
        pack_g=pack.net_g,
        price_fen=pack.price_fen,
        title=_words(sale.title),
        story=_words(sale.story),
        storage=_words(sale.storage),
        origin=sale.origin.code,
        grade=grade,
        harvest=sale.harvest,
        allergens=tuple(one.value for one in sale.allergens),
        actor=actor,
        origin_words=_words(sale.origin.names),
        grade_words=next((_words(one.names) for one in sale.grades if one.code == grade), NO_WORDS),
    )


def _words(names: Names) -> WordsData:
    return WordsData(names.ug, names.zh, names.en)


def _digest(offer: ListingSubmitted) -> str:
    """Of what the center and buyers are told: neither who tells it nor in which version of the catalog it stands."""
    fields = msgspec.to_builtins(offer)
    del fields["actor"], fields["catalog_version"]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()
