"""One pull of the trigger, or two? Pure: the clock is passed in."""

from __future__ import annotations

from typing import Final

REPEAT_S: Final = 1.0
"""Longer than a scanner waits before it sends a label again that is still before it; a hand needs more for the next."""


class Repeat:
    """A scanner may send what it sees again and again; only the newest code can be a repeat.

    The same code less than ``repeat_s`` after it was last seen is the same scan. Held before a label, a code is one
    scan however long; taken away and scanned again it counts, and so does any code after another one.
    """

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._newest: str | None = None
        self._seen_at = 0.0

    def is_new(self, text: str, at: float) -> bool:
        """Note a code at monotonic second ``at``; whether it is a scan of its own."""
        again = text == self._newest and at - self._seen_at < self._repeat_s
        self._newest, self._seen_at = text, at
        return not again
