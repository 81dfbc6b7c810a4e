"""What is said and heard on one open port: from chunks of bytes to the readings that count."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from dataclasses import replace

from kiosk.devices.scale.command import PendingCommand
from kiosk.devices.scale.indicator import Indicator
from kiosk.devices.scale.line.ports import LinePort
from kiosk.devices.scale.poll import Poller
from kiosk.devices.scale.refusal import LastWeighing
from kiosk.protocols.scales.shared.ports import SettlingDecoder, settled
from kiosk.protocols.scales.shared.protocol import Transport
from kiosk.protocols.scales.shared.reading import Decoded, Reading

# A line that rests so long is between two frames: a character takes 33 ms at 300 baud, and 16 ms in a USB adapter.
_FRAME_GAP_S = 0.06
_ANSWER_S = 0.4  # A polled scale is left in peace so long after a command, or until it has answered it


class Exchange:
    """Of a polled scale only what answers a question counts. One for each time a port is opened."""

    def __init__(self, indicator: Indicator, port: LinePort, clock: Callable[[], float]) -> None:
        self._indicator, self._port, self._clock = indicator, port, clock
        self._decoder = indicator.decoder()
        # Each packet stands for itself: half of one is never completed by the next.
        self._packets = indicator.row.transport is not Transport.SERIAL
        self.settle_at: float | None = None  # When a frame that only the next byte could end is whole all the same
        self._last_weighing = LastWeighing()
        self._poller = self._make_poller()

    def _make_poller(self) -> Poller | None:
        poll = self._indicator.row.poll
        if poll is None:
            return None
        if self._indicator.poll_s is not None:
            poll = replace(poll, interval_s=self._indicator.poll_s)
        return Poller(poll, self._indicator.encode, self._port.write, self._clean)

    def _clean(self) -> None:
        self._last_weighing.query_sent()
        self._port.discard()
        self._fresh_decoder()

    def _fresh_decoder(self) -> None:
        self.settle_at = None
        self._decoder = self._indicator.decoder()

    def due_at(self) -> float | None:
        """When the next question is due; None for a scale that speaks by itself."""
        return None if self._poller is None else self._poller.due_at()

    def send_due(self, now: float, pending: PendingCommand | None, newest: Reading | None) -> None:
        """What the station has to send now: a command goes before the next question, never into an open one."""
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
        """What is whole because nothing has come while it was waited for; None when that is not so yet.

        What came in this very moment is read first: it may be the unit.
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
        """The readings among these that count, oldest first; the command hears what came."""
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
        still = self._last_weighing.answered(decoded, readings, over=due and poller.idle)
        return readings or ([still] if still else [])

    def discard_until(self, until: float) -> None:
        """Nothing that came is believed, no question is left open, and none is asked before this second."""
        self._fresh_decoder()
        if self._poller is not None:
            self._poller.pause(until)

    def forget_weighing(self) -> None:
        """The newest reading is too old."""
        self._last_weighing.forget()
