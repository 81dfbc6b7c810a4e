"""What the use cases of the scale need of the store and of the desk."""

from __future__ import annotations

from typing import Protocol

from kiosk.domain.metrology.pan import Lock, PanView
from kiosk.domain.metrology.pan_journal import Before, PanNote
from kiosk.domain.metrology.standing import Counters
from kiosk.domain.moment import ClockQuality
from kiosk.store.records import CheckRow, NewCheck, ScaleContent, Stamp


class ScaleStore(Protocol):
    """What is needed of the store."""

    def counters(self) -> Counters: ...
    def last_check(self) -> CheckRow | None: ...
    def record_check(self, check: NewCheck, stamp: Stamp) -> CheckRow: ...
    def observe_scale(self, content: ScaleContent, stamp: Stamp) -> int: ...
    def count_clock(self, before: ClockQuality, after: ClockQuality, step_s: int, stamp: Stamp) -> int: ...
    def note_load(self, note: PanNote, stamp: Stamp) -> None: ...
    def pan_before(self) -> Before: ...


class PanLook(Protocol):
    """Knows the pan and whether an intake is open; ``Loads`` of the desk is one."""

    def check_view(self) -> tuple[PanView, Lock | None, str]: ...
