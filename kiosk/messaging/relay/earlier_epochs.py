"""The earlier epochs of a database: a center back from a backup may lack events that it had acknowledged then.

Only what it had acknowledged: the rest was reissued in the epoch after. No I/O, no clock: time is passed in. Nothing is
kept over a connection, as the center is asked again on the next one.

Each question names the last event that was acknowledged. A center that reports another hash there took the events of a
machine with the same card after it had come back: what it lacks can no longer be sent under its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.messaging.contract.control import Ack
from kiosk.messaging.contract.envelope import MAX_SEQ
from kiosk.messaging.contract.seal import EarlierEpoch
from kiosk.messaging.relay.pace import Pace

_NOWHERE: Final = MAX_SEQ + 1


@dataclass(frozen=True, slots=True)
class SharedUpTo:
    """What was acknowledged is in the ledger up to here; above, if anything, it is not."""

    upto: int


@dataclass(frozen=True, slots=True)
class HashQuery:
    """The ledger must say its hash at this number first: a hello with ``at``."""

    at: int


class ForkPoint:
    """Of one epoch, and one connection: looked for by halving, below what was acknowledged. A hash follows from all
    events before it, so what is the same at one number is the same below it. An answer of another generation starts it
    over.
    """

    def __init__(self) -> None:
        self.question = 0  # The number whose hash is wanted; 0: none
        self._generation = ""
        self._same_upto, self._other_from = 0, _NOWHERE

    def contradicted(
        self, ack: Ack, acked_upto: int, own: Callable[[int], str | None]
    ) -> SharedUpTo | HashQuery | None:
        """Narrow down the fork after an acknowledgement whose head is not the ``own`` hash; None: ask ``question``
        later. A center that answers no such question is believed up to ``acked_upto``. Two ledgers of different
        generations that answer in turn never make it ask at once.
        """
        if ack.at is None:
            return SharedUpTo(acked_upto)
        is_another = ack.generation != self._generation and self._generation != ""
        if ack.generation != self._generation:
            self._generation = ack.generation
            self._same_upto, self._other_from, self.question = 0, _NOWHERE, 0
        if ack.upto <= acked_upto:
            self._is_other(ack.upto)
        if ack.at:
            self._answered(ack.at, is_same=own(ack.at) == ack.hash_at)
        other_from = min(self._other_from, acked_upto + 1)
        if self._same_upto + 1 >= other_from:
            self.question = 0
            return SharedUpTo(min(self._same_upto, acked_upto))
        before = self.question
        # Most often nothing is lost: the first question covers all of it.
        self.question = acked_upto if other_from > acked_upto else (self._same_upto + other_from) // 2
        return None if is_another or self.question == before else HashQuery(self.question)

    def _answered(self, at: int, *, is_same: bool) -> None:
        if not is_same:
            self._is_other(at)
            return
        self._same_upto = max(self._same_upto, at)
        if self._other_from <= self._same_upto:
            self._other_from = _NOWHERE

    def _is_other(self, at: int) -> None:
        self._other_from = min(self._other_from, at)
        if self._same_upto >= self._other_from:
            self._same_upto = 0


@dataclass(frozen=True, slots=True)
class EpochQuery:
    """How far is the center with this epoch, whose last event here is ``last_seq``, and what is its hash at ``at``?"""

    epoch: str
    last_seq: int
    at: int


@dataclass(slots=True)
class _EpochState:
    """An epoch of which the center had 1..``owed_upto``; ``held_upto`` is what it says it has, None until it spoke."""

    epoch: str
    last_seq: int
    owed_upto: int
    held_upto: int | None = None
    sent_upto: int = 0
    fork_point: ForkPoint = field(default_factory=ForkPoint)

    @property
    def query(self) -> EpochQuery:
        return EpochQuery(self.epoch, self.last_seq, self.fork_point.question or self.owed_upto)

    @property
    def missing(self) -> int:
        return 0 if self.held_upto is None else max(0, self.owed_upto - self.held_upto)

    @property
    def open(self) -> bool:
        return self.held_upto is None or self.held_upto < self.owed_upto

    @property
    def in_flight(self) -> bool:
        return self.held_upto is not None and self.sent_upto > self.held_upto


class EarlierEpochs:
    """One message at a time, the oldest epoch first; the next one goes when the center has acknowledged it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._epochs: dict[str, _EpochState] = {}
        self._deadline = 0.0

    def ask(self, epochs: Sequence[EarlierEpoch], now: float) -> None:
        self._epochs = {one.epoch: _EpochState(one.epoch, one.last_seq, one.acked_upto) for one in epochs}
        self._wait_from(now)

    def queries(self) -> list[EpochQuery]:
        """Return queries for the epochs that the center has not answered for, or not completely."""
        return [one.query for one in self._epochs.values() if one.open]

    def query(self, epoch: str) -> EpochQuery:
        return self._epochs[epoch].query

    def is_known(self, epoch: str) -> bool:
        return epoch in self._epochs

    def owed_upto(self, epoch: str) -> int:
        """Return up to where the center had acknowledged it while it was the current one."""
        return self._epochs[epoch].owed_upto

    @property
    def settled(self) -> bool:
        return not self.queries()

    @property
    def missing(self) -> int:
        return sum(one.missing for one in self._epochs.values())

    @property
    def in_flight(self) -> bool:
        return any(one.in_flight for one in self._epochs.values())

    def next_range(self) -> tuple[str, int, int] | None:
        """Return epoch and range to send: above the first number, up to the second; None: nothing now."""
        if self.in_flight:
            return None
        for one in self._epochs.values():
            if one.held_upto is not None and one.missing:
                return one.epoch, one.held_upto, one.owed_upto
        return None

    def sent(self, epoch: str, last: int, now: float) -> None:
        self._epochs[epoch].sent_upto = last
        self._wait_from(now)

    def acknowledged(self, epoch: str, upto: int, now: float) -> None:
        """Note that the center has the epoch up to ``upto``; it may have lost events since its last answer."""
        one = self._epochs[epoch]
        if one.held_upto is not None and upto > one.held_upto:
            self._pace.progress()
        if one.held_upto is None or upto < one.held_upto or upto >= one.sent_upto:
            one.sent_upto = 0
        one.held_upto = upto
        self._wait_from(now)

    def contradicted(self, ack: Ack, own: Callable[[int], str | None], now: float) -> SharedUpTo | HashQuery | None:
        """Stop sending the epoch, whose head is not the ``own`` hash there: see `ForkPoint.contradicted`."""
        one = self._epochs[ack.epoch]
        found = one.fork_point.contradicted(ack, one.owed_upto, own)
        one.held_upto, one.sent_upto = None, 0
        if isinstance(found, SharedUpTo):
            one.held_upto = one.owed_upto = found.upto
        self._wait_from(now)
        return found

    def drop(self, epoch: str) -> None:
        one = self._epochs[epoch]
        one.held_upto, one.sent_upto = one.owed_upto, 0

    def stalled(self, now: float) -> bool:
        """Return whether an answer is overdue; waiting for a turn to be sent does not count."""
        has_open_query = any(one.held_upto is None or one.in_flight for one in self._epochs.values())
        return has_open_query and now >= self._deadline

    def rewind(self, now: float) -> None:
        for one in self._epochs.values():
            one.sent_upto = 0
        self._wait_from(now)

    def _wait_from(self, now: float) -> None:
        self._deadline = now + self._pace.patience_s
