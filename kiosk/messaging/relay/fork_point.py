"""Up to where the ledger's chain of an epoch is this database's, when its head is not. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kiosk.messaging.contract.control import Ack
from kiosk.messaging.contract.envelope import MAX_SEQ

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
    """Of one epoch, and one connection: looked for by halving, below what was acknowledged.

    A hash follows from all events before it, so what is the same at one number is the same below it. An answer of
    another generation starts it over.
    """

    def __init__(self) -> None:
        self.question = 0  # The number whose hash is wanted; 0: none
        self._generation = ""
        self._same_upto, self._other_from = 0, _NOWHERE

    def contradicted(
        self, ack: Ack, acked_upto: int, own: Callable[[int], str | None]
    ) -> SharedUpTo | HashQuery | None:
        """After an acknowledgement whose head is not ``own`` hash there; None: ``question`` is open, ask it in a while.

        A center that answers no such question is taken at its former word. Two ledgers that answer in turn, each of
        another generation, never make it ask at once.
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
        # Most often nothing is lost: all of it is asked for at once.
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
