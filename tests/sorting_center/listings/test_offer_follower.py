"""What the feed says of lots that are offered: once, whatever happens on the way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, select, update

from kiosk.domain.events.photo import NO_WORDS
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import listing
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.records import ListingState
from tests.depth import many
from tests.sorting_center.listings.centers import FIRST, SECOND, TIME, Center, almonds, masters, running
from tests.sorting_center.station_journal import WORDS, without_words


def test_an_offer_is_a_listing_to_be_reviewed(center: Center) -> None:
    one = almonds(center)
    assert (one.state, one.version, one.edited, one.published) == (ListingState.REVIEW, 1, None, None)
    assert (one.texts.title.zh, one.offer.place) == ("巴旦木", "00112233445566aa-5")
    assert center.steps() == [("ledger", "offer")]
    assert center.listings.history(center.key())[0].reason == "00112233445566aa-5"


def test_only_masters_that_were_told_of_this_lot_are_shown(center: Center) -> None:
    station, natural, others = center.station, FIRST[::-1], "ef" * 32
    center.take(station.start(), station.intake(1), station.intake(2))
    center.take(*station.shot(1, *masters(FIRST)), *station.shot(2, *masters(others)))
    center.take(station.offer(1, FIRST, natural, others, SECOND))
    center.came(FIRST, natural, others, SECOND)
    assert [photo.known for photo in center.listings.photos(center.one())] == [True, False, False, False]
    center.listings.publish(center.key(), center.seen())
    assert [published.photos for _, published in center.listings.published()] == [(FIRST,)]


def test_a_voided_intake_takes_its_listing_back(center: Center) -> None:
    almonds(center)
    center.listings.publish(center.key(), center.seen())
    seen = center.seen()
    center.take(center.station.void(1))
    one = center.one()
    assert (one.state, one.version) == (ListingState.WITHDRAWN, seen.version + 1)
    step = center.listings.history(center.key())[-1]
    assert (step.who, step.act, step.reason) == ("ledger", "withdraw", "voided")
    assert list(center.listings.published()) == []


def test_a_lot_that_was_voided_before_it_is_offered(center: Center) -> None:
    station = center.station
    center.take(station.start(), station.intake(1), *station.shot(1, *masters(FIRST)), station.void(1))
    center.take(station.offer(1, FIRST))
    assert center.one().state is ListingState.WITHDRAWN
    assert center.steps() == [("ledger", "offer"), ("ledger", "withdraw")]
    center.take(station.offer(1, FIRST, price_fen=6200))
    assert (center.one().state, center.one().offer.told.price_fen) == (ListingState.WITHDRAWN, 6200)


def test_a_newer_offer_waits_until_a_person_publishes_it(center: Center) -> None:
    almonds(center)
    center.listings.publish(center.key(), center.seen())
    seen = center.seen()
    center.take(center.station.offer(1, SECOND, price_fen=6200))
    one = center.one()
    assert (one.state, one.newer_offer_waits, one.version) == (ListingState.PUBLISHED, True, seen.version + 1)
    assert [published.price_fen for _, published in center.listings.published()] == [5800]
    again = center.listings.publish(center.key(), center.seen())
    assert not again.newer_offer_waits
    assert [(one.price_fen, one.photos) for _, one in center.listings.published()] == [(6200, (SECOND,))]


def test_the_same_offer_told_again_disturbs_nobody(center: Center) -> None:
    almonds(center)
    center.listings.publish(center.key(), center.seen())
    seen = center.seen()
    center.take(center.station.offer(1, FIRST, SECOND))
    assert (center.one().version, center.one().newer_offer_waits) == (seen.version, False)


def test_what_was_told_and_published_before_there_were_words_stays_as_it_was(center: Center) -> None:
    """The desk holds what the version before has written, and a station that is updated tells the same lot again."""
    station = center.station
    before = [station.start(), station.intake(1), *station.shot(1, *masters(FIRST))]
    older = parse_event(without_words(station.offer(1, FIRST).body))
    assert older.problem is None
    center.take(*before, older)
    center.came(FIRST)
    center.listings.publish(center.key(), center.seen())
    assert center.one().offer.sha256 == "4275f5b2c37ab9d4c2e9c5766580341d823dce1982405b57d5616c12bdbd62c3"
    with center.desk.database.writing() as connection:
        row = connection.execute(select(listing.c.offered, listing.c.published)).one()
        offered, published = json.loads(row.offered), json.loads(row.published)
        for name in WORDS:
            del offered["told"][name], published[name]
        connection.execute(update(listing).values(offered=json.dumps(offered), published=json.dumps(published)))
    one = center.one()
    assert one.published is not None and one.published.origin_words == one.published.grade_words == NO_WORDS
    assert not one.newer_offer_waits
    again = station.add(one.offer.told, prevhash=older.sha256)
    center.take(again)
    assert (center.one().version, center.one().newer_offer_waits) == (one.version, False)
    center.take(station.offer(1, FIRST, **WORDS))
    assert center.one().newer_offer_waits
    center.listings.publish(center.key(), center.seen())
    ((_, shown),) = center.listings.published()
    assert {"origin_words": shown.origin_words, "grade_words": shown.grade_words} == WORDS


def test_what_people_did_stays_when_the_feed_begins_again(ledger_url: str, tmp_path: Path) -> None:
    with running(ledger_url, tmp_path) as center:
        almonds(center)
        center.take(center.station.offer(1, FIRST, price_fen=6200))
        center.listings.publish(center.key(), center.seen())
        before, steps = center.one(), center.steps()
        station = center.station
    Ledger.begin_generation(ledger_url)
    with running(ledger_url, tmp_path) as center:
        center.follow()
        center.station = station
        assert (center.one(), center.steps()) == (before, steps)
        center.take(station.offer(1, FIRST, price_fen=6400))
        assert center.one().newer_offer_waits


def test_a_feed_that_is_shorter_than_it_was_is_followed_again(center: Center, tmp_path: Path) -> None:
    """The ledger came back from a backup, and nobody said so."""
    almonds(center)
    center.take(*(center.station.intake(counter) for counter in range(2, 9)))
    before = center.one()
    url = f"sqlite:///{tmp_path / 'older.db'}"
    with Ledger.open(url) as older:
        older.accept(
            [parse_event(sealed.body) for sealed in center.station.sealed[:5]], "shache", "2026-11-25T04:00:00.000Z"
        )
        arrivals = OfferFollower(older, center.desk.database, lambda: TIME)
        while arrivals.step():
            pass
    assert (center.one(), center.steps()) == (before, [("ledger", "offer")])


def test_two_centers_follow_into_one_desk(center: Center, ledger_url: str) -> None:
    station = center.station
    center.take(
        station.start(), station.intake(1), *station.shot(1, *masters(FIRST)), station.offer(1, FIRST), follow=False
    )
    with CenterDesk.open(ledger_url) as desk:
        beside = OfferFollower(center.ledger, desk.database, lambda: TIME)
        while center.arrivals.step(1) + beside.step(2):
            pass
    assert center.steps() == [("ledger", "offer")]


def test_killed_between_any_two_writes_it_goes_on(center: Center) -> None:
    """The n-th write of a step fails, for every n: nothing of the step is kept, and the next one does all of it."""
    station = center.station
    center.take(station.start(), station.intake(1), station.intake(2), follow=False)
    center.take(*station.shot(1, *masters(FIRST)), station.offer(1, FIRST), station.void(1), follow=False)
    center.take(*station.shot(2, *masters(SECOND)), station.void(2), station.offer(2, SECOND), follow=False)
    failed = 0
    while _fails_at(center, failed + 1):
        assert center.listings.get(center.key(1)) is center.listings.get(center.key(2)) is None
        failed += 1
    assert failed >= 12
    for counter in (1, 2):
        assert center.steps(counter) == [("ledger", "offer"), ("ledger", "withdraw")]
        assert center.one(counter).version == 2
    assert center.arrivals.step() == 0


def _fails_at(center: Center, number: int) -> bool:
    """Whether there was such a write; it failed then, and with it the step."""
    with failing_write(number):
        try:
            center.follow()
        except DeskError:
            return True
    return False


@contextmanager
def failing_write(number: int) -> Iterator[None]:
    """The ``number``-th from here on."""
    left = [number]

    def before(_c: object, _u: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            left[0] -= 1
            if not left[0]:
                raise OSError("killed")

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)


@contextmanager
def counted_work() -> Iterator[list[int]]:
    """How many thousand instructions SQLite needs meanwhile."""
    done = [0]

    def instructions() -> None:
        done[0] += 1

    def before(connection: Connection, *_: object) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(instructions, 1000)

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield done
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def test_an_offer_is_as_much_work_however_often_its_lot_was_offered_before(tmp_path: Path) -> None:
    """People at the desk wait while offers are taken in."""
    often = many(80, torture=200)
    with running(f"sqlite:///{tmp_path / 'county.db'}", tmp_path) as center:
        almonds(center)

        def work() -> int:
            more = [
                shot
                for number in range(often)
                for shot in center.station.shot(1, *masters(f"{len(center.station.sealed) + number:064x}"))
            ]
            offers = [center.station.offer(1, FIRST, price_fen=price) for price in range(1000, 1000 + often)]
            with counted_work() as done:
                center.take(*more, *offers)
            return done[0]

        first, *_, last = [work() for _ in range(3)]
        assert last < first * 1.2


def test_an_act_of_a_person_is_done_whole_or_not(center: Center) -> None:
    almonds(center)
    for act in (center.listings.publish, center.listings.pause, center.listings.withdraw):
        before, steps = center.one(), center.steps()
        doing = center.seen(reason="for the test")
        for number in (1, 2):
            with failing_write(number), pytest.raises(DeskError):
                act(center.key(), doing)
            assert (center.one(), center.steps()) == (before, steps)
        act(center.key(), doing)
        assert len(center.steps()) == len(steps) + 1
