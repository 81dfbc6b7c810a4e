"""The page's sign of life as the unit beside the browser reads it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.station.shared.health import EVERY_S, PageHeartbeat, since_boot


def uptime() -> float:
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def test_a_ping_is_the_second_since_boot(tmp_path: Path) -> None:
    before = uptime()
    PageHeartbeat.from_environ({"RUNTIME_DIRECTORY": str(tmp_path)}).beat()
    assert before - 1 <= int((tmp_path / "page-alive").read_text(encoding="ascii")) <= uptime() + 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["page-alive"]
    assert (tmp_path / "page-alive").stat().st_mode & 0o777 == 0o644


def test_many_pages_write_at_most_every_five_seconds(tmp_path: Path) -> None:
    now = [100.0]
    mark = PageHeartbeat(tmp_path, lambda: now[0])
    written = []
    for _ in range(200):
        mark.beat()
        written.append((tmp_path / "page-alive").read_text(encoding="ascii"))
        now[0] += 0.1
    assert EVERY_S == 5.0
    assert sorted(set(written), key=written.index) == ["100\n", "105\n", "110\n", "115\n"]


def test_outside_a_service_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PageHeartbeat.from_environ({}).beat()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = [since_boot()]
    mark = PageHeartbeat(tmp_path / "gone", lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            mark.beat()
            now[0] += 60
    assert caplog.text.count("cannot be written") == 1
