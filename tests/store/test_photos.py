"""Photos of lots: what is kept of a shot, what the sorting center has of it, and the pictures of before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.domain.events import PhotoAccepted
from kiosk.domain.verdict import Finding, Reason
from kiosk.messaging.contract.photos import UnsentPicture
from kiosk.store import Store, StoreError
from kiosk.store.shared.records import NewPhoto, PhotoRow
from tests.store.counter_rig import CLERK
from tests.store.village import (
    bring_in,
    content,
    events,
    pictures,
    rows,
    stamp,
)

AB, BA, CD, DC, EF, FE = (name * 32 for name in ("ab", "ba", "cd", "dc", "ef", "fe"))
BLUR = Finding(Reason.BLUR, 4_000, 3_000)


def types(path: Path) -> list[str]:
    return [event["type"].removeprefix("station.") for event in events(path)]


def acknowledge(store: Store, less: int = 0) -> None:
    store.outbox.acknowledge(store.outbox.counts().last_seq - less, [])


def test_a_photo_opens_a_listing_draft_once(store: Store, path: Path) -> None:
    lot = bring_in(store).lot
    store.photos.add(NewPhoto(lot, "ALMOND", pictures("ab")), stamp(5))
    before = content(path)
    store.photos.add(NewPhoto(lot, "ALMOND", pictures("ab")), stamp(9))
    assert content(path) == before
    store.photos.add(NewPhoto(lot, "ALMOND", pictures("cd", 200_000), (BLUR,), CLERK), stamp(2))
    first = PhotoRow(pictures("ab"), False, (), None)
    second = PhotoRow(pictures("cd", 200_000), False, (BLUR,), CLERK)
    assert store.photos.of_lot(lot) == [first, second]
    assert rows(path, "SELECT taken_at FROM photo ORDER BY shot") == [
        ("2026-11-24T03:00:05.000Z",),
        ("2026-11-24T03:00:02.000Z",),
    ]
    assert rows(path, "SELECT drafted_at, pack_g, position FROM listing") == [("2026-11-24T03:00:05.000Z", None, None)]
    assert types(path)[-4:] == ["photo.taken.v2", "listing.drafted.v1"] * 2
    told = events(path)[-2]["data"]
    assert (told["master"]["sha256"], told["natural"]["sha256"], told["measures"]["coverage_bp"]) == (CD, DC, 2_400)
    assert (told["overruled"], told["actor"]) == ([{"reason": "blur", "value": 4_000, "limit": 3_000}], CLERK)


@pytest.mark.parametrize("lot", ["", "Y1", "Y1L0147A0000095", "Y1L0147B0000017", "Y1B0147A000001K", "' OR 1=1"])
def test_a_lot_that_is_not_there_has_no_photos(store: Store, lot: str) -> None:
    bring_in(store)
    assert store.photos.of_lot(lot) == []
    with pytest.raises(StoreError, match="not of this database"):
        store.photos.add(NewPhoto(lot, "ALMOND", pictures()), stamp())


def test_a_face_is_overruled_by_nobody(store: Store, path: Path) -> None:
    lot = bring_in(store).lot
    before = content(path)
    with pytest.raises(ValueError, match="nobody decides"):
        store.photos.add(NewPhoto(lot, "ALMOND", pictures(), (Finding(Reason.FACE, 1_000, 0),), CLERK), stamp())
    assert content(path) == before


# What the sorting center has


def test_pictures_are_unsent_once_the_center_knows_of_them_the_smallest_first(store: Store) -> None:
    first, second = bring_in(store).lot, bring_in(store).lot
    store.photos.add(NewPhoto(first, "ALMOND", pictures("ab", 300_000)), stamp())
    store.photos.add(NewPhoto(second, "ALMOND", pictures("cd", 200_000)), stamp())
    assert store.photos.unsent(10) == []
    assert store.photos.unsent_count() == 4, "they wait, although the center was not told of them yet"
    acknowledge(store, less=4)
    assert store.photos.unsent(10) == []
    acknowledge(store, less=3)
    assert [one.sha256 for one in store.photos.unsent(10)] == [BA, AB]
    acknowledge(store)
    assert store.photos.unsent(10) == [
        UnsentPicture(DC, 199_999),
        UnsentPicture(CD, 200_000),
        UnsentPicture(BA, 299_999),
        UnsentPicture(AB, 300_000),
    ]
    assert [one.sha256 for one in store.photos.unsent(1)] == [DC]


def test_a_picture_that_was_sent_is_not_asked_for_again(store: Store, path: Path) -> None:
    lot = bring_in(store).lot
    store.photos.add(NewPhoto(lot, "ALMOND", pictures("ab")), stamp())
    acknowledge(store)
    store.photos.mark_sent(BA)
    assert [one.sha256 for one in store.photos.unsent(10)] == [AB]
    assert [
        (row.sent, place.may_leave) for row, place in zip(store.photos.of_lot(lot), store.photos.oldest(9), strict=True)
    ] == [(False, False)]
    assert store.photos.unsent_count() == 1
    store.photos.mark_sent(AB)
    assert (store.photos.unsent(10), store.photos.unsent_count()) == ([], 0)
    assert [row.sent for row in store.photos.of_lot(lot)] == [True]
    assert [place.may_leave for place in store.photos.oldest(10)] == [True]
    before = content(path)
    for sha256 in (AB, EF, "", "' OR 1=1"):
        store.photos.mark_sent(sha256)
    assert content(path) == before


def test_the_same_picture_of_two_lots_is_sent_once(store: Store) -> None:
    for _ in range(2):
        store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", pictures("ab")), stamp())
    acknowledge(store)
    assert [one.sha256 for one in store.photos.unsent(10)] == [BA, AB]
    assert store.photos.unsent_count() == 2
    store.photos.mark_sent(AB)
    store.photos.mark_sent(BA)
    assert store.photos.unsent(10) == []


def test_what_the_center_has_put_aside_is_not_sent(store: Store) -> None:
    """It knows of no picture then, and would refuse it each time, before all others."""
    store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", pictures("ab")), stamp())
    last = store.outbox.counts().last_seq
    store.outbox.acknowledge(last, [last - 1])
    assert store.photos.unsent(10) == []
    store.outbox.acknowledge(last, [])
    assert len(store.photos.unsent(10)) == 2


def test_a_shot_that_is_told_again_in_a_new_epoch_waits_for_that_event(store: Store) -> None:
    store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", pictures("ab")), stamp())
    assert store.epochs.start("behind")
    assert store.photos.unsent(10) == []
    acknowledge(store)
    assert [one.sha256 for one in store.photos.unsent(10)] == [BA, AB]


def test_a_shot_whose_number_the_center_gave_away_waits_for_the_event_that_tells_it_again(store: Store) -> None:
    store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", pictures("ab")), stamp())
    acknowledge(store)
    old = store.epochs.identity().epoch
    assert store.epochs.start("behind")
    assert len(store.photos.unsent(10)) == 2
    assert store.epochs.reissue(old, 1) > 0
    assert store.photos.unsent(10) == []
    acknowledge(store)
    assert len(store.photos.unsent(10)) == 2


def test_what_is_kept_of_a_shot_is_what_its_event_tells(store: Store, path: Path) -> None:
    store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", pictures("ab")), stamp())
    body = next(event for event in events(path) if event["type"] == PhotoAccepted.TYPE)["data"]
    assert body["measures"] == json.loads(rows(path, "SELECT measures FROM photo")[0][0])
