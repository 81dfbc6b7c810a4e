"""Checkout scales that work out a price: Dialog 06, TISA, Prix, P15.

``dialog06`` (DIVA p. 54-61, Cely PI100 p. 14): the host sends a unit price, then fetches the weighing, and after a 15
queries the reason. The unit u is 0 lb-oz, 1 0.01 lb, 2 0.005 lb, 3 0.001 kg.

``dibal_tisa`` (Dibal p. 52, DPOS400 p. 15, 28), 18 bytes; both marks at once mean in motion.

``toledo_prix`` and ``micheletti_p15`` (public descriptions). The fields of a P15 do not move: a number whose head was
cut off is a field that is too short.

The host here needs no prices: the price sent is 0 unless the parameter ``price`` sets another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from operator import xor

from kiosk.protocols.scales.shared.engines import (
    FixedEngine,
    FixedProfile,
    FrameLengthEngine,
    FrameLengthProfile,
    LineEngine,
    LineProfile,
)
from kiosk.protocols.scales.shared.numbers import from_digits
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT

_ACK, _NAK = b"\x06", b"\x15"
_MEANING = "unit price told to the scale, as whole digits"
_PRICE_6 = Parameter("price", "0", (), _MEANING, "[0-9]{1,6}")
_PRICE_5 = Parameter("price", "0", (), _MEANING, "[0-9]{1,5}")


def _digits(shown: DisplayState, unit: str, decimals: int, width: int) -> str:
    """Return the weight without its point, "" below zero or when it needs more than ``width`` digits.

    Raises ValueError for another unit or another number of decimals: the format has no place for them.
    """
    exponent = shown.weight.as_tuple().exponent
    if shown.unit != unit or exponent != -decimals:
        raise ValueError(f"the format carries {unit} with {decimals} decimals, not {shown.weight} {shown.unit}")
    text = f"{int(shown.weight.scaleb(decimals)):0{width}d}"
    return text if shown.weight >= 0 and len(text) == width else ""


# --- dialog06 ---------------------------------------------------------------------------------------------------------

_D06_WEIGHT = re.compile(rb"\x0202\x1b(?P<unit>[0-3])\x1b(?P<weight>[0-9]{5})\x1b[0-9]{6}\x1b[0-9]{6}\x03")
_D06_CODE = re.compile(rb"\x0209\x1b(?P<code>[0-9]{2})\x03")
_D06_CHALLENGE = re.compile(rb"\x0211\x1b(?P<text>[ -~\x1b]{1,12})\x03")
_D06_UNITS = {b"1": ("lb", 2), b"2": ("lb", 3), b"3": ("kg", 3)}
_D06_ERRORS = {
    b"01": RejectReason.DEVICE_ERROR,
    b"02": RejectReason.PARITY,
    b"10": RejectReason.SYNTAX,
    b"11": RejectReason.PARAMETER,
    b"12": RejectReason.PARAMETER,
    b"13": RejectReason.PARAMETER,
    b"21": RejectReason.NO_NEW_WEIGHING,
    b"22": RejectReason.BUSY,
    b"30": RejectReason.BELOW_MIN,
}
# Code 20 in motion, 31 below zero, 32 overload, as stable, overload, underload.
_D06_CONDITIONS: Mapping[bytes, tuple[bool | None, bool, bool]] = {
    b"20": (False, False, False),
    b"31": (None, False, True),
    b"32": (None, True, False),
}
_D06_MAX_FRAME_BYTES = 32
_D06_START = re.compile(rb"\x02(?!\x02)|[\x06\x15]")


def _d06_length(data: bytes) -> int | None:
    """Return the length up to the ETX; a fragment ends before the next STX."""
    if data[0] != 0x02:
        return 1
    end, inner = data.find(b"\x03"), data.find(b"\x02", 1)
    if inner > 0 and not 0 < end < inner:
        return inner
    return end + 1 if end > 0 else None


def _parse_d06(frame: bytes) -> Decoded:
    if frame == _ACK:
        return Record(ACKNOWLEDGEMENT, "ACK", frame)
    if frame == _NAK:
        return Rejected(RejectReason.NAK, frame)
    code = _D06_CODE.fullmatch(frame)
    if code is not None:
        return _d06_condition(code["code"], frame)
    challenge = _D06_CHALLENGE.fullmatch(frame)
    if challenge is not None:
        return Record("challenge", challenge["text"].replace(b"\x1b", b" ").decode("ascii"), frame)
    match = _D06_WEIGHT.fullmatch(frame)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    if match["unit"] not in _D06_UNITS:  # pounds and ounces in one number
        return Rejected(RejectReason.NO_WEIGHT, frame)
    unit, decimals = _D06_UNITS[match["unit"]]
    weight = from_digits(False, match["weight"], decimals)
    return Reading(weight, unit, stable=True, overload=False, underload=False, raw=frame)


def _d06_condition(code: bytes, frame: bytes) -> Decoded:
    if code == b"00":
        return Record("status", "00", frame)
    if code not in _D06_CONDITIONS:
        return Rejected(_D06_ERRORS.get(code, RejectReason.DEVICE_ERROR), frame)
    stable, over, under = _D06_CONDITIONS[code]
    return Reading(None, None, stable=stable, overload=over, underload=under, raw=frame)


def encode_d06(shown: DisplayState, params: Params) -> bytes:
    """Build the answer to 04 05: the weighing, or NAK; b"" for a number it never shows."""
    if shown.overload or shown.underload or not shown.stable:
        return _NAK
    decimals = -int(shown.weight.as_tuple().exponent)
    stat = {value: key for key, value in _D06_UNITS.items()}.get((shown.unit, decimals), b"")
    if not stat:
        raise ValueError(f"dialog06 carries kg with 3 and lb with 2 or 3 decimals, not {shown.weight} {shown.unit}")
    digits = _digits(shown, shown.unit, decimals, 5)
    price = int(params[_PRICE_6.name])
    amount = min(999_999, round(price * shown.weight)) if digits else 0
    return b"\x0202\x1b%b\x1b%b\x1b%06d\x1b%06d\x03" % (stat, digits.encode(), price, amount) if digits else b""


def _respond_d06(name: str, shown: DisplayState, params: Params) -> bytes:
    if name == "request_weight":
        return _ACK
    if name == "enquiry":
        return encode_d06(shown, params)
    code = 32 if shown.overload else 31 if shown.underload or shown.weight < 0 else 0 if shown.stable else 20
    return b"\x0209\x1b%02d\x03" % code


def _d06_price(params: Params) -> bytes:
    return b"\x04\x0201\x1b%06d\x1b\x03" % int(params[_PRICE_6.name])


# --- dibal_tisa -------------------------------------------------------------------------------------------------------

_TISA = re.compile(rb"99(?P<invalid>[01])(?P<weight>[0-9]{5})(?P<no_amount>[01])[0-9]{6}(?P<check>.)", re.DOTALL)
_TISA_HEAD = re.compile(rb"99(?=.{14}\Z)", re.DOTALL)
_TISA_MAX_LINE_BYTES = 16
_TISA_DIVISIONS = 20  # Below so many scale intervals the scale gives no weight


def _xor(data: bytes) -> bytes:
    return bytes((reduce(xor, data, 0),))


def _parse_tisa(line: bytes) -> Decoded:
    match = _TISA.fullmatch(line)
    if match is None:
        return Rejected(RejectReason.FRAMING, line)
    if match["check"] != _xor(line[:-1]):
        return Rejected(RejectReason.CHECKSUM, line)
    weight = from_digits(False, match["weight"], 3)
    if match["invalid"] == b"1":
        in_motion = match["no_amount"] == b"1"
        return _tisa_reading(None, False, None, line) if in_motion else Rejected(RejectReason.BELOW_MIN, line)
    if not weight:
        # An empty pan is marked as below 20 divisions; zeros without that are a load below zero.
        return _tisa_reading(None, None, True, line)
    return _tisa_reading(weight, True, False, line)


def _tisa_reading(weight: Decimal | None, stable: bool | None, underload: bool | None, line: bytes) -> Reading:
    return Reading(weight, None, stable=stable, underload=underload, raw=line)


def _tisa_frame(invalid: bool, digits: str, no_amount: bool, amount: int) -> bytes:
    body = f"99{invalid:d}{digits}{no_amount:d}{amount:06d}".encode("ascii")
    return body + _xor(body) + b"\r\n"


def encode_tisa(shown: DisplayState, params: Params) -> bytes:
    """Build the answer to a price; b"" for an overload (its answer is not documented) and below 20 divisions."""
    digits = _digits(shown, "kg", 3, 5)
    if shown.overload:
        return b""
    if shown.underload or shown.weight < 0:
        return _tisa_frame(False, "00000", False, 0)
    if not shown.stable:
        return _tisa_frame(True, digits or "00000", True, 0)
    if not digits or int(digits) < _TISA_DIVISIONS:
        return b""
    return _tisa_frame(False, digits, False, min(999_999, round(int(params[_PRICE_5.name]) * shown.weight)))


def _respond_tisa(_: str, shown: DisplayState, params: Params) -> bytes:
    light = shown.stable and not shown.overload and 0 <= shown.weight.scaleb(3) < _TISA_DIVISIONS
    return _tisa_frame(True, "00000", False, 0) if light and not shown.underload else encode_tisa(shown, params)


def _tisa_price(params: Params) -> bytes:
    body = b"98%05d" % int(params[_PRICE_5.name])
    return body + _xor(body) + b"\r\n"


# --- toledo_prix ------------------------------------------------------------------------------------------------------

_PRIX = re.compile(rb"\x02([0-9]{5})\x03")
_PRIX_WORD = re.compile(rb"\x02([^0-9])\1{4}\x03", re.DOTALL)


def _grams(weight: int, frame: bytes) -> Reading:
    return Reading(Decimal(weight), "g", raw=frame)


def _parse_prix(frame: bytes) -> Decoded:
    match = _PRIX.fullmatch(frame)
    if match is not None:
        return _grams(int(match[1]), frame)
    no_weight = _PRIX_WORD.fullmatch(frame) is not None
    return Rejected(RejectReason.NO_WEIGHT if no_weight else RejectReason.FRAMING, frame)


def encode_prix(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to 05; b"" for a number it never shows."""
    for wrong, letter in ((shown.overload, b"S"), (shown.underload, b"N"), (not shown.stable, b"I")):
        if wrong:
            return b"\x02%b\x03" % (letter * 5)
    digits = _digits(shown, "g", 0, 5)
    return b"\x02%b\x03" % digits.encode("ascii") if digits else b""


# --- micheletti_p15 ---------------------------------------------------------------------------------------------------

_P15 = re.compile(rb"\x02([ 0-9]{6}) ([ 0-9]{6}) ([ 0-9]{6})\x03")
_P15_FIELD = re.compile(rb" *([0-9]+)")
_P15_BLANK = b" " * 6


def _parse_p15(frame: bytes) -> Decoded:
    match = _P15.fullmatch(frame)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    if match[1] == _P15_BLANK:
        return Rejected(RejectReason.NO_WEIGHT, frame)
    weight = _P15_FIELD.fullmatch(match[1])
    if weight is None or not all(_P15_FIELD.fullmatch(field) for field in match.groups()):
        return Rejected(RejectReason.FRAMING, frame)
    return _grams(int(weight[1]), frame)


def encode_p15(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to 05; b"" without a weight, for which no answer is described.

    The price is set at the scale: here it is zero.
    """
    digits = "" if shown.overload or shown.underload else _digits(shown, "g", 0, 6)
    return b"\x02%6d      0      0\x03" % int(digits) if digits else b""


# --- rows -------------------------------------------------------------------------------------------------------------


_NEVER_EMPTY = (
    "on an empty pan it only says that the load is below Min. The station cannot see that the pan is empty, "
    "and books nothing before it has"
)

PROTOCOLS = (
    ScaleProtocol(
        id="dialog06",
        reports=("weight", "unit", "stable", "overload", "underload"),
        no_booking=_NEVER_EMPTY,
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(
                b"\x02\x06\x15", _D06_MAX_FRAME_BYTES, _d06_length, _parse_d06, _D06_START, inside=b"\x02"
            )
        ),
        encode_frame=encode_d06,
        line=LineSettings(9600, 7, "O"),
        parameters=(_PRICE_6,),
        commands={"request_weight": _d06_price, "enquiry": b"\x04\x05", "handshake": b"\x04\x0208\x03"},
        poll=Poll(("request_weight", "enquiry"), interval_s=0.5, timeout_s=1.0, why="handshake"),
        respond=_respond_d06,
    ),
    ScaleProtocol(
        id="dibal_tisa",
        reports=("weight", "stable", "underload"),
        no_booking=_NEVER_EMPTY,
        make_decoder=lambda _: LineEngine(LineProfile(_TISA_MAX_LINE_BYTES, _TISA_HEAD, _parse_tisa)),
        encode_frame=encode_tisa,
        parameters=(_PRICE_5,),
        commands={"request_weight": _tisa_price},
        default_unit="kg",
        poll=Poll(),
        respond=_respond_tisa,
    ),
    ScaleProtocol(
        id="toledo_prix",
        reports=("weight",),
        make_decoder=lambda _: FixedEngine(FixedProfile(0x02, 0x03, 7, _parse_prix)),
        encode_frame=encode_prix,
        commands={"request_weight": b"\x05", "enquiry": b"\x05"},
        default_unit="g",
        poll=Poll(),
    ),
    ScaleProtocol(
        id="micheletti_p15",
        reports=("weight",),
        make_decoder=lambda _: FixedEngine(FixedProfile(0x02, 0x03, 22, _parse_p15)),
        encode_frame=encode_p15,
        commands={"request_weight": b"\x05", "enquiry": b"\x05"},
        default_unit="g",
        poll=Poll(),
    ),
)
