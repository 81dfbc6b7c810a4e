"""The storefront's process: ``python -m kiosk.sorting_center.storefront.process``, begun by `child.StorefrontProcess`.

What it needs comes as one line of JSON on standard input; the end of that says that the sorting center has ended,
however it ended.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kiosk.base.shutdown import ShutdownEvent
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.storefront.published import PublishedListings
from kiosk.sorting_center.storefront.settings import BadStorefrontSettings, StorefrontSettings, StorefrontTask
from kiosk.sorting_center.storefront.small_pictures import SmallPictures
from kiosk.sorting_center.subprocess_job import open_stdin, read_task, watch_parent
from kiosk.sorting_center.web.guard import Hosts
from kiosk.sorting_center.web.server import WebServer
from kiosk.texts.templates import use_compiled_cache

_SERVER_STOP_TIMEOUT_S: Final = 1.0
_MAX_BODY_BYTES: Final = 4096
"""Nothing is sent here that has one."""
EXIT_CANNOT_START: Final = 3

log = logging.getLogger(__name__)


_decode_task: Final = msgspec.json.Decoder(StorefrontTask).decode


def main() -> int:
    """Serve until standard input ends."""
    log_format = "%(asctime)s %(levelname)s storefront: %(message)s"
    logging.basicConfig(level=logging.INFO, format=log_format, stream=sys.stderr)
    ending = ShutdownEvent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    lines = open_stdin()
    task = _decode_task(read_task(lines))
    threading.Thread(target=watch_parent, args=(lines, ending), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), ending)
    except BadStorefrontSettings as error:
        log.error("The storefront cannot be served: %s", error)
        return EXIT_CANNOT_START
    return 0


def serve(ledger_url: str, settings: StorefrontSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Until ``ending``, whether there is a desk or not; raises BadStorefrontSettings when the files for TLS cannot be
    used, and LedgerAddressError. Closes ``listening``.
    """
    with listening, closing(DeskReader(ledger_url)) as reader:
        tls = settings.tls()
        folder = PictureFolder(Path(settings.photos_dir)) if settings.photos_dir is not None else None
        public = settings.addresses
        hosts = Hosts(settings.host, [urlsplit(public.base).hostname or ""] if public is not None else ())
        app = create_app(StorefrontSources(PublishedListings(reader), folder, public), hosts)
        use_compiled_cache(app.jinja_env, app.root_path)
        for name in app.jinja_env.list_templates():
            app.jinja_env.get_template(name)  # compiled before anybody waits for it
        server = WebServer(app, listening, tls, _MAX_BODY_BYTES)
        server.start()
        if folder is not None:
            small = SmallPictures(PublishedListings(reader), folder)
            threading.Thread(target=small.run, args=(ending,), name="small pictures", daemon=True).start()
        ending.wait()
        server.stop(_SERVER_STOP_TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main())
