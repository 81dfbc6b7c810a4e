"""CAS and its copies: the ENQ dialogue, the 22-byte line, and CAS-M.

``cas_type6``, polled (CAS PD-II manual p. 19, 23, "Type 6"; Gram ZFOC p. 42; rkeeper scale-driver page): ENQ (05) is
answered by ACK (06) or NAK (15, not now), DC1 (11) by the frame. Its second byte is 81 on some; its check may be any
value, 03 and 04 too. TJ and TL are taels, SJ is jin.

``cas_m_pro`` (Mertech, CAS-M and CAS-M Pro page) is the same dialogue with two text commands and queries.

``cas_22``, streamed (CI-400 p. 103, CI-600D p. 74, NT-200 p. 48, CI-150A p. 54). The same indicators can be set to
eight characters alone (10 bytes) and to the A&D line (18 bytes): read as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from operator import xor

from kiosk.protocols.scales.formats import and_standard
from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile, LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text, signed
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT, UNITS, ReplyPattern, TextFormat, match_reply

_ENQ, _ACK, _DC1, _NAK = b"\x05", b"\x06", b"\x11", b"\x15"
_BODY_AT = 2
# Bytes that STA to the unit never are: a fragment ends before them, so that an answer behind it is not swallowed.
_NEVER_INSIDE = frozenset(b"\x01\x02\x03\x04\x06\x15\x81")
# What follows six characters of weight where there is a seventh; a unit begins with none of them.
_SEVENTH = frozenset(b"%c" % byte for byte in b"0123456789.F")
_BLOCK = re.compile(
    rb"(?P<status>[SUF])(?P<sign>[- F])(?:(?P<over>F{6,7})|(?P<weight>[ 0-9.]{6,7}))(?P<unit>[A-Za-z ]{2})"
)
_UNITS6 = {b"kg": "kg", b"g": "g", b"lb": "lb", b"oz": "oz", b"TJ": "tael", b"TL": "tael", b"SJ": "jin"}
_STABLE6 = {b"S": True, b"U": False}
_MAX_TYPE6_BYTES = 16


def _length6(data: bytes) -> int | None:
    """Return the length of the frame, or of the broken piece up to the first byte that cannot be in its place."""
    if data[:1] in (_ACK, _NAK):
        return 1
    if len(data) < _BODY_AT:
        return None
    if data[1] != 0x02:
        return 0
    check_at = 13 if data[10:11] in _SEVENTH else 12
    for at in range(_BODY_AT, min(len(data), check_at)):
        if data[at] in _NEVER_INSIDE:
            return at
    for at, end in ((check_at + 1, 0x03), (check_at + 2, 0x04)):
        if len(data) <= at:
            return None
        if data[at] != end:
            return at
    return check_at + 3


def _parse6(frame: bytes) -> Decoded:
    if frame == _ACK:
        return Record(ACKNOWLEDGEMENT, "ACK", frame)
    if frame == _NAK:
        return Rejected(RejectReason.NAK, frame)
    if not frame.endswith(b"\x03\x04"):
        return Rejected(RejectReason.FRAMING, frame)
    if frame[-3] != _check6(frame[_BODY_AT:-3]):
        return Rejected(RejectReason.CHECKSUM, frame)
    match = _BLOCK.fullmatch(frame, _BODY_AT, len(frame) - 3)
    return _judge6(match, frame) if match else Rejected(RejectReason.FRAMING, frame)


def _check6(body: bytes) -> int:
    return reduce(xor, body, 0)


def _judge6(match: re.Match[bytes], frame: bytes) -> Decoded:
    unit, stable = _UNITS6.get(match["unit"].strip(b" ")), _STABLE6.get(match["status"])
    if match["over"] or match["sign"] == b"F":
        return Reading(None, unit, stable, overload=True, raw=frame)
    if stable is None:
        return Rejected(RejectReason.FAULT, frame)
    if not match["weight"].strip(b" "):
        return Rejected(RejectReason.NO_WEIGHT, frame)
    weight = from_text(match["weight"])
    if weight is None or unit is None:
        return Rejected(RejectReason.FRAMING, frame)
    weight = signed(match["sign"] == b"-", format(weight, "f"))
    return Reading(weight, unit, stable, overload=False, raw=frame)


def encode_frame6(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to DC1; b"" for underload, where none is known. Raises ValueError for other units."""
    unit = shown.unit.encode("ascii")
    if unit not in _UNITS6:
        raise ValueError(f"cas_type6 carries kg, g, lb and oz, not {shown.unit}")
    if shown.underload:
        return b""
    number = format(abs(shown.weight), "f").encode("ascii")
    if shown.overload or len(number) > 7:
        return _framed6(b"UFFFFFFF%b" % unit.rjust(2))
    sign = b"-" if shown.weight < 0 else b" "
    return _framed6(b"%b%b%b%b" % (b"S" if shown.stable else b"U", sign, number.rjust(6, b"0"), unit.rjust(2)))


def _framed6(body: bytes) -> bytes:
    return b"\x01\x02%b%c\x03\x04" % (body, _check6(body))


def _respond6(name: str, shown: DisplayState, params: Params) -> bytes:
    if name == "enquiry":
        return _ACK
    return encode_frame6(shown, params) if name == "request_weight" else b""


# --- CAS-M ------------------------------------------------------------------------------------------------------------

_ANSWER = re.compile(rb"[a-z]{1,5}(?:=[ -~]{0,40}(?:\r\n?)?)?")
_BEGINS = re.compile(rb"[\x01\x81\x06\x15]|[a-z]{1,5}(?:=|\Z)")
_ANSWER_STARTS = b"abcdefghijklmnopqrstuvwxyz"
_MAX_ANSWER_BYTES = 48


def _length_m(data: bytes) -> int | None:
    if data[0] not in _ANSWER_STARTS:
        return _length6(data)
    match = _ANSWER.match(data)
    assert match is not None  # the start byte alone matches
    if match[0].endswith(b"\n"):
        return match.end()
    return None if match.end() == len(data) else 0


def _parse_m(frame: bytes) -> Decoded:
    if frame[0] not in _ANSWER_STARTS:
        return _parse6(frame)
    name, _, value = frame.decode("ascii").strip().partition("=")
    return Record(name, value.strip(), frame)


def _respond_m(name: str, shown: DisplayState, params: Params) -> bytes:
    return b"mode=224F  \r\n" if name == "handshake" else _respond6(name, shown, params)


# --- 22 bytes ---------------------------------------------------------------------------------------------------------

_HEAD = re.compile(rb"(?:ST|US|OL|QT),(?:(?:GS|NT|TR|PT),)?")
_LINE22 = TextFormat(
    re.compile(
        rb"(?:(?P<stable>ST|US)|(?P<range>OL)),(?P<net>GS|NT),[^,].,(?P<number>[-+ 0-9.]{8}).(?P<unit>..)", re.DOTALL
    ),
    units=UNITS,
    stable={b"ST": True, b"US": False},
    net={b"GS": False, b"NT": True},
    over=frozenset({b"OL"}),
    says_over=True,
)
_OVER22 = TextFormat(
    re.compile(rb"(?P<range>OL),(?P<net>GS|NT),[^,].,.{0,11}", re.DOTALL),
    net=_LINE22.net,
    over=_LINE22.over,
    says_over=True,
)
_LINE10 = TextFormat(re.compile(rb"(?P<number>[-+ 0-9.]{8})"))
_REPLIES22 = (
    ReplyPattern(re.compile(rb"[0-\x93]?((?:RW|MZ|MT|KT|WT|ZE|TR|HD|PR).{0,12})", re.DOTALL), ACKNOWLEDGEMENT),
    ReplyPattern(re.compile(rb"[0-\x93]?\?"), RejectReason.UNRECOGNIZED_COMMAND),
    ReplyPattern(re.compile(rb"[0-\x93]?!"), RejectReason.NAK),
)
ADDRESS = Parameter("address", "0", (), "number of the device, 0 to 99", r"[0-9]{1,2}")


def _parse22(line: bytes) -> Decoded:
    for layout in (_LINE22, _OVER22, _LINE10):
        if layout.pattern.fullmatch(line):
            return layout.parse(line)
    reply = match_reply(_REPLIES22, line)
    return and_standard.weighing(line) if reply is None else reply


def encode_frame22(shown: DisplayState, params: Params) -> bytes:
    """Build one line; beyond eight characters it is overload, below the range b"".

    Raises ValueError for units that two characters cannot name.
    """
    unit = shown.unit.encode("ascii")
    if unit not in UNITS or len(unit) > 2:
        raise ValueError(f"cas_22 carries units of two characters, not {shown.unit}")
    if shown.underload:
        return b""
    number = format(shown.weight, "8f").encode("ascii")
    over = shown.overload or len(number) > 8
    head = b"OL" if over else b"ST" if shown.stable else b"US"
    lamps = 0x80 | 0x40 * shown.stable | (0x02 if shown.net else 0x04) | 0x01 * (not shown.weight)
    kind = b"NT" if shown.net else b"GS"
    place = b" " * 8 if over else number
    return b"%b,%b,%b%c,%b %b\r\n" % (head, kind, _device(params), lamps, place, unit.rjust(2))


def _device(params: Params) -> bytes:
    return bytes((0x30 + int(params[ADDRESS.name]),))


def _asks22(word: bytes) -> Callable[[Params], bytes]:
    return lambda params: b"%b%b\r\n" % (_device(params), word)


_COMMANDS22 = {
    name: _asks22(word) for name, word in {"read": b"RW", "request_weight": b"RW", "zero": b"MZ", "tare": b"MT"}.items()
}


def _respond22(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer a request for a reading; echo any other command."""
    if name in ("read", "request_weight"):
        return encode_frame22(shown, params)
    return _COMMANDS22[name](params)


# --- rows -------------------------------------------------------------------------------------------------------------

_REPORTS6 = ("weight", "unit", "stable", "overload")
_POLL6 = Poll(("enquiry", "request_weight"), interval_s=0.2, timeout_s=0.5, retries=2)
_WORDS6 = {"enquiry": _ENQ, "request_weight": _DC1}
_WORDS_M = {**_WORDS6, "zero": b"<ZK>\t", "tare": b"<TK>\t", "handshake": b"Gmode\r\n"}

PROTOCOLS = (
    ScaleProtocol(
        id="cas_type6",
        reports=_REPORTS6,
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(b"\x01\x81\x06\x15", _MAX_TYPE6_BYTES, _length6, _parse6, sealed=True)
        ),
        encode_frame=encode_frame6,
        respond=_respond6,
        commands=_WORDS6,
        poll=_POLL6,
    ),
    ScaleProtocol(
        id="cas_22",
        reports=("weight", "unit", "stable", "net", "overload"),
        make_decoder=lambda _: LineEngine(LineProfile(32, _HEAD, _parse22)),
        encode_frame=encode_frame22,
        respond=_respond22,
        commands=_COMMANDS22,
        parameters=(ADDRESS,),
    ),
    ScaleProtocol(
        id="cas_m_pro",
        reports=_REPORTS6,
        make_decoder=lambda _: FrameLengthEngine(
            FrameLengthProfile(b"", _MAX_ANSWER_BYTES, _length_m, _parse_m, head=_BEGINS, sealed=True)
        ),
        encode_frame=encode_frame6,
        respond=_respond_m,
        commands=_WORDS_M,
        poll=_POLL6,
    ),
)
