"""Which format is spoken where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import ScaleProtocol


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
        """Whether the format has this command, and the set of commands that the parameters choose."""
        return command in self.row.commands and self.encode(command) != b""

    def encode(self, command: str) -> bytes:
        return registry.encode(self.protocol, command, self.params)
