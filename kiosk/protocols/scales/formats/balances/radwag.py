"""Radwag balances and indicators (Radwag manuals; WTC manual p. 48).

A price scale (WTC) answers SI without the space behind the mark and without a unit, with price and amount behind the
mass. An action is answered by ``XX A`` (started) and ``XX D`` (done), or by ``XX I`` (not now), ``XX E`` (never
stable), ``XX ^`` and ``XX v`` (outside its range); ``ES`` is a command that is not known.
"""

from __future__ import annotations

import re

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT, UNITS, ReplyPattern, TextFormat, match_reply

_MAX_LINE_BYTES = 40
_NAME = rb"[A-Z][A-Z0-9]{0,2}"
_READS = rb"(?:S  |SI |SU |SUI)"
_HEAD = re.compile(rb"(?:S  |SI |SU |SUI|OT |T  )[ ?^v]")
_REPLIES = (
    ReplyPattern(re.compile(rb"ES *"), RejectReason.UNRECOGNIZED_COMMAND),
    ReplyPattern(re.compile(_NAME + rb" +I *"), RejectReason.BUSY),
    ReplyPattern(re.compile(_NAME + rb" +E *"), RejectReason.TIMEOUT_UNSTABLE),
    ReplyPattern(re.compile(rb"Z +[v^] *"), RejectReason.ZERO_RANGE),
    ReplyPattern(re.compile(rb"(?:T|OT|UT) +[v^] *"), RejectReason.TARE_RANGE),
    ReplyPattern(re.compile(rb"(" + _NAME + rb" +(?:A|D|OK)) *"), ACKNOWLEDGEMENT),
)
_MARKED = rb"(?:(?P<stable>[ ?])|(?P<range>[v^]))"
_MASS = rb"(?P<number>[- ][ 0-9.]{9})"
_UNITS = {**UNITS, b"ct": "ct", b"dwt": "dwt"}


def _row(pattern: bytes) -> TextFormat:
    return TextFormat(
        re.compile(pattern),
        units=_UNITS,
        stable={b"": True, b"?": False},
        over=frozenset({b"^"}),
        under=frozenset({b"v"}),
        records={b"OT": "tare", b"T": "tare"},
        says_over=True,
        says_under=True,
    )


_UNIT = rb" (?P<unit>[A-Za-z% ]{3})"
_FORMATS = (
    _row(_READS + _MARKED + rb" " + _MASS + _UNIT),
    _row(rb"(?:" + _READS + rb"|S )(?P<range>[v^])[-^v_ 0-9.A-Za-z%]{0,15}"),
    _row(rb"SI " + _MARKED + _MASS + rb" [ 0-9.]{6} [ 0-9.]{8}"),
    _row(rb"(?P<record>OT|T ) [ ?] " + _MASS + _UNIT),
    _row(rb"(?P<record>OT) (?P<number>[- ]?[ 0-9.]{9}) (?P<unit>[A-Za-z% ]{1,4})"),
)


def _parse(line: bytes) -> Decoded:
    for row in _FORMATS:
        if row.pattern.fullmatch(line):
            return row.parse(line)
    return match_reply(_REPLIES, line) or _FORMATS[0].parse(line)


def _answered(name: bytes, shown: DisplayState) -> bytes:
    number = format(abs(shown.weight), "9f").encode("ascii")
    unit = shown.unit.encode("ascii")
    if len(number) > 9 or unit not in _UNITS:
        raise ValueError(f"radwag carries nine characters, not {shown.weight} {shown.unit}")
    if shown.overload or shown.underload:
        return b"%b%b           %b\r\n" % (name.ljust(3), b"^" if shown.overload else b"v", b" " + unit.ljust(3))
    mark, sign = b" " if shown.stable else b"?", b"-" if shown.weight < 0 else b" "
    return b"%b%b %b%b %b\r\n" % (name.ljust(3), mark, sign, number, unit.ljust(3))


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to SI. Raises ValueError for more than nine characters and for other units."""
    return _answered(b"SI", shown)


_COMMANDS = {
    "read": b"S\r\n",
    "request_weight": b"SI\r\n",
    "zero": b"Z\r\n",
    "tare": b"T\r\n",
    "read_tare": b"OT\r\n",
    "stream_on": b"C1\r\n",
    "stream_off": b"C0\r\n",
}


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer a command; a slow one is acknowledged first. A net display does not show its tare."""
    word = _COMMANDS[name].strip()
    if name == "request_weight":
        return encode_frame(shown, params)
    if name == "read_tare":
        return b"OT I\r\n" if shown.net else b"OT     0.000 kg  \r\n"
    started = b"%b A\r\n" % word
    if name == "stream_on":
        return started + encode_frame(shown, params)
    return started if name == "stream_off" else started + _ended(name, word, shown)


def _ended(name: str, word: bytes, shown: DisplayState) -> bytes:
    if name == "read" and (shown.stable or shown.overload or shown.underload):
        return _answered(b"S", shown)
    if shown.overload or shown.underload:
        return b"%b %b\r\n" % (word, b"^" if shown.overload else b"v")
    return b"%b %b\r\n" % (word, b"D" if shown.stable else b"E")


PROTOCOLS = (
    ScaleProtocol(
        id="radwag",
        reports=("weight", "unit", "stable", "overload", "underload", "tare"),
        make_decoder=lambda _: LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, _parse)),
        encode_frame=encode_frame,
        respond=_respond,
        commands=_COMMANDS,
        poll=Poll(interval_s=0.2, timeout_s=1.0, retries=2),
    ),
)
