"""The figures of the sorting center as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.cost_aware_cache import CostAwareCache
from kiosk.sorting_center.shared.health import REFUSED_PREFIX
from kiosk.sorting_center.shared.ports import HealthSource

# Figures of the ledger are read again only at this age, however many programs scrape and how often.
_FIGURES_S: Final = 10.0


class HealthCollector(Collector):
    def __init__(self, health: HealthSource) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        report = self._health.report()
        for name, text, value in (
            ("messages", "Messages of stations that came to their end.", report.messages),
            ("events", "Events in them, those the ledger had already included.", report.events),
            ("refused", "Messages that could not be attributed to any event.", report.refused),
            ("dropped", "Messages beyond the inbox's room or a station's share: they are sent again.", report.dropped),
        ):
            yield CounterMetricFamily(f"sorting_center_{name}", text, value=value)
        yield SummaryMetricFamily(
            "sorting_center_commit_seconds",
            "Commits to the ledger.",
            count_value=report.commits,
            sum_value=report.commit_s,
        )
        yield GaugeMetricFamily("sorting_center_waiting", "Messages in the inbox.", value=report.waiting)
        yield GaugeMetricFamily("sorting_center_connected", "1: connected.", value=int(report.broker_connected))
        yield GaugeMetricFamily("sorting_center_ok", "1: all a station needs works.", value=int(report.ok))
        if report.photos:
            yield from _of_photos(report.photos)


def _of_photos(photos: Mapping[str, int]) -> Iterator[Metric]:
    for name, text in (("received", "Pictures that are here."), ("pending", "Pictures that are still to come.")):
        yield GaugeMetricFamily(f"sorting_center_photos_{name}", text, value=photos.get(name, 0))
    refused = CounterMetricFamily("sorting_center_photos_refused", "Requests for pictures refused.", labels=["reason"])
    for key, times in sorted(photos.items()):
        if key.startswith(REFUSED_PREFIX):
            refused.add_metric([key.removeprefix(REFUSED_PREFIX)], times)
    yield refused


class LedgerCollector(Collector):
    """Of a ledger that cannot be read, that alone."""

    def __init__(self, ledger: Ledger) -> None:
        self._figures = CostAwareCache(ledger.figures, _FIGURES_S)

    def collect(self) -> Iterator[Metric]:
        try:
            found = self._figures.current()
        except LedgerError:
            yield _gauge("readable", "1: the ledger can be read.", 0)
        else:
            yield _gauge("readable", "1: the ledger can be read.", 1)
            yield _gauge("events", "Events without a gap below them.", found.events)
            yield _gauge("stations", "Stations that have sent events.", found.stations)
            yield _gauge("streams_with_gaps", "Streams that wait for a missing event.", found.streams_with_gaps)
            yield _gauges("quarantined", "Events kept apart.", "reason", found.quarantined)
            yield _gauges("alarms", "What a person must look into.", "kind", found.alarms)
            yield _gauge("unnumbered", "Events that have no place in the feed yet.", found.unnumbered)
            yield _gauge("feed_end", "The last place of the feed.", found.feed_end)
            text = "The place up to which the feed is published."
            yield _gauges("feed_position", text, "publisher", found.feed_positions)


def _gauge(name: str, text: str, value: int) -> Metric:
    return GaugeMetricFamily(f"sorting_center_ledger_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"sorting_center_ledger_{name}", text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def scrape_text(*collectors: Collector) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
