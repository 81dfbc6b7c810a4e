"""Datalogic scanner-scales on one cable (Datalogic KA-01089); lines end with CR.

S11 is answered when the load is still, S14 at once; S12 takes the question back, S13 asks for the status. The digits
have no point: five are kilograms with three decimals, four are pounds with two. Bar codes of the scanner come on the
same line behind other prefixes, S 0 and one more character.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_digits
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

METRIC = Parameter("metric", "true", ("true", "false"), "five digits are kg with 3 decimals; false: four, lb with 2")
_HEAD = re.compile(rb"S1[1-4](?=[0-9]{0,6}\Z)")
_WEIGHT = re.compile(rb"S11(?P<digits>[0-9]+)|S144(?P<now>[0-9]+)")
_ZERO = re.compile(rb"S143(?P<digits>0*)")
# Answer as stable, overload, underload.
_CONDITIONS = {b"S141": (False, False, False), b"S142": (None, True, False), b"S145": (None, False, True)}
_BAR_CODE = re.compile(rb"S0(?P<text>[ -~]+)")
_STATUS = re.compile(rb"S1[23](?P<text>[ -~]*)")
_MAX_LINE_BYTES = 128


def _parse(line: bytes, metric: bool) -> Decoded:
    unit, width, decimals = ("kg", 5, 3) if metric else ("lb", 4, 2)
    if line in _CONDITIONS:
        stable, over, under = _CONDITIONS[line]
        return Reading(None, None, stable=stable, overload=over, underload=under, raw=line)
    if line == b"S140":
        return Rejected(RejectReason.BUSY, line)
    zero = _ZERO.fullmatch(line)
    if zero is not None and len(zero["digits"]) in (0, width):
        return _weighed(from_digits(False, b"0" * width, decimals), unit, line)
    match = _WEIGHT.fullmatch(line)
    digits = (match["digits"] or match["now"]) if match else b""
    if len(digits) == width:
        return _weighed(from_digits(False, digits, decimals), unit, line)
    return _message(line)


def _weighed(weight: Decimal, unit: str, line: bytes) -> Reading:
    return Reading(weight, unit, stable=True, overload=False, underload=False, raw=line)


def _message(line: bytes) -> Decoded:
    for kind, pattern in (("bar_code", _BAR_CODE), ("status", _STATUS)):
        match = pattern.fullmatch(line)
        if match is not None:
            return Record(kind, match["text"].decode("ascii"), line)
    return Rejected(RejectReason.FRAMING, line)


def _decoder(given: Params) -> Decoder:
    return LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, partial(_parse, metric=given[METRIC.name] == "true")))


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the answer to S14: a number with too many digits is over capacity, a negative one under zero."""
    unit, width, decimals = ("kg", 5, 3) if (params[METRIC.name] == "true") else ("lb", 4, 2)
    if shown.unit != unit or shown.weight.as_tuple().exponent != -decimals:
        raise ValueError(f"magellan_s carries {unit} with {decimals} decimals, not {shown.weight} {shown.unit}")
    text = f"{int(shown.weight.scaleb(decimals)):0{width}d}"
    digits = text.encode("ascii") if len(text) == width else b""
    if not shown.overload and (shown.underload or shown.weight < 0):
        return b"S145\r"
    if shown.overload or not digits:
        return b"S142\r"
    if not shown.stable:
        return b"S141\r"
    return b"S144%b\r" % digits if shown.weight else b"S143\r"


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer a command; b"" to S11 without a stable load, for which a real scale waits."""
    frame = encode_frame(shown, params)
    if name == "read":
        return frame
    return b"S11" + frame[4:] if frame.startswith(b"S144") else b""


PROTOCOLS = (
    ScaleProtocol(
        id="magellan_s",
        reports=("weight", "stable", "overload", "underload", "unit"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        line=LineSettings(9600, 7, "O"),
        parameters=(METRIC,),
        commands={"request_weight": b"S11\r", "read": b"S14\r"},
        poll=Poll(("read",)),
        respond=_respond,
    ),
)
