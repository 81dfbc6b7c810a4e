"""Weeks offline in a minute: the broker is gone, the station dies twice, the center once, nothing is lost.

`make torture` takes in fifty instead of six.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from kiosk.simulators.station_client import Form, StationClient, StepFailed
from kiosk.simulators.village import Village, VillagePlan
from tests.depth import many
from tests.system.taps import agree

INTAKES = many(6, torture=50)
KILL_STATION_AT = (INTAKES // 3, 2 * INTAKES // 3)
KILL_CENTER_BELOW = 4 * INTAKES // 5
"""Events the station still waits for when the returning center is killed."""


def bring(village: Village, visitor: StationClient, grams: int) -> Form:
    """Everything up to the tap on agree; returns the form that the tap sends."""
    visitor.wait_live("an empty pan at home", {"weight": {"state": "empty"}, "step": "home"})
    village.scale.command(f"put {grams / 1000:.3f}kg")
    visitor.wait_live("the question who", {"step": "who"})
    visitor.press("/who", "/party", party="non_member")
    visitor.press("/what", "/product", code="BADAM")
    visitor.wait_live("a locked weight", {"weight": {"state": "locked"}})
    return visitor.get("/agree").form("/agree")


def clear(village: Village, visitor: StationClient) -> None:
    village.scale.command("take")
    visitor.press("/take", "/finish")


def agree_while_the_power_fails(village: Village, visitor: StationClient, form: Form) -> None:
    """The tap is sent and the station is killed; whether it was booked is found out by sending it again."""
    killer = subprocess.Popen(["/bin/kill", "-KILL", str(village.station.pid)])
    try:
        visitor.post(form)
    except (http.client.HTTPException, OSError, StepFailed):
        pass  # the last: it was booked, and the page that it leads to could not be opened any more
    finally:
        killer.wait()
    village.station.kill()
    visitor.close()
    village.station.start()
    page = visitor.post(form)
    assert page.status in (200, 409), page.text
    if page.status == 200:
        assert page.path == "/take"
        visitor.press("/take", "/finish")
    village.scale.command("take")


def confirmed_at_station(village: Village) -> dict[str, tuple[str, int]]:
    """Receipt → hash and net grams of every confirmed intake in the station's own journal."""
    with closing(sqlite3.connect(f"file:{village.database}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT sha256, body FROM journal WHERE type = 'station.intake.confirmed.v1'").fetchall()
    events = [(sha, json.loads(body)["data"]) for sha, body in rows]
    return {data["receipt"]: (sha, data["net_g"]) for sha, data in events}


def in_ledger(village: Village) -> list[tuple[str, str, int]]:
    """Receipt, hash and net grams of every confirmed intake in the ledger."""
    path = village.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT sha256, body FROM event WHERE type = 'station.intake.confirmed.v1'").fetchall()
    events = [(sha, json.loads(body)["data"]) for sha, body in rows]
    return [(data["receipt"], sha, data["net_g"]) for sha, data in events]


def receipts_taken(village: Village) -> list[int]:
    """Every receipt counter the station has given out, abandoned ones included, in the ledger."""
    path = village.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT body FROM event WHERE type LIKE 'station.intake.%'").fetchall()
    return sorted(int(json.loads(body)["data"]["receipt"].rsplit("-", 1)[1]) for (body,) in rows)


def counts(village: Village) -> dict[str, int]:
    """What the sorting center's own command says of its ledger."""
    done = subprocess.run(
        [sys.executable, "-m", "kiosk.cli.sorting_center", "ledger", "count", "--ledger", village.ledger_url],
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, int] = json.loads(done.stdout)
    return result


def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    with (
        Village(tmp_path, VillagePlan(hz=40, settle_s=0.05)) as village,
        closing(StationClient(village.station_url)) as visitor,
    ):
        village.broker.kill()
        for number in range(INTAKES):
            form = bring(village, visitor, 2000 + 5 * number)
            if number in KILL_STATION_AT:
                agree_while_the_power_fails(village, visitor, form)
                continue
            assert agree(visitor, form).path == "/take"
            clear(village, visitor)
        at_station = confirmed_at_station(village)
        assert len(at_station) >= INTAKES - len(KILL_STATION_AT)
        assert in_ledger(village) == []

        village.broker.restart()
        visitor.wait_live(
            "the first acknowledgements", {"pending": lambda n: n is not None and n < KILL_CENTER_BELOW}, 60
        )
        village.center.kill()
        village.center.start()
        visitor.wait_live("every acknowledgement", {"pending": 0}, 90)

        ledger = in_ledger(village)
        assert sorted(ledger) == sorted((receipt, sha, net) for receipt, (sha, net) in at_station.items())
        taken = receipts_taken(village)
        assert taken == list(range(1, len(taken) + 1))
        after = counts(village)
        assert (after["stations"], after["gaps"], after["quarantined"], after["forks"]) == (1, 0, 0, 0)
