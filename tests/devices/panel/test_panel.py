"""The panel on gpiozero's own mock pins: lamps, buttons, buzzer, and everything that is not there."""

from __future__ import annotations

import builtins
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gpiozero import DigitalOutputDevice
from gpiozero.pins.mock import MockFactory, MockPin

from kiosk.app.shared.adapters import make_panel
from kiosk.devices.panel.gpio import GpioPanel
from kiosk.devices.panel.patterns import PATTERNS, ButtonTiming, NoPanel
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import Panel
from tests.station.hardware import Heard

SETTINGS = PanelSettings(ready=17, busy=27, fault=22, buzzer=23, ok=5, help=6, factory="simulated")
QUICK = ButtonTiming(debounce_s=0.005, hold_s=0.5)
PATIENCE_S = 30.0
LAMPS = {"ready": 17, "busy": 27, "fault": 22, "buzzer": 23}


class WatchedPin(MockPin):  # type: ignore[misc]
    """A mock pin whose changes can be waited for."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.levels = Heard()
        super().__init__(factory, info)

    def _change_state(self, value: bool) -> bool:
        changed = bool(super()._change_state(value))
        if changed:
            self.levels(bool(value))
        return changed


@pytest.fixture
def factory() -> MockFactory:
    return MockFactory(pin_class=WatchedPin)


@contextmanager
def running(
    factory: Callable[[], Any],
    on_button: Callable[[str, str], None],
    settings: PanelSettings = SETTINGS,
    clock: Callable[[], float] = time.monotonic,
    timing: ButtonTiming = QUICK,
) -> Iterator[Panel]:
    panel = GpioPanel(settings, on_button, factory, clock, timing)
    panel.start()
    try:
        yield panel
    finally:
        panel.stop(PATIENCE_S)
    assert not panel.fitted
    assert not [thread for thread in threading.enumerate() if thread.name == "panel"]


def reaches(pin: Any, level: bool) -> None:
    pin.levels.wait(lambda told: told[-1:] == [level] or pin.state == level)


def test_lamps_show_what_they_are_told(factory: MockFactory) -> None:
    with running(lambda: factory, Heard()) as panel:
        assert panel.fitted
        pins = {name: factory.pin(number) for name, number in LAMPS.items()}
        panel.show(ready=True, busy=False, fault=False)
        reaches(pins["ready"], True)
        panel.show(ready=False, busy=True, fault=False)
        reaches(pins["busy"], True)
        reaches(pins["ready"], False)
        assert not pins["fault"].state
        assert not pins["buzzer"].state
    assert not any(pin.state for pin in pins.values())


def test_fault_blinks_and_the_others_are_steady(factory: MockFactory) -> None:
    with running(lambda: factory, Heard()) as panel:
        fault, ready = factory.pin(22), factory.pin(17)
        panel.show(ready=True, busy=False, fault=True)
        fault.levels.wait(lambda told: told[-3:] == [True, False, True])
        assert ready.state
        assert True in ready.levels.told
        assert False not in ready.levels.told[ready.levels.told.index(True) :]
        panel.show(ready=True, busy=False, fault=False)
        reaches(fault, False)


@pytest.mark.parametrize(("pattern", "sounds"), [("ok", 1), ("attention", 2), ("error", 2)])
def test_the_buzzer_plays_a_pattern_and_is_silent_again(factory: MockFactory, pattern: str, sounds: int) -> None:
    """By a clock of its own: a thread that comes late by the machine's clock leaves a short sound or silence out."""
    now = [0.0]
    with running(lambda: factory, Heard(), clock=lambda: now[0]) as panel:
        buzzer = factory.pin(23)
        del buzzer.levels.told[:]
        panel.buzz(pattern)
        buzzer.levels.wait(lambda told: told == [True])
        for seconds in PATTERNS[pattern]:
            count = len(buzzer.levels.told)
            now[0] += seconds + 0.001
            buzzer.levels.wait(lambda told, count=count: len(told) == count + 1)
        assert buzzer.levels.told == [True, False] * sounds
        with pytest.raises(ValueError, match="no buzzer pattern 'siren'"):
            panel.buzz("siren")


def test_a_press_and_a_hold_of_each_button(factory: MockFactory) -> None:
    heard = Heard()
    with running(lambda: factory, heard):
        for name, number in (("ok", 5), ("help", 6)):
            pin = factory.pin(number)
            pin.drive_low()
            heard.wait(lambda told, name=name: told[-1:] == [(name, "hold")])
            pin.drive_high()
    assert heard.told == [("ok", "hold"), ("help", "hold")]


def test_a_press_with_bounce(factory: MockFactory) -> None:
    heard, now = Heard(), [0.0]
    with running(lambda: factory, heard, SETTINGS, lambda: now[0], ButtonTiming(debounce_s=0.2, hold_s=10)):
        pin = factory.pin(5)
        for _ in range(2):
            count = len(heard.told)
            for _ in range(5):
                pin.drive_low()
                pin.drive_high()
            pin.drive_low()
            now[0] += 0.3
            pin.drive_high()
            now[0] += 0.3
            heard.wait(lambda told, count=count: len(told) == count + 1)
    assert heard.told == [("ok", "press")] * 2


def test_an_edge_that_was_missed_is_seen_by_looking(factory: MockFactory) -> None:
    heard = Heard()
    with running(lambda: factory, heard):
        pin = factory.pin(6)
        pin._when_changed = None
        pin.drive_low()
        heard.wait(lambda told: told == [("help", "hold")])


def test_a_button_that_is_down_at_the_start_says_nothing(factory: MockFactory) -> None:
    class Stuck(WatchedPin):
        def _set_pull(self, value: str) -> None:
            super()._set_pull(value)
            if value == "up":
                self.drive_low()

    factory.pin_class = Stuck
    heard = Heard()
    with running(lambda: factory, heard):
        factory.pin(5).drive_high()
        factory.pin(6).drive_high()
        threading.Event().wait(0.05)
        factory.pin(5).drive_low()
        heard.wait(lambda told: told == [("ok", "hold")])


def test_parts_that_are_not_fitted_are_left_alone(factory: MockFactory) -> None:
    heard = Heard()
    settings = PanelSettings(fault=22, help=6, factory="simulated")
    with running(lambda: factory, heard, settings) as panel:
        panel.show(True, True, True)
        panel.buzz("ok")
        reaches(factory.pin(22), True)
        factory.pin(6).drive_low()
        heard.wait(lambda told: told == [("help", "hold")])
        assert {pin.info.name for pin in factory.pins.values()} == {"GPIO22", "GPIO6"}


# --- not there --------------------------------------------------------------------------------------------------------


def not_fitted(settings: PanelSettings, pins: Callable[[], Any] | None, caplog: pytest.LogCaptureFixture) -> str:
    """Starts, uses and stops a panel that is not there; returns what the log says."""
    panel = make_panel(settings, Heard(), pins)
    with caplog.at_level(logging.WARNING):
        panel.start()
    assert not panel.fitted
    panel.show(True, True, True)
    panel.buzz("error")
    panel.stop()
    panel.stop()
    (record,) = [record for record in caplog.records if "panel" in record.message]
    return record.getMessage()


def test_without_a_section_there_is_no_panel() -> None:
    panel = make_panel(None, Heard())
    assert isinstance(panel, NoPanel)
    panel.start()
    panel.show(True, False, False)
    panel.buzz("ok")
    panel.stop()
    assert not panel.fitted


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    genuine = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "gpiozero":
            raise ModuleNotFoundError("No module named 'gpiozero'")
        return genuine(name, *rest, **more)

    for name in [name for name in sys.modules if name.partition(".")[0] == "gpiozero"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    said = not_fitted(replace(SETTINGS, factory="simulated"), lambda: object(), caplog)
    assert said == "panel not fitted: No module named 'gpiozero'"


@pytest.mark.parametrize("name", ["auto", "lgpio", "rpigpio", "native"])
def test_without_a_way_to_the_pins(name: str, caplog: pytest.LogCaptureFixture) -> None:
    said = not_fitted(replace(SETTINGS, factory=name), None, caplog)
    assert said.startswith("panel not fitted: no way to the pins (")
    assert all(tried in said for tried in (("lgpio", "rpigpio") if name == "auto" else (name,)))


def test_a_simulated_panel_needs_its_demo(caplog: pytest.LogCaptureFixture) -> None:
    assert "in the demo only" in not_fitted(SETTINGS, None, caplog)


def test_a_section_without_a_pin(factory: MockFactory, caplog: pytest.LogCaptureFixture) -> None:
    assert "names no pin" in not_fitted(PanelSettings(factory="simulated"), lambda: factory, caplog)


def test_a_pin_that_is_in_use_gives_the_others_back(factory: MockFactory, caplog: pytest.LogCaptureFixture) -> None:
    taken = DigitalOutputDevice(6, pin_factory=factory)
    assert "GPIO6" in not_fitted(SETTINGS, lambda: factory, caplog)
    taken.close()
    again = DigitalOutputDevice(17, pin_factory=factory)
    again.close()


# --- life -------------------------------------------------------------------------------------------------------------


def test_a_listener_that_raises_and_a_pin_that_fails_end_nothing(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def on_button(button: str, word: str) -> None:
        heard((button, word))
        raise RuntimeError("nobody home")

    class Dead(WatchedPin):
        dead = True

        def _set_state(self, value: bool) -> None:
            if self.dead and self.info.name == "GPIO17" and value:
                raise OSError("the pin burned out")
            super()._set_state(value)

    factory.pin_class = Dead
    with caplog.at_level(logging.ERROR), running(lambda: factory, on_button) as panel:
        factory.pin(5).drive_low()
        heard.wait(lambda told: told == [("ok", "hold")])
        for _ in range(3):
            panel.show(ready=True, busy=True, fault=False)
        Dead.dead = False
        panel.show(ready=True, busy=True, fault=False)
        reaches(factory.pin(17), True)
        reaches(factory.pin(27), True)
    assert "could not be used" in caplog.text
    assert caplog.text.count("panel failed") <= 1


def test_stop_is_quick_at_any_moment(factory: MockFactory) -> None:
    for _ in range(20):
        panel = make_panel(SETTINGS, Heard(), lambda: factory)
        panel.start()
        panel.show(True, True, True)
        panel.buzz("error")
        panel.stop(PATIENCE_S)
        panel.stop(PATIENCE_S)
        factory.reset()


def test_gpiozero_is_loaded_only_where_a_panel_is_started(tmp_path: Path) -> None:
    import subprocess

    program = (
        "import sys; import kiosk.simulators.panel.simulator;"
        "from kiosk.app.shared.adapters import make_panel; from kiosk.devices.panel.settings import PanelSettings;"
        "make_panel(None, print).start(); make_panel(PanelSettings(ok=5), print);"
        "assert 'gpiozero' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
