"""The live stream of the counter: the newest view, who may receive it, and that a page is watching."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from kiosk.station.counter.state import CounterBoard, CounterSnapshot, CounterView
from kiosk.station.service import StationService
from kiosk.web.public.live import Streams, StreamSource
from kiosk.web.shared.roles import COOKIE, Need

NEEDS = {"counter_live.stream": Need.CLERK}
MAX_STREAMS = 2  # There is one counter; the second stream is that of a page which is just being replaced
HOME = "/counter"
# One scan changes the view a few times within milliseconds; the shelf code must not wait for a reader's pace.
GAP_S = 0.02


def counter_source(board: CounterBoard) -> StreamSource[CounterSnapshot]:
    """Build the stream of a counter page. While a page listens, scans are meant for it."""
    return StreamSource(
        board,
        lambda snapshot: snapshot.number,
        lambda snapshot: snapshot.view.revision,
        opened=board.watch,
        closed=board.unwatch,
        gap_s=GAP_S,
    )


def scan_id(view: CounterView) -> str:
    """Return the name of the last scan; a page that carries another name has not shown it."""
    return f"{view.last.at_monotonic:.3f}" if view.last else ""


def badges(view: CounterView) -> dict[str, str]:
    return {
        "scan": str(view.waiting_handovers or ""),
        "intakes": "1" if view.unfinished else "",
        "queue": str(view.pending_prints or ""),
    }


def message(snapshot: CounterSnapshot) -> bytes:
    """Encode as JSON, without data of parcels or persons: a page that has to show more requests it."""
    view = snapshot.view
    return msgspec.json.encode(
        {
            "n": snapshot.number,
            "drawn": str(view.revision),
            "scan": scan_id(view),
            "path": (view.last.path or HOME) if view.last else "",
            "counts": badges(view),
        }
    )


def blueprint(station: StationService, streams: Streams[CounterSnapshot]) -> Blueprint:
    live = Blueprint("counter_live", __name__)

    @live.get("/counter/live")
    def stream() -> Response:
        token = request.cookies.get(COOKIE, "")
        # Looked at, never used: a page that is only open must not keep the session open.
        chunks = streams.open(message, lambda: station.access.peek(token) is not None)
        return Response(chunks, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return live
