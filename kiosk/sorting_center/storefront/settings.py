"""How the storefront is served."""

from __future__ import annotations

import msgspec

from kiosk.sorting_center.listings.addresses import BadPublicAddress, PublicAddresses


class BadStorefrontSettings(ValueError):
    """The text says what would do."""


class StorefrontSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``host`` and ``port``: where to listen, port 0 for a free one. ``photos_dir``: where the pictures of stations are
    kept. ``public_url``: under which address buyers know it, ``https://goods.county.example``; None for the one that
    each of them asks under.
    """

    host: str = "127.0.0.1"
    port: int = 0
    photos_dir: str | None = None
    public_url: str | None = None

    def checked(self) -> StorefrontSettings:
        """Itself; raises BadStorefrontSettings."""
        try:
            _ = self.addresses
        except BadPublicAddress as error:
            raise BadStorefrontSettings(str(error)) from error
        return self

    @property
    def addresses(self) -> PublicAddresses | None:
        """Those that buyers know, None without; raises BadPublicAddress."""
        return PublicAddresses(self.public_url) if self.public_url is not None else None

    def url(self, port: int) -> str:
        """Where it is, on the port that was had."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"
