from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.metrics import HealthCollector, page


def test_what_prometheus_reads_is_what_the_health_says() -> None:
    health = Health()
    health.count(messages=3, events=40, dropped=2)
    health.committed(0.5)
    health.committed(0.25)
    health.waiting(7)
    health.connected(True)
    families = text_string_to_metric_families(page(HealthCollector(health)).decode())
    read = {sample.name: sample.value for family in families for sample in family.samples}
    assert read == {
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
