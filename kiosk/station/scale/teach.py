"""Teach me this scale: a port is named, the pan emptied, a known weight put on; the result is one format, or none.

::

    ports -> listening -> heard -> emptied -> known -> loaded -> offer   one format fits both pans
               |            |                            |`----> unclear  several do, or none: nothing is offered
               `- nothing   `------- failed: the port is gone, or cannot be opened

Meanwhile the station's own scale releases its port and nothing is weighed. A forgotten page ends it: after ``IDLE_S``
without a view of the page the port is returned.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from kiosk.base.refused import Refused
from kiosk.devices.ports import LineCapture, OnProgress, Pausable, PortProbe, ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.protocols.scales.probe.known_weight import (
    MAX_KNOWN_G,
    MIN_KNOWN_G,
    MIN_READINGS,
    IdentifiedProfile,
    WeighOutcome,
    identify_profile,
    readings_of,
)
from kiosk.protocols.scales.probe.proposals import Candidate, Proposal, Recording, weight_text
from kiosk.protocols.scales.shared.protocol import TransmissionMode

logger = logging.getLogger(__name__)

IDLE_S: Final = 180.0
# A pan is looked at for so long at least, and until enough frames have come, but no longer than `MAX_OBSERVE_S`.
OBSERVE_S: Final = 1.5
MAX_OBSERVE_S: Final = 6.0
_ENOUGH: Final = MIN_READINGS + 2
_TICK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class TeachTools:
    """What the composition root gives. ``ports`` are those that may be named; ``check`` reads a settings file as the
    station will and raises ValueError. Without ``own_scale`` no scale is set up.
    """

    ports: Callable[[], Sequence[str]]
    probe: Callable[[str, bool, OnProgress], PortProbe]
    capture: Callable[[str, Sequence[Candidate]], LineCapture]
    own_scale: Pausable | None = None
    settings_file: Path | None = None
    check: Callable[[Path], object] = lambda path: None
    # e and Max in grams, as they are set; they are printed on the plate and are not taught.
    plate: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal and what it reads at this moment, "" for nothing."""

    proposal: Proposal
    reads: str = ""


@dataclass(frozen=True, slots=True)
class TeachView:
    """What the page shows. ``step`` is a word of the picture above; ``problem`` an English sentence."""

    step: str = "ports"
    ports: tuple[str, ...] = ()
    port: str = ""
    ask: bool = False
    progress: ProbeProgress = field(default_factory=ProbeProgress)
    rows: tuple[ProposalRow, ...] = ()
    known_g: int = 0
    outcome: WeighOutcome | None = None
    section: tuple[str, ...] = ()
    has_plate: bool = False
    can_write: bool = False
    written: str = ""
    problem: str = ""


class Teach:
    """One technician at a time; safe from several threads. Codes of Refused: ``technician.teach.refused.…``."""

    def __init__(self, tools: TeachTools, clock: Callable[[], float] = time.monotonic, idle_s: float = IDLE_S) -> None:
        self._tools, self._clock, self._idle_s = tools, clock, idle_s
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._probing: PortProbe | None = None
        self._capture: LineCapture | None = None
        self._viewed_at = 0.0
        self._began = 0.0
        self._empty: tuple[Recording, ...] = ()
        self._view = TeachView()

    def view(self) -> TeachView:
        with self._lock:
            self._viewed_at = self._clock()
            view, capture = self._view, self._capture
        if view.step == "ports":
            return replace(view, ports=tuple(self._tools.ports()))
        if capture is None or view.step not in ("heard", "emptied", "known", "loaded"):
            return view
        latest = capture.latest()
        return replace(view, rows=tuple(_row(row.proposal, latest) for row in view.rows))

    def begin(self, port: str, *, ask: bool = False) -> None:
        """Listen to this port, and if ``ask`` send questions to it. Raises Refused."""
        if port not in self._tools.ports():
            raise Refused("gone", port)
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise Refused("busy")
            if self._tools.own_scale is not None:
                try:
                    self._tools.own_scale.pause()
                except TimeoutError as error:
                    raise Refused("not_released", str(error)) from error
            self._over.clear()
            self._viewed_at = self._clock()
            self._view = TeachView("listening", port=port, ask=ask)
            try:
                self._probing = self._tools.probe(port, ask, self._on_progress)
            except ValueError as error:
                self._release()
                self._view = TeachView()
                raise Refused("gone", str(error)) from error
            self._thread = threading.Thread(target=self._run, name="teach", daemon=True)
            self._thread.start()

    def confirm_empty(self) -> None:
        """Record the reading of the empty pan. Does nothing out of turn."""
        self._observe("heard", "emptied")

    def confirm_known_weight(self, text: str) -> None:
        """Record the reading with so many kilograms on the pan. Raises Refused for a number that is no such weight."""
        grams = _grams(text)
        with self._lock:
            if self._view.step == "known":
                self._view = replace(self._view, known_g=grams)
        self._observe("known", "loaded")

    def write(self) -> None:
        """Write the offered format into the settings file. Raises Refused; then the file is unchanged."""
        with self._lock:
            table, file = self._table(), self._tools.settings_file
            if table is None or not self._view.can_write or file is None:
                raise Refused("not_offered")
            # What writes settings is 1 MB, and a scale is taught once.
            from kiosk.station.shared.settings_edit import NotWritten, lines, rewrite

            try:
                copy = rewrite(file, "scale", table, self._tools.check)
            except NotWritten as error:
                logger.warning("the taught scale is not written to %s: %s", file, error)
                raise Refused("not_written", str(error)) from error
            logger.warning("a technician taught the scale: %s; the former settings are in %s", lines(table), copy)
            self._view = replace(self._view, written=copy.name, can_write=False)

    def end(self) -> None:
        self._stop()
        with self._lock:
            self._view = TeachView()

    def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        with self._lock:
            thread, probing = self._thread, self._probing
            self._over.set()
        if probing is not None:
            probing.cancel()
        if thread is not None:
            thread.join()

    def _on_progress(self, progress: ProbeProgress) -> None:
        with self._lock:
            self._view = replace(self._view, progress=progress)

    def _run(self) -> None:
        """Run the session's thread; in any case the station gets its scale back."""
        try:
            self._session()
        except ProbeCancelled:
            self._show(TeachView())
        except ProbeFailed as error:
            self._show(replace(self._view, step="failed", problem=str(error)))
        except Exception as error:
            logger.exception("teaching the scale failed")
            self._show(replace(self._view, step="failed", problem=f"It failed ({error}): look at the station's log."))
        finally:
            capture, self._capture = self._capture, None
            if capture is not None:
                capture.stop()
            self._release()

    def _session(self) -> None:
        assert self._probing is not None
        proposals = self._probing.run()
        if not proposals:
            self._show(replace(self._view, step="nothing"))
            return
        first = proposals[0].candidate
        near = tuple(one for one in proposals if one.candidate.line == first.line)
        capture = self._tools.capture(self._view.port, [one.candidate for one in near])
        capture.start()
        self._capture = capture
        self._show(replace(self._view, step="heard", rows=tuple(ProposalRow(one, one.reads) for one in near)))
        while not self._over.wait(_TICK_S):
            if capture.failure:
                raise ProbeFailed(capture.failure)
            if self._clock() - self._viewed_at > self._idle_s:
                self._show(TeachView())
                return
            if self._evaluate(capture):
                return

    def _show(self, view: TeachView) -> None:
        with self._lock:
            self._view = view

    def _release(self) -> None:
        if self._tools.own_scale is not None:
            self._tools.own_scale.resume()

    def _observe(self, step: str, then: str) -> None:
        with self._lock:
            if self._view.step == step and self._capture is not None:
                self._capture.mark()
                self._began = self._clock()
                self._view = replace(self._view, step=then)

    def _evaluate(self, capture: LineCapture) -> bool:
        with self._lock:
            view, passed = self._view, self._clock() - self._began
            if view.step not in ("emptied", "loaded") or passed < OBSERVE_S:
                return False
            recordings = capture.since_mark()
            best = max(len(readings_of(row.proposal.candidate, recordings)) for row in view.rows)
            if best < _ENOUGH and passed < MAX_OBSERVE_S:
                return False
            if view.step == "emptied":
                self._empty = recordings
                self._view = replace(view, step="known")
                return False
            proposals = [row.proposal for row in view.rows]
            outcome = identify_profile(proposals, self._empty, recordings, view.known_g)
            self._view = replace(view, step="offer" if outcome.offer else "unclear", outcome=outcome)
            table = self._table()
            if table is not None:
                from kiosk.station.shared.settings_edit import lines, writable

                can_write = self._tools.plate is not None and writable(self._tools.settings_file)
                e_g, max_g = self._tools.plate or (0, 0)
                plate = {"e_g": e_g, "max_g": max_g} if self._tools.plate else {}
                section = lines({**table, **plate})
                self._view = replace(self._view, section=section, has_plate=bool(plate), can_write=can_write)
            return True

    def _table(self) -> dict[str, Any] | None:
        outcome = self._view.outcome
        return settings_of(outcome.offer, self._view.port) if outcome is not None and outcome.offer else None


def settings_of(profile: IdentifiedProfile, port: str) -> dict[str, Any]:
    """Return the keys of ``[scale]`` that a taught format needs. A key that is None must not be in the file."""
    line = profile.candidate.line
    return {
        "port": port,
        "protocol": profile.candidate.protocol,
        **({"unit": profile.unit} if profile.unit else {}),
        "baud": line.baud,
        "bytesize": line.bytesize,
        "parity": line.parity,
        "stopbits": line.stopbits,
        "params": dict(profile.candidate.params) or None,
        **({} if profile.candidate.row.mode is TransmissionMode.POLL else {"poll_s": None}),
    }


def _row(proposal: Proposal, latest: Sequence[Recording]) -> ProposalRow:
    read = [item for item in readings_of(proposal.candidate, latest) if item.weight is not None]
    return ProposalRow(proposal, weight_text(read[-1], proposal.candidate.row.default_unit) if read else "")


def _grams(text: str) -> int:
    try:
        grams = Decimal(text) * 1000
    except InvalidOperation:
        raise Refused("no_weight", text) from None
    if not (grams.is_finite() and MIN_KNOWN_G <= grams <= MAX_KNOWN_G and grams == grams.to_integral_value()):
        raise Refused("no_weight", text)
    return int(grams)
