"""The small messages beside the events: hello, status, acknowledgement, resend. Bounded JSON objects."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec

from kiosk.messaging.contract.envelope import MAX_SEQ
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical_parsed, read, read_canonical

MAX_CONTROL_BYTES: Final = 32 * 1024
MAX_GAPS: Final = 100
# In one list of a status, by the first centers that read them; a row that is well costs about 20 bytes.
MAX_DOCTOR_ROWS: Final = 24
MAX_STATUS_ROWS: Final = 2 * MAX_DOCTOR_ROWS  # In both lists, so that all of them cost less than an intake
# More than fit are reported in the next acknowledgement; the lists are information, `upto` alone decides.
MAX_QUARANTINED: Final = 1000

# Python's "$" also matches before a last line end, which (?!\n) forbids; "\Z" would be no pattern of JSON Schema.
Epoch = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}(?!\n)$", max_length=16)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", max_length=64)]
Software = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,64}(?!\n)$", max_length=64)]
# First and last sequence number, both included.
Ranges = Annotated[tuple[tuple[Seq, Seq], ...], msgspec.Meta(max_length=MAX_GAPS)]


# The kernel's id of a boot, as in `bootid` of every event; "" from a station that does not say it.
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{0,36}(?!\n)$", max_length=36)]


class BadControl(ValueError):
    """Not the message it should be; the text says why."""


class Hello(msgspec.Struct, frozen=True):
    """Station: this is what I have. ``oldest`` is the first event not acknowledged, ``next`` the number to come.

    ``boot`` and ``monotonicms``, milliseconds since that boot, tell two machines with one card apart, and a hello that
    comes again from one that is newer. ``at``: say also the hash the ledger has at this number; 0: at none.
    ``configuration``: the version of the county's document that is in force, as ``2.17``; "" for none.
    """

    epoch: Epoch
    next: Seq
    oldest: Seq
    pending: Count
    software: Software
    boot: BootId = ""
    monotonicms: Count = 0
    at: Count = 0
    configuration: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,10}\.[0-9]{1,10})?(?!\n)$", max_length=21)] = ""


DoctorCode = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,32}(?!\n)$", max_length=32)]


class DoctorRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of the station's doctor, in codes alone: ``row`` is the device or service, ``code`` what is to be done.

    A row that is well is sent by its name alone.
    """

    row: DoctorCode
    state: Literal["ok", "warn", "fail"] = "ok"
    code: DoctorCode = "fine"


class Status(msgspec.Struct, frozen=True):
    """Station, retained. ``online`` false is the last will, or a goodbye; ``pending`` is a count of events.

    ``alarm`` is "", or ``fork``: the ledger's ``head`` is not the hash this station has at that number; or ``ahead``:
    its ``upto`` is above all this station has written, again, and no further epoch is begun for that. ``doctor`` is
    what the station's doctor says, the worst first; empty from a station that does not say it, and in a last will.
    ``doctor_more`` goes on where ``doctor`` is full; an older center does not read it.
    """

    online: bool
    pending: Count
    software: Software
    epoch: Epoch
    alarm: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{0,32}(?!\n)$", max_length=32)] = ""
    boot: BootId = ""
    doctor: Annotated[tuple[DoctorRow, ...], msgspec.Meta(max_length=MAX_DOCTOR_ROWS)] = ()
    doctor_more: Annotated[tuple[DoctorRow, ...], msgspec.Meta(max_length=MAX_DOCTOR_ROWS)] = ()

    @property
    def doctor_rows(self) -> tuple[DoctorRow, ...]:
        return self.doctor + self.doctor_more


class Ack(msgspec.Struct, frozen=True):
    """Center, after its commit: everything up to ``upto`` of this epoch is in the ledger.

    Cumulative and repeatable; lower than before when the center came back from a backup. ``head`` is the hash the
    ledger has at ``upto`` (64 zeros at 0). ``gaps`` are ranges missing above ``upto``; ``quarantined`` are numbers
    up to ``upto`` that are kept apart for a person, and done for the station. ``generation`` is the ledger's, another
    one after a restored backup; "" from a center that does not say it. ``at`` and ``hash_at`` answer a hello with
    ``at``: the hash of that event in the ledger, "" when it is above ``upto``; 0 and "" when nothing was asked. ``at``
    is missing from a center that does not know the question.
    """

    epoch: Epoch
    upto: Count
    gaps: Ranges
    quarantined: Annotated[tuple[Seq, ...], msgspec.Meta(max_length=MAX_QUARANTINED)]
    head: Digest
    generation: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?(?!\n)$", max_length=16)] = ""
    at: Count | None = None
    hash_at: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$", max_length=64)] = ""


class Resend(msgspec.Struct, frozen=True):
    """Center: send these again first. Says nothing about anything else."""

    epoch: Epoch
    ranges: Ranges


AnyControl = Hello | Status | Ack | Resend
# Made at import: two threads that make msgspec inspect a type for the first time make it crash (0.22).
_PREBUILT_DECODERS: Final = tuple(msgspec.json.Decoder(kind) for kind in (Hello, Status, Ack, Resend))
Control = TypeVar("Control", bound=AnyControl)


def encode(message: AnyControl) -> bytes:
    """Encode as canonical JSON. Raises BadControl when the other side would refuse it."""
    payload = canonical_parsed(msgspec.to_builtins(message))
    decode(type(message), payload)
    return payload


def decode(kind: type[Control], payload: bytes) -> Control:
    """Read a message of this kind; unknown keys are ignored, anything else wrong raises BadControl."""
    try:
        canonical_value = read_canonical(payload, max_bytes=MAX_CONTROL_BYTES)
        message = msgspec.convert(
            read(payload, max_bytes=MAX_CONTROL_BYTES) if canonical_value is None else canonical_value, kind
        )
    except (StrictJsonError, msgspec.ValidationError) as error:
        raise BadControl(f"no usable {kind.__name__}: {error}") from error
    if any(first > last for first, last in _ranges(message)):
        raise BadControl(f"no usable {kind.__name__}: a range ends before it begins")
    return message


def _ranges(message: AnyControl) -> tuple[tuple[int, int], ...]:
    match message:
        case Ack(gaps=ranges) | Resend(ranges=ranges):
            return ranges
        case _:
            return ()
