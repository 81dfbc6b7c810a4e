"""The interfaces between the station and its hardware. The adapters are beside this file; the station uses only this.

Every call that may wait takes its deadline in seconds and keeps it on the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from kiosk.base.refused import Refused
from kiosk.domain.mat_measures import MatMeasures
from kiosk.domain.verdict import Measures, Reason, Verdict
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.protocols.printers.page_setup import PageSetup
from kiosk.protocols.scales.shared.reading import Reading

if TYPE_CHECKING:  # the relay asks for a state alone, and would load every scale format for it
    from kiosk.protocols.scales.probe.proposals import Proposal, Recording


class LinkState(StrEnum):
    """How a device is reached at this moment."""

    CONNECTED = "connected"
    SILENT = "silent"  # The port is open and nothing usable has come for the stale time
    REFUSES = "refuses"  # As silent, but the scale answers with the reason why there is no weight
    MISSING = "missing"  # The port cannot be opened: unplugged, no rights, no such file


class ScaleListener(Protocol):
    """What a scale supervisor reports to; called from the supervisor's own thread, must not block."""

    def on_reading(self, reading: Reading, at: float) -> None:
        """Handle a complete frame that was decoded at monotonic second ``at``."""

    def on_expired(self, at: float) -> None:
        """Handle that the newest reading has just become older than the stale time."""

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        """Handle a change of the link to the scale; ``detail`` names the port and the reason in one clear line."""


class CommandOutcome(StrEnum):
    """How a command to the scale ended."""

    DONE = "done"  # Its effect was seen
    # Nothing was changed: not sent (`not_connected`, `busy`), or refused by the scale (a reason of the contract).
    REFUSED = "refused"
    NO_ANSWER = "no_answer"  # It was sent and nothing came back: the scale may have obeyed
    NOT_SUPPORTED = "not_supported"  # The format has no such command
    # It was sent, the scale continues sending, and the effect was not seen: check the indicator.
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """``reason`` is there exactly for REFUSED."""

    outcome: CommandOutcome
    reason: str = ""


class Scale(Protocol):
    """A live scale. ``start`` returns at once; ``stop`` returns when the thread has ended."""

    @property
    def pulse(self) -> float | None:
        """The monotonic second of the supervisor's last turn, also while the scale is missing; None before it runs."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 10.0) -> None: ...

    def send(self, command: str, deadline_s: float = 3.0) -> CommandResult:
        """Have the scale carry out ``zero``, ``tare`` or ``clear_tare`` and wait for the effect.

        Call it from any thread but the listener's; one command at a time, a second one is refused as busy. It is sent
        once: only the person at the scale may decide to press again.
        """


class PrinterFault(StrEnum):
    """Flags of the command-line contract, section 3 (``kiosk printer status``)."""

    HEAD_OPEN = "head_open"
    COVER_OPEN = "cover_open"
    PAPER_JAM = "paper_jam"
    PAPER_OUT = "paper_out"
    PAPER_NEAR_END = "paper_near_end"
    RIBBON_OUT = "ribbon_out"
    BATTERY_LOW = "battery_low"
    PAUSED = "paused"
    PRINTING = "printing"
    BUFFER_FULL = "buffer_full"
    TEMPERATURE = "temperature"
    CUTTER_ERROR = "cutter_error"
    OFFLINE = "offline"
    ERROR = "error"
    UNRECOVERABLE = "unrecoverable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """``ready`` and ``fault`` are None when the printer did not answer: no reply never means "ready"."""

    ready: bool | None
    fault: bool | None
    flags: tuple[PrinterFault, ...]


class PrintNotStarted(Exception):
    """No byte can have reached the printer: the job may be tried again. The text names the device and the act."""

    def __init__(self, message: str, flags: tuple[PrinterFault, ...] = ()) -> None:
        super().__init__(message)
        self.flags = flags


class PrintUncertain(Exception):
    """Some bytes may have reached the printer: whether the paper came out is unknown."""


class Printer(Protocol):
    @property
    def language(self) -> str:
        """``tspl``, ``zpl``, ``escpos``, ``cpcl`` or ``ipp``."""

    @property
    def setup(self) -> PageSetup:
        """What a page is drawn for: the dots of this printer's head, the speed and the gap of its paper."""

    @property
    def proof(self) -> str:
        """What shows that a job came out: ``status``, ``drained``, ``job``, ``faults`` or ``write`` (no answer)."""

    @property
    def proves(self) -> bool:
        """False: when ``print`` comes back the job was sent and no fault was seen; whether it came out nobody knows."""

    def status(self, deadline_s: float) -> PrinterStatus: ...

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        """Send one whole job and wait for proof that it came out, as far as this printer ``proves`` anything.

        ``before_first_byte`` is called after the printer was found ready and before anything is sent; if it
        raises, nothing is sent. Raises PrintNotStarted or PrintUncertain.
        """


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph: JPEG bytes re-encoded without any metadata, and its SHA-256 in lower-case hex."""

    jpeg: bytes = field(repr=False)
    sha256: str
    width: int
    height: int


class CameraFault(Refused):
    """No usable picture. ``code``: missing, timeout, format, black, frozen or broken; the text says what to do."""


@dataclass(frozen=True, slots=True)
class GoodsShot:
    """A judged shot of goods on the mat. What the camera saw is not in it, and nowhere else.

    ``master``, ``natural``, ``measures``, ``likeness`` are there exactly when the verdict accepts the shot or may be
    overruled. ``master`` has the goods on white, ``natural`` on the grey of the mat with a scale bar, ``detail`` a part
    of them where the camera shows more of it. ``likeness`` is 64 bits as 16 hex digits, of which few differ between two
    shots of the same goods.
    """

    verdict: Verdict
    measures: Measures | None = None
    master: Shot | None = None
    natural: Shot | None = None
    detail: Shot | None = None
    likeness: str = ""


@dataclass(frozen=True, slots=True)
class MatShot:
    """The mat, measured. ``preview`` shows it with nothing around it, and is there exactly when it was found."""

    measures: MatMeasures
    preview: Shot | None = None


# What a live frame may report about a shot taken now. Faces are not detected.
LIVE_VIEW_REASONS: Final = (
    Reason.MAT,
    Reason.DARK,
    Reason.BRIGHT,
    Reason.BLUR,
    Reason.HAND,
    Reason.EMPTY,
    Reason.FRAMING,
    Reason.SMALL,
)


@dataclass(frozen=True, slots=True)
class LiveViewFrame:
    """A cheaply assessed frame of the mat. ``lights`` are some of LIVE_VIEW_REASONS, each once.

    ``still``: it shows the same as the frame before. ``picture`` is a small one of the mat's interior alone, with
    nothing beside it, and is present exactly when the mat is.
    """

    lights: tuple[Reason, ...]
    still: bool = False
    picture: Shot | None = None


class Camera(Protocol):
    """A camera behind a child process."""

    def shoot(self, deadline_s: float) -> Shot:
        """Take one picture now. Raises CameraFault."""

    def inspect(self, deadline_s: float) -> GoodsShot:
        """Take a burst now, judge it and cut the goods out.

        Raises CameraFault for what must be mended at the camera or the station; an unreadable and a repeated picture
        are reasons of the verdict.
        """

    def measure(self, deadline_s: float) -> MatShot:
        """Take a burst now and measure the mat in it. Raises CameraFault."""

    def live_view(self, deadline_s: float) -> LiveViewFrame:
        """Take and assess a frame of the mat now, without any verdict. Raises CameraFault."""

    def read_codes(self, deadline_s: float) -> tuple[str, ...]:
        """Take one frame now; return AIM identifier and data of each code, unchecked. Raises CameraFault."""

    def close(self) -> None: ...


class ProbeFailed(Exception):
    """The port cannot be listened to; the text names it and says what to do."""


class ProbeCancelled(Exception): ...


@dataclass(frozen=True, slots=True)
class ProbeProgress:
    """``done`` is 0 to 1. ``line`` is what is tried now, like "9600 8N1". ``received_bytes`` are bytes so far,
    ``sample`` the newest of them, raw."""

    done: float = 0.0
    line: str = ""
    asking: bool = False
    received_bytes: int = 0
    sample: bytes = b""


OnProgress = Callable[[ProbeProgress], None]  # Called from the probe's thread; must not block


class PortProbe(Protocol):
    def run(self) -> tuple[Proposal, ...]:
        """Listen, ask if that was allowed, and propose, best first. Raises ProbeFailed or ProbeCancelled."""

    def cancel(self) -> None:
        """End ``run`` soon; may be called from any thread."""


class LineCapture(Protocol):
    """Stays at one port and records what comes, or the answers to the proposals' own questions."""

    @property
    def failure(self) -> str:
        """Why it hears nothing any more, "" while all is well."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def latest(self) -> tuple[Recording, ...]:
        """Return what was received in the last moments."""

    def mark(self) -> None: ...

    def since_mark(self) -> tuple[Recording, ...]: ...


class Pausable(Protocol):
    """The station's own scale, which can release its port for a while."""

    def pause(self) -> None:
        """Close the port; from now on nothing is read. Does nothing when it is paused."""

    def resume(self) -> None:
        """Watch again as before. Does nothing when it is not paused."""


OnScan = Callable[[str], None]  # Gets a scan as text; called from the scanner's own thread, must not block
OnRefused = Callable[[ScanRefusal], None]  # Gets why a scan was dropped; called as OnScan
# Gets "ok", "scanner_missing" or "scanner_second_keyboard" when it changes; called as OnScan.
OnState = Callable[[str], None]


class Scanner(Protocol):
    """A live scanner. ``start`` returns at once; ``stop`` returns when the thread has ended."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 3.0) -> None: ...


# Gets the button, "ok" or "help", and "press" or "hold"; called from the panel's own thread, must not block.
OnButton = Callable[[str, str], None]
PinFactory = Callable[[], Any]  # Makes a gpiozero pin factory


class Panel(Protocol):
    """Every call returns at once and is welcome at any time, fitted or not, started or not."""

    @property
    def fitted(self) -> bool:
        """Whether there is a panel and its pins could be had."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 2.0) -> None:
        """Switch all lamps off and release the pins."""

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        """Set the lamps. Ready and busy are steady; fault blinks, so that it is recognized without its color."""

    def buzz(self, pattern: str) -> None:
        """Sound "ok", "attention" or "error" after what is sounding; raises ValueError for another word."""
