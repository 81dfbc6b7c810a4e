"""What all acts of the counter share: one at a time, by a clerk who has unlocked it, each told to whoever watches.

Two locks, as at the desk. ``_acts`` lets one act after the other through, from its check to its end, disk included.
``_lock`` guards the view for microseconds, so that a paper, a shot or a locked counter never waits for a slow card.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from kiosk.domain.clerk import Role
from kiosk.domain.identifiers import BadIdentifier
from kiosk.domain.parcel import ParcelNumber
from kiosk.station.counter.access import Access
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.counter.throttle import Throttle
from kiosk.station.counter.view import CounterRefused, CounterView, Handover, Person, Session
from kiosk.station.desk.unfinished import Unfinished
from kiosk.station.desk.view import PhotoView
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.errors import StoreError
from kiosk.store.records import ParcelRow, Stamp

logger = logging.getLogger(__name__)

MOST_ROWS = 100
"""Of one list: a page holds less, and no request makes the station hold more."""
_LARGEST = 2**63 - 1
"""What SQLite takes as a number."""

HANDOVER_S = 300.0
"""A villager who proved a code and went away again leaves no parcel up for the next tap."""
MOST_HANDOVERS = 5
_OPEN_PRINTS = ("queued", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class CounterTools:
    """What the counter is given: where to keep, who works here, how to make papers and shots, whom to tell."""

    station: str
    store: Store
    access: Access
    papers: CounterPapers
    photos: ParcelPhotos
    counter: CounterSettings
    parcels: ParcelSettings
    stamps: Callable[[], Stamp]
    on_view: Callable[[CounterView], None]
    on_event: Callable[[], None]
    """Something was committed: there may be papers to print and an event to send."""
    on_parcel_photo: Callable[[ParcelNumber], None]
    """Asked for a shot of a parcel; answers later by ``photo_done`` or ``photo_failed``."""
    on_lot_photo: Callable[[str, str], None]
    """The same for a lot and its product."""
    unfinished: Callable[[], Unfinished | None] = lambda: None
    """The intake a villager left with bags on it."""
    take_up: Callable[[str], object] = lambda receipt: None
    """Go on with it at the desk; raises DeskRefused."""


@dataclass(frozen=True, slots=True)
class Undo:
    """The arrival that can be taken back. ``until`` is monotonic, in seconds."""

    parcel: ParcelRow
    waybill: str
    carriers: tuple[str, ...]
    until: float


class CounterBase:
    """Thread-safe. Every act raises CounterRefused and then has changed nothing."""

    def __init__(self, tools: CounterTools) -> None:
        self._tools = tools
        self._acts = threading.RLock()
        self._lock = threading.RLock()
        self._view = CounterView(consent=tools.parcels.consent.value)
        self._undo: Undo | None = None
        self._fresh: tuple[ParcelNumber, str] | None = None
        """The newest pickup code, to be shown once."""
        self._arrived: dict[str, Any] = {}
        """What an arrival changes on the screen together with its result."""
        self._handovers: tuple[Handover, ...] = ()
        self._count_turns = count(1)
        self._counted_at = 0
        self._pickup = Throttle("pickup", tools.store, tools.stamps, wrong="wrong_code", locked="code_locked")

    # --- what others tell the counter (any thread) -----------------------------------------------------------------

    def view(self) -> CounterView:
        """What to show now."""
        return self._view

    def access_changed(self) -> None:
        """The counter was unlocked or locked; what was on the screen belongs to the person before."""
        with self._lock:
            session = self._tools.access.current()
            self._undo = self._fresh = None
            self._set(
                unlocked_as=session.person if session else None,
                mode="",
                consent=self._tools.parcels.consent.value,
                damaged_next=False,
                last=None,
                undo_until=None,
                shot_of="",
                photo=PhotoView(),
            )

    def papers_moved(self) -> None:
        """A paper came out, or its fate is unknown. Called by the print workers: a store that fails is only logged.

        Two may count at once; what was counted earlier does not cover what was counted later.
        """
        turn = next(self._count_turns)
        try:
            summary = self._tools.store.papers.summary()
        except StoreError as error:
            logger.error("the papers cannot be counted now: %s", error)
            return
        with self._lock:
            if turn < self._counted_at:
                return
            self._counted_at = turn
            pending = sum(summary.get(state, 0) for state in _OPEN_PRINTS)
            if pending != self._view.pending_prints:
                self._set(pending_prints=pending)

    def photo_done(self, subject: str, sha256: str) -> None:
        """The shot of this parcel or lot is kept."""
        self._photo(subject, PhotoView("done", sha256))

    def photo_failed(self, subject: str, problem: str) -> None:
        """There is no shot; ``problem`` is a word the screens have a sentence for."""
        self._photo(subject, PhotoView("failed", problem=problem))

    def _photo(self, subject: str, photo: PhotoView) -> None:
        with self._lock:
            if self._view.shot_of == subject:
                self._set(photo=photo)

    def tick(self) -> None:
        """Let time pass: end an idle session, an undo that is over, a handover that nobody came for."""
        self._tools.access.expire()
        unfinished = self._tools.unfinished()
        with self._lock:
            left = unfinished.receipt if unfinished else ""
            if left != self._view.unfinished:
                self._set(unfinished=left)
            now = self._now_s()
            if self._undo is not None and now >= self._undo.until:
                self._undo = None
                self._set(undo_until=None)
            kept = tuple(row for row in self._handovers if row.until > now)
            if kept != self._handovers:
                self._show_handovers(kept)

    # --- inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _acting(self, session: Session) -> Iterator[tuple[Person, Stamp]]:
        """One act of a clerk: alone, allowed, with the store's failures as words."""
        with self._acts:
            person = self._clerk(session)
            with refusing():
                yield person, self._tools.stamps()

    def _clerk(self, session: Session | None) -> Person:
        found = self._tools.access.session(session.token) if session else None
        if found is None:
            raise CounterRefused("not_unlocked")
        if found.person.role is not Role.CLERK:
            raise CounterRefused("forbidden")
        return found.person

    def _number(self, text: str | ParcelNumber) -> ParcelNumber:
        """The parcel number a page sent back."""
        if isinstance(text, ParcelNumber):
            return text
        try:
            number = ParcelNumber.parse(text)
        except BadIdentifier:
            raise CounterRefused("unknown_parcel") from None
        if number.station != self._tools.station:
            raise CounterRefused("foreign_code")
        return number

    @staticmethod
    def _window(limit: int, offset: int) -> tuple[int, int]:
        """A part of a list, whatever a page asked for."""
        return min(max(limit, 0), MOST_ROWS), min(max(offset, 0), _LARGEST)

    @staticmethod
    def _paper(job_id: int) -> int:
        if not 0 < job_id <= _LARGEST:
            raise CounterRefused("unknown_paper")
        return job_id

    def _booked(self) -> None:
        """Something was committed by this act."""
        self.papers_moved()
        self._tools.on_event()

    def _show_handovers(self, handovers: tuple[Handover, ...]) -> None:
        with self._lock:
            self._handovers = handovers
            first = handovers[0].parcel if handovers else None
            self._set(handover=first, waiting_handovers=len(handovers))

    def _forget_handover(self, number: ParcelNumber) -> None:
        with self._lock:
            kept = tuple(row for row in self._handovers if row.parcel.number != number)
            if kept != self._handovers:
                self._show_handovers(kept)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._view = replace(self._view, revision=self._view.revision + 1, **changes)
            # Inside the lock, or an older view could be put up after a newer one.
            self._tools.on_view(self._view)

    def _now_s(self) -> float:
        return self._tools.stamps().moment.monotonic_ms / 1000
