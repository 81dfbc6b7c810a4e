"""MT-SICS of Mettler Toledo, which KERN's KCP follows (AL-IC manual p. 72, AT p. 87, XPR; KCP-ZB 1.1.2).

Any other first word answers another command: ``Z A`` done, ``Z +`` outside the zero range, ``T S value unit``,
``TI D value unit`` and ``TA A value unit`` carry a tare and are never a weight. L as the second character refuses a
parameter; ``ES``, ``ET`` and ``EL`` are errors. ``I4 A "number"`` answers ``@`` and is sent unasked when the power
comes back. Weigh modules add codes behind the second character: it is read, not the whole line.
"""

from __future__ import annotations

import re

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT, ANY_CASE, ReplyPattern, TextFormat, match_reply

_MAX_LINE_BYTES = 96
_HEAD = re.compile(rb"(?=(?:S|T|TI|TA) [SDA] )")
_MORE = rb"(?: .*)?"
_REPLIES = (
    ReplyPattern(re.compile(rb"S S +Err.*"), RejectReason.DEVICE_ERROR),
    ReplyPattern(re.compile(rb"(?:S|SI|SR|SIR|Z|ZI|T|TI|TA|TAC|@|K|D|DW|PW|I[0-5]) I" + _MORE), RejectReason.BUSY),
    ReplyPattern(re.compile(rb"[A-Z@][A-Z0-9]{0,3} L" + _MORE), RejectReason.PARAMETER),
    ReplyPattern(re.compile(rb"ZI? [-+]" + _MORE), RejectReason.ZERO_RANGE),
    ReplyPattern(re.compile(rb"T[IA]? [-+]" + _MORE), RejectReason.TARE_RANGE),
    ReplyPattern(re.compile(rb"ES"), RejectReason.SYNTAX),
    ReplyPattern(re.compile(rb"ET"), RejectReason.TRANSMISSION),
    ReplyPattern(re.compile(rb"EL"), RejectReason.LOGICAL),
    ReplyPattern(re.compile(rb'I4 A "([ -!#-~]{0,40})"'), "serial_number"),
    ReplyPattern(re.compile(rb"(I[0-5] [AB]" + _MORE + rb")"), "information"),
    ReplyPattern(re.compile(rb"(Z A|ZI [SDA]|TAC A|(?:@|K|D|DW|PW|SR|SIR) A)" + _MORE), ACKNOWLEDGEMENT),
)
_WIDTHS = {"10": rb"(?=.{10} )", "any": rb"(?=.{1,16} )"}
_NUMBER = rb"(?P<number> *[-+]? *[0-9][0-9.]*) (?P<unit>[A-Za-z%]{1,3}) *"
_UNITS = {**ANY_CASE, b"ct": "ct", b"dwt": "dwt", b"GN": "gr"}
_WEIGHTS = {
    name: TextFormat(
        re.compile(rb"S (?:(?P<stable>[SD]) " + width + _NUMBER + rb"|(?P<range>[-+])" + _MORE + rb")"),
        units=_UNITS,
        stable={b"S": True, b"D": False},
        over=frozenset({b"+"}),
        under=frozenset({b"-"}),
        says_over=True,
        says_under=True,
    )
    for name, width in _WIDTHS.items()
}
_TARES = {
    name: TextFormat(
        re.compile(rb"(?P<record>T S|TI [SD]|TA A) " + width + _NUMBER),
        units=_UNITS,
        records=dict.fromkeys((b"T S", b"TI S", b"TI D", b"TA A"), "tare"),
    )
    for name, width in _WIDTHS.items()
}
WIDTH = Parameter("width", "10", ("10", "any"), "characters of the number: ten, or any for instruments that differ")


def _decoder(given: Params) -> Decoder:
    weight, tare = _WEIGHTS[given[WIDTH.name]], _TARES[given[WIDTH.name]]

    def parse(line: bytes) -> Decoded:
        return match_reply(_REPLIES, line) or (weight if line.startswith(b"S") else tare).parse(line)

    return LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, parse))


def _number(shown: DisplayState) -> bytes:
    number = format(shown.weight, "10f").encode("ascii")
    if shown.unit.encode("ascii") not in _UNITS or len(number) > 10:
        raise ValueError(f"mt_sics carries ten characters, not {shown.weight} {shown.unit}")
    return b"%b %b" % (number, shown.unit.encode("ascii"))


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to SI. Raises ValueError for more than ten characters and for other units."""
    if shown.overload:
        return b"S +\r\n"
    if shown.underload:
        return b"S -\r\n"
    return b"S %b %b\r\n" % (b"S" if shown.stable else b"D", _number(shown))


_COMMANDS = {
    "read": b"S\r\n",
    "request_weight": b"SI\r\n",
    "zero": b"Z\r\n",
    "tare": b"T\r\n",
    "clear_tare": b"TAC\r\n",
    "read_tare": b"TA\r\n",
    "stream_on": b"SIR\r\n",
    "stream_off": b"SI\r\n",
}
_DONE = {"zero": b"Z A\r\n", "clear_tare": b"TAC A\r\n"}


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer; stable weight, zero and tare are refused in motion. A net display does not show its tare."""
    if name in ("request_weight", "stream_on", "stream_off"):
        return encode_frame(shown, params)
    if name == "read":
        still = shown.stable or shown.overload or shown.underload
        return encode_frame(shown, params) if still else b"S I\r\n"
    if name == "read_tare":
        return b"TA I\r\n" if shown.net else b"TA A      0.000 kg\r\n"
    if name == "clear_tare":
        return _DONE[name]
    word = _COMMANDS[name].strip()
    if shown.overload or shown.underload:
        return b"%b %b\r\n" % (word, b"+" if shown.overload else b"-")
    if not shown.stable:
        return b"%b I\r\n" % word
    return _DONE[name] if name == "zero" else b"T S %b\r\n" % _number(shown)


PROTOCOLS = (
    ScaleProtocol(
        id="mt_sics",
        reports=("weight", "unit", "stable", "overload", "underload", "tare"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        respond=_respond,
        commands=_COMMANDS,
        parameters=(WIDTH,),
        poll=Poll(interval_s=0.2, timeout_s=1.0, retries=2),
    ),
)
