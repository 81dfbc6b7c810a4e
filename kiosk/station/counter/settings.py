"""What a technician sets for the counter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CounterSettings:
    """``lock_after_s``: an unused session ends after it. ``undo_s``: how long a scan can be taken back (R22)."""

    lock_after_s: float = 300.0
    undo_s: float = 10.0

    def __post_init__(self) -> None:
        if not 30 <= self.lock_after_s <= 3600:
            raise ValueError(f"lock_after_s {self.lock_after_s:g} must be 30 to 3600")
        if not 5 <= self.undo_s <= 60:
            raise ValueError(f"undo_s {self.undo_s:g} must be 5 to 60")
