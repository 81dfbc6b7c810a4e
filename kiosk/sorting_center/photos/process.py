"""The photos lane's process: ``python -m kiosk.sorting_center.photos.process``, begun by `child.PhotosProcess` alone.

What it needs comes as one line of JSON on standard input; the end of that says that the sorting center has ended,
however it ended. On standard output it writes its figures, a line of JSON now and then.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.ending import Ending
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.apart import listen, parents_lines, task_of
from kiosk.sorting_center.kept import Kept
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.photos.allowance import Allowance
from kiosk.sorting_center.photos.arrivals import Arrivals
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.follower import Follower
from kiosk.sorting_center.photos.listener.server import PhotosServer
from kiosk.sorting_center.photos.listener.tls import certificate_of
from kiosk.sorting_center.photos.photos import Photos
from kiosk.sorting_center.photos.refusals import Refusals
from kiosk.sorting_center.photos.settings import PhotosSettings, Task
from kiosk.sorting_center.photos.uploads import Uploads
from kiosk.sorting_center.updates.downloads import Downloads
from kiosk.sorting_center.updates.folder import OfferFolder

_TELL_S: Final = 5.0
_LOG_PERIOD_S: Final = 300.0
CANNOT_BEGIN: Final = 3

log = logging.getLogger(__name__)


_task: Final = msgspec.json.Decoder(Task).decode


def main() -> int:
    """Serve until standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s photos: %(message)s", stream=sys.stderr)
    ending = Ending()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    lines = parents_lines()
    task = _task(task_of(lines))
    threading.Thread(target=listen, args=(lines, ending), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), ending)
    except (LedgerError, OSError) as error:
        log.error("Pictures cannot be received: %s", error)
        return CANNOT_BEGIN
    return 0


def serve(ledger_url: str, settings: PhotosSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Until ``ending``; raises LedgerError and OSError when it cannot begin. Closes ``listening``."""
    folder = PictureFolder(Path(settings.folder))
    with listening, Ledger.open_readonly(ledger_url) as ledger, Photos.open(ledger_url) as photos:
        certificate = certificate_of(*settings.tls) if settings.tls is not None else None
        arrivals, refusals = Arrivals(photos, folder, _now), Refusals(photos, _now)
        lines = RateLimitedLog(log, time.monotonic, _LOG_PERIOD_S)
        uploads = Uploads(photos, folder, arrivals, Allowance(lambda: datetime.now(UTC)), refusals, lines)
        downloads = Downloads(OfferFolder(Path(settings.updates)), lines) if settings.updates is not None else None
        server = PhotosServer(uploads, listening, certificate, downloads=downloads)
        beside = [
            threading.Thread(target=Follower(ledger, photos, arrivals).run, args=(ending,), name="photos follower"),
            threading.Thread(target=_tell, args=(photos, refusals, ending), name="photos figures"),
        ]
        server.start()
        for thread in beside:
            thread.start()
        ending.wait()
        server.stop()
        for thread in beside:
            thread.join()


def _tell(photos: Photos, refusals: Refusals, ending: threading.Event) -> None:
    """Keep what was refused, and say how all is, until the end."""
    figures = Kept(photos.figures, _TELL_S)
    while True:
        refusals.keep()
        with suppress(LedgerError, OSError):  # the follower tells of the first; of the second nobody is left to listen
            sys.stdout.buffer.write(msgspec.json.encode(figures.current().flat()) + b"\n")
            sys.stdout.buffer.flush()
        if ending.wait(_TELL_S):
            refusals.keep()
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
