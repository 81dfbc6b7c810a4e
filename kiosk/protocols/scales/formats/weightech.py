"""Weightech WT1000: flag, gross, tare and net in one line (lines recorded from such indicators).

"ol" in any field is overload, even when the flag is 0. No unit is sent. The weight is the net: without a tare
it is the gross, and then not called net. The tare of the line goes with the reading. A line in which the net is not
the gross less the tare, or whose numbers differ in their decimals, is damaged.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import TextFormat

_FIELD = 7
_LINE = 1 + 3 * (1 + _FIELD)
# The last digit of a number and its comma look like a flag: only what a whole line follows is one.
_HEAD = re.compile(rb"[01],(?=.{7},.{7},.{7}$)", re.DOTALL)
_FORMAT = TextFormat(
    re.compile(rb"(?P<stable>[01])(?:,.{7}){2},(?P<number>.{7})", re.DOTALL),
    stable={b"0": True, b"1": False},
    says_over=True,
)
_OVERLOAD = re.compile(rb"[01](?=.*ol),[^,]{7},[^,]{7},[^,]{7}", re.IGNORECASE)


def _parse(line: bytes) -> Decoded:
    if _OVERLOAD.fullmatch(line):
        return Reading(None, unit=None, overload=True, raw=line)
    decoded = _FORMAT.parse(line)
    if not isinstance(decoded, Reading):
        return decoded
    gross, tare = (from_text(line[at : at + _FIELD]) for at in (2, 3 + _FIELD))
    # A damaged digit, point or sign in one of the three does not agree with the others.
    decimals = {number.as_tuple().exponent for number in (gross, tare, decoded.weight) if number is not None}
    if gross is None or tare is None or decoded.weight != gross - tare or len(decimals) != 1:
        return Rejected(RejectReason.FRAMING, line)
    return replace(decoded, net=tare != 0, tare=tare)


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the line for this display; beyond seven characters it is overload, below its range b"".

    A net display does not show the tare: the simulated indicator then has the smallest one. The format has no word for
    a load below the range.
    """
    flag = "0" if shown.stable else "1"
    tare = Decimal(1).scaleb(int(shown.weight.as_tuple().exponent)) if shown.net else shown.weight * 0
    fields = [f"{number:f}".rjust(_FIELD) for number in (shown.weight + tare, tare + 0, shown.weight)]
    if shown.underload and not shown.overload:
        return b""
    if shown.overload or any(len(field) > _FIELD for field in fields):
        fields = ["ol".rjust(_FIELD)] * 3
    return ",".join((flag, *fields)).encode("ascii") + b"\r\n"


PROTOCOLS = (
    ScaleProtocol(
        id="weightech_wt1000",
        reports=("weight", "stable", "net", "overload", "tare"),
        make_decoder=lambda _: LineEngine(LineProfile(_LINE, _HEAD, _parse)),
        encode_frame=encode_frame,
    ),
)
