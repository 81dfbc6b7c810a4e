"""The one factory of devices: from the settings of a village to the real adapters behind ``kiosk.devices.ports``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.panel.patterns import NoPanel
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import (
    Camera,
    LineCapture,
    LinkState,
    OnButton,
    OnProgress,
    OnRefused,
    OnScan,
    OnState,
    Panel,
    PinFactory,
    PortProbe,
    Printer,
    ScaleListener,
    Scanner,
)
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.capture import SerialCapture
from kiosk.devices.scale.line.address import AddressKind, parse_address
from kiosk.devices.scale.line.hx711 import Hx711Port
from kiosk.devices.scale.line.ports import LinePort, Pins
from kiosk.devices.scale.live import TIMING, LiveScale, Timing
from kiosk.devices.scale.probe import ScaleProbe, ignore_progress, open_line
from kiosk.devices.scale.settings import Indicator, ScaleSettings
from kiosk.devices.scanner.camera import CameraScanner
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter, ignore_refusal, ignore_state
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Candidate
from kiosk.protocols.scales.shared.protocol import LineSettings, Transport
from kiosk.protocols.scales.shared.reading import Reading

# Makes the pins of `gpio:PATH`, simulated outside this process: in the demo and in trials only.
PinsOf = Callable[[str], Pins]


class FirstReading:
    """A ``ScaleListener`` that waits: ``linked`` for the first word on the port, ``read`` for the first reading,
    ``settled`` for that or a port that is missing. ``state`` and ``detail`` are those of the first word alone.
    """

    def __init__(self) -> None:
        self.linked, self.read, self.settled = Event(), Event(), Event()
        self.state: LinkState | None = None
        self.detail = ""

    def on_reading(self, reading: Reading, at: float) -> None:
        self.read.set()
        self.settled.set()

    def on_expired(self, at: float) -> None: ...

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        if not self.linked.is_set():
            self.state, self.detail = state, detail
            self.linked.set()
        if state is LinkState.MISSING:
            self.settled.set()


def make_printer(settings: PrinterSettings) -> Printer:
    """Make the adapter of one printer. Raises ValueError for an unknown row, or one that these settings do not fit."""
    match settings.kind:
        case "tcp":
            from kiosk.devices.printer.stream import TcpPrinter

            return TcpPrinter(*settings.endpoint, settings.resolved_profile())
        case "serial":
            from kiosk.devices.printer.serial import SerialLine, SerialPrinter

            return SerialPrinter(
                settings.address, SerialLine(settings.baud, settings.flow), settings.resolved_profile()
            )
        case "ipp":
            from kiosk.devices.printer.ipp import IppPrinter

            return IppPrinter(settings.ipp_address, settings.resolved_profile())
        case "file":
            from kiosk.devices.printer.stream import FilePrinter

            return FilePrinter(Path(settings.address), settings.resolved_profile())


def make_camera(settings: CameraSettings) -> ChildCamera:
    """Make the adapter of a camera that is there: of any kind but "none". The caller closes it."""
    return ChildCamera(settings)


def make_scanner(
    settings: ScannerSettings,
    on_scan: OnScan,
    on_state: OnState = ignore_state,
    on_refused: OnRefused = ignore_refusal,
) -> Scanner:
    """Make the adapter of a scanner of its own: of any kind but "camera".

    ``on_scan`` gets each code as text; ``on_state`` gets "ok", "scanner_missing" or "scanner_second_keyboard", first as
    soon as it is known and then whenever it changes; ``on_refused`` gets why a scan was dropped. All are called in the
    scanner's thread.
    """
    report = ScanReporter(on_scan, on_state, on_refused=on_refused)
    if settings.kind == "evdev":
        from kiosk.devices.scanner.evdev import EvdevDevice

        return ScannerReader(EvdevDevice(settings.port, report), report)
    if settings.kind == "hid_pos":
        from kiosk.devices.scanner.hid_pos import HidPosDevice

        return ScannerReader(HidPosDevice(settings.port, report), report)
    from kiosk.devices.scanner.serial import SerialDevice

    return ScannerReader(SerialDevice(settings, report), report)


def make_camera_scanner(camera: Camera, on_scan: OnScan, on_state: OnState, on_refused: OnRefused) -> CameraScanner:
    return CameraScanner(camera, ScanReporter(on_scan, on_state, on_refused=on_refused))


def make_panel(settings: PanelSettings | None, on_button: OnButton, pins: PinFactory | None = None) -> Panel:
    """Make the panel; ``pins`` replaces gpiozero's own factories when ``factory = "simulated"``."""
    if settings is None:
        return NoPanel()
    from kiosk.devices.panel.gpio import GpioPanel

    return GpioPanel(settings, on_button, pins)


def make_scale(settings: ScaleSettings, listener: ScaleListener, simulated: PinsOf | None = None) -> LiveScale:
    indicator = Indicator(
        settings.port, settings.protocol, settings.params, settings.poll_s, settings.e_g, settings.unit
    )
    return open_scale(indicator, settings.line, listener, simulated)


def open_scale(
    indicator: Indicator,
    line: LineSettings,
    listener: ScaleListener,
    simulated: PinsOf | None = None,
    timing: Timing = TIMING,
) -> LiveScale:
    """Make the adapter for a port that is not set up yet. Raises ValueError when port and format do not fit."""
    return LiveScale(indicator, _opener(indicator, line, simulated), listener, timing=timing)


def make_port_probe(port: str, ask: bool = False, on_progress: OnProgress = ignore_progress) -> PortProbe:
    """Make a probe that listens at a port for a scale. Raises ValueError when ``port`` is no serial port's address."""
    return ScaleProbe(port, ask, on_progress)


def make_line_capture(port: str, candidates: Sequence[Candidate]) -> LineCapture:
    """Make a capture of the candidates that share the first one's line. Raises ValueError as above."""
    return SerialCapture(port, candidates)


def _opener(indicator: Indicator, line: LineSettings, simulated: PinsOf | None) -> Callable[[], LinePort]:
    transport = registry.get(indicator.protocol).transport
    if transport is Transport.HID:
        return _hid(indicator.where)
    if transport is Transport.GPIO:
        return _gpio(indicator.where, simulated)
    address = parse_address(indicator.where, Transport.SERIAL)
    return lambda: open_line(address, line)


def _hid(port: str) -> Callable[[], LinePort]:
    from kiosk.devices.scale.line.hid import HidPort

    path = parse_address(port, Transport.HID).path
    return lambda: HidPort(path)


def _gpio(port: str, simulated: PinsOf | None) -> Callable[[], LinePort]:
    address = parse_address(port, Transport.GPIO)
    if address.kind is AddressKind.SIMULATED_PINS:
        if simulated is None:
            raise ValueError(f"port {port!r}: simulated pins are there in the demo and in trials only")
        return lambda: Hx711Port(simulated(address.path))

    def opened() -> LinePort:
        from kiosk.devices.scale.line.hx711 import GpiozeroPins

        return Hx711Port(GpiozeroPins(address.data_pin, address.clock_pin), address.gain)

    return opened
