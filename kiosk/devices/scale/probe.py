"""Listens to the named port with one line setting after the other, and sends questions only if that was allowed.

    listen  9600 8N1 -> what is heard names the layout (7E1, 7O1, 8E1) -> the other speeds, while nothing is certain
    ask     every polled format's question for the weight, at its usual line, then at the commonest lines

No other port is opened. Nothing is sent before ``ask``, and then only the questions of ``probe_queries``.
"""

from __future__ import annotations

import errno
import os
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from select import POLLIN, POLLOUT, poll
from threading import Event, Lock

from kiosk.devices.ports import OnProgress, ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.devices.scale.line.address import Address, AddressKind, parse_address
from kiosk.devices.scale.line.ports import BacklogDiscarded, LinePort, PortDisconnected
from kiosk.devices.scale.line.serial_port import SerialPort, open_error_text
from kiosk.devices.scale.supervision import WakePipe
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Proposal, Recording, is_certain, layouts, probe_queries, propose
from kiosk.protocols.scales.shared.protocol import LineSettings, ScaleProtocol, Transport
from kiosk.protocols.scales.shared.reading import Record


def open_line(address: Address, line: LineSettings) -> LinePort:
    """Open the line; a device server may not have answered yet. Raises OSError, termios.error or ValueError."""
    if address.kind is AddressKind.TCP:
        from kiosk.devices.scale.line.tcp import TcpPort

        return TcpPort(address.host, address.port)
    if address.kind is AddressKind.RFC2217:
        from kiosk.devices.scale.line.rfc2217 import Rfc2217Port

        return Rfc2217Port(address.host, address.port, line)
    return SerialPort(address.path, line)


# In the order of likelihood; 600 is what bench balances are delivered with.
BAUDS = (9600, 4800, 2400, 1200, 19_200, 38_400, 57_600, 600)
# Where a port that was silent at 9600 is listened to once more: any other speed makes noise at one of the three.
_SILENT_BAUDS = (1200, 57_600)
# Lines at which every question is repeated when nothing has answered at its usual one.
COMMON_LINES = (
    LineSettings(),
    LineSettings(9600, 7, "E"),
    LineSettings(4800),
    LineSettings(2400, 7, "E"),
    LineSettings(1200),
)
_PSEUDO_TERMINALS = "/dev/pts/"
_UNFIT = (errno.EINVAL, None)  # A line setting the port cannot take; pyserial reports that without a number


@dataclass(frozen=True, slots=True)
class ProbeTiming:
    """Seconds. A line is listened to for ``listen_s``, the first one for ``first_s``: some indicators send once a
    second. An answer begins within ``answer_s`` and ends with ``gap_s`` of silence. All ends after ``total_s``.
    """

    first_s: float = 3.0
    listen_s: float = 1.5
    answer_s: float = 0.35
    gap_s: float = 0.12
    open_s: float = 3.0
    total_s: float = 120.0


TIMING = ProbeTiming()
_ENOUGH_BYTES = 600  # Bytes that make a listen long enough: thirty frames
_MAX_ANSWER_BYTES = 256
_ANSWERS_PER_QUERY = 5
_RETRY_DELAY_S = 0.2


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends all waiting at a port, from another thread: ``stopping`` is set first, then ``wake`` wakes."""

    stopping: Event
    wake: WakePipe


class ProbeLine:
    """One port, opened for one look."""

    def __init__(self, port: LinePort, stop: Stop, clock: Callable[[], float]) -> None:
        self._port, self._stop, self._clock = port, stop, clock

    def ready(self, until: float) -> bool:
        """Wait for bytes, or for a server that is being opened; False at ``until``. Raises ProbeCancelled."""
        if self._stop.stopping.is_set():
            raise ProbeCancelled
        waiter = poll()
        waiter.register(self._stop.wake.fileno(), POLLIN)
        waiter.register(self._port.fileno(), POLLIN | (POLLOUT if self._port.wants_write else 0))
        found = {number for number, _ in waiter.poll(max(0.0, until - self._clock()) * 1000)}
        if self._stop.stopping.is_set():
            raise ProbeCancelled
        return self._port.fileno() in found

    def open(self, until: float) -> None:
        """Wait for a device server. Raises OSError."""
        while self._port.opening:
            if self.ready(until):
                self._port.drain()
            elif self._clock() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "it does not answer")

    def receive(self, seconds: float, max_bytes: int = _ENOUGH_BYTES, gap_s: float | None = None) -> bytes:
        """Return what comes within ``seconds``; end early with ``max_bytes`` bytes, or ``gap_s`` after the newest.
        Raises PortDisconnected.
        """
        received, until = b"", self._clock() + seconds
        while len(received) < max_bytes and self._clock() < until:
            quiet_at = self._clock() + gap_s if gap_s is not None and received else until
            if self.ready(min(until, quiet_at)):
                received += self._drained()
            elif received and gap_s is not None:
                break
        return received

    def _drained(self) -> bytes:
        try:
            return b"".join(self._port.drain())
        except BacklogDiscarded:
            return b""

    def ask(self, row: ScaleProtocol, steps: Sequence[bytes], timing: ProbeTiming) -> bytes:
        """Return the answer to the last step; b"" when an earlier step is not acknowledged. Raises PortDisconnected."""
        answer = b""
        for number, step in enumerate(steps):
            if number and not any(isinstance(item, Record) for item in registry.decoder(row.id, {}).feed(answer)):
                return b""
            self._port.discard()
            self._port.write(step)
            answer = self.receive(timing.answer_s, _MAX_ANSWER_BYTES, timing.gap_s)
        return answer


def is_line_fixed(address: Address) -> bool:
    """Return whether the line cannot be set: a pseudo-terminal has none, a raw device server its own."""
    return address.kind is AddressKind.TCP or os.path.realpath(address.path).startswith(_PSEUDO_TERMINALS)


@contextmanager
def open_probe_line(
    address: Address, line: LineSettings, stop: Stop, clock: Callable[[], float], open_s: float
) -> Iterator[ProbeLine]:
    """Open the line, close it at the end; retry while a device server has not noticed the last hang-up."""
    until = clock() + open_s
    while True:
        port = open_line(address, line)
        made = ProbeLine(port, stop, clock)
        try:
            made.open(until)
            break
        except (OSError, PortDisconnected) as error:
            port.close()
            if clock() >= until or not (isinstance(error, PortDisconnected) or error.errno == errno.ECONNRESET):
                raise
            stop.stopping.wait(_RETRY_DELAY_S)
        except BaseException:
            port.close()
            raise
    try:
        yield made
    finally:
        port.close()


def ignore_progress(_: ProbeProgress) -> None:
    """Do nothing with the progress."""


class ScaleProbe:
    """A ``PortProbe``; used once. Raises ValueError when ``port`` is no address of a serial port."""

    def __init__(
        self,
        port: str,
        ask: bool = False,
        on_progress: OnProgress = ignore_progress,
        clock: Callable[[], float] = time.monotonic,
        timing: ProbeTiming = TIMING,
    ) -> None:
        self._port, self._ask, self._on_progress = port, ask, on_progress
        self._clock, self._timing = clock, timing
        self._address = parse_address(port, Transport.SERIAL)
        self._stopping = Event()
        self._lock = Lock()
        self._wake: WakePipe | None = None
        self._recordings: list[Recording] = []
        self._progress = ProbeProgress()
        self._planned = self._done = 1
        self._until = 0.0
        self._unfit: Exception | None = None

    def cancel(self) -> None:
        self._stopping.set()
        with self._lock:
            if self._wake is not None:
                self._wake.wake()

    def run(self) -> tuple[Proposal, ...]:
        """Run the probe for at most ``total_s`` and one listen more."""
        wake = WakePipe()
        with self._lock:
            self._wake = wake
        self._until = self._clock() + self._timing.total_s
        try:
            found = self._listen_all()
            if self._unfit is not None and not self._recordings:
                raise ProbeFailed(open_error_text(self._port, self._unfit))
            return self._query_all() if self._ask and not found else found
        except PortDisconnected as gone:
            raise ProbeFailed(f"The port {self._port} is gone ({gone}): check its cable, then begin again.") from gone
        finally:
            with self._lock:
                self._wake = None
                wake.close()

    # --- listening ----------------------------------------------------------------------------------------------------

    def _listen_all(self) -> tuple[Proposal, ...]:
        lines = [LineSettings()] if is_line_fixed(self._address) else [LineSettings(baud) for baud in BAUDS]
        self._plan(len(lines))
        found = self._listen(lines[0], self._timing.first_s)
        if len(lines) > 1 and not any(item.size for item in self._recordings):
            lines = [lines[0], *(LineSettings(baud) for baud in _SILENT_BAUDS)]
            for line in lines[1:]:
                found = self._listen(line, self._timing.listen_s)
            if not any(item.size for item in self._recordings):
                return ()
            lines = [LineSettings(baud) for baud in BAUDS if baud != lines[0].baud]
        for line in [lines[0], *lines[1:]]:
            if is_certain(found) or self._clock() >= self._until:
                break
            found = self._settle(line)
        return found

    def _settle(self, line: LineSettings) -> tuple[Proposal, ...]:
        """Listen at this speed, and with the other layouts that the received bytes suggest."""
        known = next((item for item in self._recordings if item.line == line), None)
        found = propose(self._recordings) if known else self._listen(line, self._timing.listen_s)
        received = b"".join(part for item in self._recordings if item.line == line for part in item.received)
        for bits, parity in () if is_line_fixed(self._address) else layouts(received):
            if is_certain(found) or self._clock() >= self._until:
                break
            found = self._listen(replace(line, bytesize=bits, parity=parity), self._timing.listen_s)
        return found

    def _listen(self, line: LineSettings, seconds: float) -> tuple[Proposal, ...]:
        self._report_progress(line, asking=False)
        with self._line(line) as opened_line:
            if opened_line is not None:
                received = opened_line.receive(seconds)
                self._recordings.append(Recording(line, (received,)))
                self._note(received)
        return propose(self._recordings)

    # --- asking -------------------------------------------------------------------------------------------------------

    def _query_all(self) -> tuple[Proposal, ...]:
        if is_line_fixed(self._address):
            rounds = [(LineSettings(), probe_queries())]
        else:
            usual = dict.fromkeys(row.line for row, _ in probe_queries())
            rounds = [(line, tuple(pair for pair in probe_queries() if pair[0].line == line)) for line in usual]
            rounds += [(line, tuple(pair for pair in probe_queries() if pair[0].line != line)) for line in COMMON_LINES]
        self._plan(sum(len(queries) for _, queries in rounds))
        found: tuple[Proposal, ...] = ()
        for line, query in rounds:
            found = self._query_at(line, query)
            if found or self._clock() >= self._until:
                break
        return found

    def _query_at(
        self, line: LineSettings, queries: Sequence[tuple[ScaleProtocol, tuple[bytes, ...]]]
    ) -> tuple[Proposal, ...]:
        """Ask every question once, one that is answered with a weight several times. A question that two formats share
        is sent once at a line.
        """
        with self._line(line) as opened_line:
            sent: set[tuple[bytes, ...]] = set()
            for row, steps in queries if opened_line is not None else ():
                if steps in sent or self._clock() >= self._until:
                    continue
                sent.add(steps)
                self._report_progress(line, asking=True)
                assert opened_line is not None
                answers: list[bytes] = []
                while len(answers) < _ANSWERS_PER_QUERY:
                    answer = opened_line.ask(row, steps, self._timing)
                    self._note(answer)
                    if not answer:
                        break
                    answers.append(answer)
                    if len(answers) == 2 and not propose([Recording(line, tuple(answers), steps)]):
                        break
                if answers:
                    self._recordings.append(Recording(line, tuple(answers), steps))
        return propose(self._recordings)

    # --- the port -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _line(self, line: LineSettings) -> Iterator[ProbeLine | None]:
        """Open the line; yield None when the port cannot be set to it. Raises ProbeFailed, PortDisconnected."""
        assert self._wake is not None
        way = open_probe_line(self._address, line, Stop(self._stopping, self._wake), self._clock, self._timing.open_s)
        try:
            made = way.__enter__()
        except (OSError, termios.error, ValueError) as error:
            self._classify_open_error(error)
            yield None
            return
        try:
            yield made
        finally:
            way.__exit__(None, None, None)

    def _classify_open_error(self, error: Exception) -> None:
        """Note a line that cannot be set, which is left out; raise ProbeFailed for other errors."""
        code = getattr(error, "errno", None)
        if isinstance(error, termios.error) or code in _UNFIT:
            self._unfit = error
            return
        if code in (errno.EBUSY, errno.EAGAIN):
            raise ProbeFailed(
                f"Another program has the port {self._port}: end that program. The station itself lets go of its scale"
                " on the page Teach me this scale, or when it is stopped."
            ) from error
        raise ProbeFailed(open_error_text(self._port, error)) from error

    # --- how far ------------------------------------------------------------------------------------------------------

    def _plan(self, steps: int) -> None:
        self._planned, self._done = max(1, steps), 0

    def _report_progress(self, line: LineSettings, asking: bool) -> None:
        self._progress = replace(
            self._progress, done=min(1.0, self._done / self._planned), line=str(line), asking=asking
        )
        self._done += 1
        self._on_progress(self._progress)

    def _note(self, received: bytes) -> None:
        if received:
            self._progress = replace(
                self._progress, received_bytes=self._progress.received_bytes + len(received), sample=received[-64:]
            )
            self._on_progress(self._progress)
