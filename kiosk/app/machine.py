"""What is plugged into this machine at this moment, and how the first start reaches it.

Only names that stay are offered: udev's by-id names, and by-path for the cheap converters that have no serial number.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.app.shared.adapters import make_camera, make_port_probe, make_printer, make_scale, make_scanner
from kiosk.app.shared.media import IsMount, catalog_files, mounted, on_another_disk
from kiosk.devices.camera.settings import CameraSettings, FittedKind
from kiosk.devices.network.ports import Network
from kiosk.devices.ports import (
    Camera,
    OnProgress,
    OnScan,
    OnState,
    PortProbe,
    Printer,
    PrintNotStarted,
    Scale,
    ScaleListener,
    Scanner,
)
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.first_start.shared.ports import Identities, Recoveries
from kiosk.messaging.relay.shared.center_line import tls_context
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.protocols.barcodes.hid_pos import BadDescriptor, read_descriptor
from kiosk.protocols.printers.device_id import proposed_language
from kiosk.protocols.printers.page_setup import StreamLanguage
from kiosk.station.papers.network_printer import host_of, is_reachable, reachable_networks, request_access

REACH_S = 8.0
_RECEIVERS = ("unicam", "rp1-cfe")  # How the kernel calls the camera receiver of a Raspberry Pi up to 4, and of 5


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """``dev`` is another folder in tests: the names below it are the same.

    ``keys`` are the folders in which certificates, passwords and catalogs are looked for. Below ``media`` sticks are
    mounted; ``data`` is the data folder, whose disk is no second medium. ``sys`` is the kernel's own list of devices.
    """

    dev: Path = Path("/dev")
    keys: tuple[Path, ...] = ()
    media: tuple[Path, ...] = ()
    data: Path = Path("/")
    is_mount: IsMount = os.path.ismount
    sys: Path = Path("/sys")
    identities: Identities = field(default_factory=Identities)
    recoveries: Recoveries = field(default_factory=Recoveries)
    network: Network | None = None

    def serial_ports(self) -> tuple[str, ...]:
        """List serial ports by id, then those that have no id by the socket they are plugged into."""
        by_id = _names(self.dev / "serial/by-id")
        known = {_target(path) for path in by_id}
        by_path = [path for path in _names(self.dev / "serial/by-path") if _target(path) not in known]
        return tuple(map(str, (*by_id, *by_path)))

    def keyboards(self) -> tuple[str, ...]:
        return tuple(str(path) for path in _names(self.dev / "input/by-id") if path.name.endswith("-event-kbd"))

    def hid_scanners(self) -> tuple[str, ...]:
        return tuple(str(path) for path in _names(self.dev / "kiosk") if self._is_hid_scanner(path))

    def _is_hid_scanner(self, path: Path) -> bool:
        """Return whether its report descriptor is a scanner's; any user may read it without opening the node."""
        try:
            read_descriptor((self.sys / "class/hidraw" / path.resolve().name / "device/report_descriptor").read_bytes())
        except (OSError, BadDescriptor):
            return False
        return True

    def printers(self) -> tuple[str, ...]:
        return tuple(str(path) for path in _names(self.dev / "usb") if path.name.startswith("lp"))

    def printer_language(self, path: str) -> StreamLanguage | None:
        """Propose the language from what a USB printer reports of itself, by its name in ``printers``."""
        return proposed_language(_text(self.sys / "class/usbmisc" / Path(path).resolve().name / "device/ieee1284_id"))

    def cameras(self) -> tuple[tuple[FittedKind, str], ...]:
        """Return kind and path of each camera; of a device with several nodes the one that gives pictures."""
        # A UVC camera has a second node that gives no pictures: udev names it by its index, 1
        found = [path for path in _names(self.dev / "v4l/by-id") if not path.name.endswith("-video-index1")]
        cameras: list[tuple[FittedKind, str]] = [("file" if path.is_file() else "v4l2", str(path)) for path in found]
        if self._has_connector_camera():
            cameras.append(("rpicam", "0"))
        return tuple(cameras)

    def _has_connector_camera(self) -> bool:
        """Find the receiver of the board's connector, which is listed only when a sensor was found at it."""
        titles = (_text(node / "name") for node in _names(self.sys / "class/video4linux"))
        return any(title.startswith(_RECEIVERS) for title in titles)

    def key_files(self, *endings: str) -> tuple[str, ...]:
        files = (path for folder in self.keys for path in _names(folder) if path.name.endswith(endings))
        return tuple(str(path) for path in files if path.is_file())

    def catalogs(self) -> tuple[str, ...]:
        """Find files that may be a catalog, beside the settings, in the data folder and on media."""
        return tuple(map(str, catalog_files((*self.keys, *mounted(self.media, self.is_mount)))))

    def backup_media(self) -> tuple[str, ...]:
        return tuple(map(str, on_another_disk(mounted(self.media, self.is_mount), self.data)))

    def scale(self, settings: ScaleSettings, listener: ScaleListener) -> Scale:
        return make_scale(settings, listener)

    def probe(self, port: str, on_progress: OnProgress) -> PortProbe:
        return make_port_probe(port, on_progress=on_progress)

    def scanner(self, settings: ScannerSettings, on_scan: OnScan, on_state: OnState) -> Scanner:
        return make_scanner(settings, on_scan, on_state)

    def printer(self, settings: PrinterSettings) -> Printer:
        """Make the adapter. Raises PrintNotStarted while access to a printer on the network is being enabled."""
        host = host_of(settings)
        if host and not is_reachable(host, reachable_networks()):
            try:
                request_access(host, self.data)
            except (ValueError, OSError) as error:
                raise PrintNotStarted(f"this box cannot be let reach {host}: {error}") from error
            raise PrintNotStarted(f"access to {host} is being enabled, the station restarts: print again then")
        return make_printer(settings)

    def camera(self, settings: CameraSettings) -> Camera:
        return make_camera(settings)

    def reach(self, settings: RelaySettings) -> str:
        """Connect to the broker as the relay will, TLS included, and hang up; return what answered. Raises OSError."""
        place = settings.endpoint
        with socket.create_connection((place.host, place.port), timeout=REACH_S) as link:
            if not place.tls:
                return f"{place.host}:{place.port}"
            with tls_context(settings).wrap_socket(link, server_hostname=place.host) as sealed:
                return f"{place.host}:{place.port} {sealed.version()}"


def _names(folder: Path) -> list[Path]:
    found: Iterator[Path] = iter(())
    with suppress(OSError):  # no such device was ever plugged in
        found = iter(sorted(folder.iterdir()))
    return [path for path in found if path.exists()]


def _text(file: Path) -> str:
    with suppress(OSError):  # unplugged meanwhile
        return file.read_text(encoding="utf-8", errors="replace")
    return ""


def _target(path: Path) -> str:
    return str(path.resolve())
