"""The feed's process, so that publishing never slows down taking in: ``python -m kiosk.sorting_center.feed.process``.

What it needs to know comes as one line of JSON on standard input, where no other user sees it; each further line there
says that there may be something new, and the end of it that the sorting center has ended, however it ended. Its
troubles go out on standard output, a line of JSON each time they change.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from kiosk.base.shutdown import shutdown_event
from kiosk.base.worker import Worker
from kiosk.sorting_center.feed.feed import Feed, numbering_worker
from kiosk.sorting_center.ingest.connections import feed_connection
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerTransport
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.child_process import SupervisedProcessPlan, open_stdin, read_task, watch_parent
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import FeedConnection

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.feed.process")
WAKE_UP: Final = b"\n"  # Sent when there may be something new. A full pipe says so already.
_PART_STOP_TIMEOUT_S: Final = 0.6
_POLL_INTERVAL_S: Final = 0.2
EXIT_CANNOT_START: Final = 3
# How much nicer it is than what takes events in, which it would else take half of a core from: a third of a share is
# left to it while both have their hands full, and all that is free at other times. Not where it numbers as well: many
# wait for that.
NICENESS: Final = 5


def feed_process_plan(ledger_url: str, broker: BrokerAddress, name: str, health: CenterHealth) -> SupervisedProcessPlan:
    """Plan the process; ``name``: broker client id. It inherits only pipes, so no ledger lock outlives its program."""

    def on_line(line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            health.set_fault("feed", str(json.loads(line)["trouble"]))

    def on_exit(status: int) -> None:
        text = health.report().feed_trouble or "The feed's process has ended; it is begun again."
        if health.set_fault("feed", text):
            log.error("The feed's process has ended with status %d; it is begun again.", status)

    return SupervisedProcessPlan("feed's process", _COMMAND, encode_task(ledger_url, broker, name), on_line, on_exit)


def encode_task(ledger_url: str, broker: BrokerAddress, name: str) -> bytes:
    """Encode the first line of input, as `main` reads it."""
    where = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(broker).items()}
    where["transport"] = broker.transport.value
    return json.dumps({"ledger": ledger_url, "broker": where, "name": name}).encode() + b"\n"


def _address(fields: dict[str, Any]) -> BrokerAddress:
    files = {key: Path(fields[key]) for key in ("ca_file", "cert_file", "key_file") if fields[key] is not None}
    return BrokerAddress(**{**fields, **files, "transport": BrokerTransport(fields["transport"])})


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s feed: %(message)s", stream=sys.stderr)
    ending = shutdown_event(from_terminal=False)
    lines = open_stdin()
    parameters = json.loads(read_task(lines))
    try:
        ledger = Ledger.open_shared(parameters["ledger"])
    except LedgerError as error:
        _write_fault(str(error))
        return EXIT_CANNOT_START
    if not ledger.numbers_separately:
        os.nice(NICENESS)
    health = CenterHealth()
    publisher = feed_connection(_address(parameters["broker"]), parameters["name"], health, ledger.generation)
    feed = Feed(ledger, publisher, health).worker
    numbering = numbering_worker(ledger, health, feed.wake)

    def wake(_line: bytes) -> None:
        feed.wake()
        numbering.wake()

    reader = threading.Thread(target=watch_parent, args=(lines, ending, wake), daemon=True)
    parts: list[Worker | FeedConnection] = [feed, publisher, *([numbering] if ledger.numbers_separately else [])]
    for part in parts:
        part.start()
    reader.start()
    lost = _watch(health, parts, ending)
    for stop in (publisher.stop, feed.stop, numbering.stop):
        stop(_PART_STOP_TIMEOUT_S)
    ledger.close()
    return 1 if lost else 0


def _watch(health: CenterHealth, parts: Sequence[Worker | FeedConnection], ending: threading.Event) -> bool:
    """Report each change of the faults until the end; return whether a part ended by itself."""
    reported = None
    while True:
        over = ending.wait(_POLL_INTERVAL_S)
        fault = health.report().feed_trouble
        if fault != reported:
            reported = fault
            _write_fault(fault)
        if over:
            return False
        if not all(part.is_alive for part in parts):
            return True


def _write_fault(fault: str) -> None:
    with suppress(OSError):  # the sorting center has ended: the end of standard input says the rest
        sys.stdout.write(json.dumps({"trouble": fault}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
