"""What lamps and buzzer do over time, and a push button without its bounce. Pure: levels and seconds are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PRESS = "press"
HOLD = "hold"


@dataclass(frozen=True, slots=True)
class ButtonTiming:
    """Seconds: how long a level must last to count, and a push to be a hold."""

    # Above the bounce of the arcade buttons that panels are made with, below the shortest push of a finger.
    debounce_s: float = 0.03
    hold_s: float = 2.0  # Too long for an accidental push, short enough to wait for


TIMING: Final = ButtonTiming()


class Button:
    """Reports "press" on release, and "hold" once, as soon as it was down long enough; never both for one push.

    A contact closes and opens for some milliseconds before it settles. A level counts when it has lasted for the
    debounce time, and then from the moment it began, so that a press is as long as the finger was down.

    A button that is down from the start (stuck, or something leans on it) reports nothing until it was up.
    """

    def __init__(self, timing: ButtonTiming, down: bool, at: float) -> None:
        self._timing = timing
        self._level = self._settled = down
        self._level_since = self._settled_since = at
        self._reported = down  # This push has had its word, or gets none

    def update(self, down: bool, at: float) -> tuple[str, ...]:
        """Note whether the contact is closed at second ``at``; return what that and the time until then have made."""
        words = self.advance(at)
        if down != self._level:
            self._level, self._level_since = down, at
        return words

    def advance(self, at: float) -> tuple[str, ...]:
        """Advance to second ``at``; return at most one word."""
        due = self.due()
        if due is None or at < due:
            return ()
        if self._level != self._settled:
            held = self._level_since >= self._settled_since + self._timing.hold_s
            self._settled, self._settled_since = self._level, self._level_since
            if self._settled:
                self._reported = False
                return ()
            reported, self._reported = self._reported, True
            if reported:
                return ()
            return (HOLD,) if held else (PRESS,)
        self._reported = True
        return (HOLD,)

    def due(self) -> float | None:
        """Return the second at which ``advance`` may return a word without a change; None when never."""
        if self._level != self._settled:
            return self._level_since + self._timing.debounce_s
        if self._settled and not self._reported:
            return self._settled_since + self._timing.hold_s
        return None


# Seconds on, off, on ...; each begins and ends with a sound. They differ in rhythm: the buzzer has one tone.
PATTERNS: Mapping[str, tuple[float, ...]] = {"ok": (0.08,), "attention": (0.15, 0.1, 0.15), "error": (0.6, 0.15, 0.6)}
PAUSE_S = 0.3  # Silence between two patterns, so that they sound like two
_MAX_WAITING = 3
BLINK_S = 0.5  # Half a period: 1 Hz, slow enough for everyone (WCAG 2.3.1 allows three flashes a second)


class Blinker:
    """A lamp that blinks while it is wanted, beginning lit."""

    def __init__(self) -> None:
        self._since: float | None = None

    def set_active(self, active: bool, at: float) -> None:
        """Set whether to blink from second ``at`` on; setting it again keeps the rhythm."""
        if not active:
            self._since = None
        elif self._since is None:
            self._since = at

    def is_lit(self, at: float) -> bool:
        return self._since is not None and int((at - self._since) / BLINK_S) % 2 == 0

    def due(self, at: float) -> float | None:
        """Return the next second after ``at`` at which ``is_lit`` changes; None while it does not blink."""
        if self._since is None:
            return None
        return self._since + (int((at - self._since) / BLINK_S) + 1) * BLINK_S


class Buzzer:
    """Plays patterns one after the other; at most three wait, or a queue would buzz for minutes."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._ends: list[float] = []  # Ends of the sounds and pauses that are left of the pattern that plays
        self._on = False

    def add(self, pattern: str) -> None:
        """Play a pattern after the others; raises ValueError for an unknown one."""
        if pattern not in PATTERNS:
            raise ValueError(f"no buzzer pattern {pattern!r}; there are {', '.join(PATTERNS)}")
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(pattern)

    def is_sounding(self, at: float) -> bool:
        """Return whether it sounds at second ``at``, which never goes back."""
        while self._ends and at >= self._ends[0]:
            self._ends.pop(0)
            self._on = not self._on
        if not self._ends:
            self._on = False
            if self._waiting:
                self._on = True
                for seconds in (*PATTERNS[self._waiting.popleft()], PAUSE_S):
                    at += seconds
                    self._ends.append(at)
        return self._on

    def due(self) -> float | None:
        """Return the next second at which ``is_sounding`` may change; None while nothing plays."""
        return self._ends[0] if self._ends else None


class NoPanel:
    """The panel of a station where none is set up."""

    fitted = False

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 2.0) -> None: ...

    def show(self, ready: bool, busy: bool, fault: bool) -> None: ...

    def buzz(self, pattern: str) -> None: ...
