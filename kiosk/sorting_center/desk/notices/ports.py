"""What the sending of notices is given."""

from __future__ import annotations

from typing import Protocol

from kiosk.sorting_center.desk.notices.outbox import Claim, ToldCase


class Wording(Protocol):
    """Words for people; raises nothing."""

    def line(self, case: ToldCase, language: str) -> str:
        """What is wrong, in one line of plain text."""
        ...

    def letter(self, cases: tuple[ToldCase, ...], language: str) -> tuple[str, str]:
        """Subject and text; without cases that of a test."""
        ...


class Way(Protocol):
    """Brings a notice to its target."""

    def send(self, claim: Claim) -> str:
        """What was answered. Raises Undelivered."""
        ...


class Undelivered(Exception):
    """The text is one of `sentences`, and says why, without a secret in it."""
