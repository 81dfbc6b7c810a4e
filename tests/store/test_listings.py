"""Listings: what is chosen for a lot, and the one event that offers it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.void import Void, VoidReason
from kiosk.store import Store, StoreError, StoreRefusal
from kiosk.store.shared.records import ListedPhoto, ListingRow, NewPhoto, SeenShot
from tests.store.village import CATALOG, bring_in, content, events, offer_of, pictures, rows, stamp

AB, CD, EF = (name * 32 for name in ("ab", "cd", "ef"))
FIRST = ReceiptNumber("S0147", "A", 1)


@pytest.fixture
def lot(store: Store, path: Path) -> str:
    """Of the first intake: three accepted shots."""
    found = bring_in(store).lot
    for name, likeness in (("ab", "0" * 16), ("cd", ""), ("ef", "f" * 16)):
        store.photos.add(NewPhoto(found, "ALMOND", pictures(name, likeness=likeness)), stamp())
    return found


def listed(*names: str) -> list[ListedPhoto]:
    """Those in capital letters are left out."""
    return [ListedPhoto(name.lower() * 32, name.isupper(), "") for name in names]


def shown(store: Store) -> list[str]:
    return [one.sha256[:2].upper() if one.left_out else one.sha256[:2] for one in store.listings.of(FIRST).photos]


def submit(store: Store, row: ListingRow | None = None) -> None:
    seen = row or store.listings.of(FIRST)
    store.listings.submit(FIRST, seen, offer_of(seen), stamp(60))


def told(path: Path) -> list[dict[str, object]]:
    return [event["data"] for event in events(path) if event["type"] == "station.listing.submitted.v1"]


def test_a_lot_without_a_shot_has_no_listing_yet(store: Store) -> None:
    row = bring_in(store)
    found = store.listings.of(FIRST)
    assert found == ListingRow(row.lot, "ALMOND", row.net_g, 1, 1, False, False, (), None, None, None)
    with pytest.raises(StoreError, match="not confirmed in this database"):
        store.listings.of(ReceiptNumber("S0147", "A", 2))


def test_only_accepted_shots_are_listed_in_the_order_they_were_taken(store: Store, lot: str) -> None:
    row = store.listings.of(FIRST)
    assert row.photos == (
        ListedPhoto(AB, False, "0" * 16),
        ListedPhoto(CD, False, ""),
        ListedPhoto(EF, False, "f" * 16),
    )
    assert row.drafted
    assert store.listings.newest_shots(9) == [SeenShot(lot, EF, "f" * 16), SeenShot(lot, AB, "0" * 16)]


def test_what_is_chosen_is_kept(store: Store, lot: str, path: Path) -> None:
    before = len(events(path))
    store.listings.choose(FIRST, 500, "1", stamp())
    store.listings.arrange(FIRST, listed("ef", "AB"), stamp())
    row = store.listings.of(FIRST)
    assert (row.pack_g, row.grade) == (500, "1")
    assert shown(store) == ["ef", "AB", "cd"], "one that is not named comes last"
    store.photos.add(NewPhoto(lot, "ALMOND", pictures("12")), stamp())
    assert shown(store) == ["ef", "AB", "cd", "12"]
    store.listings.arrange(FIRST, listed("cd", "ab", "12", "EF"), stamp())
    assert shown(store) == ["cd", "ab", "12", "EF"]
    assert len(events(path)) == before + 2, "choices are told to nobody"


def test_a_photo_whose_event_is_kept_apart_is_told_apart(store: Store, lot: str) -> None:
    last = store.outbox.counts().last_seq  # each shot is told by an event, and by one of the draft behind it
    for quarantined, names in (((), ""), ((last - 1,), "ef"), (range(1, last + 1), "abcdef"), ((), "")):
        store.outbox.acknowledge(last, tuple(quarantined))
        apart = [one.sha256[:2] for one in store.listings.of(FIRST).photos if one.quarantined]
        assert "".join(apart) == names, quarantined


def test_no_other_photo_comes_in(store: Store, lot: str, path: Path) -> None:
    before = content(path)
    for name in ("12", "34", "' OR 1=1"):
        with pytest.raises(StoreRefusal) as caught:
            store.listings.arrange(FIRST, [ListedPhoto(name * 32, False, "")], stamp())
        assert caught.value.code == "stale_page"
    assert content(path) == before


def test_an_offer_is_told_by_one_event(store: Store, lot: str, path: Path) -> None:
    store.listings.arrange(FIRST, listed("ef", "AB"), stamp())
    submit(store)
    (data,) = told(path)
    assert (data["lot"], data["photos"]) == (lot, [EF, CD])
    row = store.listings.of(FIRST)
    assert row.submitted is not None
    assert (row.submitted.data, row.submitted.at) == (offer_of(row), "2026-11-24T03:01:00.000Z")
    assert not row.submitted.acknowledged
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    again = store.listings.of(FIRST).submitted
    assert again is not None and again.acknowledged and not again.quarantined
    seen, last = store.listings.of(FIRST), store.outbox.counts().last_seq
    for quarantined in ((last,), (last - 1,), (last - 1, last), ()):
        store.outbox.acknowledge(last, quarantined)
        apart = store.listings.of(FIRST).submitted
        assert apart is not None and apart.quarantined == (last in quarantined), quarantined
    submit(store, seen)
    assert len(told(path)) == 2, "the newest one counts"


def test_what_has_changed_since_it_was_seen_is_not_offered(store: Store, lot: str, path: Path) -> None:
    changes = (
        lambda: store.listings.choose(FIRST, 500, "1", stamp()),
        lambda: store.listings.arrange(FIRST, listed("ef"), stamp()),
        lambda: store.photos.add(NewPhoto(lot, "ALMOND", pictures("12")), stamp()),
        lambda: store.catalogs.add(replace(CATALOG, members=()), stamp()),
        lambda: submit(store),
    )
    for number, change in enumerate(changes):
        seen = store.listings.of(FIRST)
        change()
        before = content(path)
        with pytest.raises(StoreRefusal) as caught:
            submit(store, seen)
        assert caught.value.code == "stale_page", number
        assert content(path) == before
    seen = store.listings.of(FIRST)
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    submit(store, seen)


def test_a_void_intake_is_offered_by_nobody(store: Store, lot: str, path: Path) -> None:
    seen = store.listings.of(FIRST)
    store.intakes.void(Void(FIRST, VoidReason.WRONG_PARTY, "clerk:07", "witness:02"), stamp())
    before = content(path)
    for act in (
        lambda: submit(store, seen),
        lambda: submit(store),
        lambda: store.listings.choose(FIRST, 500, "1", stamp()),
        lambda: store.listings.arrange(FIRST, listed("ef"), stamp()),
    ):
        with pytest.raises(StoreRefusal) as caught:
            act()
        assert caught.value.code == "already_void"
    assert content(path) == before
    assert store.listings.of(FIRST).voided


def test_an_offer_that_was_kept_apart_stays_so_in_the_next_epoch_until_it_is_sent_again(store: Store, lot: str) -> None:
    submit(store)
    last = store.outbox.counts().last_seq
    store.outbox.acknowledge(last, [last])
    assert store.epochs.start("behind")
    store.outbox.acknowledge(0, [])
    apart = store.listings.of(FIRST).submitted
    assert apart is not None and apart.acknowledged and apart.quarantined
    submit(store)
    again = store.listings.of(FIRST).submitted
    assert again is not None and not again.acknowledged and not again.quarantined


def test_the_newest_offer_is_the_last_one_told_again(store: Store, lot: str, path: Path) -> None:
    submit(store)
    store.listings.arrange(FIRST, listed("ef"), stamp())
    submit(store)
    assert store.epochs.start("behind")
    assert [data["photos"] for data in told(path)][-2:] == [[AB, CD, EF], [EF, AB, CD]]
    row = store.listings.of(FIRST)
    assert row.submitted is not None and row.submitted.data.photos == (EF, AB, CD)
    (position,) = rows(path, "SELECT position FROM listing")
    assert position == rows(path, "SELECT max(position) FROM journal")[0]


def test_an_offer_that_was_replaced_is_not_told_after_the_newer_one(store: Store, lot: str, path: Path) -> None:
    """The center came back from a backup, and gave the numbers of the first offer away."""
    submit(store)
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    old = store.epochs.identity().epoch
    assert store.epochs.start("restored")
    other = store.listings.of(FIRST)
    store.listings.arrange(FIRST, listed("ef"), stamp())
    submit(store)
    assert store.epochs.reissue(old, 1) > 0
    assert [data["photos"] for data in told(path)] == [[AB, CD, EF], [EF, AB, CD]]
    assert other.submitted is not None


def test_an_offer_that_nothing_replaced_is_told_again(store: Store, lot: str, path: Path) -> None:
    submit(store)
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    old = store.epochs.identity().epoch
    assert store.epochs.start("restored")
    assert store.epochs.reissue(old, 1) > 0
    assert [data["photos"] for data in told(path)] == [[AB, CD, EF]] * 2
    found = store.listings.of(FIRST).submitted
    assert found is not None and not found.acknowledged


def test_old_content_of_the_catalog_is_the_same_version(store: Store, path: Path) -> None:
    """As a station kept it that knew no sale data."""
    (kept,) = rows(path, "SELECT content FROM catalog_version")[0]
    assert "sale" not in json.loads(kept)["products"][0]
    assert store.catalogs.add(CATALOG, stamp()) == 1
