from __future__ import annotations

import json
from collections.abc import Sequence

from kiosk.sorting_center.feed.feed import POSITION_NAME, Feed
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.stations import NOW, Station


class Downstream:
    """Takes ``patience`` messages of each window, then no more."""

    def __init__(self, patience: int = 1000) -> None:
        self.patience = patience
        self.got: list[int] = []

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        taken = messages[: self.patience]
        self.got += [json.loads(payload)["feedseq"] for _, payload in taken]
        return len(taken)


def feed_to(ledger: Ledger, downstream: Downstream, health: Health | None = None) -> Feed:
    return Feed(ledger, downstream, health or Health())


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


def test_what_the_broker_did_not_take_is_sent_again(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(5), "shache", NOW)
    downstream, health = Downstream(patience=2), Health()
    feed = feed_to(ledger, downstream, health)
    feed.stop(0)  # a stopping feed does not wait before it returns
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
    health = Health()
    feed = feed_to(ledger, downstream, health)
    ledger.accept(station.run(2), "shache", NOW)
    feed.start()
    until(lambda: "nobody foresaw" in health.report().feed_trouble)
    feed.wake()
    until(lambda: downstream.got == [1, 2])
    until(lambda: not health.report().feed_trouble)
    feed.stop(SOON_S)
