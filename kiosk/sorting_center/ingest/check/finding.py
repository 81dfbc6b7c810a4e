"""Findings of a broker's check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class BrokerVerdict(Enum):
    OK = "ok"
    TRAP = "trap"  # Something would be lost here, or let in
    UNSEEN = "?"  # Cannot be seen from a client, or not with this login


@dataclass(frozen=True, slots=True)
class BrokerFinding:
    verdict: BrokerVerdict
    text: str

    def __str__(self) -> str:
        return f"{self.verdict.value:<5}{self.text}"


class BrokerUnusable(Exception):
    """Nothing could be tried; the text says why."""


def trap(text: str) -> BrokerFinding:
    return BrokerFinding(BrokerVerdict.TRAP, text)


def unseen(text: str) -> BrokerFinding:
    return BrokerFinding(BrokerVerdict.UNSEEN, text)


def ok_or_trap(is_ok: bool, good: str, bad: str) -> BrokerFinding:
    return BrokerFinding(BrokerVerdict.OK, good) if is_ok else trap(bad)
