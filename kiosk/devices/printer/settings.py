"""What a technician sets for one printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PrinterSettings:
    """``address`` is host:port for tcp, a device such as /dev/usb/lp0 or a file for file.

    ``profile`` is a row of profiles.toml or a language. Raises ValueError with the field and what is allowed.
    """

    kind: Literal["tcp", "file"]
    address: str
    profile: str

    def __post_init__(self) -> None:
        if self.kind == "tcp":
            self.endpoint  # noqa: B018 - checks host and port
        elif not self.address or "\0" in self.address:
            raise ValueError("address must name a device like /dev/usb/lp0 or a file")

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port of a tcp printer."""
        host, colon, port = self.address.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"address {self.address!r} must look like 192.0.2.7:9100")
        return host.strip("[]"), int(port)
