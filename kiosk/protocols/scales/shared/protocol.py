"""One row of the registry: everything that distinguishes one indicator format from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Self

from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.reading import Decoded

Params = Mapping[str, str]  # Validated parameters of one decoder: every name the protocol has, defaults filled in
Command = bytes | Callable[[Params], bytes]  # What a host sends, whatever the parameters or as they say


class TransmissionMode(StrEnum):
    """Which side sends first."""

    STREAM = "stream"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Serial line settings as pyserial names them; ``parity`` is N, E or O."""

    baud: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        return f"{self.baud} {self.bytesize}{self.parity}{self.stopbits}"

    def with_changes(self, baud: int | None, bytesize: int | None, parity: str | None, stopbits: int | None) -> Self:
        """Replace the given fields; None leaves a field as it is."""
        return replace(
            self,
            baud=self.baud if baud is None else baud,
            bytesize=self.bytesize if bytesize is None else bytesize,
            parity=self.parity if parity is None else parity,
            stopbits=self.stopbits if stopbits is None else stopbits,
        )


@dataclass(frozen=True, slots=True)
class DisplayState:
    """What the display of a simulated indicator shows; the frame builders turn it into bytes.

    ``tare`` is what a net weight was lessened by, in the same unit; None when that is not known.
    """

    weight: Decimal
    unit: str = "kg"
    stable: bool = True
    net: bool = False
    overload: bool = False
    underload: bool = False
    tare: Decimal | None = None


class Transport(StrEnum):
    """What brings the bytes."""

    SERIAL = "serial"
    HID = "hid"  # Linux hidraw: one input report a read
    GPIO = "gpio"  # Two pins of the board; a decoder gets three bytes a conversion


@dataclass(frozen=True, slots=True)
class Poll:
    """How a host queries one weight.

    ``steps`` are names of the protocol's commands, sent in order: each but the last waits for its acknowledgement (a
    Record), the last for a reading or a refusal. No answer within ``timeout_s`` restarts the question, at most
    ``retries`` times at once; from one question to the next at least ``interval_s``.

    ``why`` names the command that queries what a bare NAK to the last step meant; its answer answers the question.
    ``accept`` and ``refuse`` are the bytes a scale waits for when its answer came whole, or damaged. ``answers``
    returns whether a message can answer these bytes, if the format shows it; None: all that comes in time does.
    """

    steps: tuple[str, ...] = ("request_weight",)
    interval_s: float = 0.2
    timeout_s: float = 0.5
    retries: int = 2
    why: str = ""
    accept: bytes = b""
    refuse: bytes = b""
    answers: Callable[[bytes, Decoded], bool] | None = None


@dataclass(frozen=True, slots=True)
class ScaleProtocol:
    """A format an indicator can be set to.

    ``reports`` names what its frames can contain. ``trade`` is False for formats too weak for a weighing that is paid
    for. ``default_unit`` is the unit of a format that sends none and has only one; otherwise None. ``encode_frame``
    builds what the indicator sends by itself, or as the answer to the last step of ``poll`` (b"" when it would not
    answer). ``respond`` is what it answers to the command of this name, b"" for nothing; None when it answers every
    reading command with ``encode_frame`` and the others not at all. Both are for simulators. A format without ``poll``
    is streamed.

    The registry fills ``devices``, ``source``, ``picture``, ``trade``, ``wiring`` and ``menu`` from descriptions.toml,
    which explains them.
    """

    id: str
    reports: tuple[str, ...]
    make_decoder: Callable[[Params], Decoder]
    encode_frame: Callable[[DisplayState, Params], bytes]
    devices: str = ""
    source: str = ""
    picture: str = ""
    trade: bool = False
    wiring: str = ""
    menu: str = ""
    line: LineSettings = field(default_factory=LineSettings)
    parameters: tuple[Parameter, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    default_unit: str | None = None
    poll: Poll | None = None
    respond: Callable[[str, DisplayState, Params], bytes] | None = None
    transport: Transport = Transport.SERIAL
    # For formats with parameters that have no default: names of those that an indicator needs set to be read, by the
    # bytes of its newest reading.
    undecided: Callable[[bytes, Params], tuple[str, ...]] | None = None
    # Why nothing can be booked from it, for a technician; "" for all others.
    #
    # One frame per key press proves no rest, and a pan that is never reported empty cannot be armed.
    no_booking: str = ""

    def command(self, name: str, params: Params) -> bytes:
        """Build the bytes of one of ``commands``."""
        command = self.commands[name]
        return command if isinstance(command, bytes) else command(params)

    @property
    def mode(self) -> TransmissionMode:
        return TransmissionMode.STREAM if self.poll is None else TransmissionMode.POLL
