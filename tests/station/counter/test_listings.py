"""The listing desk: what a clerk sees of a lot, chooses for it, and offers."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from kiosk.domain.catalog import Allergen, Catalog, Grade, Names, Origin, Pack, Product, Sale
from kiosk.domain.events import PictureData
from kiosk.domain.events.rules import event_fault
from kiosk.station.counter.listings import ListingView
from kiosk.store import ConfirmedRow, Store
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.station.counter.rig import PIN, SECOND_PIN, CounterRig, refused
from tests.station.counter.test_threads import together
from tests.station.fakes import CATALOG, STAMP, names
from tests.station.hardware import MEASURES, bring_in

SALE = Sale(
    title=Names("بادام", "巴旦木", "Almonds"),
    story=Names("", "新货", "Of this autumn"),
    storage=Names("قۇرۇق", "阴凉处", "Keep cool"),
    origin=Origin("YARKANT", names("yarkant")),
    grades=(Grade("A", names("a")), Grade("B", names("b"))),
    harvest="2026-09",
    allergens=(Allergen.TREE_NUTS,),
    packs=(Pack(500, 2900), Pack(1000, 5600), Pack(50_000, 250_000)),
)


def selling(sale: Sale | None = SALE, code: str = "BADAM") -> Catalog:
    """A catalog with (other) sale data of badam."""
    return replace(CATALOG, products=(Product(code, names("badam"), "badam", sale), *CATALOG.products[1:]))


def photo(store: Store, lot: str, name: str, likeness: str = "") -> str:
    """An accepted shot; its master's hash repeats ``name``."""
    master, natural = (PictureData(hash_ * 32, 9_000, 1600, 1600) for hash_ in (name, name[::-1]))
    store.photos.add(NewPhoto(lot, "BADAM", ListingPictures(master, natural, MEASURES, likeness)), STAMP)
    return master.sha256


@pytest.fixture
def row(rig: CounterRig) -> ConfirmedRow:
    """A lot of 12 kg of badam with three shots, in a village that sells them."""
    rig.store.catalogs.add(selling(), STAMP)
    row = bring_in(rig.store)
    for name in ("ab", "cd", "ef"):
        photo(rig.store, row.lot, name)
    return row


def told(rig: CounterRig) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(rig.store.photos.database.path)) as connection:
        bodies = connection.execute("SELECT body FROM journal ORDER BY position").fetchall()
    found = (json.loads(body) for (body,) in bodies)
    return [event["data"] for event in found if event["type"] == "station.listing.submitted.v1"]


def shown(view: ListingView) -> list[str]:
    return [one.sha256[:2].upper() if one.left_out else one.sha256[:2] for one in view.photos]


class TestView:
    def test_the_first_pack_and_grade_are_offered_until_a_clerk_chooses(
        self, rig: CounterRig, row: ConfirmedRow
    ) -> None:
        view = rig.counter.listings.view(rig.session, row.receipt)
        assert (view.receipt, view.lot, view.product.code, view.catalog_version) == (row.receipt, row.lot, "BADAM", 2)
        assert (view.pack, view.grade, view.state, view.hindrances) == (Pack(500, 2900), "A", "draft", ())
        assert (shown(view), view.offered_at, view.acknowledged) == (["ab", "cd", "ef"], "", False)
        chosen = rig.counter.listings.choose(rig.session, row.receipt, 1000, "B")
        assert (chosen.pack, chosen.grade) == (Pack(1000, 5600), "B")
        assert chosen.seen != view.seen
        assert chosen == rig.counter.listings.view(rig.session, row.receipt)

    def test_what_the_catalog_has_no_more_is_chosen_no_more(self, rig: CounterRig, row: ConfirmedRow) -> None:
        rig.counter.listings.choose(rig.session, row.receipt, 1000, "B")
        rig.store.catalogs.add(selling(replace(SALE, packs=(Pack(250, 1500),), grades=())), STAMP)
        view = rig.counter.listings.view(rig.session, row.receipt)
        assert (view.pack, view.grade, view.hindrances) == (Pack(250, 1500), "", ())
        assert rig.counter.listings.choose(rig.session, row.receipt, 250, "").grade == ""

    @pytest.mark.parametrize(("pack_g", "grade"), [(501, "A"), (500, ""), (500, "C"), (-1, "A"), (10**30, "A")])
    def test_only_what_the_catalog_has_is_chosen(
        self, rig: CounterRig, row: ConfirmedRow, pack_g: int, grade: str
    ) -> None:
        assert (
            refused(lambda: rig.counter.listings.choose(rig.session, row.receipt, pack_g, grade)).code == "stale_page"
        )

    def test_what_hinders_is_said_all_at_once(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        listings = rig.counter.listings

        def hindrances() -> tuple[str, ...]:
            view = listings.view(rig.session, row.receipt)
            assert bool(view.hindrances) == (view.offer is None) == (view.seen == "")
            return view.hindrances

        view = listings.view(rig.session, row.receipt)
        assert (view.state, view.pack, view.hindrances) == ("none", None, ("no_sale_data", "no_photo"))
        assert refused(lambda: listings.choose(rig.session, row.receipt, 500, "")).code == "stale_page"
        for number in range(11):
            photo(rig.store, row.lot, f"{number:02x}")
        assert hindrances() == ("no_sale_data", "too_many_photos")
        rig.store.catalogs.add(selling(replace(SALE, packs=SALE.packs[2:])), STAMP)
        assert hindrances() == ("pack_over_lot", "too_many_photos")
        rig.store.catalogs.add(selling(), STAMP)
        listings.leave_out(rig.session, row.receipt, "00" * 32, True)
        assert hindrances() == ()
        rig.store.catalogs.add(selling(code="OTHER"), STAMP)
        view = listings.view(rig.session, row.receipt)
        assert (view.product.code, view.hindrances) == ("BADAM", ("not_in_catalog",)), "named as it was agreed on"
        rig.counter.voids.void(rig.session, row.receipt, "wrong_party", "02", SECOND_PIN)
        assert hindrances() == ("voided", "not_in_catalog")

    def test_is_a_clerks(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        assert refused(lambda: listings.view(rig.session, "0147-A-000009")).code == "unknown_code"
        assert refused(lambda: listings.view(rig.session, "0999-A-000001")).code == "foreign_receipt"
        technician = rig.access.sign_in("03", PIN)
        acts: tuple[Callable[[], object], ...] = (
            lambda: listings.view(technician, row.receipt),
            lambda: listings.choose(technician, row.receipt, 500, "A"),
            lambda: listings.move(technician, row.receipt, "ab" * 32, 1),
            lambda: listings.leave_out(technician, row.receipt, "ab" * 32, True),
            lambda: listings.submit(technician, row.receipt, ""),
        )
        assert {refused(act).code for act in acts} == {"forbidden"}


class TestPhotos:
    def test_are_moved_and_stay_at_the_ends(self, rig: CounterRig, row: ConfirmedRow) -> None:
        def move(name: str, places: int) -> list[str]:
            return shown(rig.counter.listings.move(rig.session, row.receipt, name * 32, places))

        assert move("ab", 1) == ["cd", "ab", "ef"]
        assert move("ef", -1) == ["cd", "ef", "ab"]
        assert move("cd", -1) == ["cd", "ef", "ab"]
        assert move("cd", 10**30) == ["ef", "ab", "cd"]
        assert move("cd", -(10**30)) == ["cd", "ef", "ab"]
        assert refused(lambda: move("12", 1)).code == "stale_page"

    def test_no_sequence_of_moves_loses_one(self, rig: CounterRig, row: ConfirmedRow) -> None:
        """The model is a list of its own."""
        model = ["ab", "cd", "ef"]
        for step, (name, places) in enumerate(itertools.product(("ab", "cd", "ef"), (-2, -1, 0, 1, 2))):
            place = model.index(name)
            model.insert(max(0, place + places), model.pop(place))
            view = rig.counter.listings.move(rig.session, row.receipt, name * 32, places)
            assert shown(view) == model, step

    def test_one_that_is_left_out_is_not_told(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        view = listings.leave_out(rig.session, row.receipt, "cd" * 32, True)
        assert shown(view) == ["ab", "CD", "ef"]
        assert view.offer is not None and view.offer.photos == ("ab" * 32, "ef" * 32)
        assert shown(listings.leave_out(rig.session, row.receipt, "cd" * 32, False)) == ["ab", "cd", "ef"]
        for name in ("ab", "cd", "ef"):
            view = listings.leave_out(rig.session, row.receipt, name * 32, True)
        assert view.hindrances == ("no_photo",)

    def test_one_that_looks_like_another_is_marked(self, rig: CounterRig) -> None:
        rig.store.catalogs.add(selling(), STAMP)
        first, second = bring_in(rig.store), bring_in(rig.store)
        photo(rig.store, first.lot, "ab", "0123456789abcdef")
        photo(rig.store, second.lot, "cd", "0123456789abcdee")
        photo(rig.store, second.lot, "ef", "fedcba9876543210")
        photo(rig.store, second.lot, "12", "fedcba9876543211")
        photo(rig.store, second.lot, "34")

        def likes(row: ConfirmedRow) -> list[str]:
            return [one.like for one in rig.counter.listings.view(rig.session, row.receipt).photos]

        assert likes(first) == [second.lot]
        assert likes(second) == [first.lot, "", second.lot, ""]
        rig.counter.listings.leave_out(rig.session, second.receipt, "ef" * 32, True)
        assert likes(second) == [first.lot, "", "", ""]
        assert rig.counter.listings.view(rig.session, second.receipt).hindrances == (), "it is only a warning"


class TestSubmit:
    def test_tells_what_was_seen_once(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        listings.move(rig.session, row.receipt, "ef" * 32, -2)
        view = listings.view(rig.session, row.receipt)
        done = listings.submit(rig.session, row.receipt, view.seen)
        assert (done.state, done.offered_at) == ("submitted", STAMP.moment.timestamp)
        (data,) = told(rig)
        assert view.offer is not None and event_fault(view.offer, "S0147") is None
        assert data["photos"] == ["ef" * 32, "ab" * 32, "cd" * 32]
        assert (data["lot"], data["pack_g"], data["price_fen"], data["grade"]) == (row.lot, 500, 2900, "A")
        assert (data["title"]["zh"], data["story"]["ug"], data["storage"]["en"]) == ("巴旦木", "", "Keep cool")
        assert (data["origin"], data["harvest"], data["allergens"]) == ("YARKANT", "2026-09", ["tree_nuts"])
        assert (data["catalog_version"], data["actor"]) == (2, "clerk:01")
        assert (data["origin_words"]["ug"], data["grade_words"]["zh"]) == (
            SALE.origin.names.ug,
            SALE.grades[0].names.zh,
        )
        assert rig.events == 1
        assert listings.submit(rig.session, row.receipt, view.seen) == done
        assert (len(told(rig)), rig.events) == (1, 1)

    def test_again_after_a_change(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        first = listings.submit(rig.session, row.receipt, listings.view(rig.session, row.receipt).seen)
        changed = listings.choose(rig.session, row.receipt, 1000, "A")
        assert (changed.state, changed.offered_at) == ("changed", first.offered_at)
        assert refused(lambda: listings.submit(rig.session, row.receipt, first.seen)).code == "stale_page"
        assert listings.submit(rig.session, row.receipt, changed.seen).state == "submitted"
        assert [data["pack_g"] for data in told(rig)] == [500, 1000]
        assert listings.choose(rig.session, row.receipt, 500, "A").state == "changed"
        assert listings.choose(rig.session, row.receipt, 1000, "A").state == "submitted", "as it was told"

    def test_a_new_catalog_with_the_same_texts_changes_nothing(self, rig: CounterRig, row: ConfirmedRow) -> None:
        seen = rig.counter.listings.view(rig.session, row.receipt).seen
        rig.store.catalogs.add(replace(selling(), members=()), STAMP)
        assert rig.counter.listings.submit(rig.session, row.receipt, seen).state == "submitted"
        rig.store.catalogs.add(selling(), STAMP)
        assert rig.counter.listings.view(rig.session, row.receipt).state == "submitted"

    @pytest.mark.parametrize(
        "change",
        [
            lambda rig, row: rig.counter.listings.choose(rig.session, row.receipt, 1000, "A"),
            lambda rig, row: rig.counter.listings.leave_out(rig.session, row.receipt, "ab" * 32, True),
            lambda rig, row: photo(rig.store, row.lot, "12"),
            lambda rig, row: rig.store.catalogs.add(selling(replace(SALE, packs=(Pack(500, 3000),))), STAMP),
            lambda rig, row: rig.store.catalogs.add(
                selling(replace(SALE, grades=(Grade("A", names("otherwise")),))), STAMP
            ),
            lambda rig, row: rig.store.catalogs.add(selling(None), STAMP),
        ],
        ids=["chosen", "left out", "photo", "price", "grade's name", "no sale data"],
    )
    def test_what_was_not_seen_is_not_told(
        self, rig: CounterRig, row: ConfirmedRow, change: Callable[[CounterRig, ConfirmedRow], object]
    ) -> None:
        seen = rig.counter.listings.view(rig.session, row.receipt).seen
        change(rig, row)
        assert refused(lambda: rig.counter.listings.submit(rig.session, row.receipt, seen)).code == "stale_page"
        assert told(rig) == []

    def test_nothing_is_told_without_having_been_seen(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        submit = rig.counter.listings.submit
        assert refused(lambda: submit(rig.session, row.receipt, "")).code == "stale_page"
        assert refused(lambda: submit(rig.session, row.receipt, "0" * 64)).code == "stale_page"

    def test_an_intake_that_is_voided_meanwhile_is_not_offered(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        view = listings.view(rig.session, row.receipt)
        rig.counter.voids.void(rig.session, row.receipt, "wrong_party", "02", SECOND_PIN)
        for act in (
            lambda: listings.submit(rig.session, row.receipt, view.seen),
            lambda: listings.choose(rig.session, row.receipt, 500, "A"),
            lambda: listings.move(rig.session, row.receipt, "ab" * 32, 1),
            lambda: listings.leave_out(rig.session, row.receipt, "ab" * 32, True),
        ):
            assert refused(act).code == "already_void"
        assert told(rig) == []

    def test_one_that_was_offered_before_its_void_stays_so(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        listings.submit(rig.session, row.receipt, listings.view(rig.session, row.receipt).seen)
        rig.counter.voids.void(rig.session, row.receipt, "wrong_party", "02", SECOND_PIN)
        view = listings.view(rig.session, row.receipt)
        assert (view.state, view.hindrances) == ("submitted", ("voided",))

    def test_two_at_once_tell_one_event(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        seen = listings.view(rig.session, row.receipt).seen
        assert together(*[lambda: listings.submit(rig.session, row.receipt, seen)] * 6) == []
        assert len(told(rig)) == 1
        assert listings.view(rig.session, row.receipt).state == "submitted"

    def test_a_submit_a_void_and_a_choice_at_once_are_one_after_the_other(
        self, rig: CounterRig, row: ConfirmedRow
    ) -> None:
        listings = rig.counter.listings
        view = listings.view(rig.session, row.receipt)
        raised = together(
            lambda: listings.submit(rig.session, row.receipt, view.seen),
            lambda: rig.counter.voids.void(rig.session, row.receipt, "wrong_party", "02", SECOND_PIN),
            lambda: listings.choose(rig.session, row.receipt, 1000, "B"),
            lambda: photo(rig.store, row.lot, "12"),
        )
        assert raised == []
        assert all(data["pack_g"] == 500 and len(data["photos"]) == 3 for data in told(rig)), "what was seen"
        after = listings.view(rig.session, row.receipt)
        assert after.hindrances == ("voided",)
        assert (after.state == "submitted") == bool(told(rig))

    def test_choices_survive_the_station(self, rig: CounterRig, row: ConfirmedRow) -> None:
        listings = rig.counter.listings
        listings.move(rig.session, row.receipt, "ef" * 32, -2)
        view = listings.choose(rig.session, row.receipt, 1000, "B")
        other = CounterRig(rig.store, rig.folder, take_people=False)
        session = other.access.sign_in("02", SECOND_PIN)
        again = other.counter.listings.view(session, row.receipt)
        assert (again.pack, again.grade, again.photos, again.seen) == (view.pack, view.grade, view.photos, view.seen)
