"""Is the station busy? The thread that answers the helper's question, and keeps the pages closed from then on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from kiosk.domain.metrology.pan import PanState
from kiosk.station.desk.live import OK, LiveBoard
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import DeskStep, DeskView
from kiosk.station.update.journal import JournalFile, UpdatePhase
from kiosk.station.update.messages import Answer
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.store.papers.papers import Papers


class Gate:
    """Asked by every request, from any thread."""

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
    """What goes on at the desk and at the printers. ``unfinished``: what a villager has left for the clerk; a stop of
    the station would give it up.
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
        """Whether an intake goes on. A scale that is not heard says nothing of the pan: then what is open at the desk
        decides. Raises StoreError."""
        view = self._view()
        if view.pan.state is not PanState.EMPTY and self.hears_scale():
            return UpdateRefusalReason.BUSY_PAN
        if view.step is not DeskStep.HOME or view.receipt is not None or self._unfinished() is not None:
            return UpdateRefusalReason.BUSY_INTAKE
        return None

    def busy(self) -> UpdateRefusalReason | None:
        """As ``serving``, and whether a paper is on its way. Raises StoreError."""
        serving = self.serving()
        if serving is not None:
            return serving
        counts = self._papers.summary()
        return UpdateRefusalReason.BUSY_PRINTING if counts.get("queued") or counts.get("sending") else None

    def hears_scale(self) -> bool:
        return self._board.snapshot().marks.scale == OK


class QuietWatch:
    """Reads the journal again and again: the ``poll`` of a Worker."""

    def __init__(
        self,
        journal: JournalFile,
        quiet: StationQuiet,
        gate: Gate,
        send_answer: Callable[[Answer, str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._quiet, self._gate, self._send_answer, self._clock = (
            journal,
            quiet,
            gate,
            send_answer,
            clock,
        )
        self._answered = ""
        self._held_until: float | None = None

    def poll(self) -> float:
        """Seconds until the next one. Raises OSError, StoreError."""
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
        """Closed first: what begins in between would not be in the answer."""
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
