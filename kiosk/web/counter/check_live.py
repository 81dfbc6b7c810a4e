"""The live stream of the check weight's page: the pan as it is now, and whether it can be read as the check weight.

The counter's own stream knows nothing of the pan, and the public one nothing of the counter; this one carries both, so
that the page needs no second. A reading number goes with every message: the page sends the newest one back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from kiosk.domain.metrology.pan import PanView
from kiosk.station.counter.state import CounterBoard, CounterSnapshot
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.texts.formats import kilograms
from kiosk.web.counter.live import HOME, badges, scan_id
from kiosk.web.public.live import Streams, StreamSource
from kiosk.web.shared.ports import Station
from kiosk.web.shared.roles import COOKIE, Need
from kiosk.web.shared.speech import Speech, speech_of

NEEDS = {"check_live.stream": Need.STAFF}
# As at the counter: there is one screen, and the second stream is that of a page which is just being replaced.
MAX_STREAMS = 2
# How long a scan, or the number of a reading that looks like the one before, may wait for its message.
POLL_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class PanSnapshot:
    """``why_not`` is "" when the load can be read as the check weight now; ``number`` grows with whatever changes."""

    number: int
    pan: PanView
    why_not: str
    counter: CounterSnapshot


class PanBoard:
    """The desk's pan and the counter's view as one board. The station's clock is not asked: waiting is monotonic."""

    def __init__(
        self, desk: Desk, live: LiveBoard, counter: CounterBoard, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._live, self._counter = desk, live, counter
        self._clock = clock

    def snapshot(self) -> PanSnapshot:
        """The newest state. All three numbers only grow, so does their sum."""
        live, counter = self._live.snapshot().number, self._counter.snapshot()
        pan, _, why_not = self._desk.loads.check_view()
        return PanSnapshot(live + counter.number + pan.reading_no, pan, why_not, counter)

    def wait(self, after: int, timeout_s: float) -> PanSnapshot | None:
        """The newest state as soon as its number is above ``after``; None when the time is up. The pan wakes at once;
        what only the counter knows is found at the next look.
        """
        until = self._clock() + timeout_s
        while True:
            live_number, now = self._live.snapshot().number, self.snapshot()
            if now.number > after:
                return now
            left = until - self._clock()
            if left <= 0:
                return None
            self._live.wait(live_number, min(left, POLL_INTERVAL_S))

    def wake(self) -> None:
        self._live.wake()


def _visible_state(now: PanSnapshot) -> tuple[object, ...]:
    pan = now.pan
    return (pan.state, pan.grams, pan.reading_no, now.why_not, now.counter.view.revision)


def pan_source(station: Station) -> StreamSource[PanSnapshot]:
    """What the page of the check weight sees. As a page of the counter it is meant by what is scanned meanwhile."""
    board = station.counter_board
    pan_board = PanBoard(station.desk, station.board, board)
    return StreamSource(
        pan_board,
        lambda now: now.number,
        _visible_state,
        opened=board.watch,
        closed=board.unwatch,
        gap_s=POLL_INTERVAL_S,
    )


def why_id(why_not: str, speech: Speech) -> str:
    if not why_not:
        return "counter.check.ready"
    own = f"counter.check.why.{why_not}"
    return own if own in speech.main else f"reason.{why_not}"


def message(now: PanSnapshot, speech: Speech, decimals: int) -> bytes:
    pan, view = now.pan, now.counter.view
    body: dict[str, Any] = {
        "n": now.counter.number,
        "drawn": str(view.revision),
        "scan": scan_id(view),
        "path": (view.last.path or HOME) if view.last else "",
        "counts": badges(view),
        "weight": {
            "state": pan.state.value,
            "text": "" if pan.grams is None else kilograms(pan.grams, decimals),
            "word": speech.pair(f"weight.{pan.state.value}"),
            "why": speech.pair(why_id(now.why_not, speech)),
        },
        "check": {"ready": not now.why_not, "reading": pan.reading_no},
    }
    return msgspec.json.encode(body)


def blueprint(station: Station, streams: Streams[PanSnapshot], language: str, decimals: int) -> Blueprint:
    live = Blueprint("check_live", __name__)

    @live.get("/counter/check/live")
    def stream() -> Response:
        token, speech = request.cookies.get(COOKIE, ""), speech_of(request, language)
        # Looked at, never used: a page that is only open must not keep the session open.
        chunks = streams.open(
            lambda now: message(now, speech, decimals), lambda: station.access.peek(token) is not None
        )
        return Response(chunks, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return live
