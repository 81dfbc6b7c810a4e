"""The daily check weight, and the journal of the pan: for a clerk or technician who has signed in at the counter.

No address accepts a weight: the page sends back the number of the reading it showed, and only a load that has been
still since that reading is read as the check weight. What the check weight must show is set by a technician; where it
is not set, the number on the weight is typed. The page has one stream: the pan, and what the counter's own would send.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.clerk import Role
from kiosk.domain.metrology.pan import PanView
from kiosk.domain.metrology.pan_journal import UnbookedWhy
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.state import CounterBoard, CounterSnapshot
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.station.service import StationService
from kiosk.store.shared.records import CheckRow, LoadRow
from kiosk.texts.formats import kilograms
from kiosk.web.counter.frame import CounterFrame, Where
from kiosk.web.counter.live import HOME, badges, scan_id
from kiosk.web.public.live import Streams, StreamSource
from kiosk.web.shared import roles
from kiosk.web.shared.paging import number_of
from kiosk.web.shared.roles import COOKIE, Need
from kiosk.web.shared.speech import Speech, speech_of

LIVE_NEEDS = {"check_live.stream": Need.STAFF}
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
    """The desk's pan and the counter's view as one board. Waiting uses monotonic time, not the station's clock."""

    def __init__(
        self, desk: Desk, live: LiveBoard, counter: CounterBoard, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._live, self._counter = desk, live, counter
        self._clock = clock

    def snapshot(self) -> PanSnapshot:
        """Return the newest state. All three numbers only grow, so does their sum."""
        live, counter = self._live.snapshot().number, self._counter.snapshot()
        pan, _, why_not = self._desk.loads.check_view()
        return PanSnapshot(live + counter.number + pan.reading_no, pan, why_not, counter)

    def wait(self, after: int, timeout_s: float) -> PanSnapshot | None:
        """Return the newest state as soon as its number is above ``after``; None when the time is up. The pan wakes at
        once; changes of the counter alone are found at the next poll.
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


def pan_source(station: StationService) -> StreamSource[PanSnapshot]:
    """Build the stream of the check weight's page. As for any page of the counter, scans meanwhile are meant for it."""
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


def live_blueprint(station: StationService, streams: Streams[PanSnapshot], language: str, decimals: int) -> Blueprint:
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


CHECK: Final = "/counter/check"
PAN: Final = "/counter/pan"
STREAM: Final = "/counter/check/live"
ROWS: Final = 8  # Rows of the journal on one page: two columns of four
_MAX_GRAM_DIGITS: Final = 6
_MAX_READING_DIGITS: Final = 18
_REASONS: Final = frozenset(UnbookedWhy)

NEEDS = {**LIVE_NEEDS, **{f"counter_check.{name}": Need.STAFF for name in ("page", "take", "pan")}}


def blueprint(station: StationService, frame: CounterFrame) -> Blueprint:
    check, pages = Blueprint("counter_check", __name__), CheckPages(station, frame)

    @check.get(CHECK)
    def page() -> str:
        return pages.check(roles.session())

    @check.post(f"{CHECK}/take")
    def take() -> AnyResponse:
        return redirect(f"{CHECK}?done={pages.take(roles.session()).number}", 303)

    @check.get(PAN)
    def pan() -> str:
        return pages.pan(roles.session())

    return check


class CheckPages:
    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def check(self, session: CounterSession) -> str:
        view, expected_g = self._station.check_weight.view(), _parse_grams(request.args.get("expected"))
        done = request.args.get("done", "")
        if view.last is not None and done == str(view.last.number):
            retry_path = CHECK if view.expected_g is not None else f"{CHECK}?expected={view.last.expected_g}"
            return self._frame.page(
                "checked",
                session.person,
                Where("day", retry_path),
                stream=STREAM,
                row=view.last,
                off_g=view.last.read_g - view.last.expected_g,
                back=_back(session.person),
            )
        expected_g = view.expected_g or expected_g
        if expected_g is None:
            return self._frame.page("check_pad", session.person, Where("day", CHECK), back=_back(session.person))
        typed = view.expected_g is None
        here = f"{CHECK}?expected={expected_g}" if typed else CHECK
        return self._frame.page(
            "check",
            session.person,
            Where("day", here),
            stream=STREAM,
            check=view,
            expected_g=expected_g,
            typed=str(expected_g) if typed else "",
            allowed_g=self._station.check_weight.allowed_g(expected_g),
            hint=why_id(view.why_not, self._frame.speech),
            state=view.state.value,
            back=_back(session.person),
        )

    def take(self, session: CounterSession) -> CheckRow:
        form = request.form
        expected_g = None
        if "expected" in form and (expected_g := _parse_grams(form["expected"])) is None:
            raise CounterRefused("bad_weight", "no number of grams")
        return self._station.check_weight.take(session, expected_g, _reading(form.get("reading_no", "")))

    def pan(self, session: CounterSession) -> str:
        number = number_of(request.args.get("page"))
        with as_counter_refusals():
            rows = self._station.store.pan_loads.unbooked(ROWS + 1, (number - 1) * ROWS)
        loads = [(row, f"counter.pan.why.{row.why if row.why in _REASONS else 'other'}") for row in rows[:ROWS]]
        return self._frame.page(
            "pan",
            session.person,
            Where("day", PAN),
            loads=loads,
            number=number,
            more=len(rows) > ROWS,
            since=self._since,
            back=_back(session.person),
        )

    def _since(self, row: LoadRow) -> str:
        return self._frame.moment(row.at) if row.clock == "synced" else ""


def _back(person: Person) -> str:
    """Return the page this one was opened from, for the arrow."""
    return "/technician/tests" if person.role is Role.TECHNICIAN else "/counter/day"


def _parse_grams(text: str | None) -> int | None:
    """Parse grams typed on the pad; None for anything that is no such number. The scale's limits are not checked."""
    good = text is not None and text.isascii() and text.isdigit() and len(text) <= _MAX_GRAM_DIGITS
    return int(text) if text is not None and good else None


def _reading(text: str) -> int:
    """Parse the number of the reading a page showed; 0, which no reading has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_READING_DIGITS else 0
