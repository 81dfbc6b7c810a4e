"""The content of one frame of an indicator, without any guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class RejectReason(StrEnum):
    """Why bytes gave no reading; the closed list of the command-line contract, section 3."""

    CHECKSUM = "checksum"
    FRAMING = "framing"
    INCOMPLETE = "incomplete"
    NO_WEIGHT = "no_weight"
    BUSY = "busy"
    NAK = "nak"
    SYNTAX = "syntax"
    TRANSMISSION = "transmission"
    LOGICAL = "logical"
    PARAMETER = "parameter"
    DEVICE_ERROR = "device_error"
    ZERO_ERROR = "zero_error"
    ZERO_RANGE = "zero_range"
    TARE_RANGE = "tare_range"
    TIMEOUT_UNSTABLE = "timeout_unstable"
    BELOW_MIN = "below_min"
    UNRECOGNIZED_COMMAND = "unrecognized_command"
    FAULT = "fault"
    NEEDS_CALIBRATION = "needs_calibration"
    PARITY = "parity"
    NO_NEW_WEIGHING = "no_new_weighing"


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame that may be used, flag by flag.

    ``weight`` keeps exactly the decimals the indicator sent (sign applied) and is None when the frame carries no weight
    that may be used (overload, underload). A flag without a place in the format is None: never a guess.
    """

    weight: Decimal | None
    unit: str | None
    stable: bool | None = None
    net: bool | None = None
    overload: bool | None = None
    underload: bool | None = None
    raw: bytes = field(default=b"", repr=False)
    counts: int | None = None  # The bare value of a converter, before any factor; None for an indicator
    suspect: bool | None = None  # A value that a converter gives when it was read wrongly; None for an indicator
    # The tare that the frame of the weight also contains, in its unit; None when it has none.
    tare: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A frame that is not a weight: a tare, an acknowledgement, another message."""

    kind: str
    value: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that looked like a frame and were refused."""

    reason: RejectReason
    raw: bytes = field(repr=False)


Decoded = Reading | Record | Rejected
