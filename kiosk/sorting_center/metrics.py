"""The figures of the sorting center as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from kiosk.sorting_center.ports import HealthSource


class HealthCollector(Collector):
    """Asked at each scrape; keeps nothing."""

    def __init__(self, health: HealthSource) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Figures of this moment."""
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


def page(*collectors: Collector) -> bytes:
    """The text of a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
