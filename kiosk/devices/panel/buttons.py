"""A push button without its bounce. Pure: levels and times come in, presses come out.

A contact closes and opens for some milliseconds before it settles. A level counts when it has stood for the debounce
time, and then from the moment it began, so that a press is as long as the finger was down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PRESS = "press"
HOLD = "hold"


@dataclass(frozen=True, slots=True)
class ButtonTiming:
    """Seconds: how long a level must stand to count, and a push to be a hold."""

    # Above the bounce of the arcade buttons that panels are made with, below the shortest push of a finger.
    debounce_s: float = 0.03
    hold_s: float = 2.0  # Nobody leans on a button for so long by chance, and nobody lets go before


TIMING: Final = ButtonTiming()


class Button:
    """Says "press" when it is let go, and "hold" once, as soon as it was down long enough; never both for one push.

    A button that is down from the start (stuck, or something leans on it) says nothing until it was up.
    """

    def __init__(self, timing: ButtonTiming, down: bool, at: float) -> None:
        self._timing = timing
        self._level = self._settled = down
        self._level_since = self._settled_since = at
        self._reported = down  # This push has had its word, or gets none

    def update(self, down: bool, at: float) -> tuple[str, ...]:
        """The contact is seen closed or open at second ``at``; returns what that and the time until then have made."""
        words = self.advance(at)
        if down != self._level:
            self._level, self._level_since = down, at
        return words

    def advance(self, at: float) -> tuple[str, ...]:
        """Time has passed until second ``at``; returns at most one word."""
        due = self.due()
        if due is None or at < due:
            return ()
        if self._level != self._settled:
            return self._settle()
        self._reported = True
        return (HOLD,)

    def _settle(self) -> tuple[str, ...]:
        held = self._level_since >= self._settled_since + self._timing.hold_s
        self._settled, self._settled_since = self._level, self._level_since
        if self._settled:
            self._reported = False
            return ()
        reported, self._reported = self._reported, True
        if reported:
            return ()
        return (HOLD,) if held else (PRESS,)

    def due(self) -> float | None:
        """The second at which ``advance`` may have something to say though nothing moves; None when never."""
        if self._level != self._settled:
            return self._level_since + self._timing.debounce_s
        if self._settled and not self._reported:
            return self._settled_since + self._timing.hold_s
        return None
