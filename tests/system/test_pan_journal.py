"""What the scale is worth, with the real programs: a load nobody booked, a check that fails and one that passes,
intakes between them, another scale after a restart. Papers carry the marks, and the ledger tells it all."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from kiosk.protocols.barcodes import reader
from kiosk.simulators.station_client import Form, StationClient
from kiosk.simulators.village import Village, VillagePlan
from kiosk.store.shared.software import metrology
from tests.system.taps import agree
from tests.system.test_counter_flow import WAIT_MS, Clerk, employ

WAIT_S = 60.0
METROLOGY = """
[metrology]
verified_until = "2020-03-31"
serial_no = "A/2024-317"
check_weight_g = 5000
"""


class Noon(Village):
    """A village where it is noon: a check holds for a day, and no day ends while it is tried."""

    def _write_settings(self) -> None:
        super()._write_settings()
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text.replace("[station]\n", f'[station]\nzone = "{noon()}"\n', 1), encoding="utf-8")


def noon() -> str:
    """A zone in which it is between twelve and one; the sign of its name is the other way round."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with Noon(tmp_path, VillagePlan(more_settings=METROLOGY)) as running:
        yield running


@dataclass
class Day:
    """A station from outside: a pan to put things on, a villager without a card, and what the station has kept."""

    village: Village
    visitor: StationClient

    def pan(self, command: str, **wanted: str) -> None:
        self.village.scale.command(command)
        self.visitor.wait_live(command, {"weight": wanted}, WAIT_S)

    def empty(self) -> None:
        self.pan("take", state="empty")

    def rows(self, query: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(f"file:{self.village.database}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return db.execute(query).fetchall()

    def until(self, what: str, seen: Callable[[], object]) -> None:
        """What another thread or program does soon; nobody outside can be told of it."""
        deadline = time.monotonic() + WAIT_S
        while not seen():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def bring(self, mass: str, shown: str) -> dict[str, Any]:
        """One bag by a villager without a card; the receipt as it was given to the printer."""
        papers = len(self.village.receipt_printer.printed)
        self.visitor.close()  # while the clerk was at the counter the station may have hung up
        self.visitor.post(Form("/leave", {"idle": "0"}))
        self.visitor.press("/", "/begin")
        self.visitor.press("/who", "/party", party="non_member")
        self.pan(f"put {mass}", text=shown, state="stable")
        self.visitor.press("/what", "/product", code="BADAM")
        self.visitor.wait_live("the load locked", {"weight": {"state": "locked"}}, WAIT_S)
        taken = agree(self.visitor, self.visitor.get("/agree").form("/agree"))
        assert taken.path == "/take"
        assert self.village.receipt_printer.wait_for(papers + 1, WAIT_S)
        self.empty()
        self.visitor.press("/take", "/finish")
        body: dict[str, Any] = json.loads(
            self.rows("SELECT body FROM print_job WHERE document = 'receipt' ORDER BY id DESC LIMIT 1")[0]["body"]
        )
        return {**body, "page": taken.text}


@pytest.fixture
def day(village: Village) -> Iterator[Day]:
    with closing(StationClient(village.station_url)) as visitor:
        visitor.wait_live("an empty pan", {"weight": {"state": "empty"}}, WAIT_S)
        yield Day(village, visitor)


@pytest.fixture
def clerk(browser: Browser, village: Village) -> Iterator[Clerk]:
    employ(village)
    context = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True)
    context.add_cookies([{"name": "lang", "value": "en", "url": village.station_url}])
    trouble: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield Clerk(village, page)
    context.close()
    assert trouble == []


def check(clerk: Clerk, day: Day, mass: str, verdict: str) -> None:
    """The check weight on the pan, one touch, and off again."""
    clerk.page.goto(f"{day.village.station_url}/counter/check")
    expect(clerk.page.locator("[data-take]")).to_be_disabled(timeout=WAIT_MS)
    day.village.scale.command(f"put {mass}")
    clerk.tap("[data-take]:not([disabled])")
    clerk.page.locator(verdict).wait_for(timeout=WAIT_MS)
    day.empty()


def in_ledger(village: Village, kind: str) -> list[dict[str, Any]]:
    path = village.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT body FROM event WHERE type = ? ORDER BY seq", (kind,)).fetchall()
    return [json.loads(body) for (body,) in rows]


def another_scale(village: Village) -> None:
    """A technician sets up a smaller scale with a new verification mark and starts the station again."""
    village.station.stop()
    text = village.config.read_text(encoding="utf-8")
    text = text.replace("max_g = 50000", "max_g = 30000").replace('"2020-03-31"', '"2099-03-31"')
    village.config.write_text(text, encoding="utf-8")
    village.station.start()


def counters(receipt: dict[str, Any]) -> list[int]:
    assert re.fullmatch(r"\d+-\d+-\d+", receipt["counters"])
    return [int(figure) for figure in receipt["counters"].split("-")]


def test_what_the_scale_is_worth_is_checked_printed_and_told(day: Day, clerk: Clerk) -> None:
    village = day.village
    day.pan("put 3.000kg", text="3.000", state="stable")
    day.empty()
    day.until("the load in the journal", lambda: day.rows("SELECT 1 FROM pan_load WHERE state = 'unbooked'"))

    unchecked = day.bring("12.450kg", "12.450")
    assert unchecked["scale_marks"] == ["verification_expired", "check_late"]
    assert unchecked["scale_no"] == "A/2024-317"
    assert "scale-sign" in unchecked["page"]

    clerk.unlock()
    expect(clerk.page.locator(".check-late")).to_be_visible(timeout=WAIT_MS)
    check(clerk, day, "4.970kg", ".verdict-bad")
    failed = day.bring("8.000kg", "8.000")
    assert failed["scale_marks"] == ["check_failed", "verification_expired"]

    check(clerk, day, "5.000kg", ".verdict-good")
    passed = day.bring("9.000kg", "9.000")
    assert passed["scale_marks"] == ["verification_expired"]
    with (
        Image.open(village.receipt_printer.printed[-1]) as paper,
        Image.open(village.receipt_printer.printed[-2]) as marked,
    ):
        # The small line at the end takes one row or two (at most 30 dots), whatever the scale is worth.
        assert marked.height > paper.height + 50, "the mark stands on the paper"
        codes = [symbol.text for symbol in reader.read(paper.convert("L"))]
        assert [code for code in codes if not code.startswith("https://")] == [passed["receipt_code"]]
        assert len(codes) == 2, "and the signed one"

    clerk.page.goto(f"{village.station_url}/counter/pan")
    expect(clerk.page.locator(".load")).to_have_count(1, timeout=WAIT_MS)
    expect(clerk.page.locator(".load")).to_contain_text("3.000 kg")

    another_scale(village)
    day.visitor.close()
    day.visitor.wait_live("an empty pan again", {"weight": {"state": "empty"}}, WAIT_S)
    changed = day.bring("7.000kg", "7.000")
    assert changed["scale_marks"] == [], "passed today, verified, and for trade"
    assert "scale-sign" not in changed["page"]
    assert counters(changed)[0] == counters(passed)[0] + 1
    assert counters(changed)[1] == counters(passed)[1]

    day.visitor.wait_live("every acknowledgement", {"pending": 0}, 60)
    told_in_the_ledger(village, [unchecked, failed, passed, changed])


def told_in_the_ledger(village: Village, receipts: list[dict[str, Any]]) -> None:
    """The sorting center has every row of it, signed with the digits of the metrology part."""
    (left,) = in_ledger(village, "station.load.left.v1")
    assert (left["data"]["peak_g"], left["data"]["why"], left["data"]["loads"]) == (3_000, "not_asked", 1)
    checks = [event["data"] for event in in_ledger(village, "station.scale.checked.v1")]
    assert [(row["expected_g"], row["read_g"], row["passed"], row["actor"]) for row in checks] == [
        (5_000, 4_970, False, "clerk:01"),
        (5_000, 5_000, True, "clerk:01"),
    ]
    scales = [event["data"] for event in in_ledger(village, "station.scale.changed.v1")]
    assert scales[-1]["max_g"] == 30_000
    assert scales[-1]["counter"] == counters(receipts[-1])[0]
    intakes = in_ledger(village, "station.intake.confirmed.v1")
    assert [event["data"]["receipt"] for event in intakes] == [row["receipt"] for row in receipts]
    for event, receipt in zip(intakes, receipts, strict=True):
        assert event["metrology"] == metrology() == receipt["metrology"]
        scale = event["data"]["scale"]
        assert [scale["counters"][name] for name in ("scale_profile", "tare_library", "clock")] == counters(receipt)
        marks = {
            "not_for_trade": scale["trade"] is False,
            "check_failed": scale["check"] == "failed",
            "verification_expired": scale["verification"] == "expired",
            "check_late": scale["check"] == "late",
        }
        assert [mark for mark, said in marks.items() if said] == receipt["scale_marks"]
