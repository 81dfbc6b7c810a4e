"""A scale on any port, watched by one thread that never ends by itself.

The thread waits in the kernel for bytes, for the moment the newest reading gets too old, for the next question to a
polled scale, for the next try to open the port, or to be woken: whichever is first. It waits nowhere else, and never
for longer than a turn.

The process can be stopped, or left waiting by a busy machine, between any two lines; the scale continues sending
meanwhile, and the age of the bytes waiting in the port is unknown. So a reading is dated by the last moment at which
the port is known to have been empty, before its bytes came; and when two turns are further apart than the thread waits
by itself, what has come is thrown away, an open question with it, and the newest reading is lost.
"""

from __future__ import annotations

import errno
import logging
import select
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState, ScaleListener
from kiosk.devices.scale.command import COMMANDS, MAX_DEADLINE_S, Effects, PendingCommand
from kiosk.devices.scale.exchange import REFUSAL_TEXTS, Exchange, newest_refusal
from kiosk.devices.scale.line.ports import BacklogDiscarded, LinePort, PortDisconnected
from kiosk.devices.scale.line.serial_port import open_error_text
from kiosk.devices.scale.settings import Indicator
from kiosk.devices.scale.supervision import LOG_PERIOD_S, Freshness, LoopMonitor, Reporter, WakePipe
from kiosk.domain.backoff import Backoff
from kiosk.domain.metrology.pan import STALE_S
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason

_log = logging.getLogger(__name__)
_COMMAND_MARGIN_S = 0.5  # The thread ends a pending command at its deadline; its caller waits this much longer
_TURN_S = 0.1  # The longest wait: by so much at most a reading is dated too early while the process runs
# What kernel, adapter and device server still held when a backlog was thrown away comes within this time.
_BACKLOG_S = 0.25


@dataclass(frozen=True, slots=True)
class Timing:
    """``stale_s`` is the age at which a reading expires; a little below the age at which the desk stops trusting it by
    itself, so that this thread, when it runs, is first to say so. A port that does not come up within ``open_s`` is
    given up. A lost port is tried again after ``retry_first_s``, then at least every ``retry_max_s``. A loop that stood
    still for more than ``late_s`` throws away what has come.
    """

    stale_s: float = 0.95 * STALE_S
    retry_first_s: float = 0.2
    retry_max_s: float = 0.7
    open_s: float = 1.5
    late_s: float = 0.5


TIMING = Timing()


class LiveScale:
    """A ``ports.Scale``. Of the frames that one wake-up finds, only the newest reading is reported; of a polled scale
    only what answers a question.
    """

    def __init__(
        self,
        indicator: Indicator,
        open_port: Callable[[], LinePort],
        listener: ScaleListener,
        clock: Callable[[], float] = time.monotonic,
        timing: Timing = TIMING,
    ) -> None:
        self._indicator, self._open_port, self._clock, self._timing = indicator, open_port, clock, timing
        self._where = indicator.where
        self._report = Reporter(listener, clock)
        self._failures = RateLimitedLog(_log, clock, LOG_PERIOD_S)
        self._refusals = RateLimitedLog(_log, clock, LOG_PERIOD_S)
        self._fresh = Freshness(timing.stale_s)
        self._backoff = Backoff(timing.retry_first_s, timing.retry_max_s)
        self._effects = Effects(indicator.step_g, indicator.unit or indicator.row.default_unit)
        self._exchange: Exchange | None = None  # On the port that is open
        self._poll_at = 0.0  # When a port without a descriptor is looked at next
        self._newest: Reading | None = None
        self._unreadable = self._silent = False
        self._refusal: RejectReason | None = None
        self._loop = LoopMonitor(timing.late_s)
        self._received_after = 0.0  # What the decoder has been given came after this second
        self._discard_until = -float("inf")  # Until then everything that comes is thrown away
        self._connected = False
        self._pending: PendingCommand | None = None
        self._asking = threading.Lock()
        self._stopping = threading.Event()
        self._wake: WakePipe | None = None
        self._thread = threading.Thread(target=self._run, name="scale", daemon=True)

    @property
    def pulse(self) -> float | None:
        """The second of the loop's last turn on ``clock``, also while the scale is missing; None before the first."""
        return self._loop.pulse

    def start(self) -> None:
        """Start to watch; returns at once. A scale is started once."""
        self._wake = WakePipe()
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the thread and close the port; may be called twice, and from a listener. Raises TimeoutError."""
        self._stopping.set()
        if self._wake is None:
            return
        self._wake.wake()
        if threading.current_thread() is self._thread:
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the scale at {self._where} did not stop within {timeout_s} s")
        with self._asking:
            self._wake.close()
            self._wake = None

    def send(self, command: str, deadline_s: float = 3.0) -> CommandResult:
        """Send a command; ``deadline_s`` is at most 10 seconds.

        Raises RuntimeError when called from the scale's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a listener of the scale must not wait for the scale")
        if command not in COMMANDS or not self._indicator.supports(command):
            return CommandResult(CommandOutcome.NOT_SUPPORTED)
        deadline_s = min(deadline_s, MAX_DEADLINE_S)
        pending = PendingCommand(command, self._clock() + deadline_s, self._effects)
        with self._asking:
            if self._pending is not None and not self._pending.over:
                return CommandResult(CommandOutcome.REFUSED, "busy")
            if not self._connected or self._wake is None:
                return CommandResult(CommandOutcome.REFUSED, "not_connected")
            self._pending = pending
            self._wake.wake()
        return pending.wait(deadline_s + _COMMAND_MARGIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._loop.begin(self._clock())
            try:
                self._session()
            except Exception as error:  # whatever happens, the station must see its scale again
                self._failures.write(f"The scale at {self._where} failed and is opened again.", error=error)
                self._report_missing(f"The scale at {self._where} failed ({error}): it is opened again.")
            with self._asking:
                self._connected = False
                pending = self._pending
            self._fresh.closed()
            self._exchange = self._newest = None
            self._silent = False
            if pending is not None:
                pending.give_up()
            self._wait(None, self._clock() + self._backoff.next())

    def _session(self) -> None:
        """Open the port and serve it until it is gone."""
        try:
            port = self._open_port()
        except Exception as error:  # OSError, termios.error and ValueError all mean: not now
            self._report_missing(open_error_text(self._where, error))
            return
        with closing(port):
            try:
                if self._await_open(port):
                    self._listen(port)
            except PortDisconnected as gone:
                self._report_missing(f"The scale at {self._where} is gone ({gone}): check its cable.")

    def _await_open(self, port: LinePort) -> bool:
        """Wait for a device server; return True when the port can be used."""
        until = self._clock() + self._timing.open_s
        try:
            while port.opening and not self._stopping.is_set():
                if self._wait(port, until):
                    port.drain()
                elif self._clock() >= until:
                    raise TimeoutError(errno.ETIMEDOUT, "it does not answer")
        except OSError as error:
            self._report_missing(open_error_text(self._where, error))
            return False
        return not self._stopping.is_set()

    def _listen(self, port: LinePort) -> None:
        exchange = self._begin_exchange(port)
        recheck_at = self._clock() + self._timing.retry_max_s
        while not self._stopping.is_set():
            now = self._clock()
            if now >= recheck_at:
                if not port.is_present():
                    raise PortDisconnected("another device has its place")
                recheck_at = now + self._timing.retry_max_s
            pending = self._pending
            if pending is not None:
                pending.expire(now)
            if now >= self._discard_until:
                exchange.send_due(now, pending, self._newest)
            ready = self._wait(port, self._next_turn(exchange, recheck_at))
            if self._loop.late:
                self._resume_after_stall(port, exchange)
            elif ready:
                self._read_port(port, exchange)
            elif (decoded := exchange.settle()) is not None:
                self._process_frames(exchange, decoded)

    def _begin_exchange(self, port: LinePort) -> Exchange:
        now = self._clock()
        self._unreadable = self._silent = False
        self._refusal = None
        self._discard_until = -float("inf")
        self._loop.begin(now)
        self._fresh.opened(now)
        exchange = self._exchange = Exchange(self._indicator, port, self._clock)
        self._connected = True  # before the report: the listener may send at once
        self._report.link(LinkState.CONNECTED, f"The scale at {self._where} is connected.", now)
        return exchange

    def _next_turn(self, exchange: Exchange, recheck_at: float) -> float:
        moments = [recheck_at] if exchange.settle_at is None else [recheck_at, exchange.settle_at]
        if self._loop.pulse is not None and self._loop.pulse < self._discard_until:
            return min(*moments, self._discard_until)
        if (due_at := exchange.due_at()) is not None:
            moments.append(due_at)
        if self._pending is not None and not self._pending.over:
            moments.append(self._pending.deadline)
        return min(moments)

    def _read_port(self, port: LinePort, exchange: Exchange) -> None:
        try:
            chunks = port.drain()
        except BacklogDiscarded:
            self._failures.write(f"The scale at {self._where} was read too late: its backlog is dropped.")
            self._discard_backlog(exchange, self._clock())
            return
        now = self._clock()
        self._poll_at = now + (port.poll_interval_s or 0.0)
        if now < self._discard_until:
            port.discard()
            return
        if not chunks:
            return
        self._received_after = self._loop.empty_at
        self._process_frames(exchange, exchange.decode(chunks))

    def _resume_after_stall(self, port: LinePort, exchange: Exchange) -> None:
        """Drop all input after the thread was stalled: its age, and the load on the pan, are unknown."""
        now = self._clock()
        self._loop.begin(now)
        self._failures.write(f"The scale at {self._where} was not listened to for a while: what came is dropped.")
        port.discard()
        self._discard_backlog(exchange, now)
        self._fresh.opened(now)  # the silence was this program's own
        if self._fresh.lose():
            self._report_expired(now)

    def _discard_backlog(self, exchange: Exchange, now: float) -> None:
        """Drop what arrives soon, for it was sent before now, and any open question."""
        self._discard_until = now + _BACKLOG_S
        exchange.discard_until(self._discard_until)

    def _process_frames(self, exchange: Exchange, decoded: list[Decoded]) -> None:
        """Process the frames of one wake-up; none means bytes that complete no frame."""
        self._unreadable = True
        self._refusal = newest_refusal(decoded) or self._refusal
        rejected = [item for item in decoded if isinstance(item, Rejected)]
        rejected = [item for item in rejected if item.reason is not RejectReason.NO_NEW_WEIGHING]
        if rejected:
            self._refusals.write(f"The scale at {self._where} sent a frame that is refused: {rejected[-1].reason}.")
        readings = exchange.matching_readings(decoded, self._pending)
        if readings:
            self._publish_reading(readings[-1])

    def _publish_reading(self, reading: Reading) -> None:
        now = self._clock()
        if now - self._received_after > self._timing.stale_s:
            return  # it waited in the port for longer than anybody may believe it
        self._unreadable = self._silent = False
        self._refusal = None
        self._newest = reading
        self._backoff.reset()
        self._fresh.reading(self._received_after)
        self._report.link(LinkState.CONNECTED, f"The scale at {self._where} is connected.", now)
        self._report.reading(reading, self._received_after)
        if self._pending is not None:
            self._pending.read(reading)

    def _wait(self, port: LinePort | None, until: float) -> bool:
        """Wait; True when the port can be served, False at ``until``, when woken, or late. Reports what falls due."""
        assert self._wake is not None
        poll = select.poll()
        poll.register(self._wake.fileno(), select.POLLIN)
        number = port.fileno() if port is not None else -1
        if port is not None and number >= 0:
            poll.register(number, select.POLLIN | (select.POLLOUT if port.wants_write else 0))
        poll_at = self._poll_at if port is not None and port.poll_interval_s is not None else None
        while not self._stopping.is_set():
            began = self._clock()
            ends = [moment for moment in (until, self._fresh.deadline(), poll_at) if moment is not None]
            wait_s = min(max(0.0, min(ends) - began), _TURN_S)
            ready = {fd for fd, _ in poll.poll(wait_s * 1000)}
            now = self._clock()
            if serve := number in ready or (poll_at is not None and now >= poll_at):
                self._loop.turn(now, now)  # it is read until it is empty, after this moment
            else:
                self._loop.turn(now, _seen_empty_at(began, wait_s, woken=bool(ready)) if number >= 0 else None)
            if self._loop.late and self._connected:
                return False
            self._report_due(now)
            if serve:
                return True
            if self._woken(ready) or now >= until:
                return False
        return False

    def _woken(self, ready: set[int]) -> bool:
        """Return whether a command waits; False while the port is closed, so that the wait for a retry goes on."""
        assert self._wake is not None
        if self._wake.fileno() not in ready:
            return False
        if not self._stopping.is_set():
            self._wake.clear()
        return self._connected

    def _report_due(self, now: float) -> None:
        if self._fresh.take_expired(now):
            self._report_expired(now)
        self._silent = self._fresh.take_silent(now) or self._silent
        if self._silent and self._refusal is not None:
            detail = f"The scale at {self._where} gives no weight: {REFUSAL_TEXTS[self._refusal]}."
            self._report.link(LinkState.REFUSES, detail, now)
        elif self._silent:
            self._report.link(LinkState.SILENT, self._why_silent(), now)

    def _report_expired(self, now: float) -> None:
        self._newest = None
        if self._exchange is not None:
            self._exchange.last_weighing.forget()
        self._report.expired(now)

    def _why_silent(self) -> str:
        protocol = self._indicator.protocol
        if self._unreadable:
            return f"The scale at {self._where} sends nothing like {protocol}: check its speed and protocol."
        if self._indicator.row.poll is not None:
            return f"The scale at {self._where} does not answer: switch it on, check its cable, speed and protocol."
        return f"The scale at {self._where} sends nothing: switch it on and check its cable."

    def _report_missing(self, detail: str) -> None:
        self._report.link(LinkState.MISSING, detail, self._clock())


def _seen_empty_at(began: float, wait_s: float, *, woken: bool) -> float:
    """Return when the kernel last looked at a port that did not become readable.

    That is when the wait is over, never before (poll(2): rounded up), or its begin when something else woke it.
    """
    return began if woken else began + wait_s
