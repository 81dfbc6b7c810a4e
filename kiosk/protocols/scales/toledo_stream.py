"""Toledo standard continuous output: Mettler Toledo terminals and the many copies with a "托利多" format.

17 bytes, 18 with the check byte (Toledo Wildcat manual p. 40-41, LIDEN LUW2001 manual p. 16)::

    02  A B C  w w w w w w  t t t t t t  0D  [k]
        | | |  |            |                 `-- two's complement of the sum of all bytes before it, 7 bits
        | | |  |            `-------------------- tare, six digits without point
        | | |  `--------------------------------- weight on the display, gross or net, six digits without point
        | | `-- C: bits 0-2 unit (0 see B, 1 g, 2 t, 3 oz, 4 ozt), 3 print asked for, 4 digits ten times finer
        | `---- B: 0 net, 1 negative, 2 out of range, 3 in motion, 4 kg (else lb), 6 zero not captured since power-up
        `------ A: bits 0-2 point (0 x100, 1 x10, 2 none, 3-7 one to five decimals), 3-4 scale interval 1, 2 or 5

Leading zeros may be spaces. Bit 5 of the status words is said to be always 1 and is not on all copies. The check byte
may be any value, 02 and 0D too. A status word of 02 is taken for the start of the next frame, as everywhere: it would
take a copy without bit 5 that weighs in pounds or tonnes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from kiosk.protocols.scales.commands import plain
from kiosk.protocols.scales.measured import MeasuredEngine, MeasuredProfile, always
from kiosk.protocols.scales.numbers import from_digits, to_digits
from kiosk.protocols.scales.params import Parameter
from kiosk.protocols.scales.protocol import About, Decoder, LineSettings, Mode, Params, ScaleProtocol, Shown
from kiosk.protocols.scales.reading import Decoded, Reading, Rejected, RejectReason

_HEAD = re.compile(rb"\x02(?!\x02)")
_FRAME = re.compile(rb"\x02([^\x02]{3})([^\x02\r]{6})([^\x02\r]{6})\r.?", re.DOTALL)
_WEIGHT = re.compile(rb" *([0-9]+)")
_TARE = re.compile(rb" *([0-9]*)")
_LENGTH = 17
_DIGITS = 6
_MOST_DECIMALS = 5
_FEW_DECIMALS = 2
"""The point code of no decimals; each below it is a zero behind the digits, each above it a decimal."""
_NET, _NEGATIVE, _OUT_OF_RANGE, _MOTION, _KG, _ALWAYS, _ZERO_NOT_CAPTURED = (1 << bit for bit in range(7))
_EXPANDED = 1 << 4
_INTERVAL_1 = 1 << 3
_UNITS: Mapping[int, str] = MappingProxyType({1: "g", 2: "t", 3: "oz", 4: "ozt"})
"""Codes of word C; the rarer ones (5 pennyweight, 6 short ton, 7 the user's own) are refused."""

CHECKSUM = Parameter(
    "checksum", "on", ("on", "off"), "whether a check byte follows the CR: 18 bytes a frame, or 17 when it is off"
)
DUMMY_ZEROS = Parameter(
    "dummy_zeros",
    "omitted",
    ("omitted", "sent"),
    "whether the zeros behind the last weighed digit (display steps of 10 and 100) are among the digits, as on IND231",
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
    unit = ("kg" if b & _KG else "lb") if c & 7 == 0 else _UNITS.get(c & 7)
    if unit is None:
        return Rejected(RejectReason.FRAMING, frame)
    if b & _OUT_OF_RANGE:
        return _out_of_range(b, unit, frame)
    if b & _ZERO_NOT_CAPTURED or not weight.strip(b" "):
        return Rejected(RejectReason.NO_WEIGHT, frame)
    return _weighed(b, unit, weight, tare, _shift(a, c, given), frame)


def _shift(a: int, c: int, given: Params) -> int:
    """Places to move the point of the digits: zeros to add behind them, or below zero decimals to set off."""
    shift = _FEW_DECIMALS - (a & 7)
    if given[DUMMY_ZEROS.name] == "sent":
        shift = min(shift, 0)
    return shift - bool(c & _EXPANDED)


def _out_of_range(b: int, unit: str, frame: bytes) -> Reading:
    """No weight whatever stands in the field; the sign tells under from over."""
    under = bool(b & _NEGATIVE)
    stable, net = not b & _MOTION, bool(b & _NET)
    return Reading(None, unit, stable, net, overload=not under, underload=under, raw=frame)


def _weighed(b: int, unit: str, weight: bytes, tare: bytes, shift: int, frame: bytes) -> Decoded:
    digits, tare_digits = _WEIGHT.fullmatch(weight), _TARE.fullmatch(tare)
    if digits is None or tare_digits is None:
        return Rejected(RejectReason.FRAMING, frame)
    zeros, decimals = b"0" * shift, max(0, -shift)
    return Reading(
        from_digits(bool(b & _NEGATIVE), digits[1] + zeros, decimals),
        unit,
        stable=not b & _MOTION,
        net=bool(b & _NET),
        overload=False,
        underload=False,
        raw=frame,
        tare=from_digits(False, tare_digits[1] + zeros, decimals) if tare_digits[1] else None,
    )


def _decoder(given: Params) -> Decoder:
    length = _LENGTH + (given[CHECKSUM.name] == "on")
    return MeasuredEngine(MeasuredProfile(b"\x02", length, always(length), partial(_parse, given=given), _HEAD))


def encode_frame(shown: Shown, params: Params) -> bytes:
    """What the terminal sends for this display, its tare left at zero; more than six digits are out of range.

    Raises ValueError for more than five decimals and for a unit without a code.
    """
    negative, digits, decimals = to_digits(shown.weight)
    codes = {"kg": 0, "lb": 0} | {unit: code for code, unit in _UNITS.items()}
    if decimals > _MOST_DECIMALS or shown.unit not in codes:
        raise ValueError(f"mt_continuous cannot carry {shown.weight} {shown.unit}")
    over = shown.overload or (len(digits) > _DIGITS and not negative)
    under = not over and (shown.underload or len(digits) > _DIGITS)
    b = _ALWAYS | _NET * shown.net | _NEGATIVE * (under or (negative and not over)) | _OUT_OF_RANGE * (over or under)
    b |= _MOTION * (not shown.stable) | _KG * (shown.unit == "kg")
    words = bytes((_ALWAYS | _INTERVAL_1 | (_FEW_DECIMALS + decimals), b, _ALWAYS | codes[shown.unit]))
    weight = b" " * _DIGITS if over or under else digits.rjust(_DIGITS).encode("ascii")
    frame = b"\x02%b%b%b\r" % (words, weight, b"0".rjust(_DIGITS))
    return frame + bytes((-sum(frame) % 128,)) if params[CHECKSUM.name] == "on" else frame


_COMMANDS = {"clear_tare": b"C", "tare": b"T", "print": b"P", "zero": b"Z"}

_ABOUT = About(
    devices="Mettler Toledo IND2xx, IND5xx, Jaguar, Puma, LIDEN and many Chinese indicators with a 托利多 format",
    source="Toledo Wildcat manual p. 40-41, LIDEN LUW2001 manual p. 16",
    menu="continuous output, at least 4800 baud; Mettler Toledo terminals often 9600 7E1, copies 8N1. Look up whether "
    "the check byte is switched on, and set `checksum` the same. The commands are not acknowledged.",
    picture="""\
02  A B C  w w w w w w  t t t t t t  0D  [k]
    | | |  |            |                 `-- check byte, when it is switched on
    | | |  |            `-- tare, six digits without point
    | | |  `-- weight on the display, six digits without point
    | | `-- bits 0-2 unit (0 see B, 1 g, 2 t, 3 oz, 4 ozt), 3 print, 4 digits ten times finer
    | `-- bits 0 net, 1 negative, 2 out of range, 3 in motion, 4 kg, 6 zero not captured
    `-- bits 0-2 point (0 x100, 1 x10, 2 none, 3-7 decimals), 3-4 scale interval""",
)

PROTOCOLS: tuple[ScaleProtocol, ...] = (
    ScaleProtocol(
        id="mt_continuous",
        mode=Mode.STREAM,
        reports=("weight", "unit", "stable", "net", "overload", "underload", "tare"),
        trade=True,
        make_decoder=_decoder,
        encode_frame=encode_frame,
        line=LineSettings(9600, 7, "E"),
        parameters=(CHECKSUM, DUMMY_ZEROS),
        commands=plain(_COMMANDS),
        respond=lambda name, shown, params: b"",
        about=_ABOUT,
    ),
)
