"""What the counter shows: frozen values, replaced at every change, and whether a page watches them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Final

from kiosk.devices.ports import GoodsShot
from kiosk.domain.clerk import Role
from kiosk.domain.parcel import ParcelNumber
from kiosk.domain.slip import CheckedSlip
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.desk.view import PhotoRequest, PhotoView
from kiosk.store.shared.records import ParcelRow, Stamp

NO_PHOTO: Final = PhotoView()
# What a scanned waybill means: it arrives, it is looked for to be handed out, or it is only looked up.
IN, OUT, NO_MODE = "in", "out", ""
BOOKED: Final = frozenset({"parcel_in", "parcel_damaged"})  # Kinds of a scan that brought a parcel in
CHOOSE_CARRIER: Final = "choose_carrier"
ANOTHER_PACKAGE: Final = "another_package"
# Refusals a clerk may decide about: one touch of a carrier books the parcel after all.
CHOICES: Final = frozenset({CHOOSE_CARRIER, ANOTHER_PACKAGE})


@dataclass(frozen=True, slots=True)
class WaybillOffer:
    """A waybill that one touch takes in after all. ``id`` names this very scan of it: a page that is older has another.
    ``waybill`` and ``carriers`` are as a scan in mode "in" would book them, the likeliest carrier first.
    """

    id: str
    waybill: str = field(repr=False)
    carriers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan was and what came of it.

        kind              word            what it is
        parcel_in         shelved         booked by this scan: it has its slot
        parcel_damaged    damaged         booked by this scan: it waits for its shot and a decision
        parcel_known      waiting, undecided, lost, expected, collected, closed
                                          this waybill was here before: ``parcel`` tells when and where
        parcel_out        code_right      a pickup slip: the parcel is up for the handover
        parcel_out        waiting         the waybill of a parcel that waits, in mode "out"
        shelf             shelf, shelf_empty
        intake            intake          receipt
        lot               lot, bag, crate lot; a bag or crate of it, whose number is in ``values``
        member            member
        tote              tote            a tote that waits for the driver, or its seal
        manifest          manifest        the totes a driver has taken
        slip              a verdict's     the signed code of a receipt, with what it says in ``slip``
        refused           a refusal's word

    ``path`` is the next page of the counter, "" to stay. ``shown`` is the scan as plain text, at most 64 printable
    characters; "" for personal data. ``carriers`` are those to choose from: of a booked parcel while it can
    be taken back (the booked one first), of a refused one with word choose_carrier or another_package. ``offer`` is
    set when the scan gave no direction and the waybill may come in: with kind ``refused`` (unknown_parcel) or
    ``parcel_known`` (expected); once taken it stays with the parcel it booked.
    """

    kind: str
    word: str
    path: str = ""
    parcel: ParcelRow | None = field(default=None, repr=False)
    receipt: str | None = None
    shown: str = field(default="", repr=False)
    carriers: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    wait_s: int = 0
    at_monotonic: float = 0.0
    offer: WaybillOffer | None = None
    slip: CheckedSlip | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CounterView:
    """Everything a counter page needs beside the lists it reads itself. Times are monotonic seconds. ``shot_of`` is the
    parcel or lot whose shot ``photo`` describes. ``pending_prints`` counts papers that are queued, being sent or
    unknown. ``unfinished`` is the receipt of an intake that was left with bags on it.
    """

    revision: int = 1
    mode: str = NO_MODE
    consent: str = ""
    damaged_next: bool = False
    last: ScanResult | None = None
    undo_until: float | None = None
    handover: ParcelRow | None = field(default=None, repr=False)
    waiting_handovers: int = 0
    shot_of: str = ""
    photo: PhotoView = NO_PHOTO
    pending_prints: int = 0
    unfinished: str = ""
    unlocked_as: Person | None = None


WATCHED_S = 5.0  # A page that changes to the next one is away for less than this; a page that was closed is not


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    number: int
    view: CounterView


class CounterBoard:
    """Latest value wins, as on the public board; readers say when they begin and end to watch."""

    def __init__(self, view: CounterView, clock: Callable[[], float] = monotonic) -> None:
        self._condition = threading.Condition()
        self._snapshot = CounterSnapshot(1, view)
        self._clock = clock
        self._watching = 0
        self._left: float | None = None

    def snapshot(self) -> CounterSnapshot:
        return self._snapshot

    def wait(self, after: int, timeout_s: float) -> CounterSnapshot | None:
        """Return the newest state as soon as its number is above ``after``; None when the time is up."""
        with self._condition:
            if self._condition.wait_for(lambda: self._snapshot.number > after, timeout_s):
                return self._snapshot
            return None

    def show(self, view: CounterView) -> None:
        with self._condition:
            if view.revision >= self._snapshot.view.revision:
                self._put(replace(self._snapshot, view=view))

    def wake(self) -> None:
        with self._condition:
            self._put(self._snapshot)

    def watch(self) -> None:
        """Count one more open page of the counter: scans are meant for it."""
        with self._condition:
            self._watching += 1

    def unwatch(self) -> None:
        with self._condition:
            self._watching -= 1
            self._left = self._clock()

    def page_served(self) -> None:
        """Note that a clerk was given a page that will begin to watch: a scan that follows at once is meant for it."""
        with self._condition:
            self._left = self._clock()

    def is_watched(self, within_s: float = WATCHED_S) -> bool:
        """Return whether a page of the counter is open, or was open or served within the last seconds."""
        with self._condition:
            return self._watching > 0 or (self._left is not None and self._clock() - self._left <= within_s)

    def _put(self, snapshot: CounterSnapshot) -> None:
        self._snapshot = replace(snapshot, number=self._snapshot.number + 1)
        self._condition.notify_all()


@dataclass(frozen=True, slots=True)
class Undo:
    parcel: ParcelRow
    waybill: str
    carriers: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class FreshCode:
    number: ParcelNumber
    code: str = field(repr=False)


class CounterState:
    """What is shown, and what of the last scan can still be taken back or shown once. Thread-safe; ``on_view`` receives
    every change, in order. ``lock`` is for callers that read and change in one step, and is held for microseconds: a
    paper, a shot or the end of a session never waits for a slow card. ``on_clerk`` is called when a clerk has come.
    """

    def __init__(self, view: CounterView, stamps: Callable[[], Stamp], on_view: Callable[[CounterView], None]) -> None:
        self.lock = threading.RLock()
        self.undo: Undo | None = None
        self.fresh: FreshCode | None = None
        # The shot that `photo` of the view describes, as long as a clerk may still overrule it: it is not on the card.
        self.refused_shot: GoodsShot | None = None
        self.on_clerk: Callable[[], None] = lambda: None
        self._consent = view.consent
        self._stamps, self._on_view, self._view = stamps, on_view, view

    def view(self) -> CounterView:
        return self._view

    def now_s(self) -> float:
        """Return monotonic seconds, the clock of all times of a view."""
        return self._stamps().moment.monotonic_ms / 1000

    def change(self, **changes: Any) -> None:
        with self.lock:
            self._view = replace(self._view, revision=self._view.revision + 1, **changes)
            # Inside the lock, or an older view could be put up after a newer one.
            self._on_view(self._view)

    def access_changed(self, access: Access) -> None:
        """Reset the screen when a session begins or ends: its content belongs to the person before."""
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
            if session is not None and session.person.role is Role.CLERK:
                self.on_clerk()

    def show(self, result: ScanResult, **changes: Any) -> ScanResult:
        shown = replace(result, at_monotonic=self.now_s())
        self.change(last=shown, **changes)
        return shown

    def show_arrival(self, result: ScanResult) -> ScanResult:
        """Show a result that booked a parcel, in one change with all that an arrival changes."""
        with self.lock:
            return self.show(result, damaged_next=False, undo_until=self.undo.until if self.undo else None)

    def end_undo(self, number: ParcelNumber | None = None) -> None:
        """End the undo of the last scan in: it was taken back, or the parcel (of this number) has moved on."""
        with self.lock:
            if self.undo is not None and number in (None, self.undo.parcel.number):
                self.undo = None
                self.change(undo_until=None)

    def shooting(self, subject: str) -> PhotoRequest:
        """Begin a shot of this parcel or lot: from now on only its answers are shown."""
        photo_request = PhotoRequest(subject)
        with self.lock:
            self.refused_shot = None
            self.change(shot_of=subject, photo=PhotoView("taking", token=photo_request.token))
        return photo_request

    def photo_done(self, photo_request: PhotoRequest, sha256: str) -> None:
        self._photo(photo_request, PhotoView("done", sha256))

    def photo_retake(self, photo_request: PhotoRequest, shot: GoodsShot) -> None:
        verdict = shot.verdict
        view = PhotoView("retake", findings=verdict.findings, may_be_overruled=verdict.may_be_overruled)
        self._photo(photo_request, view, shot if verdict.may_be_overruled else None)

    def photo_failed(self, photo_request: PhotoRequest, problem: str) -> None:
        """Report that there is no shot; the screens have a sentence for each ``problem``."""
        self._photo(photo_request, PhotoView("failed", problem=problem))

    def _photo(self, photo_request: PhotoRequest, photo: PhotoView, refused: GoodsShot | None = None) -> None:
        """Show the shot, unless it is the villager's or of a session before: such a shot cannot be overruled either."""
        with self.lock:
            if self._view.shot_of == photo_request.subject and self._view.photo.token == photo_request.token:
                self.refused_shot = refused
                self.change(photo=replace(photo, token=photo_request.token))
