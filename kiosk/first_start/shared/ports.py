"""The two sides of the first start: what its pages see of the wizard, and what the wizard sees of the machine."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from kiosk.devices.camera.settings import CameraSettings, FittedKind
from kiosk.devices.ports import Camera, PortProbe, Printer, ProbeProgress, Scale, ScaleListener, Scanner
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.mat_measures import MatMeasures
from kiosk.first_start.identity.ports import InUse
from kiosk.first_start.shared.recovery.ports import Recoveries
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.protocols.printers.page_setup import StreamLanguage
from kiosk.station.screen import ScreenGeometry

# Stands for the reason why there is no first backup yet: the station has worked before, and its backup is large.
BACKUP_AT_NIGHT: Final = "at_night"

_FAULTS: Final = (
    (socket.gaierror, "no_name"),
    (ssl.SSLError, "certificate"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "no_answer"),
    (PermissionError, "forbidden"),
    (FileNotFoundError, "missing"),
)
_NUMBERS: Final = {
    errno.EHOSTUNREACH: "no_way",
    errno.ENETUNREACH: "no_way",
    errno.ENODEV: "missing",
    errno.ENXIO: "missing",
    errno.EBUSY: "busy",
    errno.ENOSPC: "full",
    errno.EROFS: "read_only",
}


def fault_text(error: BaseException | None) -> str:
    """The text that says what the system's fault behind an error means; "" where there is none or it has no text."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    if error is None:
        return ""
    word = next((word for kind, word in _FAULTS if isinstance(error, kind)), _NUMBERS.get(error.errno or 0, ""))
    return f"setup.fault.{word}" if word else ""


class AnswerRefused(Exception):
    """An answer cannot be taken. ``code`` is the last word of a text ``setup.refused.*``; ``detail`` is technical.

    ``why`` is shown in its place where it is known: the last word of a text ``setup.refused.why_*``, about ``seconds``.
    """

    def __init__(self, code: str, detail: str = "", why: str = "", seconds: int = 0) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = "" if why else detail
        self.why = why
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Choice:
    """One tile. Words people read are text ids, names of devices and formats are plain text."""

    value: str
    label: str = ""
    text_id: str = ""
    detail: str = ""
    detail_id: str = ""
    picture: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class TrialView:
    """How far a device has proved itself. ``state``: waiting, working, seen, poor or failed.

    ``detail`` is a fault in English, for the technician; ``text_id`` says the same of the device at ``place``.
    ``motion`` is the word of a scale's reading (``weight.*``), ``raw`` its frame or the scan as printable text,
    ``code`` the text that is to be scanned, ``shots`` how many pictures there have been. ``mat`` is what the camera
    makes of the mat; "poor" when that is outside its limits.
    """

    state: str
    detail: str = ""
    weight: str = ""
    motion: str = ""
    raw: str = ""
    code: str = ""
    shots: int = 0
    mat: MatMeasures | None = None
    text_id: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One line of the last page. ``proof`` is the last word of ``setup.proof.*``: seen, poor, unseen, absent or set."""

    text_id: str
    what: str
    proof: str


@dataclass(frozen=True, slots=True)
class GoodsView:
    """A catalog that was chosen: its file's name, what it holds by the last word of ``setup.goods.*``, some names."""

    name: str
    counts: Mapping[str, int]
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A station is being put back; ``code``, ``why`` and ``seconds`` as in AnswerRefused once that has failed."""

    code: str = ""
    why: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class WizardView:
    """Everything one screen of the wizard shows. ``typed`` is the present answer, in the form it is typed in.

    ``no_backup`` says, in English, why the first backup was not made; BACKUP_AT_NIGHT when it is left to the night.
    ``recovery`` is there while it is waited for.
    """

    question: str
    step: int
    steps: int
    language: str
    screen: ScreenGeometry
    can_back: bool
    choices: tuple[Choice, ...] = ()
    typed: str = ""
    trial: TrialView | None = None
    rows: tuple[SummaryRow, ...] = ()
    goods: GoodsView | None = None
    no_backup: str = ""
    recovery: RecoveryView | None = None


class Wizard(Protocol):
    """The use case. Every method may be called from any thread."""

    def view(self) -> WizardView: ...

    def answer(self, question: str, form: Mapping[str, str]) -> None:
        """Take the answer and go on; does nothing for a question that is not the present one. Raises AnswerRefused."""

    def back(self) -> None: ...

    def set_language(self, language: str) -> None:
        """Change the language and stay. Raises AnswerRefused."""

    def start_trial(self, question: str) -> None:
        """Begin an attempt: print, shoot, reach. Does nothing for another question or while one is under way."""

    def shot(self) -> bytes | None:
        """The mat in the newest picture of the camera, as JPEG; None where it was not found."""

    def leave(self) -> None:
        """The last page is on the screen: the wizard may end and the station begin."""


@dataclass(frozen=True, slots=True)
class OfferedIdentity:
    """One that lies on a medium; ``sealed``: a code opens it."""

    station: str
    region: str
    village: str
    sealed: bool


class Identities(Protocol):
    """Identities of stations, and the one this machine has."""

    def offered(self) -> tuple[OfferedIdentity, ...]: ...

    def in_use(self) -> InUse | None: ...

    def take(self, station: str, code: str) -> InUse:
        """May take half a minute; ``code`` is "" for one in the clear. Raises IdentityRefused, OSError."""


class FirstStartMachine(Protocol):
    """What is plugged in at this moment, by names that stay, and how it is reached."""

    @property
    def data(self) -> Path:
        """The data folder of the station, which need not be there yet."""

    @property
    def identities(self) -> Identities:
        """Those that were brought on a stick."""

    @property
    def recoveries(self) -> Recoveries:
        """Stations whose kits and backups were brought on a stick."""

    def serial_ports(self) -> tuple[str, ...]: ...

    def keyboards(self) -> tuple[str, ...]:
        """Devices that act as a keyboard, as most scanners do when they are new."""

    def hid_scanners(self) -> tuple[str, ...]:
        """Scanners in HID POS mode, by the names that udev's rules gave them."""

    def printers(self) -> tuple[str, ...]: ...

    def printer_language(self, path: str) -> StreamLanguage | None:
        """What one of ``printers`` says that it speaks."""

    def cameras(self) -> tuple[tuple[FittedKind, str], ...]: ...

    def key_files(self, *endings: str) -> tuple[str, ...]:
        """Files with one of these endings in the folders for keys and certificates."""

    def catalogs(self) -> tuple[str, ...]:
        """Files that may be a catalog."""

    def backup_media(self) -> tuple[str, ...]:
        """Mounted media that are another disk than the station's own."""

    def scale(self, settings: ScaleSettings, listener: ScaleListener) -> Scale: ...

    def probe(self, port: str, on_progress: Callable[[ProbeProgress], None]) -> PortProbe:
        """Listens at a port for what may be a scale."""

    def scanner(
        self, settings: ScannerSettings, on_scan: Callable[[str], None], on_state: Callable[[str], None]
    ) -> Scanner: ...

    def printer(self, settings: PrinterSettings) -> Printer: ...

    def camera(self, settings: CameraSettings) -> Camera: ...

    def reach(self, settings: RelaySettings) -> str:
        """Connect to the broker as the relay will and hang up; says what answered. Raises OSError."""


class DeviceTrial(Protocol):
    """One device while its question is on the screen."""

    def view(self) -> TrialView: ...

    def start(self) -> None:
        """Begin an attempt, for devices that are asked; the others tell by themselves."""

    def close(self) -> None:
        """Let go of the device; what is under way ends by its own deadline."""

    def join(self) -> None: ...
