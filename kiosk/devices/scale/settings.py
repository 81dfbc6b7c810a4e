"""What a technician sets for the scale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kiosk.devices.scale.line.address import parse_address
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import LineSettings, ScaleProtocol, TransmissionMode


@dataclass(frozen=True, slots=True)
class Indicator:
    """Which format is spoken at which port; ``where`` names the port for people.

    ``poll_s`` replaces the interval of a polled format. ``step_g`` is d in grams and ``unit`` what a format that sends
    none means; both serve to judge whether a command had its effect. Raises UnknownProtocol or BadParameter.
    """

    where: str
    protocol: str
    params: Mapping[str, str] = field(default_factory=dict)
    poll_s: float | None = None
    step_g: int | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        self.decoder()

    @property
    def row(self) -> ScaleProtocol:
        return registry.get(self.protocol)

    def decoder(self) -> Decoder:
        return registry.decoder(self.protocol, self.params)

    def supports(self, command: str) -> bool:
        """Return whether the format, and the set of commands its parameters choose, has this command."""
        return command in self.row.commands and self.encode(command) != b""

    def encode(self, command: str) -> bytes:
        return registry.encode(self.protocol, command, self.params)


_UNSTABLE_NAME = re.compile(r"/dev/tty(USB|ACM)[0-9]+")


def check_stable_port_name(port: str) -> None:
    """Raise ValueError for a name the kernel gives by turns: after a restart another device may have it.

    Use it for permanent settings only; a technician may try any port by hand.
    """
    if _UNSTABLE_NAME.fullmatch(port):
        raise ValueError(
            f"port {port!r} may be another device after the next start; allowed is its lasting name: "
            "see `ls -l /dev/serial/by-id /dev/serial/by-path`"
        )


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """``port`` is a /dev/serial/by-id or by-path name, tcp:// or rfc2217:// with an IP address and a port, for a USB
    HID scale its hidraw file, for an HX711 two pins. ``e_g`` and ``max_g`` in grams are printed on the scale's plate.

    ``unit`` is meant by a format that sends none. ``poll_s`` is the interval at which a polled scale is queried, in
    seconds. It and the fields of the line (``baud`` to ``stopbits``) are the format's usual ones when they are None.
    Raises ValueError with the field and what is allowed.
    """

    port: str
    protocol: str
    e_g: int
    max_g: int
    unit: Literal["kg", "g"] = "kg"
    baud: int | None = None
    bytesize: Literal[7, 8] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stopbits: Literal[1, 2] | None = None
    params: dict[str, str] = field(default_factory=dict)
    poll_s: float | None = None

    def __post_init__(self) -> None:
        try:
            row = registry.get(self.protocol)
        except registry.UnknownProtocol as error:
            raise ValueError(f"protocol: {error}") from error
        try:
            registry.decoder(self.protocol, self.params)
        except registry.BadParameter as error:
            raise ValueError(f"params: {error}") from error
        parse_address(self.port, row.transport)
        if self.baud is not None and not 300 <= self.baud <= 230_400:
            raise ValueError(f"baud {self.baud} must be 300 to 230400")
        if self.poll_s is not None and row.mode is not TransmissionMode.POLL:
            raise ValueError(f"poll_s is for formats that are asked; {self.protocol} speaks by itself")
        if self.poll_s is not None and not 0.05 <= self.poll_s <= 0.5:
            raise ValueError(f"poll_s {self.poll_s:g} must be 0.05 to 0.5: a reading expires within a second")
        self.profile  # noqa: B018 - checks e and Max

    @property
    def profile(self) -> ScaleProfile:
        """The metrological side of the scale."""
        return ScaleProfile(self.e_g, self.max_g, self.unit)

    @property
    def line(self) -> LineSettings:
        """The line side of the scale: the format's usual line where nothing else is set."""
        usual = registry.get(self.protocol).line
        return usual.with_changes(self.baud, self.bytesize, self.parity, self.stopbits)
