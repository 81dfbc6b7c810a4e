"""The newest state of the station, for its readers: one board, any number of waiting readers, nothing queued."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from kiosk.station.desk.view import DeskView
from kiosk.store.shared.records import ParcelRow

OK = "ok"


@dataclass(frozen=True, slots=True)
class Marks:
    scale: str = "scale_missing"
    printer: str = OK  # The first problem of any printer; `label` and `receipt` show which one has it
    label: str = OK
    receipt: str = OK
    link: str = OK
    camera: str = OK
    store: str = OK  # `store_failed` while nothing can be kept


@dataclass(frozen=True, slots=True)
class ScanNotice:
    """What came of a scan that opened nothing on the page: ``count`` grows with every one, ``word`` has a sentence.

    ``parcel`` is masked and only there for ``my_parcel`` and ``clerk_called``; ``wait_s`` only for ``code_locked``.
    """

    count: int = 0
    word: str = ""
    parcel: ParcelRow | None = field(default=None, repr=False)
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Press:
    """The newest press of a button beside the screen, ``ok`` or ``help``; ``count`` grows with every one."""

    count: int = 0
    button: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``number`` grows by one with every change; ``pending`` counts events the sorting center has not acknowledged."""

    number: int
    view: DeskView
    marks: Marks
    pending: int
    notice: ScanNotice = ScanNotice()
    press: Press = Press()


class LiveBoard:
    """Latest value wins: a slow reader misses steps in between and never the newest."""

    def __init__(self, view: DeskView) -> None:
        self._condition = threading.Condition()
        self._snapshot = Snapshot(1, view, Marks(), 0)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def wait(self, after: int, timeout_s: float) -> Snapshot | None:
        """Return the newest state as soon as its number is above ``after``; None when the time is up."""
        with self._condition:
            if self._condition.wait_for(lambda: self._snapshot.number > after, timeout_s):
                return self._snapshot
            return None

    def show(self, view: DeskView) -> None:
        """Show a new view; drop one that is older than what is shown."""
        with self._condition:
            if view.revision >= self._snapshot.view.revision:
                self._put(replace(self._snapshot, view=view))

    def mark(self, **words: str) -> None:
        """Change some marks, for example ``scale="ok"``."""
        with self._condition:
            marks = replace(self._snapshot.marks, **words)
            if marks != self._snapshot.marks:
                self._put(replace(self._snapshot, marks=marks))

    def count_pending(self, pending: int) -> None:
        with self._condition:
            if pending != self._snapshot.pending:
                self._put(replace(self._snapshot, pending=pending))

    def notify(self, word: str, parcel: ParcelRow | None = None, wait_s: int = 0) -> None:
        with self._condition:
            notice = ScanNotice(self._snapshot.notice.count + 1, word, parcel, wait_s)
            self._put(replace(self._snapshot, notice=notice))

    def press(self, button: str) -> None:
        """Report a press of a button beside the screen: the page does what its own button would do."""
        with self._condition:
            self._put(replace(self._snapshot, press=Press(self._snapshot.press.count + 1, button)))

    def wake(self) -> None:
        """Wake every reader once, for example because the station ends."""
        with self._condition:
            self._put(self._snapshot)

    def _put(self, snapshot: Snapshot) -> None:
        self._snapshot = replace(snapshot, number=self._snapshot.number + 1)
        self._condition.notify_all()
