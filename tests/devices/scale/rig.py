"""What a probe meets at a port, and a time in which a loaded machine loses no answer."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.devices.scale.probe import ProbeTiming
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.line import PtyLine
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.simulator import ScaleSimulator

PATIENCE_S = 30.0
HZ = 200
"""So many frames a second: a listen is over as soon as it has heard enough, which is long before ``SURE`` is."""
QUICK = ProbeTiming(first_s=1.0, listen_s=0.7, answer_s=0.15, gap_s=0.08, open_s=PATIENCE_S)
"""For what says nothing: all of it has to pass."""
SURE = ProbeTiming(first_s=PATIENCE_S, listen_s=PATIENCE_S, answer_s=0.15, gap_s=0.08, open_s=PATIENCE_S)
"""For what speaks by itself, however long the machine rests meanwhile."""


class FairClock:
    """Time in which only a silence passes: not while the scale has still to hear a question, nor when it has answered.

    Without it an answer would have to come within ``QUICK.answer_s`` of this machine's time.
    """

    def __init__(self, scale: ScaleSimulator) -> None:
        self._scale = scale
        self._at, self._left_out = time.monotonic(), 0.0
        self._sent = scale.frames_sent

    def __call__(self) -> float:
        busy = self._hear_out()
        now = time.monotonic()
        if busy:
            self._left_out += now - self._at
        self._at = now
        return now - self._left_out

    def _hear_out(self) -> bool:
        """Wait until the scale has taken in what was sent; whether there was something, or its answer lies unread."""
        asked, end = False, time.monotonic() + PATIENCE_S
        while self._asked() and time.monotonic() < end:
            asked = True
            time.sleep(0.001)
        with self._scale._lock:  # in its thread it hears and answers under this lock
            before, self._sent = self._sent, self._scale.frames_sent
            line = self._scale._line
            unread = isinstance(line, PtyLine) and line.plugged and select.select([line._slave], [], [], 0)[0]
        return asked or before != self._sent or bool(unread)

    def _asked(self) -> bool:
        with self._scale._lock:
            return bool(select.select(self._scale._line.descriptors(), [], [], 0)[0])


class Overheard(PtyLine):
    """Keeps what the station sends."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sent: list[bytes] = []

    def read(self) -> bytes:
        data = super().read()
        self.sent.append(data)
        return data


@contextmanager
def behind_a_server(protocol: str, line: LineSettings | None = None) -> Iterator[ScaleSimulator]:
    """RFC 2217: a line with real settings."""
    with ScaleSimulator(protocol, hz=HZ, line=NetLine(line or registry.get(protocol).line, rfc2217=True)) as scale:
        scale.write_now(2480)
        yield scale


class Other:
    """A device on a pseudo-terminal that is no scale; ``answers`` whatever it is asked."""

    def __init__(self, says: bytes, answers: bytes = b"", echo: bool = False) -> None:
        self._says, self._answers, self._echo = says, answers, echo
        self._line = PtyLine(None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> str:
        self._line.plug()
        self._thread.start()
        return self._line.path

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._line.close()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            if self._says:
                self._line.write(self._says)
            asked = self._line.read()
            if asked and (self._answers or self._echo):
                self._line.write((asked if self._echo else b"") + self._answers)
