"""When to take the shot without a tap: goods lie there as they should, and nothing moves any more."""

from __future__ import annotations

from typing import Final

from kiosk.devices.ports import LiveViewFrame
from kiosk.domain.verdict import Reason

STILL_S: Final = 1.0
STILL_PREVIEWS: Final = 3
# Looks that lie further apart say nothing of what was between them: a slow camera has one in two seconds.
GAP_S: Final = 2.5
_CLEARED: Final = frozenset({Reason.HAND, Reason.EMPTY})


class AutoShutter:
    """For one lot, from its first look on. Times are monotonic seconds, passed in.

        waiting ──something moves, a hand, an empty mat──▶ armed ──still for STILL_S, no light on──▶ a shot, waiting

    The same goods that lie there still are never shot twice.
    """

    def __init__(self, max_shots: int) -> None:
        self._left = max_shots
        self._armed = False
        self._last: float | None = None
        self._since: float | None = None
        self._still_count = 0

    def update(self, preview: LiveViewFrame, now: float) -> bool:
        """Whether a shot is to be taken now. It counts as taken."""
        if self._last is not None and not 0 <= now - self._last <= GAP_S:
            self.start_over()
        # The first look has nothing to be compared with that this lot was asked for.
        has_previous, self._last = self._last is not None, now
        if _CLEARED.intersection(preview.lights) or (has_previous and not preview.still):
            self._armed = True
        if preview.lights or not preview.still or not has_previous:
            self._since, self._still_count = None, 0
            return False
        self._since = now if self._since is None else self._since
        self._still_count += 1
        if not self._armed or self._left <= 0 or self._still_count < STILL_PREVIEWS or now - self._since < STILL_S:
            return False
        self._left -= 1
        self.start_over()
        return True

    def start_over(self) -> None:
        """A shot was taken, or what happened since the last look is not known: something has to move first."""
        self._armed = False
        self._last, self._since, self._still_count = None, None, 0
