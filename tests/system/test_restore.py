"""A card dies: the backup of yesterday goes in, and the sorting center neither loses nor counts twice."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from kiosk.app.demo import demo_access
from kiosk.simulators.station_client import StationClient
from kiosk.simulators.village import Village, VillagePlan
from tests.depth import many
from tests.system.taps import agree
from tests.system.test_survival import bring, clear, confirmed_at_station, counts, in_ledger

FIRST, UNSENT, LOST, ANEW = many(1, torture=5), 2, many(2, torture=10), many(1, torture=3)
"""Intakes before the link goes down, in the backup and not sent, after the backup, and in the new epoch."""
BEFORE = FIRST + UNSENT + LOST


def kiosk(village: Village, *words: str) -> str:
    command = [sys.executable, "-m", "kiosk.cli.kiosk", *words, "--config", str(village.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def intakes(village: Village, visitor: StationClient, count: int, *, acknowledged: bool = True) -> None:
    for number in range(count):
        assert agree(visitor, bring(village, visitor, 2000 + 5 * number)).path == "/take"
        if acknowledged:
            visitor.wait_live("the second tick", {"acknowledged": True}, 60)
        clear(village, visitor)


def summary(village: Village) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {village.center_access.token}"}
    with urlopen(Request(f"{village.center_url}/ledger/summary.json", headers=headers), timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_backup_comes_back(tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    with (
        Village(tmp_path / "village", VillagePlan(hz=40, settle_s=0.05, access=demo_access)) as village,
        closing(StationClient(village.station_url)) as visitor,
    ):
        intakes(village, visitor, FIRST)
        visitor.wait_live("the first acknowledged", {"pending": 0}, 60)
        village.link.command("down")
        intakes(village, visitor, UNSENT, acknowledged=False)
        kiosk(village, "backup", "--to", str(medium), "--same-disk")
        (backup,) = medium.glob("*.db")
        village.link.command("up")
        intakes(village, visitor, LOST)
        visitor.wait_live("more acknowledged", {"pending": 0}, 60)
        before = in_ledger(village)
        assert len(before) == BEFORE

        village.station.stop()
        village.relay.stop()
        said = kiosk(village, "restore", str(backup))
        assert "epoch" in said
        visitor.close()
        village.station.start()
        village.relay.start()
        intakes(village, visitor, ANEW)
        visitor.wait_live("the new epoch acknowledged", {"pending": 0}, 60)

        at_station = confirmed_at_station(village)
        after = counts(village)
        assert (after["stations"], after["gaps"], after["quarantined"], after["forks"]) == (1, 0, 0, 0)
        receipts = {receipt for receipt, _, _ in in_ledger(village)}
        assert receipts == {f"0147-A-{number:06d}" for number in range(1, BEFORE + 1)} | {
            f"0147-B-{number:06d}" for number in range(1, ANEW + 1)
        }
        assert {receipt for receipt in at_station if receipt.startswith("0147-B")} == {
            f"0147-B-{number:06d}" for number in range(1, ANEW + 1)
        }
        seen = summary(village)
        (station,) = seen["by_station"]
        assert len(station["epochs"]) == 2
        assert seen["totals"]["intakes"] == BEFORE + ANEW
