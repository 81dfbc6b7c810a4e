"""The live stream: one per page, the newest state at once, at most ten a second, a heartbeat every second.

    snapshot ──first──▶ sent at once
    snapshot ──changed, gap over──▶ sent at once
    snapshot ──changed, inside the gap──▶ wait out the gap, send the newest there is then
    nothing for a second ──▶ beat

Nothing is queued: a slow page misses states in between, never the newest. The same stream serves the public
face (snapshots of the desk) and the counter (views of the counter); what a page sees of one is a ``StreamSource``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Lock
from typing import Generic, TypeVar

from flask import Blueprint, Response, request

from kiosk.station.desk.live import Snapshot
from kiosk.web.public.payload import message, visible_state
from kiosk.web.shared.ports import SnapshotBoard
from kiosk.web.shared.roles import Need
from kiosk.web.shared.speech import speech_of

S = TypeVar("S")

GAP_S = 0.1  # R13: more than ten a second cannot be read
BEAT_S = 1.0  # A page that hears nothing for one and a half seconds blanks the weight
RETRY = b"retry: 1000\n\n"
BEAT = b"event: beat\ndata: 1\n\n"


def _for_ever() -> bool:
    return True


def _ignore() -> None:
    return


@dataclass(frozen=True, slots=True)
class StreamSource(Generic[S]):
    """``number`` counts the states of a board; two states with the same ``shown`` need one message.

    ``opened`` and ``closed`` hear of every stream, once each. ``gap_s`` is the least time between two messages.
    """

    board: SnapshotBoard[S]
    number: Callable[[S], int]
    shown: Callable[[S], object]
    opened: Callable[[], None] = _ignore
    closed: Callable[[], None] = _ignore
    gap_s: float = GAP_S


class EventStream(Iterator[bytes], Generic[S]):
    """One page's stream. Ends when ``end`` is called, when the server closes it because the page was left, or when
    ``allowed`` returns false (checked at least once a second).
    """

    def __init__(
        self,
        source: StreamSource[S],
        render: Callable[[S], bytes],
        on_close: Callable[[EventStream[S]], None],
        clock: Callable[[], float],
        allowed: Callable[[], bool] = _for_ever,
    ) -> None:
        self._source = source
        self._board = source.board
        self._render = render
        self._allowed = allowed
        self._on_close = on_close
        self._clock = clock
        self._ended = Event()
        self._started = False
        self._closed = False
        self._shown: object = None
        self._seen = 0
        self._sent = 0.0
        self._written = 0.0

    def end(self) -> None:
        """End the stream at its next turn; the caller wakes the board afterwards."""
        self._ended.set()

    def close(self) -> None:
        """Close the stream, as WSGI does when the page is gone or the stream has ended."""
        self._ended.set()
        if not self._closed:
            self._closed = True
            self._on_close(self)

    def __next__(self) -> bytes:
        if not self._started and not self._ended.is_set():
            self._started = True
            return RETRY + self._send(self._board.snapshot())
        while not self._ended.is_set() and self._allowed():
            chunk = self._turn()
            if chunk is not None:
                return chunk
        self.close()
        raise StopIteration

    def _turn(self) -> bytes | None:
        due = self._written + BEAT_S - self._clock()
        if due <= 0:
            self._written = self._clock()
            return BEAT
        snapshot = self._board.wait(self._seen, due)
        if snapshot is None or self._ended.is_set():
            return None
        self._seen = self._source.number(snapshot)
        if self._source.shown(snapshot) == self._shown:
            return None
        gap = self._sent + self._source.gap_s - self._clock()
        if gap > 0:
            self._ended.wait(gap)
            snapshot = self._board.snapshot()
        return None if self._source.shown(snapshot) == self._shown else self._send(snapshot)

    def _send(self, snapshot: S) -> bytes:
        self._seen = self._source.number(snapshot)
        self._shown = self._source.shown(snapshot)
        self._sent = self._written = self._clock()
        return b"data: " + self._render(snapshot) + b"\n\n"


class Streams(Generic[S]):
    """All open streams. One too many ends the oldest: its page is most likely closed, and reconnects if it is not."""

    def __init__(self, source: StreamSource[S], cap: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._cap = cap
        self._clock = clock
        self._lock = Lock()
        self._open: list[EventStream[S]] = []
        self._stopped = False

    def open(self, render: Callable[[S], bytes], allowed: Callable[[], bool] = _for_ever) -> EventStream[S]:
        """Open a new stream; after ``stop`` one that ends at once."""
        stream = EventStream(self._source, render, self._forget, self._clock, allowed)
        with self._lock:
            self._open.append(stream)
            evicted = self._open if self._stopped else self._open[: -self._cap]
            for old in evicted:
                old.end()
            self._open = [row for row in self._open if row not in evicted]
        self._source.opened()
        if evicted:
            self._source.board.wake()
        return stream

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for stream in self._open:
                stream.end()
        self._source.board.wake()

    def __len__(self) -> int:
        with self._lock:
            return len(self._open)

    def _forget(self, stream: EventStream[S]) -> None:
        with self._lock:
            self._open = [row for row in self._open if row is not stream]
        self._source.closed()


NEEDS = {"live.stream": Need.OPEN}


def public_source(board: SnapshotBoard[Snapshot]) -> StreamSource[Snapshot]:
    return StreamSource(board, lambda snapshot: snapshot.number, visible_state)


def blueprint(streams: Streams[Snapshot], language: str, decimals: int) -> Blueprint:
    """Serve ``GET /live``."""
    live = Blueprint("live", __name__)

    @live.get("/live")
    def stream() -> Response:
        speech = speech_of(request, language)
        chunks = streams.open(lambda snapshot: message(snapshot, speech, decimals))
        return Response(chunks, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return live
