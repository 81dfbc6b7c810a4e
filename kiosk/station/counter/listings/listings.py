"""The listing desk: a clerk offers a lot for sale, with its photos, a pack and a grade. Nobody writes here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kiosk.domain.catalog import Names, Product
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.listings.lookalikes import MAX_COMPARED_SHOTS, lookalikes
from kiosk.station.counter.listings.offer import SUBMITTED, ListedLot, ListingView, view_of
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.intakes import IntakeLookup
from kiosk.store.catalogs import Catalogs
from kiosk.store.listings import Listings as ListingTable
from kiosk.store.shared.records import ListedPhoto, Stamp


class CounterListings:
    """Each act returns what is shown after it, and raises CounterRefused: foreign_receipt, unknown_code, already_void,
    stale_page for what is not there (any more).
    """

    def __init__(self, acts: Acts, book: IntakeLookup, table: ListingTable, catalogs: Catalogs) -> None:
        self._acts = acts
        self._book = book
        self._table = table
        self._catalogs = catalogs

    def view(self, session: CounterSession, number: str) -> ListingView:
        """The listing of an intake as it stands; of one that is void, too."""
        person = self._acts.clerk(session)
        with as_counter_refusals():
            return self._view(self._load(number), person.actor)

    def choose(self, session: CounterSession, number: str, pack_g: int, grade: str) -> ListingView:
        """How it is packed, by the pack's mass, and the code of its grade, "" for goods without."""
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
        """A photo by so many places later, with -1 one place earlier; at an end it stays."""
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            photos = list(listed.row.photos)
            place = _place(photos, sha256)
            photo = photos.pop(place)
            photos.insert(min(max(place + places, 0), len(photos)), photo)
            return self._arrange(listed, photos, person.actor, stamp)

    def leave_out(self, session: CounterSession, number: str, sha256: str, out: bool) -> ListingView:
        """Whether buyers do not see a photo. It stays where it is in the order."""
        with self._acts.act(session) as (person, stamp):
            listed = self._load(number)
            photos = list(listed.row.photos)
            place = _place(photos, sha256)
            photos[place] = replace(photos[place], left_out=out)
            return self._arrange(listed, photos, person.actor, stamp)

    def submit(self, session: CounterSession, number: str, seen: str) -> ListingView:
        """Offer it as it was seen; what is offered so already is not told again, unless it was not accepted.

        Raises CounterRefused stale_page when what would be told is not what was seen, or nothing can be told.
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
