"""The feed's process: ``python -m kiosk.sorting_center.feed.process``, begun as `child.plan` says and by nobody else.

What it needs to know comes as one line of JSON on standard input, where no other user sees it; each further byte there
says that there may be something new, and the end of it that the sorting center has ended, however it ended. Its
troubles go out on standard output, a line of JSON each time they change.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from kiosk.base.shutdown import ShutdownEvent
from kiosk.sorting_center.feed.feed import Feed
from kiosk.sorting_center.feed.loop import StepLoop
from kiosk.sorting_center.feed.numbering import FeedNumbering
from kiosk.sorting_center.ingest.connections import feed_connection
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerTransport
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import FeedConnection
from kiosk.sorting_center.shared.subprocess_job import open_stdin, read_task

_EXIT_TIMEOUT_S: Final = 3.0  # From the end of the sorting center to that of this process, whatever the broker does
_PART_STOP_TIMEOUT_S: Final = 0.6
_POLL_INTERVAL_S: Final = 0.2
EXIT_CANNOT_START: Final = 3
# How much nicer it is than who takes in, which it would else take half of a core from: a third of a share is left to it
# while both have their hands full, and all that is free at other times. Not where it numbers as well: many wait for
# that.
NICENESS: Final = 5
_Part = StepLoop | FeedConnection


def encode_task(ledger_url: str, broker: BrokerAddress, name: str) -> bytes:
    """The first line, as `main` reads it. ``name``: the broker's client id."""
    where = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(broker).items()}
    where["transport"] = broker.transport.value
    return json.dumps({"ledger": ledger_url, "broker": where, "name": name}).encode() + b"\n"


def _address(fields: dict[str, Any]) -> BrokerAddress:
    files = {key: Path(fields[key]) for key in ("ca_file", "cert_file", "key_file") if fields[key] is not None}
    return BrokerAddress(**{**fields, **files, "transport": BrokerTransport(fields["transport"])})


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s feed: %(message)s", stream=sys.stderr)
    ending = ShutdownEvent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
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
    feed = Feed(ledger, publisher, health)
    numbering = FeedNumbering(ledger, health, feed.loop.wake)
    reader = threading.Thread(target=_read_wake_ups, args=(lines, (feed.loop, numbering.loop), ending), daemon=True)
    parts: list[_Part] = [feed.loop, publisher, *([numbering.loop] if ledger.numbers_separately else [])]
    for part in parts:
        part.start()
    reader.start()
    lost = _watch(health, parts, ending)
    for stop in (publisher.stop, feed.loop.stop, numbering.loop.stop):
        stop(_PART_STOP_TIMEOUT_S)
    ledger.close()
    return 1 if lost else 0


def _read_wake_ups(wakes: BufferedReader, woken: Sequence[StepLoop], ending: threading.Event) -> None:
    while wakes.read1(4096):
        for part in woken:
            part.wake()
    # Whoever started this is gone: nothing that hangs here may keep a process that nobody knows of.
    threading.Timer(_EXIT_TIMEOUT_S, os._exit, [1]).start()
    ending.set()


def _watch(health: CenterHealth, parts: Sequence[_Part], ending: threading.Event) -> bool:
    """Tell each change of the troubles until the end; whether a part ended by itself."""
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
    try:
        sys.stdout.write(json.dumps({"trouble": fault}) + "\n")
        sys.stdout.flush()
    except OSError:
        return  # nobody listens any more: the end of standard input says the rest


if __name__ == "__main__":
    sys.exit(main())
