"""What lamps and buzzer do over time. Pure: the clock is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

# Seconds on, off, on ...; each begins and ends with a sound. They differ in rhythm: the buzzer has one tone.
PATTERNS: Mapping[str, tuple[float, ...]] = {"ok": (0.08,), "attention": (0.15, 0.1, 0.15), "error": (0.6, 0.15, 0.6)}
PAUSE_S = 0.3  # Silence between two patterns, so that they are heard as two
_MAX_WAITING = 3
BLINK_S = 0.5  # Half a period: 1 Hz, slow enough for everyone (WCAG 2.3.1 allows three flashes a second)


class Blinker:
    """A lamp that blinks while it is wanted, beginning lit."""

    def __init__(self) -> None:
        self._since: float | None = None

    def set_active(self, active: bool, at: float) -> None:
        """Whether to blink from second ``at`` on; blinking goes on in its rhythm when it is wanted again."""
        if not active:
            self._since = None
        elif self._since is None:
            self._since = at

    def is_lit(self, at: float) -> bool:
        return self._since is not None and int((at - self._since) / BLINK_S) % 2 == 0

    def due(self, at: float) -> float | None:
        """The next second after ``at`` at which that changes."""
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
        """Whether it sounds at second ``at``, which never goes back."""
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
        """The next second at which ``is_sounding`` may change."""
        return self._ends[0] if self._ends else None
