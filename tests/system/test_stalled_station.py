"""A station that stands still for seconds while somebody empties the pan: nothing is booked that has left it.

The real program; its process is stopped and let go on by the kernel's own signals. Whether the page's thread or the
scale's goes on first is up to the kernel, so the tap is sent at several moments. ``KIOSK_STALL_ROUNDS`` tries more;
`make torture` a hundred, which take some seven minutes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path

from kiosk.simulators.station_client import Form, StationClient, VisitedPage
from kiosk.simulators.village import Village, VillagePlan
from tests.depth import many

ROUNDS = int(os.environ.get("KIOSK_STALL_ROUNDS", many(4, torture=100)))
STALLS_S = (1.2, 3.0, 2.0)
ACTS = ("/agree", "/bag", "/agree", "/container/take", "/agree", "/agree")
MOMENTS = ("while it stands still", "as it goes on", "a moment before")
WAIT_S = 60.0


@contextmanager
def stalled(village: Village, stall_s: float) -> Iterator[None]:
    """It stands still inside; afterwards it goes on, however this ends."""
    word = threading.Thread(target=village.command, args=("process", f"stall {stall_s}s"))
    word.start()
    try:
        deadline = time.monotonic() + WAIT_S
        while Path(f"/proc/{village.station.pid}/stat").read_text().rsplit(") ", 1)[1][0] != "T":
            assert time.monotonic() < deadline
        yield
    finally:
        word.join()


def on_the_screen(village: Village, visitor: StationClient, act: str, grams: int) -> Form:
    """Goods on the pan, locked, and the form of the tap."""
    visitor.wait_live("an empty pan at home", {"weight": {"state": "empty"}, "step": "home"}, WAIT_S)
    village.scale.command(f"put {grams / 1000:.3f}kg")
    visitor.wait_live("the question who", {"step": "who"}, WAIT_S)
    visitor.press("/who", "/party", party="non_member")
    visitor.press("/what", "/product", code="BADAM")
    if act == "/container/take":
        visitor.post(Form("/container", {"code": "OWN"}))
    visitor.wait_live("a locked weight", {"weight": {"state": "locked"}}, WAIT_S)
    return visitor.get("/agree").form(act)


def tap(village: Village, form: Form, moment: str, stall_s: float) -> VisitedPage:
    """Let the station stand still, empty the pan, and send the tap when it is said."""
    visitor = StationClient(village.station_url, timeout_s=WAIT_S)
    with closing(visitor), ThreadPoolExecutor(1) as hand:
        visitor.get("/help")  # the connection stands, and a thread of the station serves it
        sent = None
        with stalled(village, stall_s):
            village.scale.command("take")
            if moment != "as it goes on":
                threading.Event().wait(stall_s - 0.1 if moment == "a moment before" else 0)
                sent = hand.submit(visitor.post, form)
        return (sent or hand.submit(visitor.post, form)).result(WAIT_S)


def weighed(village: Village) -> int:
    """Bags on confirmed receipts."""
    with closing(sqlite3.connect(f"file:{village.database}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM intake_line").fetchone()[0])


def test_what_left_the_pan_while_the_station_stood_still_is_not_booked(tmp_path: Path) -> None:
    believed = []
    with (
        Village(tmp_path, VillagePlan(settle_s=0.05, county=False)) as village,
        closing(StationClient(village.station_url)) as visitor,
    ):
        for number in range(ROUNDS):
            act, stall_s = ACTS[number % len(ACTS)], STALLS_S[number % len(STALLS_S)]
            moment = MOMENTS[(number + number // len(MOMENTS)) % len(MOMENTS)]
            form = on_the_screen(village, visitor, act, 12_450 + 5 * number)
            before = weighed(village)
            page = tap(village, form, moment, stall_s)
            if page.status != HTTPStatus.CONFLICT or weighed(village) != before:
                believed.append(f"round {number}: {act} {moment}, after {stall_s} s: {page.status} {page.path}")
            visitor.close()
            visitor.post(Form("/leave", {"idle": "0"}))
    assert believed == [], f"{len(believed)} of {ROUNDS}"
