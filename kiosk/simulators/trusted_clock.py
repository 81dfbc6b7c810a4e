"""``python -m kiosk.simulators.trusted_clock …``: ``kiosk …`` with a clock that a simulated time server has set.

The clock of the demo is that of the machine, which may have no systemd-timesyncd: without its mark nothing that is done
in the demo would have a time.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from kiosk.station.shared import clock

if __name__ == "__main__":
    clock.SYNCED_MARK = Path(__file__)
    runpy.run_module("kiosk.cli.kiosk", run_name="__main__")
