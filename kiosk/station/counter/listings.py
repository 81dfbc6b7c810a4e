"""The listing desk: a clerk offers a lot for sale, with its photos, a pack and a grade. No text is typed here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from kiosk.domain.catalog import Names, Pack, Product, Sale
from kiosk.domain.events import NO_WORDS, ListingSubmitted, WordsData
from kiosk.domain.events.rules import MAX_LISTING_PHOTOS
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts
from kiosk.station.counter.intakes import IntakeLookup
from kiosk.store.catalogs import Catalogs
from kiosk.store.listings import Listings as ListingTable
from kiosk.store.shared.records import ListedPhoto, ListingRow, SeenShot, Stamp

# Of 64 bits: two shots that differ in at most this many are judged to show the same goods. Seven of eight pairs are
# found, see `kiosk.photo.pictures.likeness`; among 2,000 shots of other goods hardly one in a hundred is as near by
# chance, with 12 bits one in five would be.
NEAR_BITS: Final = 8
# Shots of other lots that are compared: those of several weeks, in a few milliseconds.
MAX_COMPARED_SHOTS: Final = 2_000


def lookalikes(lot: str, photos: Sequence[ListedPhoto], shots: Iterable[SeenShot]) -> dict[str, str]:
    """Map each photo that has a lookalike to the lot of the most similar shot. Another lot counts first. Of two photos
    of the lot itself the later one is named, and only while neither is left out.
    """
    others = [(shot.lot, int(shot.likeness, 16)) for shot in shots if shot.lot != lot]
    found: dict[str, str] = {}
    before: list[tuple[str, int]] = []
    for photo in photos:
        if not photo.likeness or photo.left_out:
            continue
        likeness = int(photo.likeness, 16)
        like = _nearest(likeness, others) or _nearest(likeness, before)
        if like:
            found[photo.sha256] = like
        before.append((lot, likeness))
    return found


def _nearest(likeness: int, shots: Sequence[tuple[str, int]]) -> str:
    differ, like = min((((likeness ^ other).bit_count(), lot) for lot, other in shots), default=(64, ""))
    return like if differ <= NEAR_BITS else ""


VOIDED: Final = "voided"
NOT_IN_CATALOG: Final = "not_in_catalog"  # The catalog in force has these goods no more
NO_SALE_DATA: Final = "no_sale_data"
PACK_OVER_LOT: Final = "pack_over_lot"  # The lot does not fill one such pack
NO_PHOTO: Final = "no_photo"
TOO_MANY_PHOTOS: Final = "too_many_photos"  # More than MAX_LISTING_PHOTOS that are not left out
# Why a lot cannot be offered, in the order in which it is shown.
HINDRANCES: Final = (VOIDED, NOT_IN_CATALOG, NO_SALE_DATA, PACK_OVER_LOT, NO_PHOTO, TOO_MANY_PHOTOS)

# States of a listing: neither shot nor choice; not offered yet; offered; offered, and something is otherwise since; its
# newest offer is kept apart by the sorting center, whether something is otherwise since or not.
NONE, DRAFT, SUBMITTED, CHANGED, NOT_ACCEPTED = "none", "draft", "submitted", "changed", "not_accepted"


@dataclass(frozen=True, slots=True)
class ListingPhoto:
    """A photo by its master. ``like`` is the lot of a shot that looks almost the same, "" for none. ``accepted``: false
    once the sorting center has put its event aside; buyers never see it then.
    """

    sha256: str
    left_out: bool
    like: str
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class ListingView:
    """The current state of a listing. ``photos`` are in the order in which buyers will see them, including those left
    out.

    ``pack`` and ``grade`` are the chosen ones, else the first of the product; ``pack`` is None without sale data.
    ``hindrances`` are words of HINDRANCES; without any, ``offer`` is what would be sent now and ``seen`` the digest of
    its visible part. ``offered_at`` is the newest offer's time, "" for never; ``acknowledged``: the center has it.
    """

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
    """Build the view. ``like`` maps masters to the lots of nearly identical shots; ``actor`` would offer it."""
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
    """Return the SHA-256 of what the center and buyers receive: without actor and catalog version."""
    fields = msgspec.to_builtins(offer)
    del fields["actor"], fields["catalog_version"]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


class CounterListings:
    """Each act returns what is shown after it, and raises CounterRefused: foreign_receipt, unknown_code, already_void,
    stale_page for what is not there (any more).
    """

    def __init__(self, acts: Acts, book: IntakeLookup, table: ListingTable, catalogs: Catalogs) -> None:
        self._acts, self._book, self._table, self._catalogs = acts, book, table, catalogs

    def view(self, session: CounterSession, number: str) -> ListingView:
        """Return the present listing of an intake, also of a void one."""
        person = self._acts.clerk(session)
        with as_counter_refusals():
            return self._view(self._load(number), person.actor)

    def choose(self, session: CounterSession, number: str, pack_g: int, grade: str) -> ListingView:
        """Set the pack by its mass in grams, and the code of the grade, "" for goods without."""
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            sale = listed.product.sale
            if sale is None or pack_g not in {pack.net_g for pack in sale.packs}:
                raise CounterRefused("stale_page")
            if grade not in ({one.code for one in sale.grades} or {""}):
                raise CounterRefused("stale_page")
            self._table.choose(listed.number, pack_g, grade, stamp)
            return self._view(self._load(number), person.actor)

    def move(self, session: CounterSession, number: str, sha256: str, places: int) -> ListingView:
        """Move a photo by so many places later, with -1 one place earlier; it stops at the ends."""
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            photos = list(listed.row.photos)
            place = _place(photos, sha256)
            photo = photos.pop(place)
            photos.insert(min(max(place + places, 0), len(photos)), photo)
            return self._arrange(listed, photos, person.actor, stamp)

    def leave_out(self, session: CounterSession, number: str, sha256: str, out: bool) -> ListingView:
        """Hide a photo from buyers, or show it again. It keeps its place in the order."""
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            photos = list(listed.row.photos)
            place = _place(photos, sha256)
            photos[place] = replace(photos[place], left_out=out)
            return self._arrange(listed, photos, person.actor, stamp)

    def submit(self, session: CounterSession, number: str, seen: str) -> ListingView:
        """Offer it as it was seen; an unchanged offer is not sent again, unless it was not accepted. Raises
        CounterRefused stale_page when the offer is not what was seen, or nothing can be offered.
        """
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            view = self._view(listed, person.actor)
            if listed.row.voided:
                raise CounterRefused("already_void")
            if view.offer is None or view.seen != seen:
                raise CounterRefused("stale_page")
            if view.state == SUBMITTED:
                return view
            self._table.submit(listed.number, listed.row, view.offer, stamp)
            self._acts.notify_committed()
            return self._view(self._load(number), person.actor)

    def _load(self, receipt: str) -> ListedLot:
        number = ReceiptNumber.parse(self._book.intake(receipt).receipt)
        row = self._table.of(number)
        product = self._product(row.catalog_version, row.product)
        agreed = product or self._product(row.agreed_version, row.product)
        nameless = Product(row.product, Names(row.product, row.product, row.product), "")
        return ListedLot(number, row, agreed or nameless, product is not None)

    def _product(self, version: int, code: str) -> Product | None:
        return self._catalogs.get(version)[1].product(code)

    def _view(self, listed: ListedLot, actor: str) -> ListingView:
        row = listed.row
        known = any(photo.likeness for photo in row.photos)
        shots = self._table.newest_shots(MAX_COMPARED_SHOTS) if known else []
        return view_of(listed, lookalikes(row.lot, row.photos, shots), actor)

    def _arrange(self, listed: ListedLot, photos: Sequence[ListedPhoto], actor: str, stamp: Stamp) -> ListingView:
        if photos != list(listed.row.photos):
            self._table.arrange(listed.number, photos, stamp)
        return self._view(self._load(str(listed.number)), actor)


def _place(photos: Sequence[ListedPhoto], sha256: str) -> int:
    found = next((place for place, one in enumerate(photos) if one.sha256 == sha256), None)
    if found is None:
        raise CounterRefused("stale_page")
    return found
