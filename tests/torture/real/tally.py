"""What real runs have done and seen, in figures that can be written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Of one run, or of many together."""

    runs: int = 0
    failed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed."""
    written: int = 0
    """Events that the stations committed, those of cards that were taken out again included."""
    in_ledger: int = 0
    apart: int = 0
    """In quarantine."""
    again: int = 0
    """Events that were committed when their worker died before the broker heard of it: they came a second time."""
    heard: int = 0
    """Places of the feed that a reader has heard of while the brokers died."""
    heard_again: int = 0
    """Messages it got of places it had heard of already."""
    revived: int = 0
    """Programs that ended by themselves and were begun again."""
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Count a run in."""
        self.runs += other.runs
        self.failed += other.failed
        self.kills += other.kills
        self.written += other.written
        self.in_ledger += other.in_ledger
        self.apart += other.apart
        self.again += other.again
        self.heard += other.heard
        self.heard_again += other.heard_again
        self.revived += other.revived
        self.seconds += other.seconds

    def __str__(self) -> str:
        gone = self.written - self.in_ledger - self.apart
        kills = ", ".join(f"{what} {number}" for what, number in sorted(self.kills.items()))
        # A run that loses an event or has one twice fails: of those that passed these two are what was judged.
        return (
            f"{self.runs} runs, {self.failed} failed; {self.kills.total()} kills ({kills}); "
            f"{self.written} events written, {self.in_ledger} in the ledger, {self.apart} set apart, "
            f"{gone} taken away with a card before they were sent; "
            f"{self.again} committed and delivered again; "
            f"{self.heard} heard in the feed, {self.heard_again} messages again; "
            f"{self.revived} programs ended by themselves; "
            f"{self.seconds / 60:.1f} minutes"
        )
