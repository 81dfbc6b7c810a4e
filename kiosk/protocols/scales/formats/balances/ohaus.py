"""Ohaus print lines (RS232 manual p. 5, Defender 3000 p. 37, Ranger RC p. 36, RD p. 29, Navigator p. 93).

The legend is padded to three characters by the manual of the Defender alone. The number of Scout and Navigator has 11
or 12 characters (10 on NVT). A legend TOTAL, or T, is not the load on the pan. Commands are answered by ``OK!`` and
``ES`` on newer models. Over and under their range most print nothing, some ``Err8.3`` and ``Err8.4``.

Every number is in a field of fixed width that begins with a blank or the minus: a number whose head was cut off fits no
layout. ``any`` takes all of them, and with NET a lost or doubled byte can make one layout of another; net is never
booked. With the layout set that cannot happen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT, ANY_CASE, ReplyPattern, TextFormat, match_reply

_MAX_LINE_BYTES = 64
_UNITS = {**ANY_CASE, b"ct": "ct", b"dwt": "dwt", b"GN": "gr", b"pc": "pcs", b"PC": "pcs"}
_LEGENDS: Mapping[bytes, bool | None] = {b"": None, b"G": False, b"B/G": False, b"N": True, b"NET": True}
_RECORDS = {b"T": "tare", b"TOTAL": "total"}
_OUT_OF_RANGE = re.compile(rb"Err ?8\.([34])")
_REPLIES = (
    ReplyPattern(re.compile(rb"OK!"), ACKNOWLEDGEMENT),
    ReplyPattern(re.compile(rb"ES"), RejectReason.UNRECOGNIZED_COMMAND),
    ReplyPattern(re.compile(rb"\[?Err.{0,12}"), RejectReason.DEVICE_ERROR),
)
_TIME = rb"(?: +[0-9]{2}:[0-9]{2}:[0-9]{2})?"
# Behind noise only: behind the rest of a line its blanks may be in the place of a number's head.
_HEAD = re.compile(rb"(?<![-0-9A-Za-z%?./: ])[- ] {1,11}-?[0-9]")
# Where all layouts are taken, a line behind noise may be a Defender's that lost its minus: net in the layout without
# the second blank.
_HEAD_OF_ANY = re.compile(rb"(?!.{8} .{6}NET\Z)" + _HEAD.pattern, re.DOTALL)


def _row(number: bytes, rest: bytes) -> TextFormat:
    return TextFormat(
        re.compile(rb"(?P<number>" + number + rb") " + rest),
        units=_UNITS,
        stable={b"": True, b"?": False},
        net=_LEGENDS,
        records=_RECORDS,
    )


def _wide(min_width: int, max_width: int) -> tuple[TextFormat, ...]:
    """Build formats without a legend, and with one set off by a blank: a Defender's follows its mark directly, and two
    of its lines can run into one number of this width.
    """
    width = rb"(?=[- ][-0-9. ]{%d,%d}[0-9] )" % (min_width - 2, max_width - 2)
    number, unit, mark = width + rb" *-?[0-9][0-9.]*", rb"(?P<unit> {0,4}[A-Za-z%]{1,5})", rb"(?P<stable>\??)"
    legend = rb" (?:(?P<net>G|NET|N)|(?P<record>TOTAL|T))"
    return (
        _row(number, unit + rb" *" + mark + _TIME + rb" *"),
        _row(number, unit + rb" {0,2}" + mark + legend + _TIME + rb" *"),
    )


_DEFENDER = _row(
    rb"[- ] [-0-9. ]{6}[0-9]",
    rb"(?P<unit>[A-Za-z%][A-Za-z% ]{4})(?P<stable>[? ])" + rb"(?=.{3}\Z)(?:(?P<net>G|NET|N)|(?P<record>T))? *",
)
_DEFENDER_3000 = _row(
    rb"[- ][-0-9. ]{6}[0-9]", rb"(?P<unit>[A-Za-z%][A-Za-z% ]{4})(?P<stable>[? ])(?:(?P<net>G|NET|N)|(?P<record>T))"
)
_RANGER = _row(
    rb"[- ]  [-0-9. ]{6}[0-9]", rb"(?P<unit>[A-Za-z%][A-Za-z%]| [A-Za-z%]|[A-Za-z%] ) (?P<stable>[? ]) (?P<net>NET|B/G)"
)
_LAYOUTS = {
    "any": (_DEFENDER, _DEFENDER_3000, _RANGER, *_wide(11, 12)),
    "defender": (_DEFENDER,),
    "defender_3000": (_DEFENDER_3000,),
    "ranger": (_RANGER,),
    **{width: _wide(int(width), int(width)) for width in ("10", "11", "12")},
}
LAYOUT = Parameter(
    "layout",
    "any",
    tuple(_LAYOUTS),
    "defender: 7 characters, sign apart by a blank; defender_3000: without that blank; ranger: by two; 10, 11, 12: "
    "that many; any: all but 10",
)


def _decoder(given: Params) -> Decoder:
    layouts = _LAYOUTS[given[LAYOUT.name]]
    head = _HEAD_OF_ANY if given[LAYOUT.name] == "any" else _HEAD

    def parse(line: bytes) -> Decoded:
        for layout in layouts:
            if layout.pattern.fullmatch(line):
                return layout.parse(line)
        return _parse_reply(line) or layouts[0].parse(line)

    return LineEngine(LineProfile(_MAX_LINE_BYTES, head, parse))


def _parse_reply(line: bytes) -> Decoded | None:
    match = _OUT_OF_RANGE.fullmatch(line)
    if match is None:
        return match_reply(_REPLIES, line)
    over = match[1] == b"3"
    return Reading(None, None, None, None, overload=over, underload=not over, raw=line)


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build one print line, of the layout that is set (any: Defender); b"" out of range.

    Raises ValueError for a number too long for the layout and for other units.
    """
    unit = shown.unit.encode("ascii")
    if unit not in _UNITS:
        raise ValueError(f"ohaus_print does not carry {shown.unit}")
    if shown.overload or shown.underload:
        return b""
    layout = params[LAYOUT.name]
    mark, legend = b" " if shown.stable else b"?", b"NET" if shown.net else b"G"
    if layout.isdigit():
        return _fitted(shown, b"", int(layout)) + b" %b %b %b\r\n" % (unit, mark, legend)
    sign = b"-" if shown.weight < 0 else b" "
    if layout == "defender_3000":
        return _fitted(shown, sign, 7) + b" %b%b%b\r\n" % (unit.ljust(5), mark, legend[:1])
    if layout == "ranger":
        gross = legend if shown.net else b"B/G"
        return _fitted(shown, sign + b"  ", 7) + b" %b %b %b\r\n" % (_in_two(unit), mark, gross)
    return _fitted(shown, sign + b" ", 7) + b" %b%b%b\r\n" % (unit.ljust(5), mark, legend.ljust(3))


def _in_two(unit: bytes) -> bytes:
    if len(unit) > 2:
        raise ValueError(f"ohaus_print has two places for the unit in this layout, not {unit.decode()}")
    return unit.ljust(2)


def _fitted(shown: DisplayState, sign: bytes, width: int) -> bytes:
    weight = abs(shown.weight) if sign else shown.weight
    number = format(weight, f"{width}f").encode("ascii")
    if len(number) > width or (not sign and number[:1] not in b" -"):
        raise ValueError(f"ohaus_print has {width} characters for the number, not {shown.weight}")
    return sign + number


_COMMANDS = {
    "print": b"P\r\n",
    "read": b"IP\r\n",
    "request_weight": b"IP\r\n",
    "zero": b"Z\r\n",
    "tare": b"T\r\n",
    "stream_on": b"CP\r\n",
    "stream_off": b"0P\r\n",
}


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    if name in ("print", "read", "request_weight"):
        return encode_frame(shown, params)
    return b"OK!\r\n" + (encode_frame(shown, params) if name == "stream_on" else b"")


PROTOCOLS = (
    ScaleProtocol(
        id="ohaus_print",
        reports=("weight", "unit", "stable", "net", "tare"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        respond=_respond,
        commands=_COMMANDS,
        parameters=(LAYOUT,),
    ),
)
