"""A device shows itself: the scale reads, the scanner scans, paper comes out, the mat is measured, the broker answers.

A trial lives as long as its question is on the screen. What takes time runs in its own thread and ends by its own
deadline; the screen polls its progress.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kiosk.devices.ports import (
    CameraFault,
    LinkState,
    MatShot,
    OnProgress,
    PortProbe,
    PrintNotStarted,
    PrintUncertain,
    ProbeCancelled,
    ProbeFailed,
    ProbeProgress,
    Scale,
    Scanner,
)
from kiosk.first_start.shared.ports import TrialView, fault_text
from kiosk.protocols.scales.probe.proposals import Proposal, without_equivalents
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.doctor.devices import printer_fault_word
from kiosk.texts.plain import printable

logger = logging.getLogger(__name__)

WAITING, WORKING, SEEN, POOR, FAILED = "waiting", "working", "seen", "poor", "failed"
_RAW = 64
ALIKE = 5  # Readings alike, one after the other, before a weight counts as still where the indicator does not say so
JOIN_S = 30.0  # Above every deadline of an attempt


class DeviceTrial:
    """One device while its question is on the screen.

    ``found`` are the formats that the scale's port proposes, the best first; ``picture`` is what the last attempt of
    the camera showed, as JPEG.
    """

    found: tuple[Proposal, ...] = ()
    picture: bytes | None = None

    def view(self) -> TrialView:
        raise NotImplementedError

    def start(self) -> None:
        """Begin an attempt, for devices that have to be asked; the others report by themselves."""

    def close(self) -> None:
        """Release the device, for the next question may open it; what is under way ends by its own deadline."""

    def join(self) -> None:
        """Wait for an attempt that is under way after ``close``."""


class ScaleTrial(DeviceTrial):
    """Listens to the scale; ``seen`` once it has given a weight that may be used."""

    def __init__(self, open_scale: Callable[[ScaleTrial], Scale]) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._alike = 0
        self._seen = False
        self._link = (LinkState.SILENT, "")
        self._scale = open_scale(self)
        self._scale.start()

    def view(self) -> TrialView:
        with self._lock:
            reading, seen, (link, detail) = self._reading, self._seen, self._link
            still = self._alike >= ALIKE
        if reading is None:
            state = FAILED if link is LinkState.MISSING else SEEN if seen else WAITING
            return TrialView(state, detail if link is not LinkState.CONNECTED else "", motion="lost")
        weight = "" if reading.weight is None else f"{reading.weight} {reading.unit or ''}".strip()
        return TrialView(SEEN if seen else WAITING, "", weight, _motion(reading, still), printable(reading.raw)[:_RAW])

    def close(self) -> None:
        self._scale.stop()

    def on_reading(self, reading: Reading, at: float) -> None:
        with self._lock:
            before = self._reading
            self._alike = self._alike + 1 if before is not None and before.weight == reading.weight else 1
            self._reading = reading
            self._seen = self._seen or reading.weight is not None

    def on_expired(self, at: float) -> None:
        with self._lock:
            self._reading = None

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        with self._lock:
            self._link = (state, detail)


def _motion(reading: Reading, still: bool) -> str:
    """Return the word of ``weight.*``; ``still`` replaces the "stable" that many formats do not report."""
    if reading.overload:
        return "overload"
    if reading.underload or (reading.weight is not None and reading.weight < 0):
        return "negative"
    if reading.weight is None:
        return "lost"
    return "stable" if (still if reading.stable is None else reading.stable) else "moving"


class ListenTrial(DeviceTrial):
    """Listens to the port of the scale, and sends nothing; ``seen`` once something is proposed.

    ``found`` stays empty while it listens, and when nothing sounds like a scale.
    """

    def __init__(self, probe: Callable[[OnProgress], PortProbe]) -> None:
        self._view = TrialView(WORKING)
        self._probing = probe(self._on_progress)
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)
        self._thread.start()

    def view(self) -> TrialView:
        return self._view

    def close(self) -> None:
        self._probing.cancel()
        self._thread.join(JOIN_S)

    def _on_progress(self, progress: ProbeProgress) -> None:
        self._view = TrialView(WORKING, progress.line, raw=printable(progress.sample)[:_RAW])

    def _run(self) -> None:
        found: tuple[Proposal, ...] = ()
        view = TrialView(WAITING)
        try:
            found = without_equivalents(self._probing.run())
            view = TrialView(SEEN if found else WAITING)
        except ProbeCancelled:
            return
        except ProbeFailed as error:
            view = TrialView(FAILED, str(error), text_id=fault_text(error))
        except Exception as error:
            logger.exception("listening to the scale failed")
            view = TrialView(FAILED, str(error) or type(error).__name__)
        self.found, self._view = found, view


class ScannerTrial(DeviceTrial):
    """Waits for one certain code; anything else that is scanned is shown, and proves nothing."""

    def __init__(
        self, code: str, open_scanner: Callable[[Callable[[str], None], Callable[[str], None]], Scanner]
    ) -> None:
        self._lock = threading.Lock()
        self._code = code
        self._last = ""
        self._seen = False
        self._state = "ok"
        self._scanner = open_scanner(self._on_scan, self._on_state)
        self._scanner.start()

    def view(self) -> TrialView:
        with self._lock:
            state = SEEN if self._seen else FAILED if self._state != "ok" else WAITING
            detail = "" if self._state == "ok" else self._state
            return TrialView(state, detail, raw=self._last, code=self._code)

    def close(self) -> None:
        self._scanner.stop()

    def _on_scan(self, text: str) -> None:
        with self._lock:
            self._last = text[:_RAW]
            self._seen = self._seen or text.endswith(self._code)  # an AIM identifier may precede it

    def _on_state(self, word: str) -> None:
        with self._lock:
            self._state = word


class OnDemandTrial(DeviceTrial):
    """Something that is tried on demand, one attempt at a time: a test print, a shot of the mat, a call to the broker.

    ``act`` returns the mat where one was measured; None is a success that there is nothing to see of.
    """

    def __init__(
        self, name: str, act: Callable[[], MatShot | None], end: Callable[[], None] | None = None, place: str = ""
    ) -> None:
        self._name, self._act, self._end, self._place = name, act, end, place
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._view = TrialView(WAITING)

    def view(self) -> TrialView:
        return self._view

    def start(self) -> None:
        with self._lock:
            if self._view.state == WORKING:
                return
            self._view = TrialView(WORKING, shots=self._view.shots)
            self._thread = threading.Thread(target=self._run, name=f"try-{self._name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        # A printer that does not answer is not waited for.
        if self._end is not None:
            self._end()

    def join(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(JOIN_S)

    def _run(self) -> None:
        shots = self._view.shots
        try:
            shot = self._act()
            self.picture = shot.preview.jpeg if shot and shot.preview else None
            mat = shot.measures if shot else None
            self._view = TrialView(SEEN if mat is None or mat.good else POOR, shots=shots + 1, mat=mat)
        except (OSError, PrintNotStarted, PrintUncertain, CameraFault, ValueError) as error:
            detail = getattr(error, "strerror", None) or str(error)
            self._view = TrialView(FAILED, detail, shots=shots, text_id=_text_of(error), place=self._place)
        except Exception as error:
            logger.exception("the attempt to use the %s failed", self._name)
            self._view = TrialView(FAILED, str(error) or type(error).__name__, shots=shots)


def _text_of(error: Exception) -> str:
    """Return the sentence that the technician's pages have for it; "" where the question itself says enough."""
    if isinstance(error, PrintNotStarted):
        return f"doctor.do.{printer_fault_word(error.flags) if error.flags else 'printer_silent'}"
    if isinstance(error, PrintUncertain):
        return "setup.fault.uncertain"
    if isinstance(error, CameraFault):
        return "doctor.do.camera_missing" if error.code == "missing" else "setup.fault.camera"
    return fault_text(error)
