"""The exchange on one open port: from chunks of bytes to the readings that count."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kiosk.devices.scale.command import PendingCommand
from kiosk.devices.scale.line.ports import LinePort
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales.shared.ports import SettlingDecoder, settled
from kiosk.protocols.scales.shared.protocol import Poll, Transport
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

# Reasons that a scale reports about itself. Damage, and mistakes of a host, are not among them.
REFUSAL_TEXTS: Final[Mapping[RejectReason, str]] = {
    RejectReason.NO_WEIGHT: "it shows no weight",
    RejectReason.BUSY: "it is busy",
    RejectReason.DEVICE_ERROR: "it reports an error of its own: switch it off and on",
    RejectReason.ZERO_ERROR: "it has not found its zero: empty the pan and press its zero key",
    RejectReason.ZERO_RANGE: "its zero is out of range: empty the pan and switch it off and on",
    RejectReason.TARE_RANGE: "its tare is out of range: clear the tare at the scale",
    RejectReason.TIMEOUT_UNSTABLE: "the load did not come to rest",
    RejectReason.BELOW_MIN: "the load is below its smallest weight",
    RejectReason.FAULT: "it reports a fault: call the technician",
    RejectReason.NEEDS_CALIBRATION: "it has to be calibrated: call the technician",
    RejectReason.NO_NEW_WEIGHING: "nothing has changed since its last weighing: empty the pan",
}


def newest_refusal(decoded: Sequence[Decoded]) -> RejectReason | None:
    """Return the newest condition the scale reported; None for damage, acknowledgements and readings."""
    found = (item.reason for item in reversed(decoded) if isinstance(item, Rejected) and item.reason in REFUSAL_TEXTS)
    return next(found, None)


class LastWeighing:
    """The last weighing of a scale that sends each weight once, and then that nothing has changed.

    Toledo 8217: "weight may be sent once, then status with no motion until it changes"; DIALOG 06 answers code 21. The
    weighing remains valid as long as every question is answered with exactly that: any other answer, damage or silence
    may have been the next weighing, and then the load is unknown.
    """

    def __init__(self) -> None:
        self._last: Reading | None = None
        self._open = False

    def query_sent(self) -> None:
        """Note that a question is sent; one that is still open was never answered."""
        if self._open:
            self._last = None
        self._open = True

    def forget(self) -> None:
        """Forget the weighing: the port is closed, or it is too old."""
        self._last, self._open = None, False

    def answered(self, decoded: Sequence[Decoded], accepted: Sequence[Reading], *, over: bool) -> Reading | None:
        """Return the last weighing if the scale confirms it. ``over``: the question is answered.

        A bare NAK that is followed by the question why is no answer yet.
        """
        if over:
            self._open = False
        refused = [item for item in decoded if isinstance(item, Rejected) and item.reason is not RejectReason.NAK]
        if accepted:
            self._last = accepted[-1] if accepted[-1].weight is not None else None
        elif any(item.reason is not RejectReason.NO_NEW_WEIGHING for item in refused):
            self._last = None
        elif refused and over:
            return self._last
        return None


_DAMAGE = frozenset({RejectReason.CHECKSUM, RejectReason.FRAMING, RejectReason.INCOMPLETE, RejectReason.PARITY})
# The rest of a damaged or broken-off answer comes within this, or the question is repeated. Between two characters of
# one answer there are 33 ms at 300 baud, and 16 ms in a USB adapter.
_PAUSE_S = 0.15


class Poller:
    """Ask a scale one question at a time; only its own answer counts. No I/O, seconds are passed in.

    ::

      idle --due--> [send step 1] --record--> [send step 2] ... --record--> [send last step] --reading, refusal--> idle
                         |                         |                              |
                         `----- no answer within timeout_s, or a "not now" -------'--> from step 1 again, at most
                                                                                      ``retries`` times, then idle
      [send last step] --NAK--> [send ``why``] --a condition, a refusal, "none"--> idle

    An answer that comes while idle, or a reading where an acknowledgement is due, belongs to a question that was given
    up: it is dropped. So is what the format knows to answer another question: the own answer may still come. Each
    question begins with an empty port and a fresh decoder, so that half an old answer cannot be completed by a new one.

    A scale that waits for a word on its answer gets it: ``accept`` when the message came whole, whatever it says, and
    ``refuse`` once a question when it came damaged. ``send`` writes to the port; ``clean`` empties the port and the
    decoder.
    """

    def __init__(
        self, poll: Poll, encode: Callable[[str], bytes], send: Callable[[bytes], None], clean: Callable[[], None]
    ) -> None:
        self._poll = poll
        self._encode, self._send, self._clean = encode, send, clean
        self._step: int | None = None  # The step whose answer is due; None while idle
        self._request = b""  # The bytes whose answer is due
        self._due_at = 0.0
        self._requested_at = 0.0
        self._tries = 0
        self._complained = False
        self.unsolicited = 0  # Readings dropped because they answered no question

    @property
    def idle(self) -> bool:
        """Whether no answer is due: something else may be sent."""
        return self._step is None

    def due_at(self) -> float:
        return self._due_at

    def pause(self, until: float) -> None:
        """Ask nothing before this second; an answer that is due is given up."""
        self._step, self._due_at = None, until

    def poll(self, now: float) -> None:
        if now < self._due_at:
            return
        if self._step is None:
            self._tries = 0
            self._ask(now)
        elif self._tries <= self._poll.retries:
            self._ask(now)
        else:
            self._finish(now)

    def receive(self, decoded: Sequence[Decoded], now: float) -> list[Reading]:
        """Return the reading that answers the question, if any; empty ``decoded``: bytes that complete no frame."""
        accepted: list[Reading] = []
        if not decoded and self._step is not None:
            self._due_at = min(self._due_at, now + _PAUSE_S)
        fits = self._poll.answers
        for item in decoded:
            if self._step is None or not (fits is None or fits(self._request, item)):
                self.unsolicited += isinstance(item, Reading)
            elif isinstance(item, Rejected):
                self._on_rejected(item.reason, now)
            elif isinstance(item, Record):
                if self._asking_why:  # no reason to report
                    self._finish(now)
                elif not self._last:
                    self._begin(self._step + 1, now)
            elif self._last or (self._asking_why and item.weight is None):
                accepted.append(item)
                self._finish(now, self._poll.accept)
            else:
                self.unsolicited += 1
        return accepted

    @property
    def _last(self) -> bool:
        return self._step == len(self._poll.steps) - 1

    @property
    def _asking_why(self) -> bool:
        return self._step == len(self._poll.steps)

    def _ask(self, now: float) -> None:
        self._clean()
        self._requested_at = now
        self._tries += 1
        self._complained = False
        self._begin(0, now)

    def _begin(self, step: int, now: float) -> None:
        self._step, self._due_at = step, now + self._poll.timeout_s
        self._request = self._encode((*self._poll.steps, self._poll.why)[step])
        self._send(self._request)

    def _on_rejected(self, reason: RejectReason, now: float) -> None:
        if reason in _DAMAGE:
            self._due_at = min(self._due_at, now + _PAUSE_S)
            if self._poll.refuse and not self._complained:
                self._complained = True
                self._send(self._poll.refuse)
        elif self._asking_why:
            self._finish(now, self._poll.accept)
        elif not self._last:  # not acknowledged: from the start, a little later
            self._due_at = min(self._due_at, now + self._poll.interval_s)
        elif reason is not RejectReason.NAK:
            self._finish(now, self._poll.accept)
        elif self._poll.why:
            self._begin(len(self._poll.steps), now)
        else:
            self._finish(now)

    def _finish(self, now: float, reply: bytes = b"") -> None:
        self._step = None
        self._due_at = max(now, self._requested_at + self._poll.interval_s)
        if reply:
            self._send(reply)


# A longer pause of the line is between two frames: a character takes 33 ms at 300 baud, and 16 ms in a USB adapter.
_FRAME_GAP_S = 0.06
_ANSWER_S = 0.4  # How long a polled scale is not queried after a command, or until it has answered it


class Exchange:
    """Of a polled scale only what answers a question counts. One for each time a port is opened."""

    def __init__(self, indicator: Indicator, port: LinePort, clock: Callable[[], float]) -> None:
        self._indicator, self._port, self._clock = indicator, port, clock
        self._decoder = indicator.decoder()
        # Each packet is complete: half of one is never completed by the next.
        self._packets = indicator.row.transport is not Transport.SERIAL
        self.settle_at: float | None = None  # When a frame that only the next byte could end is whole all the same
        self.last_weighing = LastWeighing()
        self._poller = self._make_poller()

    def _make_poller(self) -> Poller | None:
        poll = self._indicator.row.poll
        if poll is None:
            return None
        if self._indicator.poll_s is not None:
            poll = replace(poll, interval_s=self._indicator.poll_s)
        return Poller(poll, self._indicator.encode, self._port.write, self._clean)

    def _clean(self) -> None:
        self.last_weighing.query_sent()
        self._port.discard()
        self._fresh_decoder()

    def _fresh_decoder(self) -> None:
        self.settle_at = None
        self._decoder = self._indicator.decoder()

    def due_at(self) -> float | None:
        return None if self._poller is None else self._poller.due_at()

    def send_due(self, now: float, pending: PendingCommand | None, newest: Reading | None) -> None:
        """Send what is due: a command goes before the next question, never into an open one."""
        poller = self._poller
        if pending is not None and pending.waiting and (poller is None or poller.idle):
            data = self._indicator.encode(pending.command)
            pending.dispatch(lambda: self._port.write(data), newest)
            if poller is not None and self._indicator.row.poll is not None:
                poller.pause(now + min(_ANSWER_S, self._indicator.row.poll.timeout_s))
        elif poller is not None:
            poller.poll(now)

    def decode(self, chunks: Sequence[bytes]) -> list[Decoded]:
        if self._packets:
            return [decoded for chunk in chunks for decoded in self._indicator.decoder().feed(chunk)]
        if isinstance(self._decoder, SettlingDecoder):
            self.settle_at = self._clock() + _FRAME_GAP_S
        return self._decoder.feed(b"".join(chunks))

    def settle(self) -> list[Decoded] | None:
        """Return the frames that are whole because no byte followed in time; None while that is not decided.

        Bytes that came in this very moment are read first: they may be the unit.
        """
        if self.settle_at is None or self._clock() < self.settle_at:
            return None
        readiness = select.poll()
        readiness.register(self._port.fileno(), select.POLLIN)
        if readiness.poll(0):
            return None
        self.settle_at = None
        return settled(self._decoder)

    def matching_readings(self, decoded: Sequence[Decoded], pending: PendingCommand | None) -> list[Reading]:
        """Return the readings that count, oldest first, and pass what came to the command."""
        readings = [item for item in decoded if isinstance(item, Reading)]
        poller = self._poller
        if poller is None:
            if pending is not None:
                pending.receive(decoded)
            return readings
        now, due = self._clock(), not poller.idle
        if pending is not None and not due:
            pending.receive(decoded)
            if decoded and pending.sent:
                poller.pause(min(now, poller.due_at()))
        readings = poller.receive(decoded, now)
        still = self.last_weighing.answered(decoded, readings, over=due and poller.idle)
        return readings or ([still] if still else [])

    def discard_until(self, until: float) -> None:
        """Drop what came and any open question, and ask none before this second."""
        self._fresh_decoder()
        if self._poller is not None:
            self._poller.pause(until)
