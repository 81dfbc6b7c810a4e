"""What people do with a listing, and who is told that somebody was faster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.listings.listings import MAX_STEPS, MAX_TITLE, ActionContext, CenterListings
from kiosk.sorting_center.listings.records import ALLOWED_STATES, Listing, ListingKey, ListingState, ListingTexts
from tests.depth import TORTURE
from tests.sorting_center.listings.centers import FIRST, SECOND, TIME, Center, Received, almonds, masters

ON_FILE = ["sqlite", "postgresql"] if TORTURE else ["sqlite"]
"""What is tried often, by statements that others try on both."""
Act = Callable[[ListingKey, ActionContext], Listing]
TEXTS = ListingTexts(WordsData("بادام مېغىزى", "巴旦木仁", "Sweet almonds"), WordsData("", "", "By hand"))


def acts(listings: CenterListings) -> dict[str, Act]:
    return {
        "publish": listings.publish,
        "pause": listings.pause,
        "sell_out": listings.sell_out,
        "withdraw": listings.withdraw,
        "edit": lambda key, doing: listings.edit(key, TEXTS, doing),
    }


MAY = {
    ListingState.REVIEW: {"publish", "withdraw", "edit"},
    ListingState.PUBLISHED: {"publish", "pause", "sell_out", "withdraw", "edit"},
    ListingState.PAUSED: {"publish", "sell_out", "withdraw", "edit"},
    ListingState.SOLD_OUT: {"publish", "withdraw", "edit"},
    ListingState.WITHDRAWN: set[str](),
}
TO = {"publish": "published", "pause": "paused", "sell_out": "sold_out", "withdraw": "withdrawn"}
WAY = {
    ListingState.REVIEW: [],
    ListingState.PUBLISHED: ["publish"],
    ListingState.PAUSED: ["publish", "pause"],
    ListingState.SOLD_OUT: ["publish", "sell_out"],
    ListingState.WITHDRAWN: ["withdraw"],
}


@pytest.mark.parametrize("state", list(ListingState))
def test_what_may_be_done_in_each_state(center: Center, state: ListingState) -> None:
    almonds(center)
    for act in WAY[state]:
        acts(center.listings)[act](center.key(), center.seen(reason="for the test"))
    assert center.one().state is state
    for name, act in acts(center.listings).items():
        before = center.one()
        if name in MAY[state]:
            continue
        with pytest.raises(Refused) as refused:
            act(center.key(), center.seen(reason="for the test"))
        assert (refused.value.code, center.one()) == ("no_such_act", before)
    assert {deed.value for deed in ALLOWED_STATES if center.one().allows(deed)} == MAY[state]


def test_from_paused_and_sold_out_it_is_published_again(center: Center) -> None:
    almonds(center)
    for act in ("publish", "pause", "publish", "sell_out", "publish", "pause", "sell_out"):
        done = acts(center.listings)[act](center.key(), center.seen())
        assert done.state == TO[act]
    assert center.steps() == [("ledger", "offer")] + [
        ("turdi", act) for act in ("publish", "pause", "publish", "sell_out", "publish", "pause", "sell_out")
    ]
    assert center.listings.counts() == {state: int(state is ListingState.SOLD_OUT) for state in ListingState}


def test_buyers_see_what_was_published_and_no_more(center: Center) -> None:
    almonds(center)
    center.listings.publish(center.key(), center.seen())
    ((key, published),) = center.listings.published()
    assert (key, published.photos, published.pack_g, published.price_fen) == (center.key(), (FIRST, SECOND), 500, 5800)
    edited = center.listings.edit(center.key(), TEXTS, center.seen())
    assert edited.newer_texts_wait and not edited.newer_offer_waits
    ((_, still),) = center.listings.published()
    assert still == published
    again = center.listings.publish(center.key(), center.seen())
    assert not again.newer_texts_wait
    ((_, now),) = center.listings.published()
    assert now.texts == TEXTS
    center.listings.pause(center.key(), center.seen())
    assert list(center.listings.published()) == []


def test_texts_are_one_line_of_what_can_be_read_and_end(center: Center) -> None:
    almonds(center)
    wild = ListingTexts(WordsData("", "", " Al\u202emonds\r\n <b>\x07 " + "x" * 500), TEXTS.story)
    done = center.listings.edit(center.key(), wild, center.seen())
    assert done.texts.title.en == ("Almonds <b> " + "x" * 500)[:MAX_TITLE]


def test_the_offers_own_texts_are_no_edit(center: Center) -> None:
    offered = almonds(center)
    center.listings.edit(center.key(), TEXTS, center.seen())
    back = center.listings.edit(center.key(), offered.texts, center.seen())
    assert back.edited is None


def test_a_listing_has_a_title(center: Center) -> None:
    before = almonds(center)
    with pytest.raises(Refused) as refused:
        center.listings.edit(center.key(), ListingTexts(WordsData(" ", "", "\u200b"), TEXTS.story), center.seen())
    assert (refused.value.code, center.one()) == ("no_title", before)


def test_without_its_first_photo_it_is_not_published(center: Center) -> None:
    almonds(center, came=False)
    center.came(SECOND)
    with pytest.raises(Refused) as refused:
        center.listings.publish(center.key(), center.seen())
    assert (refused.value.code, center.one().state) == ("photo_pending", ListingState.REVIEW)
    assert [photo.may_be_shown for photo in center.listings.photos(center.one())] == [False, True]


def test_photos_that_come_later_wait_for_the_next_publishing(center: Center) -> None:
    almonds(center, came=False)
    center.came(FIRST)
    center.listings.publish(center.key(), center.seen())
    center.came(SECOND)
    assert [published.photos for _, published in center.listings.published()] == [(FIRST,)]
    center.listings.publish(center.key(), center.seen())
    assert [published.photos for _, published in center.listings.published()] == [(FIRST, SECOND)]


def test_a_title_of_nothing_but_spaces_is_not_published(center: Center) -> None:
    almonds(center)
    blank = WordsData(" ", "", "  ")
    center.take(center.station.offer(1, FIRST, title=blank))
    with pytest.raises(Refused) as refused:
        center.listings.publish(center.key(), center.seen())
    assert (refused.value.code, center.one().state) == ("no_title", ListingState.REVIEW)


def test_who_claims_to_have_seen_what_is_not_there_yet_publishes_nothing(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos are looked at before the transaction: those of the version that is published, and of no other."""
    almonds(center)
    early = ActionContext("turdi", center.one().version + 1, TIME)
    path = type(center.pictures).path

    def meanwhile(pictures: Received, region: str, station: str, sha256: str) -> Path | None:
        monkeypatch.undo()
        center.take(center.station.offer(1, "ef" * 32))
        return path(pictures, region, station, sha256)

    monkeypatch.setattr(type(center.pictures), "path", meanwhile)
    with pytest.raises(Refused) as refused:
        center.listings.publish(center.key(), early)
    assert (refused.value.code, center.one().version) == ("decided_meanwhile", early.version)


@pytest.mark.parametrize("ledger_url", ON_FILE, indirect=True)
def test_of_a_long_history_the_newest_is_shown(center: Center) -> None:
    almonds(center)
    station = center.station
    center.take(*(station.offer(1, FIRST, price_fen=price) for price in range(1, MAX_STEPS + 3)))
    steps = center.listings.history(center.key())
    assert (len(steps), steps[-1].reason) == (MAX_STEPS, f"{station.epoch}-{len(station.sealed)}")


def test_it_is_withdrawn_with_a_reason(center: Center) -> None:
    almonds(center)
    with pytest.raises(Refused) as refused:
        center.listings.withdraw(center.key(), center.seen(reason=" "))
    assert refused.value.code == "no_reason"
    center.listings.withdraw(center.key(), center.seen(reason="the buyer complained"))
    assert center.listings.history(center.key())[-1].reason == "the buyer complained"


def test_a_listing_that_is_not_there(center: Center) -> None:
    with pytest.raises(Refused) as refused:
        center.listings.pause(center.key(), ActionContext("turdi", 1, TIME))
    assert refused.value.code == "no_such_listing"


def test_of_two_operators_who_saw_the_same_one_acts(center: Center, ledger_url: str) -> None:
    almonds(center)
    center.listings.publish(center.key(), center.seen())
    seen, said = center.seen(), list[str]()
    both = threading.Barrier(2)

    def act(who: str) -> None:
        with CenterDesk.open(ledger_url) as desk:
            mine = CenterListings(desk.database, center.pictures)
            both.wait(30)
            try:
                mine.pause(center.key(), ActionContext(who, seen.version, TIME))
                said.append("done")
            except Refused as error:
                said.append(error.code)

    people = [threading.Thread(target=act, args=(who,)) for who in ("turdi", "gulnar")]
    for one in people:
        one.start()
    for one in people:
        one.join(60)
    assert sorted(said) == ["decided_meanwhile", "done"]
    assert [act for _, act in center.steps()] == ["offer", "publish", "pause"]


@pytest.mark.parametrize("ledger_url", ON_FILE, indirect=True)
def test_many_are_shown_page_by_page_and_exported_once_each(center: Center) -> None:
    station = center.station
    events = [station.start(), *(station.intake(counter) for counter in range(1, 121))]
    for counter in range(1, 121):
        sha256 = f"{counter:064x}"
        events += [*station.shot(counter, *masters(sha256)), station.offer(counter, sha256)]
        center.came(sha256)
    center.take(*events)
    for counter in range(1, 121):
        center.listings.publish(center.key(counter), center.seen(counter=counter))
    assert [key for key, _ in center.listings.published()] == sorted(center.key(counter) for counter in range(1, 121))
    pages = [center.listings.page([ListingState.PUBLISHED], skip, 50) for skip in (0, 50, 100)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len({one.key for page in pages for one in page}) == 120
