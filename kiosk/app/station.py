"""Composition root: makes the parts of the station and of the demo, starts them, waits for the end, stops them."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.app.adapters import make_camera, make_panel, make_printer, make_scale, make_scanner
from kiosk.app.process import setup_logging, until_signal
from kiosk.app.systemd import Notifier
from kiosk.app.teach import make_teach
from kiosk.config.station import StationConfig
from kiosk.devices.ports import PinFactory
from kiosk.devices.scale.pause import PauseDoor
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.protocols.scales import registry
from kiosk.station.clock import StationClock
from kiosk.station.doctor.doctor import Doctor, Equipment
from kiosk.station.doctor.signs import ScaleWatch, ScannerWatch
from kiosk.station.health import Health, HealthWatch, fetch
from kiosk.station.open_store import open_store
from kiosk.station.page_alive import PageAlive
from kiosk.station.panel_watch import PanelWatch
from kiosk.station.scale.identity import scale_content
from kiosk.station.scale.keys import ScaleKeys
from kiosk.station.service import Hardware, StationService
from kiosk.station.store_watch import StoreWatch

if TYPE_CHECKING:
    from kiosk.simulators.village import Village

logger = logging.getLogger(__name__)

NO_SCALE = ScaleProfile(e_g=1, max_g=100_000)
"""Stands where no scale is set up: nothing ever reads, so nothing is ever booked."""


def make_hardware(config: StationConfig) -> Hardware:
    """All adapters of a station; what is not set up is simply not there."""
    return Hardware(
        profile=config.scale.profile if config.scale else NO_SCALE,
        scale=partial(make_scale, config.scale) if config.scale else None,
        printers={name: make_printer(settings) for name, settings in config.printers.items()},
        camera=make_camera(config.camera) if config.camera else None,
        content=scale_content(config.scale) if config.scale else None,
    )


def simulated_pins(config: StationConfig) -> PinFactory:
    """The pins of the demo: pressed and looked at from the bench over a socket in the data folder."""

    def make() -> object:
        from kiosk.simulators.panel.pins import SimulatedPins
        from kiosk.simulators.panel.simulator import SOCKET_NAME

        return SimulatedPins(config.station.data / SOCKET_NAME)

    return make


def run_station(
    config: StationConfig,
    stop: threading.Event,
    settings_file: Path | None = None,
    clock: StationClock | None = None,
) -> None:
    """The station until ``stop`` is set: pages, devices, print workers. ``clock`` stands for the system's in tests."""
    from kiosk.web.factory import create_app
    from kiosk.web.server import serve

    with ExitStack() as ends:  # from the last to the first: no page is served by a station that has stopped
        store = open_store(config.station)
        ends.callback(store.close)
        heard, door = ScaleWatch(), PauseDoor()
        hardware = make_hardware(config)
        if hardware.scale is not None:
            hardware = replace(hardware, scale=heard.between(door.between(hardware.scale)))
        clock = clock or StationClock(config.station.zone)
        service = StationService(
            config.station,
            store,
            hardware,
            clock,
            config.counter,
            config.parcels,
            metrology_settings=config.metrology,
            backup=config.backup,
        )
        health = make_health(config, service)
        manager = HealthWatch(health, Notifier.from_environ())
        app = create_app(service, config.web, alive=PageAlive.from_environ().ping)
        server = serve(app, config.web.host, config.web.port)
        ends.callback(service.stop)
        service.teach = make_teach(config, settings_file, door)
        ends.callback(service.teach.close)
        ends.callback(server.stop)
        people = _People(config, service, hardware)
        service.doctor = people.doctor(settings_file, heard, health)
        service.start()
        server.start()
        people.start(ends)
        manager.start()
        ends.callback(manager.stop)
        logger.info("station %s is ready on http://%s:%d", config.station.station, config.web.host, config.web.port)
        stop.wait()


def make_health(config: StationConfig, service: StationService) -> Health:
    """What the watchdog is fed by."""
    return Health(
        page=lambda: fetch(config.web.host, config.web.port),
        database=StoreWatch(service.store, service.board).look,
        scale=service.scale,
    )


def make_scale_keys(config: StationConfig, service: StationService) -> ScaleKeys | None:
    """The keys of the scale that its format has; None without a scale."""
    if config.scale is None or service.scale is None:
        return None
    protocol, params = config.scale.protocol, config.scale.params
    commands = [name for name in registry.get(protocol).commands if registry.encode(protocol, name, params)]
    return ScaleKeys(service.scale, commands, config.scale.max_g, service.desk)


class _People:
    """What people hold in their hands: the scanner, the buttons, and the lamps they look at."""

    def __init__(self, config: StationConfig, service: StationService, hardware: Hardware) -> None:
        self._config, self._service, self._hardware = config, service, hardware
        self._panel = make_panel(
            config.panel, lambda button, how: self._lamps.on_button(button, how), simulated_pins(config)
        )
        self._lamps = PanelWatch(service.board, self._panel)
        self._scanner = ScannerWatch()

    def doctor(self, settings_file: Path | None, scale: ScaleWatch, health: Health) -> Doctor:
        """The doctor of all this."""
        equipment = Equipment(
            self._config,
            settings_file,
            self._hardware.printers,
            self._hardware.camera,
            scale,
            self._scanner,
            self._panel,
            parts=health.parts,
            more=self._service.scale_findings,
            on_event=self._service.booked,
            end_lamp_test=self._lamps.again,
            scale_keys=make_scale_keys(self._config, self._service),
        )
        return Doctor(self._service, equipment)

    def start(self, ends: ExitStack) -> None:
        """From now on scans and buttons are heard."""
        self._panel.start()
        ends.callback(self._panel.stop)
        if self._panel.fitted:
            self._lamps.start()
            ends.callback(self._lamps.stop)
        if self._config.scanner is not None:
            scanner = make_scanner(self._config.scanner, self._scanned, self._scanner.on_state)
            scanner.start()
            ends.callback(scanner.stop)

    def _button(self, button: str, how: str) -> None:
        self._lamps.on_button(button, how)

    def _scanned(self, text: str) -> None:
        self._scanner.scanned()
        self._service.scans(text)


def run_demo(village: Village, bench_port: int) -> None:
    """The whole job with simulated hardware until Ctrl-C: three addresses to open in a browser."""
    from kiosk.simulators.bench.app import create_bench, serve_bench

    setup_logging()
    stop = until_signal()
    with village:
        bench = serve_bench(create_bench(village), "127.0.0.1", bench_port)
        try:
            print(f"station         {village.station_url}")  # noqa: T201 - this is the demo's screen
            print(f"sorting center  {village.center_url}")  # noqa: T201
            print(f"bench           {bench.url}    (begin here: PINs, goods, parcels, cables)")  # noqa: T201
            print("Ctrl-C ends everything.", flush=True)  # noqa: T201
            stop.wait()
        finally:
            bench.close()
