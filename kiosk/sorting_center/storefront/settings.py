"""How the storefront is served."""

from __future__ import annotations

import msgspec

from kiosk.sorting_center.certificate import ReloadingCertificate, TlsFilesError
from kiosk.sorting_center.listings.addresses import BadPublicAddress, PublicAddresses
from kiosk.sorting_center.web.connections.tls import certificate_of


class BadStorefrontSettings(ValueError):
    """The text says what would do."""


class StorefrontSettings(msgspec.Struct, frozen=True, kw_only=True):
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

    def checked(self) -> StorefrontSettings:
        """Itself; raises BadStorefrontSettings."""
        self.tls()
        try:
            _ = self.addresses
        except BadPublicAddress as error:
            raise BadStorefrontSettings(str(error)) from error
        return self

    def tls(self) -> ReloadingCertificate | None:
        """From the files as they are now, None without any; raises BadStorefrontSettings."""
        if self.cert_file is None and self.key_file is None:
            return None
        if self.cert_file is None or self.key_file is None:
            raise BadStorefrontSettings("the certificate of the storefront and its key go together")
        try:
            return certificate_of(self.cert_file, self.key_file)
        except TlsFilesError as error:
            raise BadStorefrontSettings(str(error)) from error

    @property
    def addresses(self) -> PublicAddresses | None:
        """Those that buyers know, None without; raises BadPublicAddress."""
        return PublicAddresses(self.public_url) if self.public_url is not None else None

    def url(self, port: int) -> str:
        """Where it is, on the port that was had."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.cert_file is None else 'https'}://{host}:{port}"


class StorefrontTask(msgspec.Struct, frozen=True):
    """What the process is told: ``descriptor`` is the listening socket that was handed over."""

    ledger: str
    settings: StorefrontSettings
    descriptor: int
