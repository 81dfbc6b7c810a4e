"""Composition of Teach me this scale: the use case with the real ports, the probe, and the settings file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.app.shared.adapters import make_line_capture, make_port_probe
from kiosk.config.station import StationConfig, load
from kiosk.devices.ports import Pausable
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import Transport
from kiosk.station.scale.teach import Teach, TeachTools

if TYPE_CHECKING:
    from kiosk.app.machine import ThisMachine


def _this_machine() -> ThisMachine:
    from kiosk.app.machine import ThisMachine  # with the first start behind it: not in every station's memory

    return ThisMachine()


def make_teach(
    config: StationConfig,
    settings_file: Path | None,
    own_scale: Pausable | None,
    machine: Callable[[], ThisMachine] = _this_machine,
) -> Teach:
    """The use case of this station; nothing is opened before a technician names a port."""
    scale = config.scale
    own = scale.port if scale is not None and registry.get(scale.protocol).transport is Transport.SERIAL else ""

    def ports() -> tuple[str, ...]:
        """The port that is set first: it may be a device server, which is not found by looking."""
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
