"""Composition root of the station: makes the parts in order, starts them, waits, stops them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.app.network.requests import ANSWER_S, FILES, RequestedNetwork
from kiosk.app.shared.adapters import (
    make_camera,
    make_camera_scanner,
    make_line_capture,
    make_panel,
    make_port_probe,
    make_printer,
    make_scale,
    make_scanner,
)
from kiosk.app.shared.media import catalog_files
from kiosk.app.systemd import Notifier
from kiosk.app.update.board import UPDATE_PATHS, UpdatePaths
from kiosk.app.update.station import StationUpdate, make_station_update, sticks
from kiosk.base.loading import loading
from kiosk.base.worker import Worker
from kiosk.config.station import StationConfig, load
from kiosk.devices.ports import Camera, Panel, Pausable, PinFactory, Scale, ScaleListener, Scanner
from kiosk.devices.scale.pause import PausableScale, ScaleListeners
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import Transport
from kiosk.station.catalog.stick_import import StickCatalogs
from kiosk.station.doctor.doctor import Doctor, DoctorReporter, Equipment
from kiosk.station.doctor.liveness import ScaleWatch, ScannerWatch
from kiosk.station.doctor.requests import CountyRequests
from kiosk.station.doctor.status_files import DoctorStatusFile
from kiosk.station.panel_control import PanelControl
from kiosk.station.papers.rendering import require_fonts
from kiosk.station.scale.audit import scale_content
from kiosk.station.scale.keys import ScaleKeys
from kiosk.station.scale.teach import Teach, TeachTools
from kiosk.station.service import Hardware, ServiceSettings, Signal, StationService, StoreProbe
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.health import HealthReporter, PageHeartbeat, StationHealth, fetch
from kiosk.station.shared.open_store import open_store
from kiosk.station.update.updates import Gate
from kiosk.store import Store, StoreError
from kiosk.store.database.persistence import is_box

if TYPE_CHECKING:
    from kiosk.app.machine import ThisMachine

logger = logging.getLogger(__name__)

# Used where no scale is set up: nothing is ever read, so nothing is ever booked.
NO_SCALE = ScaleProfile(e_g=1, max_g=100_000)


def make_catalogs_on_sticks(service: StationService) -> StickCatalogs:
    """Make the import of catalogs from sticks, which waits while an intake is open."""
    busy = service.quiet().serving
    return StickCatalogs(
        service.store.catalogs, lambda: catalog_files(sticks()), busy, service.stamp, service.committed
    )


def make_hardware(config: StationConfig) -> Hardware:
    """Make all adapters of a station; what is not set up is left out."""
    camera = make_camera(config.camera) if config.camera and config.camera.kind != "none" else None
    scanner = config.scanner.kind if config.scanner else None
    return Hardware(
        profile=config.scale.profile if config.scale else NO_SCALE,
        scale=partial(make_scale, config.scale) if config.scale else None,
        printers={name: make_printer(settings) for name, settings in config.printers.items()},
        camera=camera,
        content=scale_content(config.scale) if config.scale else None,
        auto_shutter=config.camera is not None and config.camera.shoots_by_itself,
        scanner=scanner,
        codes=camera if scanner == "camera" else None,
        media=sticks,
    )


def simulated_pins(config: StationConfig) -> PinFactory:
    """Make the pins of the demo: pressed and read from the bench over a socket in the data folder."""

    def make() -> object:
        from kiosk.simulators.panel.pins import SimulatedPins
        from kiosk.simulators.panel.simulator import SOCKET_NAME

        return SimulatedPins(config.station.data / SOCKET_NAME)

    return make


@dataclass(frozen=True, slots=True)
class StationParts:
    service: StationService
    health: StationHealth
    panel: Panel
    lamps: PanelControl
    scanner: Scanner | None
    doctor: Doctor
    teach: Teach
    gate: Gate
    update: StationUpdate | None


def make_station(
    config: StationConfig,
    store: Store,
    clock: StationClock,
    settings_file: Path | None,
    places: UpdatePaths = UPDATE_PATHS,
) -> StationParts:
    scale_watch, scanner_watch, listeners = ScaleWatch(), ScannerWatch(), ScaleListeners()
    listeners.subscribe(scale_watch)
    hardware = make_hardware(config)
    # All listeners hear it, and it can be taught.
    scale = PausableScale(partial(make_scale, config.scale), listeners) if config.scale else None
    if scale is not None:

        def subscribed(listener: ScaleListener) -> Scale:
            listeners.subscribe(listener)
            return scale

        hardware = replace(hardware, scale=subscribed)
    service = StationService(service_settings(config), store, hardware, clock)
    health = make_health(config, service)
    pressed: Signal[[str, str]] = Signal()
    panel = make_panel(config.panel, pressed, simulated_pins(config))
    lamps = PanelControl(service.board, panel)
    pressed.connect(lamps.on_button)
    gate = Gate()
    update = make_station_update(service, gate, places)
    equipment = Equipment(
        config,
        settings_file,
        hardware.printers,
        hardware.camera,
        scale_watch,
        scanner_watch,
        panel,
        parts=health.parts,
        extra_findings=service.scale_findings,
        on_event=service.committed,
        end_lamp_test=lamps.redraw,
        scale_keys=make_scale_keys(config, service),
        updates=None if update is None else update.updates,
        catalogs=make_catalogs_on_sticks(service),
        county=service.county,
        network=RequestedNetwork(FILES.asker(config.station.data, time.monotonic, timeout_s=ANSWER_S))
        if is_box()
        else None,
    )
    return StationParts(
        service,
        health,
        panel,
        lamps,
        _scanner(config.scanner, hardware.codes, service, scanner_watch),
        Doctor(service, equipment),
        make_teach(config, settings_file, scale),
        gate,
        update,
    )


def run_station(
    config: StationConfig,
    stop: threading.Event,
    settings_file: Path | None = None,
    clock: StationClock | None = None,
    places: UpdatePaths = UPDATE_PATHS,
) -> None:
    """Run pages, devices and print workers until ``stop`` is set. ``clock`` replaces the system's in tests.

    Raises ValueError when a paper could not be drawn, StoreError, OSError.
    """
    with loading():
        from kiosk.web.errors import draw_behind_gate, install_gate
        from kiosk.web.factory import create_app
        from kiosk.web.server import serve

    if config.printers:
        require_fonts()
    with ExitStack() as ends:  # from the last to the first: no page is served by a station that has stopped
        store = open_store(config.station)
        ends.callback(store.close)
        parts = make_station(config, store, clock or StationClock(config.station.zone), settings_file, places)
        beat = PageHeartbeat.from_environ().beat
        app = create_app(parts.service, config.web, parts.doctor, parts.teach, beat)
        install_gate(app, parts.gate, parts.service, config.web)
        server = serve(app, config.web.host, config.web.port)
        ends.callback(parts.service.stop)
        ends.callback(parts.teach.close)
        ends.callback(server.stop)
        draw = partial(draw_behind_gate, app, server.url)
        trial = None if parts.update is None else parts.update.trial(config.scale, draw, parts.service)
        if trial is not None:  # an update waits for its verdict: nothing is started before
            parts.gate.close()
            server.start()
            if not trial.run(stop):
                return
        parts.service.signing.start(store, parts.service.stamp)
        parts.service.start()
        if trial is None:
            server.start()
        parts.gate.open()
        _start_listening(parts, ends)
        reporter = HealthReporter(parts.health, Notifier.from_environ())
        reporter.start()
        ends.callback(reporter.stop)
        report = DoctorReporter(parts.doctor.findings, DoctorStatusFile(config.station.data))
        report.start()
        ends.callback(report.stop)
        logger.info("station %s is ready on http://%s:%d", config.station.station, config.web.host, config.web.port)
        stop.wait()


def _start_listening(parts: StationParts, ends: ExitStack) -> None:
    """Start to watch buttons, scans, whether an update may begin, and the county's requests."""
    parts.panel.start()
    ends.callback(parts.panel.stop)
    if parts.panel.fitted:
        parts.lamps.start()
        ends.callback(parts.lamps.stop)
    if parts.scanner is not None:
        parts.scanner.start()
        ends.callback(parts.scanner.stop)
    if parts.update is not None:
        parts.update.watch.start()
        ends.callback(parts.update.watch.stop)
    if parts.service.county.has_county:
        step = CountyRequests(parts.doctor, parts.service.county).step
        requests = Worker("county-requests", step, expected=(OSError, StoreError))
        requests.start()
        ends.callback(requests.stop)


def _scanner(
    settings: ScannerSettings | None, camera: Camera | None, service: StationService, watch: ScannerWatch
) -> Scanner | None:
    if settings is None:
        return None

    def on_scan(text: str) -> None:
        watch.on_scan()
        service.scans.on_scan(text)

    if camera is not None:
        scanner = make_camera_scanner(camera, on_scan, watch.on_state, service.scans.on_refused)
        service.code_requested.connect(scanner.scan_for_code)
        return scanner
    return make_scanner(settings, on_scan, watch.on_state, service.scans.on_refused)


def service_settings(config: StationConfig) -> ServiceSettings:
    return ServiceSettings(
        config.station,
        config.counter,
        config.parcels,
        config.metrology,
        config.codes,
        config.county,
        relay=config.relay is not None,
    )


def make_health(config: StationConfig, service: StationService) -> StationHealth:
    questions = {
        "web": lambda: fetch(config.web.host, config.web.port),
        "database": StoreProbe(service.store, service.board).ask,
    }
    return StationHealth(questions, service.scale)


def make_scale_keys(config: StationConfig, service: StationService) -> ScaleKeys | None:
    """Make the keys of the scale that its format has; None without a scale."""
    if config.scale is None or service.scale is None:
        return None
    protocol, params = config.scale.protocol, config.scale.params
    commands = [name for name in registry.get(protocol).commands if registry.encode(protocol, name, params)]
    return ScaleKeys(service.scale, commands, config.scale.max_g, service.desk.loads)


def _this_machine() -> ThisMachine:
    from kiosk.app.machine import ThisMachine  # with the first start behind it: not in every station's memory

    return ThisMachine()


def make_teach(
    config: StationConfig,
    settings_file: Path | None,
    own_scale: Pausable | None,
    machine: Callable[[], ThisMachine] = _this_machine,
) -> Teach:
    """Make the use case of this station; nothing is opened before a technician names a port."""
    scale = config.scale
    own = scale.port if scale is not None and registry.get(scale.protocol).transport is Transport.SERIAL else ""

    def ports() -> tuple[str, ...]:
        """List the ports, the configured one first: it may be a device server, which no search finds."""
        return tuple(dict.fromkeys(filter(None, (own, *machine().serial_ports()))))

    tools = TeachTools(
        ports,
        make_port_probe,
        make_line_capture,
        own_scale,
        settings_file,
        load,
        (scale.e_g, scale.max_g) if scale is not None else None,
    )
    return Teach(tools)
