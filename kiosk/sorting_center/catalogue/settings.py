"""How the catalogue is served."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import msgspec

from kiosk.sorting_center.web.connections.tls import TlsFilesError, tls_context


class BadCatalogueSettings(ValueError):
    """The text says what would do."""


class CatalogueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``host`` and ``port``: where to listen, port 0 for a free one. ``cert_file`` and ``key_file``: for TLS, both or
    neither. ``photos_dir``: where the pictures of stations are kept. ``public_url``: under which address buyers know
    it, ``https://goods.county.example``; None for the one that each of them asks under.
    """

    host: str = "127.0.0.1"
    port: int = 0
    cert_file: str | None = None
    key_file: str | None = None
    photos_dir: str | None = None
    public_url: str | None = None

    def checked(self) -> CatalogueSettings:
        """Itself; raises BadCatalogueSettings."""
        self.tls()
        if self.public_url is not None:
            _host_of(self.public_url)
        return self

    def tls(self) -> ssl.SSLContext | None:
        """From the files as they are now, None without any; raises BadCatalogueSettings."""
        if self.cert_file is None and self.key_file is None:
            return None
        if self.cert_file is None or self.key_file is None:
            raise BadCatalogueSettings("the certificate of the catalogue and its key go together")
        try:
            return tls_context(self.cert_file, self.key_file)
        except TlsFilesError as error:
            raise BadCatalogueSettings(str(error)) from error

    @property
    def names(self) -> tuple[str, ...]:
        """Further names it answers under."""
        return (_host_of(self.public_url),) if self.public_url is not None else ()

    def url(self, port: int) -> str:
        """Where it is, on the port that was had."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.cert_file is None else 'https'}://{host}:{port}"


class Task(msgspec.Struct, frozen=True):
    """What the process is told: ``descriptor`` is the listening socket that was handed over."""

    ledger: str
    settings: CatalogueSettings
    descriptor: int


def _host_of(public_url: str) -> str:
    """Raises BadCatalogueSettings for what is more or less than scheme, host and port."""
    try:
        parts = urlsplit(public_url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or public_url != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in ("http", "https"):
        raise BadCatalogueSettings(
            f"{public_url!r} must be where buyers find the catalogue, like https://goods.county.example"
        )
    if parts.username is not None or not public_url.isascii() or not public_url.isprintable():
        raise BadCatalogueSettings(f"{public_url!r} must be an address and nothing else")
    return host
