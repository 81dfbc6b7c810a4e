"""The newest state of the counter: what is shown, and what of the last scan can still be taken back or shown once.

Its lock is held for microseconds: a paper, a shot or the end of a session never waits for a slow card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kiosk.devices.ports import GoodsShot
from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import Access
from kiosk.station.counter.shared.view import CounterView, ScanResult
from kiosk.station.desk.view import PhotoRequest, PhotoView
from kiosk.store.shared.records import ParcelRow, Stamp


@dataclass(frozen=True, slots=True)
class Undo:
    """The arrival that can be taken back. ``carriers`` has the booked one first; ``until`` is monotonic seconds."""

    parcel: ParcelRow
    waybill: str
    carriers: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class FreshCode:
    """The newest pickup code, to be shown once."""

    number: ParcelNumber
    code: str = field(repr=False)


class CounterState:
    """Thread-safe; ``lock`` is for whoever reads and changes in one go. ``on_view`` hears every change, in order."""

    def __init__(self, view: CounterView, stamps: Callable[[], Stamp], on_view: Callable[[CounterView], None]) -> None:
        self.lock = threading.RLock()
        self.undo: Undo | None = None
        self.fresh: FreshCode | None = None
        # What `photo` of the view tells of, for as long as a clerk may still overrule it: it is not on the card.
        self.refused_shot: GoodsShot | None = None
        self._consent = view.consent
        self._stamps = stamps
        self._on_view = on_view
        self._view = view

    def view(self) -> CounterView:
        return self._view

    def now_s(self) -> float:
        """Monotonic seconds, as all times of a view."""
        return self._stamps().moment.monotonic_ms / 1000

    def change(self, **changes: Any) -> None:
        """Put up a view with these fields changed."""
        with self.lock:
            self._view = replace(self._view, revision=self._view.revision + 1, **changes)
            # Inside the lock, or an older view could be put up after a newer one.
            self._on_view(self._view)

    def access_changed(self, access: Access) -> None:
        """A session began or ended; what was on the screen belongs to the person before."""
        with self.lock:
            session = access.current()
            self.undo = self.fresh = self.refused_shot = None
            self.change(
                unlocked_as=session.person if session else None,
                mode="",
                consent=self._consent,
                damaged_next=False,
                last=None,
                undo_until=None,
                shot_of="",
                photo=PhotoView(),
            )

    def show(self, result: ScanResult, **changes: Any) -> ScanResult:
        """Put up what a scan came to."""
        shown = replace(result, at_monotonic=self.now_s())
        self.change(last=shown, **changes)
        return shown

    def show_arrival(self, result: ScanResult) -> ScanResult:
        """The same for one that booked a parcel: in one change with all that an arrival changes."""
        with self.lock:
            return self.show(result, damaged_next=False, undo_until=self.undo.until if self.undo else None)

    def end_undo(self, number: ParcelNumber | None = None) -> None:
        """The last scan in can no longer be taken back: it was, or the parcel (of this number) has moved on."""
        with self.lock:
            if self.undo is not None and number in (None, self.undo.parcel.number):
                self.undo = None
                self.change(undo_until=None)

    def shooting(self, subject: str) -> PhotoRequest:
        """A shot of this parcel or lot is asked for: from now on its answers alone are shown."""
        photo_request = PhotoRequest(subject)
        with self.lock:
            self.refused_shot = None
            self.change(shot_of=subject, photo=PhotoView("taking", token=photo_request.token))
        return photo_request

    def photo_done(self, photo_request: PhotoRequest, sha256: str) -> None:
        """The shot of a parcel or lot is kept."""
        self._photo(photo_request, PhotoView("done", sha256))

    def photo_retake(self, photo_request: PhotoRequest, shot: GoodsShot) -> None:
        """The shot of a lot was not accepted."""
        verdict = shot.verdict
        view = PhotoView("retake", findings=verdict.findings, may_be_overruled=verdict.may_be_overruled)
        self._photo(photo_request, view, shot if verdict.may_be_overruled else None)

    def photo_failed(self, photo_request: PhotoRequest, problem: str) -> None:
        """There is no shot; the screens have a sentence for each ``problem``."""
        self._photo(photo_request, PhotoView("failed", problem=problem))

    def _photo(self, photo_request: PhotoRequest, photo: PhotoView, refused: GoodsShot | None = None) -> None:
        """A shot of the villager's, or of whoever stood here before, is not shown, and so not overruled."""
        with self.lock:
            if self._view.shot_of == photo_request.subject and self._view.photo.token == photo_request.token:
                self.refused_shot = refused
                self.change(photo=replace(photo, token=photo_request.token))
