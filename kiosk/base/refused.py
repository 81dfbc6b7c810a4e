"""The one way to refuse a request of a person or a program."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """What was requested cannot be done now.

    ``code`` names the text that the screens show, and ``values`` fill it; ``str()`` is technical English for a log or a
    terminal. None of the three holds a PIN, a phone number or a pickup code. A subclass is made only where a caller has
    to catch one kind of refusal and let another one pass.
    """

    def __init__(self, code: str, message: str = "", values: Mapping[str, str] | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.values: Mapping[str, str] = values or {}
