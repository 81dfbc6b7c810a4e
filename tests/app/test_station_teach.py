"""Teach me this scale as the station composes it: real ports, real probe, the station's own scale let go and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from kiosk.app.machine import ThisMachine
from kiosk.app.station import make_teach
from kiosk.config.station import load
from kiosk.devices.scale.pause import PausableScale
from kiosk.devices.scale.probe import TIMING, ScaleProbe
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import Listener, serial_scale

FILE = """\
[station]
station = "S0147"
region = "yarkant"
data = "{data}"

[scale]
port = "{port}"  # long table
protocol = "xk3190_eq_forward"
e_g = 5
max_g = 60000
"""


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not met() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert met()


def test_a_station_with_the_wrong_direction_is_taught_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe listens until it has heard enough: a machine that stands still for some seconds is no silent scale."""
    timing = replace(TIMING, first_s=30.0)
    monkeypatch.setattr("kiosk.app.shared.adapters.ScaleProbe", partial(ScaleProbe, timing=timing))
    link = tmp_path / "dev/serial/by-id/usb-scale"
    link.parent.mkdir(parents=True)
    file, listener = tmp_path / "station.toml", Listener()
    file.write_text(FILE.format(data=tmp_path, port=link), encoding="utf-8")
    config = load(file)
    assert config.scale is not None
    settings = config.scale
    with ScaleSimulator("xk3190_eq_reversed", link, hz=20, settle_s=0) as simulator:
        simulator.command("put 2kg")
        own = PausableScale(
            lambda heard: serial_scale(settings.port, settings.protocol, {}, settings.line, heard), listener
        )
        own.start()
        teach = make_teach(config, file, own, lambda: ThisMachine(tmp_path / "dev"))
        try:
            assert listener.until(lambda: any(str(weight) == "0.2000" for weight in listener.weights())), "wrong"
            assert teach.view().ports == (str(link),)
            teach.begin(str(link))
            _until(lambda: teach.view().step == "heard")
            simulator.command("take")
            _until(lambda: {row.reads for row in teach.view().rows} == {"0.000", "0.0000"})
            teach.confirm_empty()
            _until(lambda: teach.view().step == "known")
            simulator.command("put 5kg")
            _until(lambda: "5.000" in {row.reads for row in teach.view().rows})
            teach.confirm_known_weight("5")
            _until(lambda: teach.view().step == "offer")
            teach.write()
            before = len(listener.readings)
            assert listener.until_count(listener.readings, before + 1), "the station has its scale again"
        finally:
            teach.close()
            own.stop()
    taught = load(file).scale
    assert taught is not None
    assert (taught.protocol, taught.unit, taught.port) == ("xk3190_eq_reversed", "kg", str(link))
    assert (taught.e_g, taught.max_g) == (5, 60_000)


def test_a_station_without_a_scale_has_only_the_ports_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(FILE.format(data=tmp_path, port="x").partition("[scale]")[0], encoding="utf-8")
    teach = make_teach(load(file), file, None, lambda: ThisMachine(tmp_path / "dev"))
    assert teach.view().ports == ()
    assert not teach.view().can_write
