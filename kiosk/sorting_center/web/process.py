"""The web's process: ``python -m kiosk.sorting_center.web.process``, started only by `child.WebProcess`.

Its task is one line of JSON on standard input; each further line there is the health of the program that takes events
in. The end of the input means that the sorting center has ended, however it ended.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from kiosk.base.refused import Refused
from kiosk.base.shutdown import shutdown_event
from kiosk.base.worker import Worker
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.dispatcher import POLL_INTERVAL_S, NoticeDispatcher
from kiosk.sorting_center.desk.notices.mail import MailSender
from kiosk.sorting_center.desk.notices.outbound import OutboundNetwork
from kiosk.sorting_center.desk.notices.targets import NoticeChannel
from kiosk.sorting_center.desk.notices.webhook import WebhookSender
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.terms import INTERVAL_S, erase_step, parse_terms
from kiosk.sorting_center.followers.feed_follower import follower_worker
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.shared.child_process import open_stdin, read_task, watch_parent
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.watch.county_watch import POLL_INTERVAL_S as WATCH_INTERVAL_S
from kiosk.sorting_center.watch.county_watch import CountyWatch, county_snapshot
from kiosk.sorting_center.watch.old_prices import OldPrices
from kiosk.sorting_center.web.app import ExternalAddresses, create_app, load_pages
from kiosk.sorting_center.web.child import RemoteHealth, WebTask
from kiosk.sorting_center.web.notice_words import case_line, mail_text
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
from kiosk.sorting_center.web.shared.sources import open_stores, sources
from kiosk.texts.templates import use_compiled_cache

# Of the GIL between threads. With Python's 5 ms a page waits that long again and again for whatever follows the ledger
# or makes pictures beside it: one page of the feed in a hundred took 70 ms instead of 15.
_GIL_SWITCH_INTERVAL_S: Final = 0.0005
_STOP_TIMEOUT_S: Final = 1.0
EXIT_CANNOT_START: Final = 3

log = logging.getLogger(__name__)


_decode_task: Final = msgspec.json.Decoder(WebTask).decode


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s web: %(message)s", stream=sys.stderr)
    sys.setswitchinterval(_GIL_SWITCH_INTERVAL_S)
    shutdown = shutdown_event(from_terminal=False)
    lines = open_stdin()
    task = _decode_task(read_task(lines))
    health = RemoteHealth()
    threading.Thread(target=watch_parent, args=(lines, shutdown, health.receive_line), daemon=True).start()
    try:
        serve(task.ledger, task.settings, socket.socket(fileno=task.descriptor), health, shutdown)
    except (LedgerError, DeskError) as error:
        log.error("The pages cannot be served: %s", error)
        return EXIT_CANNOT_START
    return 0


def serve(
    ledger_url: str,
    settings: CenterWebSettings,
    listen_socket: socket.socket,
    health: RemoteHealth,
    shutdown: threading.Event,
) -> None:
    """Serve until ``shutdown``, then close ``listen_socket``. Raises LedgerError and DeskError with nothing to show."""
    zone = ZoneInfo(settings.zone)
    with listen_socket, open_stores(ledger_url, zone, _path_or_none(settings.photos_dir)) as stores:
        outside = ExternalAddresses(Hosts(settings.host, settings.names), settings.trusted_proxy, settings.storefront())
        app = create_app(
            stores,
            health,
            lambda: datetime.now(UTC).astimezone(zone),
            outside,
            publish_alone=settings.publish_alone,
            configuration_key=_path_or_none(settings.configuration_key),
        )
        use_compiled_cache(app.jinja_env, app.root_path)
        with app.app_context():
            snapshots = sources().snapshots
        follower = ReportsFollower(stores.ledger, stores.reports)
        measure = partial(
            county_snapshot, stores.ledger, stores.reports, stores.desk, prices=OldPrices(stores.desk.book)
        )
        watch = CountyWatch(measure, stores.desk, lambda: follower.is_leader)
        erase = partial(erase_step, stores.ledger, stores.desk.database, parse_terms(settings.terms))
        offers = OfferFollower(stores.ledger, stores.desk.database)
        dispatcher = build_dispatcher(stores.desk, settings)
        workers = [
            follower_worker("reports", follower.step),
            Worker("watch", watch.poll, retry_s=WATCH_INTERVAL_S, expected=(LedgerError, DeskError, Refused)),
            follower_worker("listings", offers.step),
            Worker("terms", lambda: erase(datetime.now(UTC)), retry_s=INTERVAL_S, expected=(LedgerError, DeskError)),
            Worker("pictures", snapshots.refresh),
            # A receiver may keep a notice longer than the stop waits; what is sent then is sent again.
            Worker("notices", dispatcher.step, retry_s=POLL_INTERVAL_S, expected=(DeskError,)),
        ]
        templates = threading.Thread(target=load_pages, args=(app,), name="templates", daemon=True)
        server = WebServer(app, listen_socket)
        server.start()
        for worker in workers:
            worker.start()
        templates.start()
        shutdown.wait()
        server.stop(_STOP_TIMEOUT_S)
        for worker in workers:
            worker.stop(_STOP_TIMEOUT_S)
        templates.join(_STOP_TIMEOUT_S)


def build_dispatcher(desk: CenterDesk, settings: CenterWebSettings) -> NoticeDispatcher:
    network = OutboundNetwork(frozenset(host.lower() for host in settings.webhook_hosts))
    mail = MailSender(mail_text, _path_or_none(settings.mail_logins), network)
    webhook = WebhookSender(case_line, network)
    return NoticeDispatcher(desk.notices, {NoticeChannel.MAIL: mail.send, NoticeChannel.WEBHOOK: webhook.send})


def _path_or_none(name: str | None) -> Path | None:
    return Path(name) if name is not None else None


if __name__ == "__main__":
    sys.exit(main())
