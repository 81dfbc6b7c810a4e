"""``python -m kiosk.simulators.fleet.share PLAN``: one process's share of a fleet; PLAN and the answer are JSON."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from dataclasses import asdict
from typing import Final

import msgspec

from kiosk.simulators.fleet.fleet import Fleet
from kiosk.simulators.fleet.plan import FleetPlan, parse_path
from kiosk.store import StoreError

_PLAN: Final = msgspec.json.Decoder(FleetPlan, dec_hook=parse_path)


def main() -> int:
    """Print the tally; return 1, with the reason on standard error, when a database cannot be used."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    plan = _PLAN.decode(sys.argv[1])
    fleet = Fleet(plan)
    # Ctrl-C goes to all processes of a terminal: the parent process sends its own signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: fleet.end())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    timer = threading.Timer(plan.timeout_s, fleet.end)
    timer.start()
    try:
        sys.stdout.write(json.dumps(asdict(fleet.alone())))
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        timer.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
