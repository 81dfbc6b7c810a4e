"""The catalogue's process: ``python -m kiosk.sorting_center.catalogue.process``, begun by `child.CatalogueProcess`.

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

from kiosk.base.ending import Ending
from kiosk.sorting_center.apart import listen, parents_lines, task_of
from kiosk.sorting_center.catalogue.app import create_app
from kiosk.sorting_center.catalogue.database import DeskReader
from kiosk.sorting_center.catalogue.pages import Sources
from kiosk.sorting_center.catalogue.published import PublishedListings
from kiosk.sorting_center.catalogue.settings import BadCatalogueSettings, CatalogueSettings, Task
from kiosk.sorting_center.catalogue.small_pictures import SmallPictures
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.web.guard import Hosts
from kiosk.sorting_center.web.server import WebServer
from kiosk.texts.templates import keep_compiled

_PART_END_S: Final = 1.0
_MAX_BODY_BYTES: Final = 4096
"""Nothing is sent here that has one."""
CANNOT_BEGIN: Final = 3

log = logging.getLogger(__name__)


_task: Final = msgspec.json.Decoder(Task).decode


def main() -> int:
    """Serve until standard input ends."""
    form = "%(asctime)s %(levelname)s catalogue: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, stream=sys.stderr)
    ending = Ending()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    lines = parents_lines()
    task = _task(task_of(lines))
    threading.Thread(target=listen, args=(lines, ending), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), ending)
    except BadCatalogueSettings as error:
        log.error("The catalogue cannot be served: %s", error)
        return CANNOT_BEGIN
    return 0


def serve(ledger_url: str, settings: CatalogueSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Until ``ending``, whether there is a desk or not; raises BadCatalogueSettings when the files for TLS cannot be
    used, and LedgerAddressError. Closes ``listening``.
    """
    with listening, closing(DeskReader(ledger_url)) as reader:
        tls = settings.tls()
        folder = PictureFolder(Path(settings.photos_dir)) if settings.photos_dir is not None else None
        public = settings.addresses
        hosts = Hosts(settings.host, [urlsplit(public.base).hostname or ""] if public is not None else ())
        app = create_app(Sources(PublishedListings(reader), folder, public), hosts)
        keep_compiled(app.jinja_env, app.root_path)
        for name in app.jinja_env.list_templates():
            app.jinja_env.get_template(name)  # compiled before anybody waits for it
        server = WebServer(app, listening, tls, _MAX_BODY_BYTES)
        server.start()
        if folder is not None:
            small = SmallPictures(PublishedListings(reader), folder)
            threading.Thread(target=small.run, args=(ending,), name="small pictures", daemon=True).start()
        ending.wait()
        server.stop(_PART_END_S)


if __name__ == "__main__":
    sys.exit(main())
