"""What a technician sets for one printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from kiosk.devices.printer.profiles import PrinterProfile, profile

PrinterKind = Literal["tcp", "file", "serial", "ipp"]
Flow = Literal["none", "rtscts", "dtr", "xonxoff"]
IPP_PORT = 631


@dataclass(frozen=True, slots=True)
class IppAddress:
    """Where an IPP printer or queue is, and what it is called there."""

    host: str
    port: int
    path: str

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ipp://{host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class PrinterSettings:
    """``address`` is host:port for tcp, a device such as /dev/usb/lp0 or a file for file, a port like
    /dev/serial/by-id/... for serial, and ipp://host:631/printers/office for ipp.

    ``profile`` is a row of profiles.toml or a language; paper values that are set replace those of the row. ``baud``
    and ``flow`` are those of a serial line. Raises ValueError with the field and what is allowed.
    """

    kind: PrinterKind
    address: str
    profile: str
    baud: int = 9600
    flow: Flow = "rtscts"
    gap_mm: float | None = None
    mark: bool | None = None
    offset_x_mm: float | None = None
    offset_y_mm: float | None = None
    density: int | None = None
    speed_mm_s: int | None = None
    cutter: bool | None = None

    def __post_init__(self) -> None:
        if self.kind == "tcp":
            self.endpoint  # noqa: B018 - checks host and port
        elif self.kind == "ipp":
            self.ipp_address  # noqa: B018 - checks host, port and path
        elif not self.address or "\0" in self.address:
            raise ValueError("address must name a device like /dev/usb/lp0 or a file")
        if not 1200 <= self.baud <= 921_600:
            raise ValueError(f"baud {self.baud} must be 1200 to 921600")

    @property
    def endpoint(self) -> tuple[str, int]:
        host, colon, port = self.address.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"address {self.address!r} must look like 192.0.2.7:9100")
        return host.strip("[]"), int(port)

    @property
    def ipp_address(self) -> IppAddress:
        try:
            found = urlsplit(self.address)
            host, port = found.hostname, found.port or IPP_PORT
        except ValueError:
            host, port = None, 0
        rest = (found.query, found.fragment, found.username, found.password) if host else ()
        path = found.path if host else ""
        plain = path.startswith("/") and path.isascii() and path.isprintable() and " " not in path
        if host is None or found.scheme != "ipp" or any(rest) or not plain:
            raise ValueError(f"address {self.address!r} must look like ipp://127.0.0.1:631/printers/office")
        return IppAddress(host, port, path)

    def resolved_profile(self) -> PrinterProfile:
        """Return the row of the profile with the changes that are set here. Raises ValueError."""
        set_here = {
            "gap_mm": self.gap_mm,
            "mark": self.mark,
            "offset_x_mm": self.offset_x_mm,
            "offset_y_mm": self.offset_y_mm,
            "density": self.density,
            "speed_mm_s": self.speed_mm_s,
            "cutter": self.cutter,
        }
        changes = {name: value for name, value in set_here.items() if value is not None}
        row = profile(self.profile)
        if (row.language == "ipp") != (self.kind == "ipp"):
            raise ValueError(f"profile {row.id} speaks {row.language}: it does not go with kind {self.kind!r}")
        return msgspec.structs.replace(row, **changes)
