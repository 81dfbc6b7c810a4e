"""Updates at the station: what a technician sees, whether the station is busy, and the trial of a new release."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Final

from kiosk.domain.metrology.pan import PanState
from kiosk.station.desk.live import OK, LiveBoard
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import DeskStep, DeskView
from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verify_manifest
from kiosk.station.update.journal import UNDECIDED, JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.messages import Answer, Verdict
from kiosk.station.update.ports import BundleShelf
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import Release
from kiosk.store import StoreError
from kiosk.store.papers.papers import Papers

logger = logging.getLogger(__name__)


class Gate:
    """Whether the pages are open: closed while an update wants the station quiet, and while a new release is on trial.
    Read by every request, from any thread.
    """

    def __init__(self) -> None:
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        """Pages say that the station is being updated, and nothing else."""
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()

    def open(self) -> None:
        self._closed.clear()


POLL_INTERVAL_S: Final = 1.0
# The helper stops the station at once; when it does not, it was killed, and the counter opens again.
HOLD_S: Final = 60.0


class StationQuiet:
    """What is in progress at the desk and at the printers. ``unfinished``: what a villager has left for the clerk; it
    would be lost when the station stops.
    """

    def __init__(
        self,
        view: Callable[[], DeskView],
        unfinished: Callable[[], UnfinishedIntake | None],
        board: LiveBoard,
        papers: Papers,
    ) -> None:
        self._view, self._unfinished, self._board, self._papers = view, unfinished, board, papers

    def serving(self) -> UpdateRefusalReason | None:
        """Return why an intake is in progress; None when none is. A silent scale says nothing of the pan: then what is
        open at the desk decides. Raises StoreError.
        """
        view = self._view()
        if view.pan.state is not PanState.EMPTY and self.hears_scale():
            return UpdateRefusalReason.BUSY_PAN
        if view.step is not DeskStep.HOME or view.receipt is not None or self._unfinished() is not None:
            return UpdateRefusalReason.BUSY_INTAKE
        return None

    def busy(self) -> UpdateRefusalReason | None:
        """Return why the station is busy, as ``serving``, or with a paper still to be printed. Raises StoreError."""
        serving = self.serving()
        if serving is not None:
            return serving
        counts = self._papers.summary()
        return UpdateRefusalReason.BUSY_PRINTING if counts.get("queued") or counts.get("sending") else None

    def hears_scale(self) -> bool:
        return self._board.snapshot().marks.scale == OK


class QuietWatch:
    def __init__(
        self,
        journal: JournalFile,
        quiet: StationQuiet,
        gate: Gate,
        send_answer: Callable[[Answer, str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._quiet, self._gate = journal, quiet, gate
        self._send_answer, self._clock = send_answer, clock
        self._answered = ""
        self._held_until: float | None = None

    def poll(self) -> float:
        if self._held_until is not None and self._clock() > self._held_until:  # also while no journal can be read
            self._open()
        entry = self._journal.read()
        is_asking = entry is not None and entry.phase is UpdatePhase.ASKING
        if entry is not None and is_asking and entry.number != self._answered:
            self._answer(entry.number)
        elif self._held_until is not None and (entry is None or entry.phase is UpdatePhase.OVER):
            self._open()
        return POLL_INTERVAL_S

    def _answer(self, number: str) -> None:
        """Close the gate before looking: what begins in between would be missing in the answer."""
        self._gate.close()
        self._held_until = self._clock() + HOLD_S
        busy = self._quiet.busy()
        if busy is not None:
            self._open()
        self._send_answer(Answer(busy, self._quiet.hears_scale()), number)
        self._answered = number

    def _open(self) -> None:
        self._held_until = None
        self._gate.open()


# Public face, counter and what programs ask: each reads the database or the desk.
PAGES: Final = ("/health", "/", "/help", "/about", "/counter", "/parcel")
SCALE_S: Final = 40.0  # For a scale that was received before; a slow indicator sends twice a minute at the worst
_POLL_INTERVAL_S: Final = 0.25
_GOOD: Final = 200
_DETAIL: Final = 300


@dataclass(frozen=True, slots=True)
class TrialTools:
    """``draw`` gives a page's status, ``hear_scale`` waits that many seconds for one frame, ``rehearse`` writes an
    intake and takes it back."""

    draw: Callable[[str], int]
    hear_scale: Callable[[float], bool]
    rehearse: Callable[[], None]
    report: Callable[[Verdict, str], object]


class ReleaseTrial:
    """Of the release that runs in this process: pages closed, relay stopped, printers untouched. It checks what a
    village needs: the pages can be drawn from this database, the scale is received as before, an intake can be written,
    and nothing of that is kept.
    """

    def __init__(self, entry: UpdateEntry, journal: JournalFile, tools: TrialTools) -> None:
        self._entry, self._journal, self._tools = entry, journal, tools

    def run(self, stop: Event) -> bool:
        """Check, report, and wait for the helper's decision; False when the process is to end before it."""
        verdict = self._verdict()
        logger.info("the trial of %s: %s %s", self._entry.version, verdict.why or "healthy", verdict.detail)
        self._tools.report(verdict, self._entry.number)
        while not self._is_decided():
            if stop.wait(_POLL_INTERVAL_S):
                return False
        return not stop.is_set()

    def _verdict(self) -> Verdict:
        for why, check in (
            (UpdateRefusalReason.PAGES, self._pages),
            (UpdateRefusalReason.INTAKE, self._intake),
            (UpdateRefusalReason.SCALE, self._scale),
        ):
            try:
                detail = check()
            except Exception as error:
                logger.exception("the trial found a fault")
                detail = f"{type(error).__name__}: {error}"
            if detail:
                return Verdict(why, detail[:_DETAIL])
        return Verdict(None)

    def _pages(self) -> str:
        status = {page: self._tools.draw(page) for page in PAGES}
        return ", ".join(f"{page} answers {code}" for page, code in status.items() if code != _GOOD)

    def _intake(self) -> str:
        try:
            self._tools.rehearse()
        except StoreError as error:
            return str(error)
        return ""

    def _scale(self) -> str:
        """Return what is wrong with the scale; "" if it was silent before: the update may be what repairs it."""
        if self._tools.hear_scale(SCALE_S if self._entry.scale else 0.0):
            return ""
        if self._entry.scale:
            return f"nothing was heard in {SCALE_S:.0f} s; it was heard before"
        logger.info("the scale is not heard, and was not before")
        return ""

    def _is_decided(self) -> bool:
        try:
            entry = self._journal.read()
        except OSError as error:
            logger.warning("the journal of the update cannot be read: %s", error)
            return False
        return entry is None or entry.number != self._entry.number or entry.phase not in UNDECIDED


def pending_trial(journal: JournalFile, version: str) -> UpdateEntry | None:
    entry = journal.read()
    return entry if entry is not None and entry.phase in UNDECIDED and entry.version == version else None


MAX_SHOWN_BUNDLES: Final = 3  # Bundles on one page, those on a stick first; to see more, delete some


@dataclass(frozen=True, slots=True)
class OfferedBundle:
    """One bundle: what it brings, or why it cannot be taken. ``size_bytes`` as it is signed, 0 of what is not."""

    name: str
    version: str
    why: UpdateRefusalReason | None
    on_stick: bool = False
    size_bytes: int = 0

    @property
    def shown(self) -> str:
        return self.version or self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class UpdateView:
    """``running`` is the version that runs; ``phase`` is "" while nothing is under way."""

    running: str
    bundles: tuple[OfferedBundle, ...]
    phase: str
    outcome: UpdateOutcome | None


class Updates:
    """Reads only the signed manifest of a bundle; the helper checks the whole."""

    def __init__(self, shelf: BundleShelf, journal: JournalFile, quiet: StationQuiet) -> None:
        self._shelf, self._journal, self._quiet = shelf, journal, quiet

    def view(self) -> UpdateView:
        entry = self._journal.read()
        phase = entry.phase.value if entry is not None else "asked" if self._shelf.waits() else ""
        sticks = self._shelf.on_sticks()[:MAX_SHOWN_BUNDLES]
        here = self._shelf.names()[: MAX_SHOWN_BUNDLES - len(sticks)]
        bundles = (*(self._judged_bundle(path, on_stick=True) for path in sticks), *map(self._judged_bundle, here))
        return UpdateView(self._shelf.running().version, bundles, phase, self._shelf.outcome())

    def install(self, name: str) -> None:
        """Request the update, after copying a bundle from a stick. Raises UpdateRefused, and OSError, StoreError."""
        if self.view().phase:
            raise UpdateRefused(UpdateRefusalReason.RUNNING)
        on_stick = name in self._shelf.on_sticks()
        if not on_stick and name not in self._shelf.names():
            raise UpdateRefused(UpdateRefusalReason.NOT_FOUND)
        offered = self._judged_bundle(name, on_stick=on_stick)
        if offered.why is not None:
            raise UpdateRefused(offered.why)
        busy = self._quiet.busy()
        if busy is not None:
            raise UpdateRefused(busy)
        self._shelf.ask(self._shelf.bring(name, offered.size_bytes) if on_stick else name)

    def _judged_bundle(self, name: str, *, on_stick: bool = False) -> OfferedBundle:
        try:
            head = parse_head(self._shelf.head(name, HEAD_BYTES))
            raw = self._shelf.head(name, HEAD_BYTES + head.manifest_bytes)[HEAD_BYTES:]
            manifest = verify_manifest(head, raw, self._shelf.keys())
        except UpdateRefused as error:
            return OfferedBundle(name, "", error.why, on_stick)
        except OSError:
            return OfferedBundle(name, "", UpdateRefusalReason.DAMAGED, on_stick)
        size = HEAD_BYTES + head.manifest_bytes + manifest.payload_bytes
        return OfferedBundle(name, manifest.release.version, self._why_not(manifest.release), on_stick, size)

    def _why_not(self, release: Release) -> UpdateRefusalReason | None:
        running = self._shelf.running()
        if release.order <= running.order:
            return UpdateRefusalReason.NOT_NEWER
        return UpdateRefusalReason.SCHEMA if release.schema < running.schema else None
