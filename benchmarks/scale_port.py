"""One scale on its port: what it costs to listen, and how soon a weight is there, again there, and gone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, cpu_share, percentile
from kiosk.app.shared.adapters import open_scale
from kiosk.devices.ports import LinkState
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.simulator import ScaleSimulator

ROUNDS = 10
LISTEN_S = 20.0
PROTOCOLS = ("xk3190_tf0", "st_gs_csv", "mt_continuous", "cas_type6")
_LONGEST_S = 10.0


class Watcher:
    """Notes when weights come and go."""

    def __init__(self) -> None:
        self.newest: float | None = None
        self.blank: float | None = None

    def on_reading(self, reading: Reading, at: float) -> None:
        """A weight is there."""
        self.newest, self.blank = time.monotonic(), None

    def on_expired(self, at: float) -> None:
        """The screen is blank from now on."""
        self.newest, self.blank = None, time.monotonic()

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        """Not measured."""

    def until_reading(self) -> float:
        """When one came; raises RuntimeError when none does."""
        return _until(lambda: self.newest)

    def until_blank(self) -> float:
        """When the screen went blank; raises RuntimeError when it does not."""
        return _until(lambda: self.blank)


def _until(happened: Callable[[], float | None]) -> float:
    end = time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        at = happened()
        if at is not None:
            return at
        time.sleep(0.001)
    raise RuntimeError(f"nothing came within {_LONGEST_S} s")


def run(folder: Path) -> list[Row]:
    """Listening, plugging in, pulling out."""
    base = _bare_loop()
    rows = [
        Row(f"listening to {protocol}, 10 frames/s", _share(protocol), "% of a core", 0.5, base, "bare pyserial loop")
        for protocol in PROTOCOLS
    ]
    return [*rows, *_plugging(folder / "scale")]


_LISTEN = """
import sys, threading
from benchmarks.scale_port import Watcher
from kiosk.app.shared.adapters import open_scale
from kiosk.devices.scale.live import Indicator
from kiosk.protocols.scales import registry
protocol, port = sys.argv[1:]
scale = open_scale(Indicator(port, protocol), registry.get(protocol).line, Watcher())
scale.start()
print("ready", flush=True)
sys.stdin.read()
scale.stop()
"""

_BARE = """
import sys, serial
port = serial.Serial(sys.argv[2], timeout=1)
print("ready", flush=True)
while True: port.read_until(b"\\n")
"""


def _listening(script: str, protocol: str) -> float:
    with ScaleSimulator(protocol, hz=10) as simulator:
        command = [sys.executable, "-c", script, protocol, simulator.path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout
            child.stdout.readline()
            time.sleep(1)
            share = cpu_share(child.pid, LISTEN_S)
            child.terminate()
            return share


def _share(protocol: str) -> float:
    return _listening(_LISTEN, protocol)


def _bare_loop() -> float:
    return _listening(_BARE, "st_gs_csv")


def _plugging(link: Path) -> list[Row]:
    """The scale's own settings, as the station has them."""
    protocol = "st_gs_csv"
    again, gone = [], []
    with ScaleSimulator(protocol, link, hz=10) as simulator:
        watcher = Watcher()
        scale = open_scale(Indicator(str(link), protocol), registry.get(protocol).line, watcher)
        scale.start()
        try:
            watcher.until_reading()
            for number in range(ROUNDS):
                pulled = time.monotonic()
                simulator.command("unplug")
                gone.append(watcher.until_blank() - pulled)
                time.sleep(0.1 * number)  # however long it was away, the next try is never far
                simulator.command("replug")
                back = time.monotonic()
                again.append(watcher.until_reading() - back)
        finally:
            scale.stop()
    return [
        Row("cable pulled → blank, worst of 10", max(gone), "s", 1.0),
        Row("plugged in → first weight, median of 10", percentile(again, 0.5), "s", 1.5),
        Row("plugged in → first weight, worst of 10", max(again), "s", 1.5),
    ]
