"""The two sides of the first start: what its pages see of the wizard, and what the wizard sees of the machine."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from kiosk.base.refused import Refused
from kiosk.devices.camera.settings import CameraSettings, FittedKind
from kiosk.devices.network.ports import Network
from kiosk.devices.ports import Camera, PortProbe, Printer, ProbeProgress, Scale, ScaleListener, Scanner
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.mat_measures import MatMeasures
from kiosk.first_start.identity.vault import InUse
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.protocols.printers.page_setup import StreamLanguage
from kiosk.station.screen import ScreenGeometry

# Replaces the reason why there is no first backup yet: the station has worked before, and its backup is large.
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
    """Return the text for the system's fault behind an error; "" where there is none or it has no text."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    if error is None:
        return ""
    word = next((word for kind, word in _FAULTS if isinstance(error, kind)), _NUMBERS.get(error.errno or 0, ""))
    return f"setup.fault.{word}" if word else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One tile. Words to read are text ids, names of devices and formats are plain text. ``makers`` are shown above the
    label, which is then small.
    """

    value: str
    label: str = ""
    text_id: str = ""
    detail: str = ""
    detail_id: str = ""
    picture: str = ""
    chosen: bool = False
    makers: str = ""


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
class WizardView:
    """Everything one screen of the wizard shows. ``typed`` is the present answer, in the form it is typed in.

    ``no_backup`` says, in English, why the first backup was not made; BACKUP_AT_NIGHT when it is left to the night.
    ``recovery_refused``: why the station that was being put back is not; None while it is waited for.
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
    recovery_refused: Refused | None = None


# The code does not open it; too many did not; it is unusable; another machine has it; it is on no medium; this machine
# is another station.
IdentityRefusal = Literal["wrong", "wait", "damaged", "claimed", "gone", "other"]
# The cause of `damaged` and `failed`, as far as a technician can do something about it: the file cannot be read; it was
# renamed; it was made for other software; its certificate is no station's of this number; its key is not that of the
# certificate; the stick cannot be written; this machine cannot keep it; the helper does not answer.
IdentityWhy = Literal["file", "renamed", "software", "certificate", "key", "stick", "machine", "silent"]


@dataclass(frozen=True, slots=True)
class OfferedIdentity:
    """One on a medium; ``sealed``: a code opens it."""

    station: str
    region: str
    village: str
    sealed: bool


class Identities:
    """Identities of stations, and the one this machine has. These are those of a machine that takes none: a demo, a
    test of something else.
    """

    def offered(self) -> tuple[OfferedIdentity, ...]:
        return ()

    def in_use(self) -> InUse | None:
        return None

    def take(self, station: str, code: str) -> InUse:
        """Take one, up to half a minute; ``code`` is "" if in the clear. Raises Refused ``identity_…``, OSError."""
        raise Refused("identity_gone")


class FirstStartMachine(Protocol):
    """What is plugged in at this moment, by names that stay, and how it is reached."""

    @property
    def data(self) -> Path: ...

    @property
    def identities(self) -> Identities: ...

    @property
    def recoveries(self) -> Recoveries: ...

    @property
    def network(self) -> Network | None:
        """None where no helper sets it."""

    def serial_ports(self) -> tuple[str, ...]: ...

    def keyboards(self) -> tuple[str, ...]: ...

    def hid_scanners(self) -> tuple[str, ...]:
        """List scanners in HID POS mode, by the names that udev's rules gave them."""

    def printers(self) -> tuple[str, ...]: ...

    def printer_language(self, path: str) -> StreamLanguage | None: ...

    def cameras(self) -> tuple[tuple[FittedKind, str], ...]: ...

    def key_files(self, *endings: str) -> tuple[str, ...]: ...

    def catalogs(self) -> tuple[str, ...]: ...

    def backup_media(self) -> tuple[str, ...]: ...

    def scale(self, settings: ScaleSettings, listener: ScaleListener) -> Scale: ...

    def probe(self, port: str, on_progress: Callable[[ProbeProgress], None]) -> PortProbe: ...

    def scanner(
        self, settings: ScannerSettings, on_scan: Callable[[str], None], on_state: Callable[[str], None]
    ) -> Scanner: ...

    def printer(self, settings: PrinterSettings) -> Printer: ...

    def camera(self, settings: CameraSettings) -> Camera: ...

    def reach(self, settings: RelaySettings) -> str:
        """Connect to the broker as the relay will and hang up; return what answered. Raises OSError."""


# The digits do not open the kit; too many did not; the kit cannot be used; it brings what only an administrator may put
# in place; the county has not opened it; it is of another county; kit or backup are of newer software; no kit; no
# backup; the backup is damaged; no key here opens it; the letter is missing or was the last one; the stick was pulled;
# the card is full; this machine is another station; the card is set up; the station is being put back at this moment;
# that was cut off; the card or its helper failed.
RecoveryRefusal = Literal[
    "wrong",
    "wait",
    "kit",
    "shell",
    "unopened",
    "county",
    "software",
    "no_kit",
    "no_backup",
    "backup",
    "sealed",
    "letter",
    "stick",
    "room",
    "other",
    "here",
    "busy",
    "cut",
    "failed",
]
RecoveryWhy = Literal["machine", "silent"]  # Behind `failed`: this machine cannot keep it; no answer
# What is missing before a station can be put back: nothing; its kit; its backup; its kit is there, but locked as the
# station wrote it.
Lacks = Literal["", "kit", "backup", "opening"]


@dataclass(frozen=True, slots=True)
class OfferedRecovery:
    """A station with a kit or a backup on a medium. ``made_on`` is the day of its newest backup, by the station's
    clock: 2026-11-27, or "" when that cannot be read here.
    """

    station: str
    made_on: str
    lacks: Lacks


class Recoveries:
    """Stations that may be put back, and how far that is. These are those of a machine that puts none back: a demo, a
    test of something else. Nothing here raises for a medium that was pulled.
    """

    def offered(self) -> tuple[OfferedRecovery, ...]:
        return ()

    def has_letters(self) -> bool:
        """Return whether the card records which receipt letters were used."""
        return False

    def begin(self, station: str, code: str, letter: str) -> None:
        """Return when root has accepted the digits and begun; ``letter`` is "" when the card records it.

        May take half a minute. Raises Refused ``recovery_…``, OSError.
        """
        raise Refused("recovery_no_kit")

    def busy(self) -> bool:
        return False

    def refusal(self) -> Refused | None:
        """Return why the recovery has ended; None while it goes on, and when it is done: then the station restarts."""
        return Refused("recovery_cut")
