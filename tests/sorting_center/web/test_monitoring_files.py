"""The rules, the dashboard and the scrape settings that are shipped for Prometheus and Grafana."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.shared.metrics import HealthCollector, LedgerCollector, scrape_text
from tests.house.documents import DOCS
from tests.sorting_center.web.shared.test_metrics import filled

SHIPPED = DOCS.parent / "firmware_config" / "monitoring"
RULES, DASHBOARD = SHIPPED / "sorting-center.rules.yml", SHIPPED / "grafana-dashboard.json"
CASES = Path(__file__).with_name("monitoring_rules.yml")


def promtool(*words: str | Path) -> None:
    done = subprocess.run(["/usr/bin/promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules_and_warn_in_these_cases(tmp_path: Path) -> None:
    promtool("check", "rules", "--lint-fatal", RULES)
    for path in (RULES, CASES):
        shutil.copy(path, tmp_path)
    promtool("test", "rules", tmp_path / CASES.name)


def test_the_scrape_settings_are_settings(tmp_path: Path) -> None:
    text = (SHIPPED / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/usr/share/sorting-center/monitoring/sorting-center.rules.yml", str(RULES))
    )
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_every_figure_that_is_named_is_served(ledger: Ledger) -> None:
    filled(ledger)
    ledger.set_feed_position("mqtt", 3)
    health = CenterHealth()
    health.set_photo_counts({"received": 1, "pending": 2, "refused_revoked": 3})
    text = scrape_text(HealthCollector(health), LedgerCollector(ledger)).decode()
    served = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    for path in (RULES, DASHBOARD):
        named = set(re.findall(r"\bsorting_center_[a-z_]+", path.read_text(encoding="utf-8")))
        assert named, path
        assert named <= served, (path, named - served)


def test_the_dashboard_is_one() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])


def test_every_rule_says_what_to_do_and_stands_in_the_document() -> None:
    text = RULES.read_text(encoding="utf-8")
    alerts = re.findall(r"- alert: (\w+)", text)
    assert len(alerts) == text.count("summary: ") == text.count("severity: ")
    documented = (DOCS / "sorting-center.md").read_text(encoding="utf-8")
    assert [alert for alert in alerts if f"`{alert}`" not in documented] == []
