from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messaging.contract.strict_json import canonical
from kiosk.sorting_center.feed import feed as feed_module
from kiosk.sorting_center.feed.feed import POSITION_NAME, Feed, feed_message
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.shared.health import CenterHealth
from tests.depth import many
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.station_journal import NOW, Station

names = st.sampled_from(("epoch", "f", "feedse", "feedseq", "feedseqs", "id", "h", "z", "\u00e9", "\U0001f351"))
odd = st.sampled_from((1, -1, None, True, "x", '"epoch":"00c0ffee00c0ffee","id":"', "\\", "\u00e9", [], {}))
inner = odd | st.dictionaries(names, odd, max_size=3) | st.lists(odd, max_size=2)
plain = st.fixed_dictionaries({"epoch": st.just("00c0ffee00c0ffee"), "id": st.just("00c0ffee00c0ffee-7")})


@given(plain, st.dictionaries(names, inner, max_size=4), st.booleans())
@settings(max_examples=many(300, torture=10_000, quick=100), deadline=None)
def test_the_place_of_an_event_stands_where_its_canonical_form_has_it(
    event: dict[str, object], more: dict[str, object], is_nested: bool
) -> None:
    told = {**event, "data": {**event, **more}} if is_nested else {**more, **event}
    message = feed_message(FeedEntry(12, "shache", "station.intake.confirmed.v1", canonical(told)))
    assert message == canonical({**told, "feedseq": 12})


class Downstream:
    """Takes ``patience`` messages of each window, then no more."""

    def __init__(self, patience: int = 1000) -> None:
        self.patience = patience
        self.got: list[int] = []

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        taken = messages[: self.patience]
        self.got += [json.loads(payload)["feedseq"] for _, payload in taken]
        return len(taken)


def feed_to(ledger: Ledger, downstream: Downstream, health: CenterHealth | None = None) -> Feed:
    return Feed(ledger, downstream, health or CenterHealth())


def test_windows_follow_each_other_without_a_hole(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(250), "shache", NOW)
    downstream = Downstream()
    feed = feed_to(ledger, downstream)
    while feed.step():
        pass
    assert downstream.got == list(range(1, 251))
    assert ledger.feed_position(POSITION_NAME) == 250


def test_a_restart_goes_on_from_the_kept_position(ledger_url: str, station: Station) -> None:
    downstream = Downstream()
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(3), "shache", NOW)
        feed_to(ledger, downstream).step()
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([station.intake(9)], "shache", NOW)
        feed_to(ledger, downstream).step()
    assert downstream.got == [1, 2, 3, 4]


def test_of_a_backlog_the_position_is_written_now_and_then_and_at_its_end(
    ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that is not written goes out once more after a kill; no event is left out."""
    monkeypatch.setattr(feed_module, "_WINDOW", 10)
    downstream = Downstream()
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(45), "shache", NOW)
        feed = Feed(ledger, downstream, CenterHealth(), clock=iter((0.0, 0.2, 0.5, 0.5, 0.7)).__next__)
        kept = [ledger.feed_position(POSITION_NAME) for _ in range(3) if feed.step()]
    with Ledger.open(ledger_url) as ledger:
        feed = feed_to(ledger, downstream)
        while feed.step():
            pass
        kept.append(ledger.feed_position(POSITION_NAME))
    assert kept == [0, 20, 20, 45]
    assert downstream.got == [*range(1, 31), *range(21, 46)]


def test_a_feed_that_ends_in_a_backlog_writes_its_position(
    ledger: Ledger, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "_WINDOW", 10)
    ledger.accept(station.run(25), "shache", NOW)
    downstream = Downstream()
    publish = downstream.publish
    feed = feed_to(ledger, downstream)

    def last(messages: Sequence[tuple[str, bytes]]) -> int:
        stopping.start()
        stopping.join()
        return publish(messages)

    stopping = threading.Thread(target=feed.worker.stop, args=(0,))
    downstream.publish = last  # type: ignore[method-assign]
    feed.worker.start()
    until(lambda: not feed.worker.is_alive)
    assert downstream.got == list(range(1, 11))
    assert ledger.feed_position(POSITION_NAME) == 10


def test_the_position_never_goes_back_behind_another_process(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(5), "shache", NOW)
    downstream = Downstream(patience=2)
    feed = feed_to(ledger, downstream)
    feed.worker.stop(0)
    feed.step()
    ledger.set_feed_position(POSITION_NAME, 4)
    downstream.patience = 1000
    while feed.step():
        pass
    assert downstream.got == [1, 2, 5]
    assert ledger.feed_position(POSITION_NAME) == 5


def test_what_the_broker_did_not_take_is_sent_again(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(5), "shache", NOW)
    downstream, health = Downstream(patience=2), CenterHealth()
    feed = feed_to(ledger, downstream, health)
    feed.worker.stop(0)  # a stopping feed does not wait before it returns
    assert not feed.step()
    assert ledger.feed_position(POSITION_NAME) == 2
    downstream.patience = 1000
    feed.step()
    assert downstream.got == [1, 2, 3, 4, 5]


def test_the_thread_is_woken_by_news_and_survives_failures(ledger: Ledger, station: Station) -> None:
    downstream = Downstream()
    failures = [RuntimeError("odd"), OSError("odd")]
    publish = downstream.publish

    def odd(messages: Sequence[tuple[str, bytes]]) -> int:
        if failures:
            raise failures.pop()
        return publish(messages)

    downstream.publish = odd  # type: ignore[method-assign]
    health = CenterHealth()
    feed = feed_to(ledger, downstream, health)
    ledger.accept(station.run(2), "shache", NOW)
    feed.worker.start()
    until(lambda: "Unexpected error" in health.report().feed_trouble)
    feed.worker.wake()
    until(lambda: downstream.got == [1, 2])
    until(lambda: not health.report().feed_trouble)
    feed.worker.stop(SOON_S)
