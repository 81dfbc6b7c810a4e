"""USB weighing devices, usage page 8Dh (USB HID Point of Sale Usage Tables 1.02, section 4).

The weight is the number times ten to the signed exponent. Not for trade: scales of this kind are postal scales without
an approval, and a report shows neither its device nor its order.

Some backends leave out the 03 of input report 3. Such a report is known by its status, unit and exponent. One in motion
(status 3) then looks like the beginning of one with a 03: it means a moving load, without a weight.
"""

from __future__ import annotations

from decimal import Decimal

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol, Transport
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason

_REPORT = 3
_FAULT, _ZERO, _MOTION, _STABLE, _UNDER, _OVER, _CALIBRATE, _REZERO = range(1, 9)
_UNITS = {
    1: "mg",
    2: "g",
    3: "kg",
    4: "ct",
    5: "tael",
    6: "gr",
    7: "dwt",
    8: "t",
    9: None,  # the US ton: not a unit of the station
    10: "ozt",
    11: "oz",
    12: "lb",
}
_REFUSED = {_FAULT: RejectReason.FAULT, _CALIBRATE: RejectReason.NEEDS_CALIBRATION, _REZERO: RejectReason.ZERO_ERROR}
_EXPONENTS = range(-9, 2)  # More than a tenfold count is no weighing: then bytes have shifted
_MAX_DECIMALS = -_EXPONENTS[0]
_LENGTH = 6


def _exponent(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _length(data: bytes) -> int | None:
    if len(data) < 3:
        return None
    begins_short = data[1] in _UNITS and (-_MAX_DECIMALS <= _exponent(data[2]) <= 0)
    if data[0] != _REPORT or begins_short:
        return _LENGTH - 1 if begins_short else 0
    return _LENGTH if _FAULT <= data[1] <= _REZERO or data[2] in _UNITS else 0


def _parse(report: bytes) -> Decoded:
    status, unit, exponent, low, high = report[-5:]
    if len(report) < _LENGTH and status == _MOTION:
        return _reading(None, None, status, report)
    if not _FAULT <= status <= _REZERO or unit not in _UNITS or _exponent(exponent) not in _EXPONENTS:
        return Rejected(RejectReason.FRAMING, report)
    if status in _REFUSED:
        return Rejected(_REFUSED[status], report)
    if status in (_UNDER, _OVER):
        return _reading(None, _UNITS[unit], status, report)
    weight = Decimal(low | high << 8).scaleb(_exponent(exponent))
    if _UNITS[unit] is None or (status == _ZERO and weight):
        return Rejected(RejectReason.NO_WEIGHT, report)
    return _reading(weight, _UNITS[unit], status, report)


def _reading(weight: Decimal | None, unit: str | None, status: int, report: bytes) -> Reading:
    return Reading(
        weight,
        unit,
        stable=None if status in (_UNDER, _OVER) else status in (_ZERO, _STABLE),
        overload=status == _OVER,
        underload=status == _UNDER,
        raw=report,
    )


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build input report 3; a number above 65535 is over the limit. Raises ValueError for a number it cannot carry."""
    codes = {name: code for code, name in _UNITS.items()}
    exponent = int(shown.weight.as_tuple().exponent)
    if shown.unit not in codes or not -_MAX_DECIMALS <= exponent <= 0:
        raise ValueError(f"usb_hid_scale carries 0 to {_MAX_DECIMALS} decimals, not {shown.weight} {shown.unit}")
    counts = int(abs(shown.weight).scaleb(-exponent))
    if shown.underload or (shown.weight < 0 and not shown.overload):
        status = _UNDER
    elif shown.overload or counts > 0xFFFF:
        status, counts = _OVER, 0
    else:
        status = _MOTION if not shown.stable else _STABLE if counts else _ZERO
    return bytes((_REPORT, status, codes[shown.unit], exponent & 0xFF)) + min(counts, 0xFFFF).to_bytes(2, "little")


PROTOCOLS = (
    ScaleProtocol(
        id="usb_hid_scale",
        reports=("weight", "unit", "stable", "overload", "underload"),
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(bytes(range(_FAULT, _REZERO + 1)), _LENGTH, _length, _parse)
        ),
        encode_frame=encode_frame,
        transport=Transport.HID,
    ),
)
