"""Where pictures of stations are received, and where they are kept."""

from __future__ import annotations

import ipaddress

import msgspec


class BadPhotosSettings(ValueError):
    """The text names the option and what would do."""


class PhotosSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``port`` 0 takes a free one; ``folder`` is where pictures are kept. ``cert`` and ``key`` are this center's,
    ``ca`` signed those of the stations; all three or none: without them it is plain HTTP, on this machine alone.
    ``updates`` is the folder of update bundles that stations are offered there; None for none.
    """

    host: str
    port: int
    folder: str
    cert: str | None = None
    key: str | None = None
    ca: str | None = None
    updates: str | None = None

    def checked(self) -> PhotosSettings:
        """Itself; raises BadPhotosSettings."""
        files = (self.cert, self.key, self.ca)
        if any(files) and not all(files):
            raise BadPhotosSettings("--photos-cert, --photos-key and --photos-ca belong together")
        if not self.tls and not _is_loopback(self.host):
            raise BadPhotosSettings(
                f"--photos {self.host} without TLS would take pictures from anybody: give --photos-cert, --photos-key "
                "and --photos-ca, or listen on 127.0.0.1"
            )
        return self

    @property
    def tls(self) -> tuple[str, str, str] | None:
        """Certificate, key and authority; None for plain HTTP."""
        if self.cert is None or self.key is None or self.ca is None:
            return None
        return self.cert, self.key, self.ca


class PhotosTask(msgspec.Struct, frozen=True):
    """What the process is told: ``descriptor`` is the listening socket that was handed over."""

    ledger: str
    settings: PhotosSettings
    descriptor: int


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
