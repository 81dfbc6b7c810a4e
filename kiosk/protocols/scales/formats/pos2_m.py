"""POS2-M of Shtrikh-M and Mertech (Russia, Kazakhstan): messages with a length and an XOR, each acknowledged.

A message is 02, the length of command and parameters, these, and the XOR of all but the 02. The host sends 3A and four
characters of password for the state, 30 zero, 31 tare, 32 set tare, and acknowledges the answer with 06, a damaged one
with 15. Weight and tare have the low byte first.

Bits of the state: 0 the weight is held, 1 automatic zero, 3 a tare is set, 4 still, 5 no zero at switching on, 6 over
Max, 7 not still at switching on, 8 under zero, 9 not calibrated. The manual gives the length of the answer as "11",
which fits eleven bytes; a longer one is read as well.
Sources: Mertech protocol description; a public driver of Shtrikh-M for the answer's fields and error codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial, reduce
from operator import xor

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT

PASSWORD = Parameter("password", "0030", (), "four characters set in the scale", "[!-~]{4}")
_STX, _ACK, _NAK = 0x02, b"\x06", b"\x15"
_STATE, _ZERO, _TARE, _SET_TARE = 0x3A, 0x30, 0x31, 0x32
_KNOWN = (_STATE, _ZERO, _TARE, _SET_TARE)
_MAX_MESSAGE_BYTES = 32
_STATE_FIELDS = 10
_HELD, _TARED, _STILL, _OVER, _UNDER = 1 << 0, 1 << 3, 1 << 4, 1 << 6, 1 << 8
_CONDITIONS = (
    (1 << 5, RejectReason.ZERO_ERROR),
    (1 << 7, RejectReason.TIMEOUT_UNSTABLE),
    (1 << 9, RejectReason.NEEDS_CALIBRATION),
)
_ERRORS = {
    17: RejectReason.TARE_RANGE,
    120: RejectReason.UNRECOGNIZED_COMMAND,
    121: RejectReason.SYNTAX,
    122: RejectReason.PARAMETER,
    123: RejectReason.BUSY,
    124: RejectReason.PARAMETER,
    150: RejectReason.ZERO_RANGE,
    151: RejectReason.TARE_RANGE,
    152: RejectReason.TIMEOUT_UNSTABLE,
    167: RejectReason.UNRECOGNIZED_COMMAND,
}


def _packed(message: bytes) -> bytes:
    counted = bytes((len(message),)) + message
    return bytes((_STX,)) + counted + bytes((reduce(xor, counted),))


def _length(data: bytes) -> int | None:
    if data[0] != _STX:
        return 1
    if len(data) < 3:
        return None
    return data[1] + 3 if 2 <= data[1] <= _MAX_MESSAGE_BYTES and data[2] in _KNOWN else 0


def _parse(frame: bytes) -> Decoded:
    if frame == _ACK:
        return Record(ACKNOWLEDGEMENT, "ACK", frame)
    if frame == _NAK:
        return Rejected(RejectReason.NAK, frame)
    if reduce(xor, frame[1:]):
        return Rejected(RejectReason.CHECKSUM, frame)
    command, error = frame[2], frame[3]
    if error:
        return Rejected(_ERRORS.get(error, RejectReason.DEVICE_ERROR), frame)
    if command != _STATE:
        return Record(ACKNOWLEDGEMENT, f"{command:02X}", frame)
    return _weighed(frame[2:-1], frame) if frame[1] >= _STATE_FIELDS else Rejected(RejectReason.FRAMING, frame)


def _weighed(message: bytes, frame: bytes) -> Decoded:
    state = int.from_bytes(message[2:4], "little")
    for bit, reason in _CONDITIONS:
        if state & bit:
            return Rejected(reason, frame)
    over, under = bool(state & _OVER), bool(state & _UNDER)
    if over and under:
        return Rejected(RejectReason.FRAMING, frame)
    return Reading(
        weight=None if over or under else Decimal(int.from_bytes(message[4:8], "little", signed=True)),
        unit="g",
        stable=bool(state & (_HELD | _STILL)),
        net=bool(state & _TARED),
        overload=over,
        underload=under,
        raw=frame,
        tare=Decimal(int.from_bytes(message[8:10], "little")),
    )


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to 3A without the acknowledgement before it. Raises ValueError unless whole grams."""
    if shown.unit != "g" or shown.weight.as_tuple().exponent != 0:
        raise ValueError(f"pos2_m carries whole grams, not {shown.weight} {shown.unit}")
    under = shown.underload and not shown.overload
    state = 1 << 2 | (_STILL | _HELD) * shown.stable | _TARED * shown.net | _OVER * shown.overload | _UNDER * under
    weight = int(shown.weight).to_bytes(4, "little", signed=True)
    return _packed(bytes((_STATE, 0)) + state.to_bytes(2, "little") + weight + bytes(3))


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    if name == "request_weight":
        return _ACK + encode_frame(shown, params)
    return _ACK + _packed(bytes((_CODES[name], 0)))


def _command(code: int, given: Params) -> bytes:
    return _packed(bytes((code,)) + given[PASSWORD.name].encode("ascii"))


_CODES = {"request_weight": _STATE, "zero": _ZERO, "tare": _TARE}
_COMMANDS: Mapping[str, Callable[[Params], bytes]] = {name: partial(_command, code) for name, code in _CODES.items()}

PROTOCOLS = (
    ScaleProtocol(
        id="pos2_m",
        reports=("weight", "stable", "net", "overload", "underload", "tare"),
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(b"\x02\x06\x15", _MAX_MESSAGE_BYTES + 3, _length, _parse, inside=b"\x02")
        ),
        encode_frame=encode_frame,
        parameters=(PASSWORD,),
        commands=_COMMANDS,
        default_unit="g",
        poll=Poll(accept=_ACK, refuse=_NAK),
        respond=_respond,
    ),
)
