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

from kiosk.base.shutdown import ShutdownEvent
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.cost_aware_cache import CostAwareCache
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.photos.allowance import Allowance
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.follower import PhotoFollower
from kiosk.sorting_center.photos.listener.server import PhotosServer
from kiosk.sorting_center.photos.listener.tls import certificate_of
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.picture_recorder import PictureRecorder
from kiosk.sorting_center.photos.refusals import RefusalCounter
from kiosk.sorting_center.photos.settings import PhotosSettings, PhotosTask
from kiosk.sorting_center.photos.uploads import Uploads
from kiosk.sorting_center.subprocess_job import open_stdin, read_task, watch_parent
from kiosk.sorting_center.updates.downloads import Downloads
from kiosk.sorting_center.updates.folder import OfferFolder

_REPORT_INTERVAL_S: Final = 5.0
_LOG_PERIOD_S: Final = 300.0
EXIT_CANNOT_START: Final = 3

log = logging.getLogger(__name__)


_decode_task: Final = msgspec.json.Decoder(PhotosTask).decode


def main() -> int:
    """Serve until standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s photos: %(message)s", stream=sys.stderr)
    ending = ShutdownEvent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    lines = open_stdin()
    task = _decode_task(read_task(lines))
    threading.Thread(target=watch_parent, args=(lines, ending), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), ending)
    except (LedgerError, OSError) as error:
        log.error("Pictures cannot be received: %s", error)
        return EXIT_CANNOT_START
    return 0


def serve(ledger_url: str, settings: PhotosSettings, listening: socket.socket, ending: threading.Event) -> None:
    """Until ``ending``; raises LedgerError and OSError when it cannot begin. Closes ``listening``."""
    folder = PictureFolder(Path(settings.folder))
    with listening, Ledger.open_readonly(ledger_url) as ledger, PhotoIndex.open(ledger_url) as photos:
        certificate = certificate_of(*settings.tls) if settings.tls is not None else None
        recorder, refusals = PictureRecorder(photos, folder, _now), RefusalCounter(photos, _now)
        lines = RateLimitedLog(log, time.monotonic, _LOG_PERIOD_S)
        uploads = Uploads(photos, folder, recorder, Allowance(lambda: datetime.now(UTC)), refusals, lines)
        downloads = Downloads(OfferFolder(Path(settings.updates)), lines) if settings.updates is not None else None
        server = PhotosServer(uploads, listening, certificate, downloads=downloads)
        threads = [
            threading.Thread(
                target=PhotoFollower(ledger, photos, recorder).run, args=(ending,), name="photos follower"
            ),
            threading.Thread(target=_report_figures, args=(photos, refusals, ending), name="photos figures"),
        ]
        server.start()
        for thread in threads:
            thread.start()
        ending.wait()
        server.stop()
        for thread in threads:
            thread.join()


def _report_figures(photos: PhotoIndex, refusals: RefusalCounter, ending: threading.Event) -> None:
    """Keep what was refused, and say how all is, until the end."""
    figures = CostAwareCache(photos.figures, _REPORT_INTERVAL_S)
    while True:
        refusals.flush()
        with suppress(LedgerError, OSError):  # the follower tells of the first; of the second nobody is left to listen
            sys.stdout.buffer.write(msgspec.json.encode(figures.current().flat()) + b"\n")
            sys.stdout.buffer.flush()
        if ending.wait(_REPORT_INTERVAL_S):
            refusals.flush()
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
