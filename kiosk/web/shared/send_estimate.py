"""About how long it takes until the sorting center has everything, as a sentence that rounds up."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Final

from kiosk.station.doctor.status_files import RelayStatusFile

_MAX_MINUTES: Final = 90


def send_estimate(data: Path) -> tuple[str, int] | None:
    """The id of the sentence and its number; None while the relay does not know, or nothing waits."""
    left_s = RelayStatusFile(data).left_s()
    if left_s is None:
        return None
    minutes = max(1, ceil(left_s / 60))
    if minutes <= _MAX_MINUTES:
        return "counter.queue.left_min", minutes
    return "counter.queue.left_h", ceil(minutes / 60)
