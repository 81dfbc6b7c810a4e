"""What the sending of notices is given."""

from __future__ import annotations

from typing import Protocol

from kiosk.sorting_center.desk.notices.outbox import NoticeCase, NoticeClaim


class NoticeWording(Protocol):
    """Words for people; raises nothing."""

    def case_line(self, case: NoticeCase, language: str) -> str:
        """What is wrong, in one line of plain text."""
        ...

    def mail_text(self, cases: tuple[NoticeCase, ...], language: str) -> tuple[str, str]:
        """Subject and text; without cases that of a test."""
        ...


class NoticeSender(Protocol):
    """Brings a notice to its target."""

    def send(self, claim: NoticeClaim) -> str:
        """What was answered. Raises Undelivered."""
        ...


class DeliveryFailed(Exception):
    """The text is one of `sentences`, and says why, without a secret in it."""
