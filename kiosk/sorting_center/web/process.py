"""The web's process: ``python -m kiosk.sorting_center.web.process``, begun by `child.WebProcess` and by nobody else.

What it needs comes as one line of JSON on standard input; each further line there is how the program that takes events
in is. The end of it says that the sorting center has ended, however it ended.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from kiosk.base.ending import Ending
from kiosk.sorting_center.apart import listen, parents_lines, task_of
from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.desk.errors import DeskError
from kiosk.sorting_center.desk.notices.mail import MailWay
from kiosk.sorting_center.desk.notices.sender import Sender
from kiosk.sorting_center.desk.notices.targets import Way
from kiosk.sorting_center.desk.notices.webhook import WebhookWay
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.listings.arrivals import Arrivals
from kiosk.sorting_center.reports.follower import Follower
from kiosk.sorting_center.watch.watching import Watch, seen
from kiosk.sorting_center.web.app import Outside, compile_templates, create_app
from kiosk.sorting_center.web.child import Task
from kiosk.sorting_center.web.guard import Hosts
from kiosk.sorting_center.web.notice_words import NoticeWords
from kiosk.sorting_center.web.remote_health import RemoteHealth
from kiosk.sorting_center.web.server import WebServer
from kiosk.sorting_center.web.settings import BadWebSettings, WebSettings
from kiosk.sorting_center.web.sources import opened_stores, sources
from kiosk.texts.templates import keep_compiled

_SWITCH_S: Final = 0.0005
"""Of the GIL between threads. With Python's 5 ms a page waits that long again and again for whatever follows the ledger
or makes pictures beside it: one page of the feed in a hundred took 70 ms instead of 15."""
_PART_END_S: Final = 1.0
CANNOT_BEGIN: Final = 3

log = logging.getLogger(__name__)


_task: Final = msgspec.json.Decoder(Task).decode


def main() -> int:
    """Serve until standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s web: %(message)s", stream=sys.stderr)
    sys.setswitchinterval(_SWITCH_S)
    ending = Ending()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    lines = parents_lines()
    task = _task(task_of(lines))
    health = RemoteHealth()
    threading.Thread(target=listen, args=(lines, ending, partial(_hear, health)), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), health, ending)
    except (LedgerError, DeskError, BadWebSettings) as error:
        log.error("The pages cannot be served: %s", error)
        return CANNOT_BEGIN
    return 0


def serve(
    ledger_url: str, settings: WebSettings, listening: socket.socket, health: RemoteHealth, ending: threading.Event
) -> None:
    """Until ``ending``; raises LedgerError and DeskError when there is nothing to show, BadWebSettings when the files
    for TLS cannot be used. Closes ``listening``.
    """
    zone = ZoneInfo(settings.zone)
    with listening, opened_stores(ledger_url, zone, _folder(settings.photos_dir)) as stores:
        tls = settings.tls()
        follower = Follower(stores.ledger, stores.reports)
        look = partial(seen, stores.ledger, stores.reports, stores.desk)
        watch = Watch(look, stores.desk, lambda: follower.leads)
        arrivals = Arrivals(stores.ledger, stores.desk.database)
        beside = [
            threading.Thread(target=follower.run, args=(ending,), name="reports", daemon=True),
            threading.Thread(target=watch.run, args=(ending,), name="watch", daemon=True),
            threading.Thread(target=arrivals.run, args=(ending,), name="listings", daemon=True),
        ]
        sender = sender_of(stores.desk, settings)
        sending = threading.Thread(target=sender.run, args=(ending,), name="notices", daemon=True)
        outside = Outside(Hosts(settings.host, settings.names), settings.trusted_proxy, settings.catalogue())
        app = create_app(stores, health, lambda: datetime.now(UTC).astimezone(zone), outside)
        keep_compiled(app.jinja_env, app.root_path)
        with app.app_context():
            pictures = sources().pictures
        beside.append(threading.Thread(target=compile_templates, args=(app,), name="templates", daemon=True))
        beside.append(threading.Thread(target=pictures.tend, args=(ending,), name="pictures", daemon=True))
        server = WebServer(app, listening, tls)
        server.start()
        for thread in (*beside, sending):
            thread.start()
        ending.wait()
        server.stop(_PART_END_S)
        for thread in beside:
            thread.join()
        sending.join(_PART_END_S)  # a receiver may keep it longer; what it sends then is sent again


def sender_of(desk: Desk, settings: WebSettings) -> Sender:
    """What sends the notices of a desk."""
    words = NoticeWords()
    logins = _folder(settings.mail_logins)
    hosts = frozenset(host.lower() for host in settings.webhook_hosts)
    return Sender(desk.notices, {Way.MAIL: MailWay(words, logins, hosts), Way.WEBHOOK: WebhookWay(words, hosts)})


def _folder(name: str | None) -> Path | None:
    return Path(name) if name is not None else None


def _hear(health: RemoteHealth, line: bytes) -> None:
    try:
        health.heard(json.loads(line))
    except (ValueError, TypeError):
        log.warning("A line of health could not be read.")


if __name__ == "__main__":
    sys.exit(main())
