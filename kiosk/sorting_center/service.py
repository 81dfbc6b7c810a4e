"""The sorting center: puts the parts together, starts them, ends them in time.

The feed and the pages have processes of their own. Pictures and the storefront are programs of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from zoneinfo import ZoneInfo

from kiosk.base.worker import Worker
from kiosk.sorting_center.decision_worker import decision_worker
from kiosk.sorting_center.feed.process import WAKE_UP, feed_process_plan
from kiosk.sorting_center.ingest.announcer import Announcer
from kiosk.sorting_center.ingest.connections import receiving_connection
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ingest.signature_process import SignatureProcess
from kiosk.sorting_center.ingest.watchdog import IngestWatchdog
from kiosk.sorting_center.ingest.worker import IngestWorker
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import utc_now
from kiosk.sorting_center.log.checkpoints import checkpoint_parts
from kiosk.sorting_center.log.worker import CountyLog
from kiosk.sorting_center.photos.monitor import PhotosMonitor
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.shared.child_process import SupervisedProcess
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.child import WebProcess
from kiosk.sorting_center.web.shared.settings import CenterWebSettings

if TYPE_CHECKING:
    from kiosk.sorting_center.web.machine.monitoring import MonitoringServer

_DEFAULT_ZONE: Final = "Asia/Shanghai"  # As `CenterWebSettings` has it
_WORKER_STOP_TIMEOUT_S: Final = 2.5
_PART_STOP_TIMEOUT_S: Final = 0.6
# All of it together, so that the process has ended within five seconds whatever the broker does.
_STOP_TIMEOUT_S: Final = 4.0


class SortingCenter:
    """Made: the ledger is open and the port is taken. Started: it takes in, acknowledges, feeds and shows."""

    def __init__(
        self,
        ledger: Ledger,
        broker: BrokerAddress,
        web: CenterWebSettings | None,
        regions: Sequence[str] = (),
        metrics: tuple[str, int] | None = None,
    ) -> None:
        """Open all parts. Raises OSError when an address is not available, and LedgerError when the list of photos
        cannot be used. Closes ``ledger`` in `stop`.

        ``regions``: those whose stations are subscribed to; none for all. ``metrics``: host and port on this machine
        for monitoring alone.
        """
        self.health = CenterHealth()
        self._ledger = ledger
        client_id = f"sorting-center-{ledger.ledger_id}"
        self._line = receiving_connection(broker, client_id, self.health, regions)
        self._feed = SupervisedProcess(feed_process_plan(ledger.url, broker, f"{client_id}-feed", self.health))
        wake = partial(self._feed.send, WAKE_UP)
        self._signatures = SignatureProcess()
        self._ingest = IngestWorker(self._line, ledger, self.health, utc_now, wake, self._signatures.begin)
        self._worker = self._ingest.thread
        self._announcer = Announcer(ledger, self._line.send).thread
        self._decisions = decision_worker(ledger, wake)
        parts = {
            "ingest worker": lambda: self._worker.is_alive,
            "receiving connection": lambda: self._line.is_alive,
            "feed": lambda: self._feed.is_alive,
        }
        watchdog = IngestWatchdog(self._line, self.health, parts, damage=lambda: ledger.damage)
        self._watchdog = Worker("watchdog", watchdog.check, retry_s=1.0)
        self._monitoring = _monitoring(ledger, self.health, metrics)
        self._web = WebProcess(ledger.url, web, self.health) if web is not None else None
        has_photos = web is not None and web.photos_dir is not None
        self._photos = PhotosMonitor(ledger, PhotoIndex(ledger.url), self.health) if has_photos else None
        self._zone = ZoneInfo(web.zone if web is not None else _DEFAULT_ZONE)
        self._log = CountyLog(ledger, self._zone, None).thread
        self._broker = broker
        self._access: Worker | None = None
        self._configuration: Worker | None = None

    def keep_broker_access(self) -> None:
        """Keep the broker's clients equal to the list of certificates; the broker uses MQTT. Call before `start`."""
        from kiosk.sorting_center.access_worker import BrokerAccess  # the library of MQTT is not loaded without need

        self._access = BrokerAccess(self._ledger, self._broker, self.health).thread

    def send_configurations(self, key: Path) -> None:
        """Sign and send stations' configurations with this key; sign the log, too. Call before `start`."""
        from kiosk.sorting_center.configuration_worker import CountyConfiguration

        send, checkpoints = partial(self._line.send, qos=1), partial(checkpoint_parts, self._ledger, key)
        made = CountyConfiguration(self._ledger, key, send, station_parts=checkpoints)
        self._ingest.on_delivery, self._configuration = made.delivered, made.thread
        self._log = CountyLog(self._ledger, self._zone, key).thread

    @property
    def http_address(self) -> str | None:
        """Where the pages are, None without any."""
        return self._web.url if self._web is not None else None

    @property
    def metrics_address(self) -> str | None:
        """Where monitoring alone is answered, None for nowhere."""
        return self._monitoring.address if self._monitoring is not None else None

    def start(self, wait_s: float, ending: threading.Event | None = None) -> bool:
        """Start all parts; return whether stations' topics were subscribed to within ``wait_s``. Retries go on after.

        ``ending``, once set, ends the wait.
        """
        for part in (self._web, self._monitoring, self._photos, self._access, self._configuration):
            if part is not None:
                part.start()
        workers = (self._worker, self._feed, self._line, self._watchdog, self._announcer, self._decisions, self._log)
        for one in (self._signatures, *workers):
            one.start()
        return self.health.wait_until_connected(wait_s, ending or threading.Event())

    def stop(self) -> None:
        """Finish the current batch, disconnect, close the ledger: at most five seconds."""
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        self._watchdog.stop(_PART_STOP_TIMEOUT_S)
        self._feed.end()
        if self._web is not None:
            self._web.end()
        self._worker.stop(_WORKER_STOP_TIMEOUT_S)
        stops = [self._signatures.stop, self._log.stop, self._decisions.stop, self._announcer.stop, self._line.stop]
        stops.append(self._feed.stop)
        optional_parts = (self._web, self._monitoring, self._photos, self._access, self._configuration)
        stops += [part.stop for part in optional_parts if part is not None]
        for stop in stops:
            stop(max(0.0, min(_PART_STOP_TIMEOUT_S, deadline - time.monotonic())))
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _monitoring(ledger: Ledger, health: CenterHealth, address: tuple[str, int] | None) -> MonitoringServer | None:
    """Build the monitoring server. Flask is loaded only for it: the pages have a process of their own."""
    if address is None:
        return None
    from kiosk.sorting_center.web.machine.monitoring import MonitoringServer

    return MonitoringServer(ledger, health, *address)
