"""Toledo standard continuous output: Mettler Toledo terminals and the many copies with a "托利多" format.

17 bytes, 18 with the check byte (Toledo Wildcat manual p. 40-41, LIDEN LUW2001 manual p. 15-17): the two's complement
of the sum of all bytes before it, 7 bits, and any value, 02 and 0D too. Leading zeros may be spaces. Bit 5 of the
status words is reportedly always 1, but not on all copies. A status word of 02 counts as the start of the next frame,
as everywhere: it would take a copy without bit 5 that weighs in pounds or tonnes.

Only word A gives the point. An expanded display (C bit 4) shows one digit more, and A then includes it; on a LIDEN
LUW2001 that bit is always 1, as bits 4 and 6 of A are, and bit 0 of C is pounds, not grams (manual p. 17).

At x10 and x100 terminals differ: some send the zeros behind the last weighed digit, some leave them out, and no frame
shows which. Until the parameter is set, digits other than zero are no weight there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile, fixed_length
from kiosk.protocols.scales.shared.numbers import from_digits, to_digits
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason

_HEAD = re.compile(rb"\x02(?!\x02)")
_FRAME = re.compile(rb"\x02([^\x02]{3})([^\x02\r]{6})([^\x02\r]{6})\r.?", re.DOTALL)
_WEIGHT = re.compile(rb" *([0-9]+)")
_TARE = re.compile(rb" *([0-9]*)")
_LENGTH = 17
_DIGITS = 6
_POINT_CODE = _UNIT_CODE = 7
_MAX_DECIMALS = 5
_FEW_DECIMALS = 2  # The point code of no decimals; each below it is a zero behind the digits, each above it a decimal
_NET, _NEGATIVE, _OUT_OF_RANGE, _MOTION, _KG, _ALWAYS, _ZERO_NOT_CAPTURED = (1 << bit for bit in range(7))
_INTERVAL_1 = 1 << 3
# Bits that are 1 in every frame of a LIDEN, besides those of all others. Bit 6 of A is 0 on a Toledo.
_LIDEN_A, _LIDEN_C = 1 << 4 | 1 << 6, 1 << 4
# Codes of word C; the rarer ones (5 pennyweight, 6 short ton, 7 the user's own) are refused.
_UNITS: Mapping[int, str] = MappingProxyType({1: "g", 2: "t", 3: "oz", 4: "ozt"})
_CODES: Mapping[str, int] = MappingProxyType({"kg": 0, "lb": 0, **{unit: code for code, unit in _UNITS.items()}})

CHECKSUM = Parameter(
    "checksum", "on", ("on", "off"), "whether a check byte follows the CR: 18 bytes a frame, or 17 when it is off"
)
DUMMY_ZEROS = Parameter(
    "dummy_zeros",
    "",
    ("omitted", "sent"),
    "whether the zeros behind the last weighed digit (display steps of 10 and 100) are among the digits, as on IND231. "
    "Until it is set such a display is no weight, except zero",
)
UNITS = Parameter(
    "units",
    "",
    ("toledo", "liden"),
    "what the code 1 in word C is: toledo, g; liden, lb, as on LIDEN LUW2001. Until it is set, 1 in a frame that looks "
    "like a LIDEN's is no weight, and in any other g",
)


def _parse(frame: bytes, given: Params) -> Decoded:
    if given[CHECKSUM.name] == "on" and sum(frame) % 128:
        return Rejected(RejectReason.CHECKSUM, frame)
    if not frame.isascii():
        return Rejected(RejectReason.PARITY, frame)
    match = _FRAME.fullmatch(frame)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    (a, b, c), weight, tare = match[1], match[2], match[3]
    unit = _unit(b, c, given)
    if unit is None:
        return Rejected(RejectReason.FRAMING, frame)
    liden = a & _LIDEN_A == _LIDEN_A and c & _LIDEN_C
    if liden and c & _UNIT_CODE == 1 and not given[UNITS.name]:
        return Rejected(RejectReason.NO_WEIGHT, frame)
    if b & _OUT_OF_RANGE:
        # Whatever the field contains is no weight; the sign separates under from over
        under = bool(b & _NEGATIVE)
        stable, net = not b & _MOTION, bool(b & _NET)
        return Reading(None, unit, stable, net, overload=not under, underload=under, raw=frame)
    if b & _ZERO_NOT_CAPTURED or not weight.strip(b" "):
        return Rejected(RejectReason.NO_WEIGHT, frame)
    digits, tare_digits = _WEIGHT.fullmatch(weight), _TARE.fullmatch(tare)
    if digits is None or tare_digits is None:
        return Rejected(RejectReason.FRAMING, frame)
    return _weighed((unit, digits[1], tare_digits[1]), partial(_value, a, given), b, frame)


def _unit(b: int, c: int, given: Params) -> str | None:
    """Return the unit; None for a code that is no unit of the station. On a LIDEN bit 4 of B is always 1."""
    code = c & _UNIT_CODE
    if given[UNITS.name] == "liden":
        return {0: "kg", 1: "lb"}.get(code) if b & _KG else None
    return _UNITS.get(code) if code else "kg" if b & _KG else "lb"


def _value(a: int, given: Params, negative: bool, digits: bytes) -> Decimal | None:
    """Return the number; None where it is not known whether the zeros behind the digits are sent."""
    shift = _FEW_DECIMALS - (a & _POINT_CODE)
    zeros = given[DUMMY_ZEROS.name]
    if shift > 0 and not zeros and digits.strip(b"0"):
        return None
    return from_digits(negative, digits + b"0" * (shift if zeros == "omitted" else 0), max(0, -shift))


def _undecided(frame: bytes, given: Params) -> tuple[str, ...]:
    """Return the parameter without which digits of this display are no weight."""
    return (DUMMY_ZEROS.name,) if not given[DUMMY_ZEROS.name] and frame[1] & _POINT_CODE < _FEW_DECIMALS else ()


def _weighed(
    fields: tuple[str, bytes, bytes], value: Callable[[bool, bytes], Decimal | None], b: int, frame: bytes
) -> Decoded:
    """Decode a weighing; ``fields``: unit, digits of the weight, digits of the tare or none."""
    unit, digits, tare_digits = fields
    weight = value(bool(b & _NEGATIVE), digits)
    if weight is None:
        return Rejected(RejectReason.NO_WEIGHT, frame)
    return Reading(
        weight,
        unit,
        stable=not b & _MOTION,
        net=bool(b & _NET),
        overload=False,
        underload=False,
        raw=frame,
        tare=value(False, tare_digits) if tare_digits else None,
    )


def _decoder(given: Params) -> Decoder:
    length = _LENGTH + (given[CHECKSUM.name] == "on")
    return FrameLengthEngine(
        FrameLengthProfile(b"\x02", length, fixed_length(length), partial(_parse, given=given), _HEAD)
    )


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the frame for this display, its tare left at zero; more than six digits are out of range.

    Raises ValueError for more than five decimals and for a unit without a code.
    """
    liden = params[UNITS.name] == "liden"
    negative, digits, decimals = to_digits(shown.weight)
    codes = {"kg": 0, "lb": 1} if liden else _CODES
    if decimals > _MAX_DECIMALS or shown.unit not in codes:
        raise ValueError(f"mt_continuous cannot carry {shown.weight} {shown.unit}")
    over = shown.overload or (len(digits) > _DIGITS and not negative)
    under = not over and (shown.underload or len(digits) > _DIGITS)
    b = _ALWAYS | _NET * shown.net | _NEGATIVE * (under or (negative and not over)) | _OUT_OF_RANGE * (over or under)
    b |= _MOTION * (not shown.stable) | _KG * (liden or shown.unit == "kg")
    a, c = _ALWAYS | _INTERVAL_1 | (_FEW_DECIMALS + decimals), _ALWAYS | codes[shown.unit]
    words = bytes((a | _LIDEN_A * liden, b, c | _LIDEN_C * liden))
    weight = b" " * _DIGITS if over or under else digits.rjust(_DIGITS).encode("ascii")
    frame = b"\x02%b%b%b\r" % (words, weight, b"0".rjust(_DIGITS))
    return frame + bytes((-sum(frame) % 128,)) if params[CHECKSUM.name] == "on" else frame


PROTOCOLS: tuple[ScaleProtocol, ...] = (
    ScaleProtocol(
        id="mt_continuous",
        reports=("weight", "unit", "stable", "net", "overload", "underload", "tare"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        line=LineSettings(9600, 7, "E"),
        parameters=(CHECKSUM, DUMMY_ZEROS, UNITS),
        undecided=_undecided,
        commands={"clear_tare": b"C", "tare": b"T", "print": b"P", "zero": b"Z"},
        respond=lambda name, shown, params: b"",
    ),
)
