"""A start byte FF, a status byte and six BCD digits: price-computing boards and the HT9800.

Two layouts with one skeleton, distinguished by configuration only (HT9800: public source; price-scale board: a maker's
description on blog.gitcode.com).

There is no check, and a doubled or turned byte can make another number: a single frame is not to be trusted, the rules
of the weighing require several that agree. Unit, gross or net are not sent. FF cannot be a digit byte; as a status byte
it is an overload, so of two FF in a row the second is the start unless a third is where the next frame begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile
from kiosk.protocols.scales.shared.numbers import from_digits, to_digits, to_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_START = 0xFF
_HEAD = re.compile(rb"\xff(?!\xff\xff)")
_LENGTH = 5
_DIGITS = 6
_NEGATIVE, _OVER = 1 << 5, 1 << 7
_RECORDS = {1: "count", 2: "percent"}

VARIANT = Parameter(
    "variant",
    "d6_stable",
    ("d6_stable", "d4_stable"),
    "d6_stable: bit 6 set means stable, lowest digits first (price-scale board); d4_stable: bit 4, highest first "
    "(HT9800)",
)


def _measure(seen: bytes) -> int | None:
    """Return the length, five bytes; behind two FF the sixth byte shows which of them begins the frame."""
    if len(seen) < 2 or (seen[1] == _START and len(seen) <= _LENGTH):
        return None
    return 0 if seen[1] == _START and seen[_LENGTH] != _START else _LENGTH


def _parse(frame: bytes, judge: Callable[[int, bytes, bytes], Decoded], lowest_first: bool) -> Decoded:
    status, pairs = frame[1], frame[2:]
    digits = (pairs[::-1] if lowest_first else pairs).hex().encode("ascii")
    if not digits.isdigit():
        return Rejected(RejectReason.FRAMING, frame)
    return judge(status, digits, frame)


def _d6_stable(status: int, digits: bytes, frame: bytes) -> Decoded:
    decimals, mode, stable = (status & 7) - 1, status >> 3 & 3, bool(status & 1 << 6)
    if status & _OVER:
        return _overload(stable, frame)
    if not 0 <= decimals <= 4 or mode not in (0, *_RECORDS):
        return Rejected(RejectReason.FRAMING, frame)
    value = from_digits(bool(status & _NEGATIVE), digits, decimals)
    if mode:
        return Record(_RECORDS[mode], to_text(value), frame)
    return Reading(value, unit=None, stable=stable, overload=False, raw=frame)


def _d4_stable(status: int, digits: bytes, frame: bytes) -> Decoded:
    decimals, stable = status & 7, bool(status & 1 << 4)
    if status & _OVER:
        return _overload(stable, frame)
    if decimals > 5:
        return Rejected(RejectReason.FRAMING, frame)
    value = from_digits(bool(status & _NEGATIVE), digits, decimals)
    return Reading(value, unit=None, stable=stable, overload=False, raw=frame)


def _overload(stable: bool, frame: bytes) -> Reading:
    return Reading(None, unit=None, stable=stable, overload=True, raw=frame)


_LAYOUTS: Mapping[str, Callable[[bytes], Decoded]] = {
    "d6_stable": partial(_parse, judge=_d6_stable, lowest_first=True),
    "d4_stable": partial(_parse, judge=_d4_stable, lowest_first=False),
}


def _decoder(given: Params) -> Decoder:
    parse = _LAYOUTS[given[VARIANT.name]]
    return FrameLengthEngine(FrameLengthProfile(bytes((_START,)), _LENGTH + 1, _measure, parse, _HEAD))


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the frame of this display: overload beyond its six digits, b"" below its range.

    Raises ValueError for more decimals than the layout can carry.
    """
    d6 = params[VARIANT.name] == "d6_stable"
    negative, digits, decimals = to_digits(shown.weight)
    if decimals > (4 if d6 else 5):
        raise ValueError(f"ff_bcd {params[VARIANT.name]} does not carry {decimals} decimals")
    if shown.underload and not shown.overload:
        return b""
    over = shown.overload or len(digits) > _DIGITS
    pairs = bytes.fromhex("0" * _DIGITS if over else digits.rjust(_DIGITS, "0"))
    status = (decimals + 1 if d6 else decimals) | _NEGATIVE * negative | _OVER * over
    status |= (1 << 6 if d6 else 1 << 4) * shown.stable
    return bytes((_START, status)) + (pairs[::-1] if d6 else pairs)


PROTOCOLS: tuple[ScaleProtocol, ...] = (
    ScaleProtocol(
        id="ff_bcd",
        reports=("weight", "stable", "overload"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        parameters=(VARIANT,),
    ),
)
