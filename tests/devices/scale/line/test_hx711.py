"""The reader of an HX711 against a chip that is driven pulse by pulse: what it accepts, and what it throws away."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from kiosk.app.shared.adapters import open_scale
from kiosk.devices.ports import LinkState
from kiosk.devices.scale.line import hx711 as scale_pins
from kiosk.devices.scale.line.hx711 import GpiozeroPins, Hx711Port
from kiosk.devices.scale.line.ports import PortDisconnected
from kiosk.devices.scale.live import Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.packets import STRETCHED, WHOLE, Hx711Chip, SimulatedHx711
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import PATIENCE_S, Listener


class _Cell:
    """A converter with conversions in stock."""

    def __init__(self, *counts: int, gain: int = 128, window: int = 3) -> None:
        self.stock: deque[bytes] = deque(WHOLE + _three(count) for count in counts)
        self.chip = Hx711Chip(lambda: self.stock.popleft() if self.stock else b"")
        self.port = Hx711Port(self.chip, gain, window)

    def all(self) -> list[int]:
        found = []
        for _ in range(len(self.stock) + 1):
            found += [int.from_bytes(chunk, "big", signed=True) for chunk in self.port.drain()]
        return found


def _three(count: int) -> bytes:
    return count.to_bytes(3, "big", signed=True)


@pytest.mark.parametrize("count", [0, 1, -1, 123_456, -123_456, 2**23 - 1, -(2**23)])
def test_24_bits_with_their_sign(count: int) -> None:
    assert _Cell(*[count] * 5).all() == [count] * 2


def test_nothing_is_read_before_a_conversion_is_ready() -> None:
    cell = _Cell()
    assert cell.port.drain() == []
    assert cell.chip.now_ns() == 0  # not one pulse


def test_the_first_conversion_was_made_with_another_gain_and_is_dropped() -> None:
    cell = _Cell(999_999, 100, 101, 102, gain=64)
    assert cell.all() == [101]
    assert cell.chip.gains[0] == 128
    assert set(cell.chip.gains[1:]) == {64}


@pytest.mark.parametrize(("gain", "pulses"), [(128, 25), (32, 26), (64, 27)])
def test_the_pulses_beyond_the_bits_choose_the_gain(gain: int, pulses: int) -> None:
    cell = _Cell(5, gain=gain)
    cell.port.drain()
    assert cell.chip.now_ns() == pulses * 2_000
    cell.port.drain()
    assert cell.chip.gain == gain


@pytest.mark.parametrize("spike", [-1, 2**22 - 1, 2**23 - 1])
def test_a_single_spike_never_gets_through(spike: int) -> None:
    assert set(_Cell(0, 5000, 5001, 5002, spike, 5001, 5000, spike, 5002, 5001).all()) <= {5000, 5001, 5002}


def test_a_converter_at_the_end_of_its_range_stays_visible() -> None:
    assert _Cell(0, 5000, 5000, *[2**23 - 1] * 3).all()[-1] == 2**23 - 1


def test_a_stretched_pulse_costs_this_read_and_the_next() -> None:
    cell = _Cell(0, 100, 101, 102)
    assert cell.all() == [101]
    cell.stock.extend([STRETCHED + _three(7_777_777), WHOLE + _three(6_666_666), WHOLE + _three(103)])
    assert cell.all() == [102]
    assert cell.port.stretched == 1
    assert cell.chip.gain == 128


@pytest.mark.parametrize("window", [2, 6])
def test_the_median_is_of_three_to_five(window: int) -> None:
    with pytest.raises(ValueError, match="3 to 5"):
        _Cell(window=window)
    assert _Cell(0, 1, 9, 5, 7, 3, window=5).all() == [5]


def test_it_takes_no_commands_and_forgets_when_told() -> None:
    cell = _Cell(0, 1, 2)
    assert cell.all() == []
    cell.port.discard()
    cell.stock.append(WHOLE + _three(3))
    assert cell.all() == []
    with pytest.raises(PortDisconnected, match="no commands"):
        cell.port.write(b"T")
    assert (cell.port.fileno(), cell.port.is_present()) == (-1, True)


def test_pins_that_fail_are_gone() -> None:
    class _Broken(Hx711Chip):
        def data(self) -> bool:
            raise RuntimeError("lgpio: bad handle")

    with pytest.raises(PortDisconnected, match="bad handle"):
        Hx711Port(_Broken(bytes)).drain()


def test_through_gpiozero_the_same_pulses_reach_the_pins() -> None:
    factory = MockFactory()
    pins = GpiozeroPins(5, 6, factory)
    data, clock = factory.pin(5), factory.pin(6)
    data.drive_high()
    assert pins.data()
    port = Hx711Port(pins)
    assert port.drain() == []
    data.drive_low()
    before = len(clock.states)
    port.drain()
    assert len(clock.states) - before == 2 * 25
    assert not clock.state
    assert pins.now_ns() <= pins.now_ns()
    pins.close()
    GpiozeroPins(5, 6, factory).close()  # the pins are free again
    factory.reset()


def test_pins_in_use_are_named() -> None:
    factory = MockFactory()
    first = GpiozeroPins(5, 6, factory)
    with pytest.raises(OSError, match="GPIO6 and GPIO5 cannot be used"):
        GpiozeroPins(6, 5, factory)
    first.close()
    factory.reset()


def test_without_a_way_to_the_pins_the_station_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_pins, "_FACTORIES", (("gpiozero.pins.none", "None_"),))
    listener = Listener()
    scale = open_scale(Indicator("gpio:5,6", "hx711"), LineSettings(), listener)
    scale.start()
    try:
        assert listener.until_state(LinkState.MISSING)
    finally:
        scale.stop(PATIENCE_S)
    assert "there is no way to the pins" in listener.links[0][1]
    assert "install station-kiosk[panel] and python3-lgpio" in listener.links[0][1]


def test_pulled_off_its_pins_and_put_back(tmp_path: Path) -> None:
    listener = Listener()
    timing = Timing(stale_s=0.5, retry_first_s=0.02, retry_max_s=0.05)
    with ScaleSimulator("hx711", tmp_path / "scale", hz=40) as simulator:
        scale = open_scale(Indicator(simulator.path, "hx711"), LineSettings(), listener, SimulatedHx711, timing)
        scale.start()
        try:
            assert listener.until_count(listener.readings, 2)
            assert all(reading.counts is not None for reading, _ in listener.readings)
            simulator.command("unplug")
            assert listener.until_state(LinkState.MISSING)
            assert listener.until_count(listener.expired, 1)
            count = len(listener.readings)
            simulator.command("replug")
            assert listener.until(lambda: len(listener.readings) > count)
        finally:
            scale.stop(PATIENCE_S)
