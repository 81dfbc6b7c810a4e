"""A scale on any port, watched by one thread that never ends by itself.

The thread waits in the kernel for bytes, for the moment the newest reading gets too old, for the next question to a
polled scale, for the next try to open the port, or to be woken: whichever is first. It waits nowhere else, and never
for longer than a turn.

A process can be stopped, and a busy machine forget it, between any two lines; the scale goes on sending meanwhile, and
nobody can say of what waits in the port how long it has lain there. So a reading is dated by the last moment at which
the port is known to have been empty, before its bytes came; and when two turns lie further apart than the thread waits
by itself, what has come is thrown away, an open question with it, and the newest reading is lost.
"""

from __future__ import annotations

import errno
import logging
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState, ScaleListener
from kiosk.devices.scale.command import COMMANDS, LONGEST_S, Effects, Errand
from kiosk.devices.scale.line.port import LinePort, PortGone, ReadTooLate, cannot_open
from kiosk.devices.scale.poll import Questions
from kiosk.devices.scale.refusal import SAYINGS, Repeats, meant
from kiosk.devices.scale.report import Reporter
from kiosk.devices.scale.watch import Backoff, BoundedLog, Freshness, Turns, WakePipe
from kiosk.domain.metrology.pan import STALE_S
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.ports import Decoder, Settling, settled
from kiosk.protocols.scales.protocol import Carrier, ScaleProtocol
from kiosk.protocols.scales.reading import Decoded, Reading, Rejected, RejectReason

_log = logging.getLogger(__name__)

_MARGIN_S = 0.5
"""The thread ends an errand at its deadline; who waits for it gives it so much longer."""
_QUIET_S = 0.06
"""A line that rests so long is between two frames: a character takes 33 ms at 300 baud, and 16 ms in a USB adapter."""
_ANSWER_S = 0.4
"""A polled scale is left in peace so long after a command, or until it has answered it."""
_TURN_S = 0.1
"""The longest wait: by so much at most a reading is dated too early while the process runs."""
_HISTORY_S = 0.25
"""What kernel, adapter and device server still held when a backlog was thrown away comes within this time."""


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


@dataclass(frozen=True, slots=True)
class Indicator:
    """Which format is spoken at which port; ``where`` names the port for people.

    ``poll_s`` replaces the interval of a polled format. ``step_g`` is d in grams and ``unit`` what a format that sends
    none means; both serve to judge whether a command had its effect. Raises UnknownProtocol or BadParameter.
    """

    where: str
    protocol: str
    params: Mapping[str, str] = field(default_factory=dict)
    poll_s: float | None = None
    step_g: int | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        self.decoder()

    @property
    def row(self) -> ScaleProtocol:
        """The format."""
        return registry.get(self.protocol)

    def decoder(self) -> Decoder:
        """A fresh one."""
        return registry.decoder(self.protocol, self.params)

    def takes(self, command: str) -> bool:
        """Whether the format has this command, and the set of commands that the parameters choose."""
        return command in self.row.commands and self.encode(command) != b""

    def encode(self, command: str) -> bytes:
        """The bytes of a command."""
        return registry.encode(self.protocol, command, self.params)


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
        self._failures = BoundedLog(_log, clock)
        self._refusals = BoundedLog(_log, clock)
        self._fresh = Freshness(timing.stale_s)
        self._backoff = Backoff(timing.retry_first_s, timing.retry_max_s)
        self._effects = Effects(indicator.step_g, indicator.unit or indicator.row.default_unit)
        self._decoder = indicator.decoder()
        self._packets = indicator.row.carrier is not Carrier.SERIAL
        """Each packet stands for itself: half of one is never completed by the next."""
        self._questions: Questions | None = None
        self._look_at = 0.0
        """When a port without a descriptor is looked at next."""
        self._settle_at: float | None = None
        """When a frame that only the next byte could end is whole all the same."""
        self._newest: Reading | None = None
        self._repeats = Repeats()
        self._unreadable = self._silent = False
        self._meant: RejectReason | None = None
        self._rejected = 0
        self._turns = Turns(timing.late_s)
        self._heard_after = 0.0
        """What the decoder has been given came after this second."""
        self._history_until = -float("inf")
        """Until then everything that comes is thrown away."""
        self._connected = False
        self._errand: Errand | None = None
        self._asking = threading.Lock()
        self._stopping = threading.Event()
        self._wake: WakePipe | None = None
        self._thread = threading.Thread(target=self._run, name="scale", daemon=True)

    @property
    def rejected(self) -> int:
        """How many frames were refused since the start."""
        return self._rejected

    @property
    def pulse(self) -> float | None:
        """The second of the loop's last turn on ``clock``, also while the scale is missing; None before the first."""
        return self._turns.pulse

    def start(self) -> None:
        """Begin to watch; returns at once. A scale is started once."""
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
        """See ``ports.Scale``; ``deadline_s`` is at most 10 seconds.

        Raises RuntimeError when called from the scale's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a listener of the scale must not wait for the scale")
        if command not in COMMANDS or not self._indicator.takes(command):
            return CommandResult(CommandOutcome.NOT_SUPPORTED)
        deadline_s = min(deadline_s, LONGEST_S)
        errand = Errand(command, self._clock() + deadline_s, self._effects)
        with self._asking:
            if self._errand is not None and not self._errand.over:
                return CommandResult(CommandOutcome.REFUSED, "busy")
            if not self._connected or self._wake is None:
                return CommandResult(CommandOutcome.REFUSED, "not_connected")
            self._errand = errand
            self._wake.wake()
        return errand.wait(deadline_s + _MARGIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turns.begin(self._clock())
            try:
                self._session()
            except Exception as error:  # whatever happens, the station must see its scale again
                self._failures.warning(f"The scale at {self._where} failed and is opened again.", error)
                self._missing(f"The scale at {self._where} failed ({error}): it is opened again.")
            self._closed()
            self._wait(None, self._clock() + self._backoff.next())

    def _closed(self) -> None:
        with self._asking:
            self._connected = False
            errand = self._errand
        self._fresh.closed()
        self._questions = self._newest = None
        self._silent = False
        self._repeats.forget()
        if errand is not None:
            errand.give_up()

    def _session(self) -> None:
        """From opening the port until it is gone."""
        try:
            port = self._open_port()
        except Exception as error:  # OSError, termios.error and ValueError all mean: not now
            self._missing(cannot_open(self._where, error))
            return
        with closing(port):
            try:
                if self._opened(port):
                    self._listen(port)
            except PortGone as gone:
                self._missing(f"The scale at {self._where} is gone ({gone}): check its cable.")

    def _opened(self, port: LinePort) -> bool:
        """Wait for a device server; True when the port can be used."""
        until = self._clock() + self._timing.open_s
        try:
            while port.opening and not self._stopping.is_set():
                if self._wait(port, until):
                    port.drain()
                elif self._clock() >= until:
                    raise TimeoutError(errno.ETIMEDOUT, "it does not answer")
        except OSError as error:
            self._missing(cannot_open(self._where, error))
            return False
        return not self._stopping.is_set()

    def _listen(self, port: LinePort) -> None:
        self._begin(port)
        look_again = self._clock() + self._timing.retry_max_s
        while not self._stopping.is_set():
            now = self._clock()
            if now >= look_again:
                if not port.still_there():
                    raise PortGone("another device has its place")
                look_again = now + self._timing.retry_max_s
            self._say(port, now)
            ready = self._wait(port, self._next_turn(look_again))
            if self._turns.late:
                self._go_on(port)
            elif ready:
                self._hear(port)
            else:
                self._settle(port)

    def _begin(self, port: LinePort) -> None:
        now = self._clock()
        self._unreadable = self._silent = False
        self._meant = None
        self._history_until = -float("inf")
        self._turns.begin(now)
        self._fresh.opened(now)
        self._fresh_decoder()
        self._questions = self._make_questions(port)
        self._connected = True  # before it is told: whoever is told may send at once
        self._report.link(LinkState.CONNECTED, f"The scale at {self._where} is connected.", now)

    def _make_questions(self, port: LinePort) -> Questions | None:
        poll = self._indicator.row.poll
        if poll is None:
            return None
        if self._indicator.poll_s is not None:
            poll = replace(poll, interval_s=self._indicator.poll_s)

        def clean() -> None:
            self._repeats.asked()
            port.discard()
            self._fresh_decoder()

        return Questions(poll, self._indicator.encode, port.write, clean)

    def _next_turn(self, look_again: float) -> float:
        moments = [look_again] if self._settle_at is None else [look_again, self._settle_at]
        if self._turns.pulse is not None and self._turns.pulse < self._history_until:
            return min(*moments, self._history_until)
        if self._questions is not None:
            moments.append(self._questions.due_at())
        if self._errand is not None and not self._errand.over:
            moments.append(self._errand.deadline)
        return min(moments)

    def _fresh_decoder(self) -> None:
        self._settle_at = None
        self._decoder = self._indicator.decoder()

    def _say(self, port: LinePort, now: float) -> None:
        """What the station has to send now: a command goes before the next question, never into an open one."""
        errand, questions = self._errand, self._questions
        if errand is not None:
            errand.expire(now)
        if now < self._history_until:
            return
        if errand is not None and errand.waiting and (questions is None or questions.idle):
            data = self._indicator.encode(errand.command)
            errand.go(lambda: port.write(data), self._newest)
            if questions is not None and self._indicator.row.poll is not None:
                questions.hold(now + min(_ANSWER_S, self._indicator.row.poll.timeout_s))
            return
        if questions is not None:
            questions.act(now)

    def _hear(self, port: LinePort) -> None:
        try:
            chunks = port.drain()
        except ReadTooLate:
            self._failures.warning(f"The scale at {self._where} was read too late: its backlog is dropped.")
            self._history(self._clock())
            return
        now = self._clock()
        self._look_at = now + (port.look_every_s or 0.0)
        if now < self._history_until:
            port.discard()
            return
        if not chunks:
            return
        self._heard_after = self._turns.empty_at
        if self._packets:
            self._take([decoded for chunk in chunks for decoded in self._indicator.decoder().feed(chunk)])
        else:
            if isinstance(self._decoder, Settling):
                self._settle_at = self._clock() + _QUIET_S
            self._take(self._decoder.feed(b"".join(chunks)))

    def _go_on(self, port: LinePort) -> None:
        """The thread stood still for so long that nobody knows what lies on the pan, nor how old is what waits here."""
        now = self._clock()
        self._turns.begin(now)
        self._failures.warning(f"The scale at {self._where} was not listened to for a while: what came is dropped.")
        port.discard()
        self._history(now)
        self._fresh.opened(now)  # the silence was this program's own
        if self._fresh.lose():
            self._expired(now)

    def _history(self, now: float) -> None:
        """What comes soon was sent before now: none of it is believed, and no question is left open."""
        self._history_until = now + _HISTORY_S
        self._fresh_decoder()
        if self._questions is not None:
            self._questions.hold(self._history_until)

    def _settle(self, port: LinePort) -> None:
        """Nothing has come while it was waited for. What came in this very moment is read first: it may be the unit."""
        if self._settle_at is None or self._clock() < self._settle_at:
            return
        look = select.poll()
        look.register(port.fileno(), select.POLLIN)
        if not look.poll(0):
            self._settle_at = None
            self._take(settled(self._decoder))

    def _take(self, decoded: list[Decoded]) -> None:
        """What one wake-up found; nothing means bytes that complete no frame."""
        self._unreadable = True
        self._meant = meant(decoded) or self._meant
        rejected = [item for item in decoded if isinstance(item, Rejected)]
        rejected = [item for item in rejected if item.reason is not RejectReason.NO_NEW_WEIGHING]
        if rejected:
            self._rejected += len(rejected)
            self._refusals.warning(f"The scale at {self._where} sent a frame that is refused: {rejected[-1].reason}.")
        readings = [item for item in decoded if isinstance(item, Reading)]
        now = self._clock()
        if self._questions is not None:
            due = not self._questions.idle
            readings = self._answers(self._questions, decoded, now)
            still = self._repeats.answered(decoded, readings, over=due and self._questions.idle)
            readings = readings or ([still] if still else [])
        elif self._errand is not None:
            self._errand.hear(decoded)
        if readings:
            self._live(readings[-1])

    def _answers(self, questions: Questions, decoded: list[Decoded], now: float) -> list[Reading]:
        if self._errand is not None and questions.idle:
            self._errand.hear(decoded)
            if decoded and self._errand.sent:
                questions.hold(min(now, questions.due_at()))
        return questions.hear(decoded, now)

    def _live(self, reading: Reading) -> None:
        now = self._clock()
        if now - self._heard_after > self._timing.stale_s:
            return  # it waited in the port for longer than anybody may believe it
        self._unreadable = self._silent = False
        self._meant = None
        self._newest = reading
        self._backoff.reset()
        self._fresh.reading(self._heard_after)
        self._report.link(LinkState.CONNECTED, f"The scale at {self._where} is connected.", now)
        self._report.reading(reading, self._heard_after)
        if self._errand is not None:
            self._errand.read(reading)

    def _wait(self, port: LinePort | None, until: float) -> bool:
        """True when the port can be served, False at ``until``, when woken, or late; tells what falls due meanwhile."""
        assert self._wake is not None
        poll = select.poll()
        poll.register(self._wake.fileno(), select.POLLIN)
        number = port.fileno() if port is not None else -1
        if port is not None and number >= 0:
            poll.register(number, select.POLLIN | (select.POLLOUT if port.wants_write else 0))
        look_at = self._look_at if port is not None and port.look_every_s is not None else None
        while not self._stopping.is_set():
            began = self._clock()
            ends = [moment for moment in (until, self._fresh.deadline(), look_at) if moment is not None]
            wait_s = min(max(0.0, min(ends) - began), _TURN_S)
            ready = {fd for fd, _ in poll.poll(wait_s * 1000)}
            now = self._clock()
            serve = number in ready or (look_at is not None and now >= look_at)
            self._turns.turn(now, _empty_at(began, now, wait_s, ready, serve=serve, polled=number >= 0))
            if self._turns.late and self._connected:
                return False
            self._tell_due(now)
            if serve:
                return True
            if self._woken(ready) or now >= until:
                return False
        return False

    def _woken(self, ready: set[int]) -> bool:
        """Whether somebody has an errand; a closed port leaves it, and the waiting for the next try, alone."""
        assert self._wake is not None
        if self._wake.fileno() not in ready:
            return False
        if not self._stopping.is_set():
            self._wake.clear()
        return self._connected

    def _tell_due(self, now: float) -> None:
        if self._fresh.take_expired(now):
            self._expired(now)
        self._silent = self._fresh.take_silent(now) or self._silent
        if self._silent and self._meant is not None:
            told = f"The scale at {self._where} gives no weight: {SAYINGS[self._meant]}."
            self._report.link(LinkState.REFUSES, told, now)
        elif self._silent:
            self._report.link(LinkState.SILENT, self._why_silent(), now)

    def _expired(self, now: float) -> None:
        self._newest = None
        self._repeats.forget()
        self._report.expired(now)

    def _why_silent(self) -> str:
        protocol = self._indicator.protocol
        if self._unreadable:
            return f"The scale at {self._where} sends nothing like {protocol}: check its speed and protocol."
        if self._questions is not None:
            return f"The scale at {self._where} does not answer: switch it on, check its cable, speed and protocol."
        return f"The scale at {self._where} sends nothing: switch it on and check its cable."

    def _missing(self, detail: str) -> None:
        self._report.link(LinkState.MISSING, detail, self._clock())


def _empty_at(began: float, now: float, wait_s: float, ready: set[int], *, serve: bool, polled: bool) -> float | None:
    """When a look at the port shows that it held nothing, for ``Turns``.

    A port that is served is read until it is empty, after ``now``. The kernel looks at a polled one for the last time
    when the wait is over, never before (poll(2): rounded up), or when it is woken for something else.
    """
    if serve:
        return now
    if not polled:
        return None
    return began if ready else began + wait_s
