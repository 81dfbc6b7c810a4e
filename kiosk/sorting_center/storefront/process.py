"""Serves the storefront."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kiosk.base.worker import Worker
from kiosk.sorting_center.listings.addresses import BadPublicAddress, PublicAddresses
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.storefront.published import PublishedListings
from kiosk.sorting_center.storefront.seller import NO_SELLER, BadSeller, Seller
from kiosk.sorting_center.storefront.slip_keys import SlipKeys
from kiosk.sorting_center.storefront.small_pictures import RETRY_S, SmallPictures
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.texts.templates import use_compiled_cache

_SERVER_STOP_TIMEOUT_S: Final = 1.0
_MAX_BODY_BYTES: Final = 4096  # Nothing is sent here that has one


def serve(ledger_url: str, settings: StorefrontSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Serve until ``ending``, with or without a desk. Raises LedgerAddressError. Closes ``listening``."""
    with listening, closing(DeskReader(ledger_url)) as reader, ExitStack() as parts:
        folder = PictureFolder(Path(settings.photos_dir)) if settings.photos_dir is not None else None
        public = settings.addresses
        hosts = Hosts(settings.host, [urlsplit(public.base).hostname or ""] if public is not None else ())
        sources = StorefrontSources(PublishedListings(reader), SlipKeys(reader), folder, public, settings.seller)
        app = create_app(sources, hosts)
        use_compiled_cache(app.jinja_env, app.root_path)
        for name in app.jinja_env.list_templates():
            app.jinja_env.get_template(name)  # compiled before anybody waits for it
        server = WebServer(app, listening, _MAX_BODY_BYTES)
        server.start()
        if folder is not None:
            small = SmallPictures(PublishedListings(reader), folder)
            worker = Worker("small pictures", small.next_step, retry_s=RETRY_S, expected=(OSError,))
            parts.callback(worker.stop, 0)  # one that hangs in a picture holds nothing up
            worker.start()
        ending.wait()
        server.stop(_SERVER_STOP_TIMEOUT_S)


class BadStorefrontSettings(ValueError):
    """The text says what would do."""


class StorefrontSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``host`` and ``port``: where to listen, port 0 for a free one. ``photos_dir``: where the pictures of stations are
    kept. ``public_url``: under which address buyers know it, ``https://goods.county.example``; None for the one that
    each of them asks under. ``seller``: who sells, as buyers read it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    photos_dir: str | None = None
    public_url: str | None = None
    seller: Seller = NO_SELLER

    def checked(self) -> StorefrontSettings:
        try:
            _ = self.addresses
            return msgspec.structs.replace(self, seller=self.seller.checked())
        except (BadPublicAddress, BadSeller) as error:
            raise BadStorefrontSettings(str(error)) from error

    @property
    def addresses(self) -> PublicAddresses | None:
        """Those that buyers know, None without; raises BadPublicAddress."""
        return PublicAddresses(self.public_url) if self.public_url is not None else None

    def url(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"
