"""A reader that stood still: what lay in the line meanwhile is never taken for what lies on the pan.

The clock falls asleep in the scale's own thread, at each place at which it looks at it by turns. While it sleeps the
scale goes on sending that goods lie there, then they are taken off, and it wakes up three seconds later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.devices.ports import LinkState, ScaleListener
from kiosk.devices.scale.line.hid import HidPort
from kiosk.devices.scale.line.hx711 import Hx711Port
from kiosk.devices.scale.live import TIMING, LiveScale
from kiosk.devices.scale.settings import Indicator
from kiosk.devices.scale.supervision import LoopMonitor
from kiosk.domain.metrology.pan import STALE_S
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.packets import SimulatedHx711
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.depth import many
from tests.devices.scale.listener import PATIENCE_S, Listener, serial_scale

SLEEP_S = 3.0
LOOKS = 7
"""A turn of the loop that reads something looks at the clock less often than that."""
EVERY = many(2, torture=1)
"""How many ways share the places by turns."""

Clock = Callable[[], float]


class Sleepy:
    """Monotonic time, and once it jumps; ``falls_asleep`` runs before, in the thread that looked."""

    def __init__(self, falls_asleep: Callable[[], None]) -> None:
        self._falls_asleep = falls_asleep
        self._ahead = 0.0
        self._looks_left = 0
        self.slept_at = float("inf")
        self.woke = threading.Event()

    def soon(self, looks: int) -> None:
        """Fall asleep at the look with this number, from 1."""
        self.woke.clear()
        self._looks_left = looks

    def __call__(self) -> float:
        if threading.current_thread().name == "scale" and self._looks_left:
            self._looks_left -= 1
            if not self._looks_left:
                self.slept_at = time.monotonic() + self._ahead
                self._falls_asleep()
                self._ahead += SLEEP_S
                self.woke.set()
        return time.monotonic() + self._ahead


def serial(path: str, protocol: str, listener: ScaleListener, clock: Clock) -> LiveScale:
    poll_s = 0.05 if protocol == "mt_8217" else None
    return serial_scale(path, protocol, {}, LineSettings(), listener, clock, poll_s=poll_s)


def hid(path: str, protocol: str, listener: ScaleListener, clock: Clock) -> LiveScale:
    return LiveScale(Indicator(path, protocol), lambda: HidPort(path), listener, clock)


def pins(path: str, protocol: str, listener: ScaleListener, clock: Clock) -> LiveScale:
    place = path.removeprefix("gpio:")
    return LiveScale(Indicator(path, protocol), lambda: Hx711Port(SimulatedHx711(place)), listener, clock)


WAYS = {
    "a stream": ("st_gs_csv", serial),
    "a polled scale": ("mt_8217", serial),
    "tcp": ("st_gs_csv", serial),
    "rfc2217": ("st_gs_csv", serial),
    "hid": ("usb_hid_scale", hid),
    "pins": ("hx711", pins),
}


def simulator_of(way: str, folder: Path) -> ScaleSimulator:
    line = NetLine(LineSettings(), way == "rfc2217") if way in ("tcp", "rfc2217") else None
    return ScaleSimulator(WAYS[way][0], line or folder / "scale", hz=40, settle_s=0)


def same(one: Reading, other: Reading) -> bool:
    return (one.weight, one.counts) == (other.weight, other.counts)


class Nap:
    """A scale whose reader sleeps while goods are taken off, again and again."""

    def __init__(self, way: str, simulator: ScaleSimulator) -> None:
        self.way, self.simulator = way, simulator
        self.listener, self.clock = Listener(), Sleepy(self._goods_are_sent_for_a_while_and_taken_off)
        protocol, make = WAYS[way]
        self.scale = make(simulator.path, protocol, self.listener, self.clock)

    def _goods_are_sent_for_a_while_and_taken_off(self) -> None:
        threading.Event().wait(0.06)  # the scale's own period has to pass a few times
        self.simulator.command("take")

    def believed(self, looks: int) -> list[str]:
        """What was told of the goods as if it was later than it was."""
        heard = self.listener
        self.simulator.command(f"put {looks}.000kg")
        before, empty = len(heard.readings), heard.readings[-1][0]
        assert heard.until(lambda: not same(heard.readings[-1][0], empty))
        expired, goods = len(heard.expired), heard.readings[-1][0]
        self.clock.soon(looks)
        assert self.clock.woke.wait(PATIENCE_S)
        assert heard.until(lambda: same(heard.readings[-1][0], empty)), "it goes on"
        place, slept_at = f"{self.way}, asleep at look {looks}", self.clock.slept_at
        told = heard.readings[before:]
        late = [at - slept_at for reading, at in told if same(reading, goods) and at > slept_at]
        first = next(at for reading, at in told if same(reading, empty) and at > slept_at)
        given_up = [at for at in heard.expired[expired:] if at < first]
        return [f"{place}: goods of {age:.3f} s later" for age in late] + [
            f"{place}: the old reading stood until the new one" for _ in range(not given_up)
        ]


@pytest.mark.parametrize("way", WAYS)
def test_no_line_of_the_loop_is_one_to_fall_asleep_at(way: str, tmp_path: Path) -> None:
    with simulator_of(way, tmp_path) as simulator:
        nap = Nap(way, simulator)
        nap.scale.start()
        try:
            assert nap.listener.until_count(nap.listener.readings, 1)
            looks = range(1 + list(WAYS).index(way) % EVERY, LOOKS + 1, EVERY)
            told = [one for look in looks for one in nap.believed(look)]
        finally:
            nap.scale.stop(PATIENCE_S)
    assert told == []


def test_its_own_silence_is_not_called_the_scales(tmp_path: Path) -> None:
    listener, clock = Listener(), Sleepy(lambda: None)
    with ScaleSimulator("st_gs_csv", tmp_path / "scale", hz=40, settle_s=0) as simulator:
        scale = serial_scale(simulator.path, "st_gs_csv", {}, LineSettings(), listener, clock)
        scale.start()
        try:
            assert listener.until_count(listener.readings, 3)
            clock.soon(1)
            assert clock.woke.wait(PATIENCE_S)
            assert listener.until_count(listener.expired, 1)
            count = len(listener.readings)
            assert listener.until_count(listener.readings, count + 2)
        finally:
            scale.stop(PATIENCE_S)
    assert listener.states() == [LinkState.CONNECTED]


def test_the_supervisor_says_first_what_the_desk_would_find_out() -> None:
    assert 0.9 * STALE_S < TIMING.stale_s < STALE_S
    assert TIMING.late_s < TIMING.stale_s


def test_bytes_are_dated_by_the_last_moment_the_port_was_empty() -> None:
    turns = LoopMonitor(0.5)
    turns.begin(10.0)
    for now, seen_empty_at, empty_at, late in (
        (10.25, 10.2, 10.0, False),
        (10.5, None, 10.2, False),  # nobody looked at the port
        (11.0, 11.0, 10.2, False),  # as far apart as it may be
        (11.5 + 2**-10, 11.5, 11.0, True),
        (11.75, 11.75, 11.5, False),
    ):
        turns.turn(now, seen_empty_at)
        assert (turns.empty_at, turns.late, turns.pulse) == (empty_at, late, now)
    turns.begin(20.0)
    assert (turns.empty_at, turns.late, turns.pulse) == (20.0, False, 20.0)


class Stopwatch(Listener):
    """Notes how old each reading is when it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.ages: list[float] = []

    def on_reading(self, reading: Reading, at: float) -> None:
        self.ages.append(time.monotonic() - at)
        super().on_reading(reading, at)


def test_a_slow_scales_reading_is_not_dated_by_the_one_before(tmp_path: Path) -> None:
    listener = Stopwatch()
    with ScaleSimulator("st_gs_csv", tmp_path / "scale", hz=3, settle_s=0) as simulator:
        scale = serial_scale(simulator.path, "st_gs_csv", {}, LineSettings(), listener, time.monotonic)
        scale.start()
        try:
            assert listener.until_count(listener.readings, 6)
        finally:
            scale.stop(PATIENCE_S)
    assert 0 <= min(listener.ages) < 0.2, "three a second: a third of a second lies between two"
