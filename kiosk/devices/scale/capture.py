"""Line capture at the port of a scale that is being taught: what comes by itself, or answers to questions in turn."""

from __future__ import annotations

import logging
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from kiosk.devices.ports import ProbeCancelled
from kiosk.devices.scale.line.address import parse_address
from kiosk.devices.scale.line.ports import PortDisconnected
from kiosk.devices.scale.line.serial_port import open_error_text
from kiosk.devices.scale.probe import TIMING, ProbeLine, ProbeTiming, Stop, open_probe_line
from kiosk.devices.scale.supervision import WakePipe
from kiosk.protocols.scales.probe.proposals import Candidate, Recording
from kiosk.protocols.scales.shared.protocol import Transport

logger = logging.getLogger(__name__)
_PIECE_S = 0.2
_LATEST_S = 1.6
_PAUSE_S = 0.15  # Between two questions: a scale that is queried without a pause may not answer (KERN KCP: 100 ms)
# A piece later than this came while the program was stopped: the time of its bytes is unknown.
_LATE_S = 0.5
_MAX_BYTES = 4096
_MAX_PIECES = 200


# Pieces of one stream, or answers to one question, with the moments before they came.
_Pieces = deque[tuple[float, bytes]]


def _since(pieces: _Pieces, moment: float) -> tuple[bytes, ...]:
    """Return the newest 4 KB of what came after this moment."""
    recent: list[bytes] = []
    for at, data in reversed(pieces):
        if at <= moment or sum(map(len, recent)) + len(data) > _MAX_BYTES:
            break
        recent.append(data)
    return tuple(reversed(recent))


class SerialCapture:
    """A ``LineCapture`` for candidates that share one line; the first one's line is opened. Started once."""

    def __init__(
        self,
        port: str,
        candidates: Sequence[Candidate],
        clock: Callable[[], float] = time.monotonic,
        timing: ProbeTiming = TIMING,
    ) -> None:
        self._port, self._clock, self._timing = port, clock, timing
        self._address = parse_address(port, Transport.SERIAL)
        self._line = candidates[0].line
        own = [one for one in candidates if one.line == self._line]
        self._questions = {one.query: one.row for one in own}
        self._received = {one.query: _Pieces(maxlen=_MAX_PIECES) for one in own}
        self._marked = float("inf")
        self._turned_at = self._clock()
        self._failure = ""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake: WakePipe | None = None
        self._thread = threading.Thread(target=self._run, name="line-capture", daemon=True)

    @property
    def failure(self) -> str:
        with self._lock:
            return self._failure

    def start(self) -> None:
        """Open the port and begin to receive; returns at once."""
        self._wake = WakePipe()
        self._thread.start()

    def stop(self) -> None:
        """Close the port and wait until it is closed; may be called twice."""
        self._stopping.set()
        if self._wake is not None:
            self._wake.wake()
            self._thread.join()
            self._wake.close()
            self._wake = None

    def latest(self) -> tuple[Recording, ...]:
        return self._recordings(self._clock() - _LATEST_S)

    def mark(self) -> None:
        with self._lock:
            self._marked = self._clock()

    def since_mark(self) -> tuple[Recording, ...]:
        with self._lock:
            marked = self._marked
        return self._recordings(marked)

    def _recordings(self, moment: float) -> tuple[Recording, ...]:
        with self._lock:
            found = [(query, _since(pieces, moment)) for query, pieces in self._received.items()]
        return tuple(Recording(self._line, pieces, request) for request, pieces in found)

    def _run(self) -> None:
        assert self._wake is not None
        stop = Stop(self._stopping, self._wake)
        try:
            with open_probe_line(self._address, self._line, stop, self._clock, self._timing.open_s) as line:
                while not self._stopping.is_set():
                    self._turn(line)
        except ProbeCancelled:
            return
        except PortDisconnected as gone:
            self._fail(f"The port {self._port} is gone ({gone}): check its cable, then begin again.")
        except (OSError, termios.error, ValueError) as error:
            self._fail(open_error_text(self._port, error))
        except Exception as error:  # the page must report it; a thread that died silently would resemble a silent scale
            logger.exception("listening to the scale at %s failed", self._port)
            self._fail(f"Listening to {self._port} failed ({error}): begin again.")

    def _turn(self, line: ProbeLine) -> None:
        for query, row in self._questions.items():
            began = self._clock()
            if query:
                data = line.ask(row, query, self._timing)
                line.receive(_PAUSE_S)
            else:
                data = line.receive(_PIECE_S)
            now = self._clock()
            late, self._turned_at = now - self._turned_at > _PIECE_S + _LATE_S, now
            if data and (query or not late):
                with self._lock:
                    self._received[query].append((began, data))

    def _fail(self, text: str) -> None:
        with self._lock:
            self._failure = text
