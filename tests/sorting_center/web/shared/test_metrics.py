from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerUnwritable, Sighting
from kiosk.sorting_center.shared.cost_aware_cache import CostAwareCache
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.shared.metrics import HealthCollector, LedgerCollector, scrape_text
from tests.sorting_center.station_journal import NOW, Station


def read(*collectors: Collector) -> dict[str, float]:
    """Name and labels of every sample, and its value."""
    samples = [
        sample
        for family in text_string_to_metric_families(scrape_text(*collectors).decode())
        for sample in family.samples
    ]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def test_what_prometheus_reads_is_what_the_health_says() -> None:
    health = CenterHealth()
    health.count(messages=3, events=40, dropped=2)
    health.add_commit(0.5)
    health.add_commit(0.25)
    health.set_waiting(7)
    health.set_connected(True)
    assert read(HealthCollector(health)) == {
        "sorting_center_messages_total": 3,
        "sorting_center_events_total": 40,
        "sorting_center_refused_total": 0,
        "sorting_center_dropped_total": 2,
        "sorting_center_commit_seconds_count": 2,
        "sorting_center_commit_seconds_sum": 0.75,
        "sorting_center_waiting": 7,
        "sorting_center_connected": 1,
        "sorting_center_ok": 1,
    }


def filled(ledger: Ledger) -> None:
    """Two stations; one has a gap and a fork and complains."""
    station, other = Station("S0147"), Station("S0148")
    events, forked = station.run(5), Station("S0147")
    forked.start()
    ledger.accept([*events[:3], events[4], forked.intake(9)], "shache", NOW)
    ledger.accept(other.run(2), "shache", NOW)
    ledger.commit(
        Delivery(
            sightings=[
                Sighting(
                    "shache",
                    "S0147",
                    Status(online=True, pending=0, software="1.0.0", epoch=station.epoch, alarm="fork"),
                )
            ]
        ),
        NOW,
    )


@pytest.mark.parametrize("numbered", [0, 5])
def test_figures_of_a_ledger_on_postgresql(postgres_url: str, numbered: int) -> None:
    with Ledger.open(postgres_url) as ledger:
        filled(ledger)
        if numbered:
            ledger.number(100)
        ledger.set_feed_position("mqtt", numbered)
        figures = read(LedgerCollector(ledger))
    assert figures["sorting_center_ledger_events"] == 5
    assert figures["sorting_center_ledger_unnumbered"] == 5 - numbered
    assert figures["sorting_center_ledger_feed_end"] == numbered
    assert figures["sorting_center_ledger_feed_position mqtt"] == numbered


def test_figures_of_a_ledger(ledger: Ledger) -> None:
    filled(ledger)
    ledger.set_feed_position("mqtt", 3)
    assert read(LedgerCollector(ledger)) == {
        "sorting_center_ledger_readable": 1,
        "sorting_center_ledger_events": 5,
        "sorting_center_ledger_stations": 2,
        "sorting_center_ledger_streams_with_gaps": 1,
        "sorting_center_ledger_quarantined fork": 1,
        "sorting_center_ledger_alarms fork": 1,
        "sorting_center_ledger_alarms reported": 1,
        "sorting_center_ledger_unnumbered": 0,
        "sorting_center_ledger_feed_end": 5,
        "sorting_center_ledger_feed_position mqtt": 3,
    }


def test_a_ledger_that_cannot_be_read_leaves_the_other_figures(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise LedgerUnwritable("the server is away")

    monkeypatch.setattr(ledger, "figures", away)
    found = read(HealthCollector(CenterHealth()), LedgerCollector(ledger))
    assert found["sorting_center_ledger_readable"] == 0
    assert found["sorting_center_ok"] == 0
    assert "sorting_center_ledger_events" not in found


def test_what_is_dear_to_make_is_made_the_more_rarely() -> None:
    now, costs, made = 100.0, 0.25, 0

    def make() -> int:
        nonlocal now, made
        now, made = now + costs, made + 1
        return made

    kept = CostAwareCache(make, 10.0, lambda: now)
    assert (kept.current(), kept.current()) == (1, 1)
    now += 9.5
    assert kept.current() == 1
    now, costs = now + 1, 2.0
    assert kept.current() == 2
    now += 19
    assert kept.current() == 2
    now += 2
    assert kept.current() == 3
