"""Massa-K (Russia, Kazakhstan): Protocol 100 and the one-letter question J.

``massak_100``, over RS-232, a USB port, TCP or UDP (Protocol 100, Massa-K); numbers have the low byte first. Questions:
23 weight, A0 weight in short (answer 10), 72 zero, 75 parameters (answer 76). 27 and 12 mean done, 28 an error, F0 and
15 refused. The check is the remainder of the body divided by x16 + x12 + x5 + 1, starting with 0 and without the
sixteen zeros a CCITT check has behind the message: of a body of one byte it is that byte.

``massak_j`` (one device, observed) has neither a mark nor a check: after a lost byte only the next question, with an
empty decoder, restores the order.
"""

from __future__ import annotations

import re
from decimal import Decimal

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile, fixed_length
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT

_HEAD = b"\xf8\x55\xce"
_START = re.compile(rb"\xf8(?:\x55(?:\xce|\Z)|\Z)")
_POLYNOMIAL = 0x1021
_MAX_BODY_BYTES = 128
_GET_WEIGHT, _WEIGHT, _WEIGHT_SHORT, _SET_ZERO, _DONE, _ERROR, _REFUSED = 0x23, 0x24, 0x10, 0x72, 0x27, 0x28, 0xF0
_MAX_DECIMALS = 4
_FLAGS = {0: False, 1: True}
_ERRORS = {
    0x07: RejectReason.UNRECOGNIZED_COMMAND,
    0x09: RejectReason.BUSY,
    0x0A: RejectReason.PARAMETER,
    0x0B: RejectReason.DEVICE_ERROR,
    0x10: RejectReason.UNRECOGNIZED_COMMAND,
    0x11: RejectReason.UNRECOGNIZED_COMMAND,
    0x15: RejectReason.ZERO_RANGE,
    0x17: RejectReason.FAULT,
    0x18: RejectReason.ZERO_ERROR,
    0x19: RejectReason.FAULT,
}
_OVERLOAD = 0x08
_RECORDS = {0x27: ACKNOWLEDGEMENT, 0x12: ACKNOWLEDGEMENT, 0x76: "parameters", 0x21: "name"}
_NACKS = {0xF0: RejectReason.NAK, 0x15: RejectReason.TARE_RANGE}


def _carried(high: int) -> int:
    """Return the change of the check when its high byte is shifted out, bit by bit."""
    carried = high << 8
    for _ in range(8):
        carried = (carried << 1) ^ (_POLYNOMIAL if carried & 0x8000 else 0)
    return carried & 0xFFFF


_CARRIED = tuple(_carried(high) for high in range(256))


def check(body: bytes) -> int:
    crc = 0
    for byte in body:
        crc = _CARRIED[crc >> 8] ^ (crc & 0xFF) << 8 ^ byte
    return crc


def _packed(body: bytes) -> bytes:
    return _HEAD + len(body).to_bytes(2, "little") + body + check(body).to_bytes(2, "little")


def _length(data: bytes) -> int | None:
    if not _HEAD.startswith(data[:3]):
        return 0
    if len(data) < 5:
        return None
    body = int.from_bytes(data[3:5], "little")
    return body + 7 if 1 <= body <= _MAX_BODY_BYTES else 0


def _parse(frame: bytes) -> Decoded:
    body = frame[5:-2]
    if check(body) != int.from_bytes(frame[-2:], "little"):
        return Rejected(RejectReason.CHECKSUM, frame)
    command = body[0]
    if command in (_WEIGHT, _WEIGHT_SHORT):
        lengths = (7,) if body[0] == _WEIGHT_SHORT else (9, 13)
        if len(body) not in lengths or body[5] > _MAX_DECIMALS or any(flag not in _FLAGS for flag in body[6:9]):
            return Rejected(RejectReason.FRAMING, frame)
        weight = _counted(body[1:5], body[5])
        return Reading(
            weight,
            "kg",
            stable=_FLAGS[body[6]],
            net=_FLAGS[body[7]] if len(body) > 7 else None,
            overload=False,
            underload=False,
            raw=frame,
            tare=_counted(body[9:13], body[5]) if len(body) == 13 else None,
        )
    if command in (_ERROR, *_NACKS):
        if len(body) == 1:
            return Rejected(_NACKS.get(body[0], RejectReason.DEVICE_ERROR), frame)
        if body[1] == _OVERLOAD:
            return Reading(None, None, overload=True, underload=False, raw=frame)
        return Rejected(_ERRORS.get(body[1], RejectReason.DEVICE_ERROR), frame)
    if command in _RECORDS:
        text = body[1:].decode("latin-1") if len(body) > 1 else f"{command:02X}"
        return Record(_RECORDS[command], text, frame)
    return Record("message", body.hex(" ").upper(), frame)


def _counted(field: bytes, division: int) -> Decimal:
    """Return kilograms: a number of counts, each worth what the division code says."""
    return Decimal(int.from_bytes(field, "little", signed=True)).scaleb(division - _MAX_DECIMALS)


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to 23; b"" for an underload, whose error code is not known.

    Raises ValueError for another unit than kg, more than four decimals or more than four bytes.
    """
    if shown.overload:
        return _packed(bytes((_ERROR, _OVERLOAD)))
    if shown.underload:
        return b""
    decimals = -int(shown.weight.as_tuple().exponent)
    counts = int(shown.weight.scaleb(decimals))
    if shown.unit != "kg" or not 0 <= decimals <= _MAX_DECIMALS or abs(counts) >= 1 << 31:
        raise ValueError(f"massak_100 carries kg with 0 to {_MAX_DECIMALS} decimals, not {shown.weight} {shown.unit}")
    flags = bytes((_MAX_DECIMALS - decimals, shown.stable, shown.net, not counts))
    return _packed(bytes((_WEIGHT,)) + counts.to_bytes(4, "little", signed=True) + flags + bytes(4))


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    return _packed(bytes((_DONE,))) if name == "zero" else encode_frame(shown, params)


# --- massak_j ---------------------------------------------------------------------------------------------------------

_J_LENGTH = 5
_ANY_BYTE = bytes(range(256))


def _parse_j(frame: bytes) -> Decoded:
    status, weight = frame[0], int.from_bytes(frame[2:4], "little", signed=True)
    if status & 0x40 and weight > 0:
        # A second program that was tried with such a scale reads bit 6 as minus: then the sign is not certain.
        return Rejected(RejectReason.NO_WEIGHT, frame)
    stable = bool(status & 0x80)
    return Reading(Decimal(weight), "g", stable=stable, raw=frame)


def encode_j(shown: DisplayState, _: Params) -> bytes:
    """Build the five bytes answered to J; b"" out of range, which is undocumented. Raises ValueError unless grams."""
    if shown.unit != "g" or shown.weight.as_tuple().exponent != 0:
        raise ValueError(f"massak_j carries whole grams, not {shown.weight} {shown.unit}")
    if shown.overload or shown.underload or not -0x8000 <= shown.weight < 0x8000:
        return b""
    return bytes((0x80 * shown.stable, 0)) + int(shown.weight).to_bytes(2, "little", signed=True) + b"\x00"


PROTOCOLS = (
    ScaleProtocol(
        id="massak_100",
        reports=("weight", "unit", "stable", "net", "overload", "underload", "tare"),
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(_HEAD[:1], _MAX_BODY_BYTES + 7, _length, _parse, _START)
        ),
        encode_frame=encode_frame,
        line=LineSettings(57600),
        commands={"request_weight": _packed(bytes((_GET_WEIGHT,))), "zero": _packed(bytes((_SET_ZERO,)))},
        poll=Poll(),
        respond=_respond,
    ),
    ScaleProtocol(
        id="massak_j",
        reports=("weight", "stable"),
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(_ANY_BYTE, _J_LENGTH, fixed_length(_J_LENGTH), _parse_j)
        ),
        encode_frame=encode_j,
        line=LineSettings(4800, 8, "E"),
        commands={"request_weight": b"J"},
        default_unit="g",
        poll=Poll(),
    ),
)
