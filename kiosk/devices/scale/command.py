"""Zero, tare and clear tare by the station: sent once, believed only when their effect is seen.

A command is never repeated: some indicators clear the tare when "T" comes twice. "Done" needs a reading that came after
the command and shows what it does, and either an acknowledgement or a change to that from something else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from decimal import Decimal

from kiosk.devices.ports import CommandOutcome, CommandResult
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

COMMANDS = ("zero", "tare", "clear_tare")
_REFUSALS = frozenset(
    {
        RejectReason.BUSY,
        RejectReason.NAK,
        RejectReason.SYNTAX,
        RejectReason.TRANSMISSION,
        RejectReason.LOGICAL,
        RejectReason.PARAMETER,
        RejectReason.DEVICE_ERROR,
        RejectReason.ZERO_ERROR,
        RejectReason.ZERO_RANGE,
        RejectReason.TARE_RANGE,
        RejectReason.TIMEOUT_UNSTABLE,
        RejectReason.UNRECOGNIZED_COMMAND,
        RejectReason.FAULT,
    }
)
# Kinds of records. A stream may contain tare records anyway: they confirm a tare only.
_CONFIRMING_KINDS = {
    "zero": ("acknowledgement",),
    "tare": ("acknowledgement", "tare"),
    "clear_tare": ("acknowledgement",),
}
_GRAMS = {"kg": Decimal(1000), "g": Decimal(1)}
MAX_DEADLINE_S = 10.0


class Effects:
    """What each command must show. ``step_g`` is the scale interval d in grams, None when it is not known: then one
    unit of the last decimal sent. ``unit`` is meant by a format that sends none.
    """

    def __init__(self, step_g: int | None, unit: str | None) -> None:
        self._step_g, self._unit = step_g, unit

    def is_confirmed(self, command: str, before: Reading | None, after: Reading, acknowledged: bool) -> bool:
        """Return whether ``after`` proves the command; ``before`` is the newest reading when it was sent."""
        if after.weight is None:
            return False
        zero, was_zero = self._zero(after), before is not None and self._zero(before)
        if command == "zero":
            return zero and (acknowledged or not was_zero)
        if command == "tare":
            newly_net = after.net is True and not (before is not None and before.net)
            return zero and after.net is not False and (acknowledged or not was_zero or newly_net)
        if after.net is not None:
            return not after.net and (acknowledged or (before is not None and before.net is True))
        return acknowledged or (before is not None and self._differ(before, after))

    def _zero(self, reading: Reading) -> bool:
        return reading.weight is not None and abs(reading.weight) <= self._step(reading)

    def _differ(self, before: Reading, after: Reading) -> bool:
        if before.weight is None or after.weight is None:
            return False
        return abs(before.weight - after.weight) > self._step(after)

    def _step(self, reading: Reading) -> Decimal:
        assert reading.weight is not None
        exponent = reading.weight.as_tuple().exponent
        last = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else Decimal(0)
        per = _GRAMS.get(reading.unit or self._unit or "")
        return last if per is None or self._step_g is None else max(last, self._step_g / per)


class PendingCommand:
    """A requested command; only ``wait`` is for the requesting thread, all else for the scale's."""

    def __init__(self, command: str, deadline: float, effects: Effects) -> None:
        self.command, self.deadline = command, deadline
        self._effects = effects
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._result: CommandResult | None = None
        self._sent = self._answered = self._acknowledged = False
        self._before: Reading | None = None

    @property
    def waiting(self) -> bool:
        """Not sent yet and not over."""
        return not self._sent and not self._over.is_set()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    @property
    def sent(self) -> bool:
        return self._sent

    def dispatch(self, send: Callable[[], None], before: Reading | None) -> None:
        """Send the command unless it is over; what ``send`` raises is passed on."""
        with self._lock:
            if self._over.is_set():
                return
            self._sent, self._before = True, before
        send()

    def receive(self, decoded: Sequence[Decoded]) -> None:
        """Take everything that came after the command was sent, in order."""
        if not self._sent:
            return
        for item in decoded:
            if isinstance(item, Record):
                self._answered = True
                self._acknowledged |= item.kind in _CONFIRMING_KINDS[self.command]
            elif isinstance(item, Rejected) and item.reason in _REFUSALS:
                self._end(CommandOutcome.REFUSED, item.reason)

    def read(self, reading: Reading) -> None:
        """Take a live reading that came after the command was sent."""
        if not self._sent:
            return
        self._answered = True
        if self._effects.is_confirmed(self.command, self._before, reading, self._acknowledged):
            self._end(CommandOutcome.DONE)

    def expire(self, now: float) -> None:
        if now >= self.deadline:
            self.give_up()

    def give_up(self) -> None:
        """End the command: the deadline has passed or the port is gone."""
        with self._lock:
            if not self._sent:
                self._settle(CommandResult(CommandOutcome.REFUSED, "not_connected"))
            elif self._answered or self._acknowledged:
                self._settle(CommandResult(CommandOutcome.UNCONFIRMED))
            else:
                self._settle(CommandResult(CommandOutcome.NO_ANSWER))

    def _end(self, outcome: CommandOutcome, reason: str = "") -> None:
        with self._lock:
            self._settle(CommandResult(outcome, reason))

    def _settle(self, result: CommandResult) -> None:
        """Store the first result and ignore later ones; the lock is held."""
        self._result = self._result or result
        self._over.set()

    def wait(self, timeout_s: float) -> CommandResult:
        """Wait for the result, in any thread but the scale's own. Reaching the timeout counts as giving up."""
        if not self._over.wait(timeout_s):
            self.give_up()
        assert self._result is not None
        return self._result
