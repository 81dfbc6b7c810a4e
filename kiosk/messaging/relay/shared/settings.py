"""Settings of the relay: which broker, which station, how long to wait before it tries again."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kiosk.domain.identifiers import check_region, check_station

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
# 4 kbit/s: after an event of the largest size (64 KiB) nothing else is sent for two minutes then.
MIN_BYTES_PER_SECOND: Final = 500


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read ``mqtt://host[:port]`` or ``mqtts://host[:port]``. Raises ValueError."""
        if "@" in url:
            raise ValueError("broker_url carries no user or password: set username and password_file")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError(f"broker_url {url!r} is out of range: write mqtt://host:1883, with a port of 1 to 65535")
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError(f"broker_url {url!r} must look like mqtt://host:1883 or mqtts://host:8883")
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts")


@dataclass(frozen=True, slots=True)
class CenterEndpoint:
    """Where the sorting center is reached over HTTPS: it takes pictures there, and has updates."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str, name: str) -> CenterEndpoint:
        """Read ``https://host:port``, or ``http://host:port`` of this machine; ``name`` is that of the setting. Raises
        ValueError.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            port = 0
        if not port or not parts.hostname or parts.path not in ("", "/") or parts.query or "@" in url:
            raise ValueError(f"{name} {url!r} must look like https://host:8843, with a port of 1 to 65535")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ValueError(f"{name} {url!r} must begin with https://: it goes over a network with TLS alone")
        return cls(parts.hostname, port, parts.scheme == "https")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Times are seconds. Raises ValueError for what cannot work. A county may set the waits: a broker for three
    stations may be asked sooner than one for two hundred. ``software`` and ``boot`` are no settings: they identify the
    sender and the boot of its machine.
    """

    broker_url: str
    region: str
    station: str
    software: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # Who signed the broker's certificate; None: the authorities of the operating system
    cert_file: Path | None = None
    key_file: Path | None = None
    resend_s: float = 2.0
    resend_max_s: float = 60.0
    # Waits are random below this: two hundred stations whose power or broker comes back are spread over it.
    reconnect_s: float = 10.0
    reconnect_max_s: float = 60.0
    bytes_per_second: int = 0  # What events may take of a line that people use as well, upwards; 0: as fast as it goes
    photos: str | None = None  # Where the sorting center takes pictures; None: none are sent
    updates: str | None = None  # Where the sorting center has updates; None: none are fetched
    boot: str = ""

    def __post_init__(self) -> None:
        check_region(self.region)
        check_station(self.station)
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        if self.bytes_per_second and self.bytes_per_second < MIN_BYTES_PER_SECOND:
            raise ValueError(
                f"bytes_per_second {self.bytes_per_second} must be 0 (no limit) or at least {MIN_BYTES_PER_SECOND}"
            )
        safe = [name for name, place in self._center_endpoints() if place.tls]
        if safe and self.cert_file is None:
            raise ValueError(
                f"{safe[0]} with https:// needs cert_file and key_file: by them the center knows the station"
            )
        if not self.endpoint.tls and (self.ca_file or self.cert_file) and not safe:
            raise ValueError("certificates are set but the broker URL is mqtt://: write mqtts://")

    def _center_endpoints(self) -> list[tuple[str, CenterEndpoint]]:
        places = (("photos", self.photos_endpoint), ("updates", self.updates_endpoint))
        return [(name, place) for name, place in places if place is not None]

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.parse(self.broker_url)

    @property
    def photos_endpoint(self) -> CenterEndpoint | None:
        return CenterEndpoint.parse(self.photos, "photos") if self.photos is not None else None

    @property
    def updates_endpoint(self) -> CenterEndpoint | None:
        return CenterEndpoint.parse(self.updates, "updates") if self.updates is not None else None
