"""Shanghai Yaohua XK3190-A12, A12E, A15 and copies: weight as text.

``xk3190_a12e``, continuous or on the print key, 15 bytes (XK3190-A12E manual p. 13). The last place is blank when there
is no point; overload is above Max + 9 e, underload below -20 d. The same letters in another order have the same check:
it does not protect OL against LO.

``xk3190_ww``, lines that begin with lower-case letters, the point anywhere; a tare is a separate line (lines recorded
from such boards). Overload is not documented, the simulated indicator then sends nothing.

Neither sends stability.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial

from kiosk.protocols.scales.formats.xk3190.binary import check_characters
from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.params import CHECKSUM
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import WIDTH, TextFormat, with_width

_CHECKED = 11
_LINE = _CHECKED + 2
_FIELD = 7
_A12E_HEAD = re.compile(rb"W[GN]| {9}(?:OL|LO)")
_A12E = TextFormat(
    re.compile(rb"(?:W(?P<net>[GN])(?P<number>.{7})(?P<unit>kg)| {9}(?P<range>OL|LO)).{2}", re.DOTALL),
    net={b"G": False, b"N": True},
    over=frozenset((b"OL",)),
    under=frozenset((b"LO",)),
    says_over=True,
    says_under=True,
)


def _parse_a12e(line: bytes, verify: bool) -> Decoded:
    if verify and len(line) == _LINE and line[_CHECKED:] != check_characters(line[:_CHECKED]):
        return Rejected(RejectReason.CHECKSUM, line)
    return _A12E.parse(line)


def _decoder_a12e(given: Params) -> Decoder:
    parse = partial(_parse_a12e, verify=given[CHECKSUM.name] == "on")
    return LineEngine(LineProfile(_LINE, _A12E_HEAD, parse))


def encode_a12e(shown: DisplayState, params: Params) -> bytes:
    """Build the line for this display; beyond seven characters the indicator shows overload.

    Raises ValueError for another unit than kg, which the frame cannot carry.
    """
    if shown.unit != "kg":
        raise ValueError(f"xk3190_a12e carries kg, not {shown.unit}")
    number = f"{abs(shown.weight):f}"
    number += "" if "." in number else " "
    number = ("-" if shown.weight < 0 else "") + number.rjust(_FIELD - (shown.weight < 0))
    body = f"W{'N' if shown.net else 'G'}{number}kg"
    if shown.underload and not shown.overload:
        body = f"{'LO':>{_CHECKED}}"
    elif shown.overload or len(number) > _FIELD:
        body = f"{'OL':>{_CHECKED}}"
    checked = body.encode("ascii")
    return checked + check_characters(checked) + b"\r\n"


def _point_anywhere(field: bytes) -> Decimal | None:
    """Parse a number whose point may be behind the last digit or before the first, as in this format."""
    sign, digits = (field[:1], field[1:]) if field[:1] == b"-" else (b"", field)
    return from_text(sign + (b"0" + digits if digits[:1] == b"." else digits.removesuffix(b".")))


_WW_MAX_LINE_BYTES = 16
_WW_HEAD = re.compile(rb"w(?=[wnt])")
_WW = TextFormat(
    re.compile(rb"w(?:(?P<record>t)|(?P<net>[wn]))(?P<number>-?[0-9.]+)(?P<unit>kg|lb)"),
    net={b"w": False, b"n": True},
    records={b"t": "tare"},
    number=_point_anywhere,
)
_WW_UNITS = ("kg", "lb")


def _decoder_ww(given: Params) -> Decoder:
    return LineEngine(LineProfile(_WW_MAX_LINE_BYTES, _WW_HEAD, with_width(_WW, given).parse))


def encode_ww(shown: DisplayState, params: Params) -> bytes:
    """Build the line for this display; b"" beyond the range or seven characters.

    Raises ValueError for another unit than kg and lb.
    """
    if shown.unit not in _WW_UNITS:
        raise ValueError(f"xk3190_ww carries {' and '.join(_WW_UNITS)}, not {shown.unit}")
    sign = "-" if shown.weight < 0 else ""
    number = sign + f"{abs(shown.weight):f}".rjust(_FIELD - len(sign), "0")
    if shown.overload or shown.underload or len(number) > _FIELD:
        return b""
    return f"w{'n' if shown.net else 'w'}{number}{shown.unit}\r\n".encode("ascii")


_READ = ("request_weight", "read")


def _respond_ww(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer a request for a reading; b"" for zero and tare, whose answers are not documented."""
    return encode_ww(shown, params) if name in _READ else b""


PROTOCOLS = (
    ScaleProtocol(
        id="xk3190_a12e",
        reports=("weight", "unit", "net", "overload", "underload"),
        make_decoder=_decoder_a12e,
        encode_frame=encode_a12e,
        parameters=(CHECKSUM,),
    ),
    ScaleProtocol(
        id="xk3190_ww",
        reports=("weight", "unit", "net", "tare"),
        make_decoder=_decoder_ww,
        encode_frame=encode_ww,
        commands={"request_weight": b"R", "read": b"R", "tare": b"T", "zero": b"Z"},
        respond=_respond_ww,
        parameters=(WIDTH,),
    ),
)
