"""What people at the sorting center are told when something cannot be done."""

from __future__ import annotations


class DeskError(Exception):
    """The desk's database cannot be used; the text names it and the act."""


class Refused(Exception):
    """An act that is not done. ``code`` is a stable word; the text says why and what would work."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
