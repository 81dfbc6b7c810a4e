"""Every format: a simulated indicator, the real adapter, and what the station is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from kiosk.app.shared.adapters import open_scale
from kiosk.devices.ports import LinkState
from kiosk.devices.scale.live import TIMING, LiveScale, Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.domain.mass import GRAMS_PER
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.pan import NotBookableReason
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.packets import SimulatedHx711
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord
from kiosk.station.desk.journaled_pan import JournaledPan
from tests.devices.scale.listener import Listener

_TIMING = Timing(stale_s=0.3, retry_first_s=0.02, retry_max_s=0.05)
_EVERY = sorted(registry.PROTOCOLS)
_PARAMS = {"hx711": {"counts_per_kg": "20000", "zero_counts": "8000"}}
"""A bare converter has no weight before somebody has put a known one on it."""
_LOAD = "put 7.346kg"


class Bench:
    """One indicator, the adapter that watches it, and the station's ear."""

    def __init__(self, simulator: ScaleSimulator, scale: LiveScale, listener: Listener) -> None:
        self.simulator, self.scale, self.listener = simulator, scale, listener

    def grams(self) -> list[Decimal | None]:
        return [self._grams(reading) for reading, _ in self.listener.readings]

    def _grams(self, reading: Reading) -> Decimal | None:
        if reading.weight is None:
            return None
        return reading.weight * GRAMS_PER[reading.unit or self.simulator.unit]

    def blank(self) -> bool:
        """Nothing is shown: the newest reading has expired, and not before its time."""
        if not self.listener.expired:
            return False
        return self.listener.expired[-1] - self.listener.readings[-1][1] >= _TIMING.stale_s

    def shows(self, mass_g: int) -> bool:
        return self.listener.until(lambda: self.grams()[-1:] == [mass_g])


@contextmanager
def bench(protocol: str, link: Path, hz: float = 100.0) -> Iterator[Bench]:
    listener = Listener()
    poll_s = 0.03 if registry.get(protocol).poll else None
    params = _PARAMS.get(protocol, {})
    with ScaleSimulator(
        protocol, link, hz=hz, settle_s=0, settings=IndicatorSettings(step_g=2, params=params)
    ) as simulator:
        indicator = Indicator(simulator.path, protocol, params, poll_s, step_g=2)
        scale = open_scale(indicator, LineSettings(), listener, SimulatedHx711, _TIMING)
        scale.start()
        try:
            yield Bench(simulator, scale, listener)
        finally:
            scale.stop()


@pytest.mark.parametrize("protocol", _EVERY)
def test_from_the_pan_to_the_station_and_back(protocol: str, tmp_path: Path) -> None:
    with bench(protocol, tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        assert it.listener.states()[0] is LinkState.CONNECTED
        it.simulator.command("silent")
        assert it.listener.until(it.blank)
        it.simulator.command("unplug")
        assert it.listener.until_state(LinkState.MISSING)
        before = len(it.listener.readings)
        it.simulator.command("put 2.480kg")
        it.simulator.command("replug")
        assert it.listener.until(lambda: len(it.listener.readings) > before + 2)
        assert set(it.grams()[before:]) == {2_480}


@pytest.mark.parametrize("protocol", _EVERY)
def test_damage_gives_no_wrong_weight(protocol: str, tmp_path: Path) -> None:
    with bench(protocol, tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        for word in ("garble 1", "cut"):
            it.simulator.command(word)
            before = len(it.listener.readings)
            assert it.listener.until(lambda before=before: len(it.listener.readings) > before + 3)
        assert set(it.grams()) <= {0, 7_346}


@pytest.mark.parametrize("protocol", _EVERY)
def test_overload_gives_no_weight_and_a_frozen_indicator_no_other_than_its_last(protocol: str, tmp_path: Path) -> None:
    with bench(protocol, tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        expired = len(it.listener.expired)
        it.simulator.command("overload")
        assert it.listener.until(lambda: len(it.listener.expired) > expired or it.listener.weights()[-1] is None)
        before = len(it.listener.readings)
        it.simulator.command(_LOAD)
        assert it.listener.until(lambda: it.grams()[before:].count(Decimal(7_346)) > 1)
        assert set(it.grams()[before:]) <= {None, 7_346}
        it.simulator.command("freeze")
        it.simulator.command("take")
        frozen = len(it.listener.readings)
        assert it.listener.until(lambda: len(it.listener.readings) > frozen + 3)
        assert set(it.grams()[frozen:]) == {7_346}


@pytest.mark.parametrize("protocol", _EVERY)
def test_every_fault_word_is_obeyed_or_refused_and_the_scale_comes_back(protocol: str, tmp_path: Path) -> None:
    with bench(protocol, tmp_path / "scale") as it:
        for row in FAULT_WORDS:
            if row.device == "scale":
                with suppress(BadFaultWord):  # "unit lb" where the format knows kilograms only
                    it.simulator.command(f"{row.word} {row.argument}".strip())
        for word in ("net 0kg", f"unit {it.simulator.usual_unit}", "replug", _LOAD):
            it.simulator.command(word)
        assert it.shows(7_346)
        assert it.scale.pulse is not None


def test_a_scale_that_waits_for_a_word_on_its_answers_gets_it(tmp_path: Path) -> None:
    with bench("pos2_m", tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        before = len(it.listener.readings), it.simulator.accepted
        it.simulator.command("garble 1")
        assert it.listener.until(lambda: len(it.listener.readings) > before[0] + 3)
        assert it.listener.until(lambda: it.simulator.accepted >= before[1] + 3)
        assert set(it.grams()) <= {0, 7_346}


def test_a_scale_that_only_says_no_is_asked_why(tmp_path: Path) -> None:
    """DIALOG 06 answers NAK for motion, overload and below zero alike."""
    with bench("dialog06", tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        it.simulator.command("overload")
        assert it.listener.until(lambda: it.listener.readings[-1][0].overload)
        assert it.grams()[-1] is None
        it.simulator.command("put 2.480kg")
        assert it.shows(2_480)


@pytest.mark.parametrize("protocol", ["mt_8217", "usb_hid_scale", "hx711", "rfc2217"])
def test_with_the_usual_settings_it_is_blank_within_a_second_and_back_within_two(protocol: str, tmp_path: Path) -> None:
    listener, usual = Listener(), registry.get("mt_continuous").line
    net = NetLine(usual, rfc2217=True) if protocol == "rfc2217" else None
    row = registry.get("mt_continuous" if net else protocol)
    with ScaleSimulator(row.id, net or tmp_path / "scale") as simulator:
        scale = open_scale(Indicator(simulator.path, row.id), usual, listener, SimulatedHx711)
        scale.start()
        try:
            assert listener.until_count(listener.readings, 1)
            simulator.command("unplug")
            assert listener.until_count(listener.expired, 1)
            assert TIMING.stale_s < 1.0 and TIMING.retry_max_s < 2.0
            count = len(listener.readings)
            simulator.command("replug")
            assert listener.until(lambda: len(listener.readings) > count)
        finally:
            scale.stop()


@pytest.mark.parametrize("protocol", ["mt_8217", "mt_8213", "mt_continuous", "st_gs_csv"])
def test_an_indicator_that_is_switched_to_pounds_is_named_on_the_screen(protocol: str, tmp_path: Path) -> None:
    """Whether the format sends its unit or shows it by its digits alone: never kilograms, and the screen says why."""
    with bench(protocol, tmp_path / "scale") as it:
        it.simulator.command(_LOAD)
        assert it.shows(7_346)
        it.simulator.command("unit lb")
        assert it.listener.until(lambda: it.listener.readings[-1][0].unit == "lb")
        pan = JournaledPan(ScaleProfile(2, 15_000), lambda note: None)
        views = [pan.feed(reading, at) for reading, at in it.listener.readings if reading.unit == "lb"]
        assert {(view.grams, view.hold, view.why_not) for view in views} == {(None, None, NotBookableReason.UNIT)}
        it.simulator.command("unit kg")
        assert it.listener.until(lambda: str(it.listener.readings[-1][0].weight) == "7.346")


@pytest.mark.parametrize(
    ("protocol", "params"),
    [
        ("ohaus_print", {"layout": "defender_3000"}),
        ("ohaus_print", {"layout": "ranger"}),
        ("and_standard", {"comparator": "on"}),
        ("mt_continuous", {"units": "liden"}),
    ],
)
def test_the_station_reads_without_a_setting_what_a_simulated_device_sends(
    protocol: str, params: dict[str, str], tmp_path: Path
) -> None:
    listener = Listener()
    with ScaleSimulator(
        protocol, tmp_path / "scale", hz=100, settle_s=0, settings=IndicatorSettings(step_g=2, params=params)
    ) as simulator:
        indicator = Indicator(simulator.path, protocol)
        scale = open_scale(indicator, LineSettings(), listener, SimulatedHx711, _TIMING)
        scale.start()
        try:
            it = Bench(simulator, scale, listener)
            simulator.command(_LOAD)
            assert it.shows(7_346)
        finally:
            scale.stop()
    assert set(it.grams()) <= {0, 7_346}
