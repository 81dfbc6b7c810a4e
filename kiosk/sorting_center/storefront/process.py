"""Serves the storefront."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kiosk.base.worker import Worker
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.storefront.published import PublishedListings
from kiosk.sorting_center.storefront.settings import StorefrontSettings
from kiosk.sorting_center.storefront.small_pictures import RETRY_S, SmallPictures
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.texts.templates import use_compiled_cache

_SERVER_STOP_TIMEOUT_S: Final = 1.0
_MAX_BODY_BYTES: Final = 4096  # Nothing is sent here that has one


def serve(ledger_url: str, settings: StorefrontSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Until ``ending``, whether there is a desk or not; raises LedgerAddressError. Closes ``listening``."""
    with listening, closing(DeskReader(ledger_url)) as reader, ExitStack() as parts:
        folder = PictureFolder(Path(settings.photos_dir)) if settings.photos_dir is not None else None
        public = settings.addresses
        hosts = Hosts(settings.host, [urlsplit(public.base).hostname or ""] if public is not None else ())
        app = create_app(StorefrontSources(PublishedListings(reader), folder, public), hosts)
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
