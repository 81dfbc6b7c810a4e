"""Shanghai Yaohua XK3190 and its copies.

``xk3190_tf0``, continuous, 12 bytes (XK3190-A9+ manual p. 9-11, XK3190-A23p p. 24-27). The number is what the display
shows. Unit, stability, gross or net and overload are not sent. What the frame does at overload is not documented; the
simulated indicator then sends nothing.

``xk3190_tf1``, command mode, also on RS-485 with several indicators (same manuals). An indicator does not answer a
question with a wrong check or another address. Only the command letter separates gross from net: an answer under
another letter than that of the question answers another one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial, reduce
from operator import xor

from kiosk.protocols.scales.shared.engines import FixedEngine, FixedProfile
from kiosk.protocols.scales.shared.numbers import from_digits, to_text
from kiosk.protocols.scales.shared.params import CHECKSUM, Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_STX, _ETX = 0x02, 0x03
_BODY = re.compile(rb"([+-])([0-9]{6})([0-4])")
_ANSWER = re.compile(rb"\x02([A-Z])([A-Z])(?:([+-])([0-9]{6})([0-4]))?[0-9A-F]{2}\x03")
_DIGITS = 6
_MAX_DECIMALS = 4
# Of the letters A handshake, B gross, C tare, D net. The others ask for truck, goods, price or amount: no weights.
_NET = {b"B": False, b"D": True}
ADDRESS = Parameter("address", "1", (), "address set at the indicator, 1-26", r"[1-9]|1[0-9]|2[0-6]")


def check_characters(body: bytes) -> bytes:
    """Return the XOR of all bytes as two upper-case hexadecimal characters."""
    return b"%02X" % reduce(xor, body, 0)


def _parse_tf0(frame: bytes, verify: bool) -> Decoded:
    body, check = frame[1:9], frame[9:11]
    if verify and check != check_characters(body):
        return Rejected(RejectReason.CHECKSUM, frame)
    match = _BODY.fullmatch(body)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    weight = from_digits(match[1] == b"-", match[2], int(match[3]))
    return Reading(weight, unit=None, raw=frame)


def _decoder_tf0(given: Params) -> Decoder:
    parse = partial(_parse_tf0, verify=given[CHECKSUM.name] == "on")
    return FixedEngine(FixedProfile(_STX, _ETX, 12, parse))


def _address(given: Params) -> bytes:
    return bytes((0x40 + int(given[ADDRESS.name]),))


def _parse_tf1(frame: bytes, address: bytes, verify: bool) -> Decoded:
    if len(frame) in (6, 14) and verify and frame[-3:-1] != check_characters(frame[1:-3]):
        return Rejected(RejectReason.CHECKSUM, frame)
    match = _ANSWER.fullmatch(frame)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    if match[1] != address:
        return Rejected(RejectReason.NO_WEIGHT, frame)
    return _without_number(match[2], frame) if match[3] is None else _answered(match, frame)


def _without_number(letter: bytes, frame: bytes) -> Decoded:
    """Decode a handshake, or the host's own question, which a two-wire RS-485 adapter echoes."""
    if letter == b"A":
        return Record("acknowledgement", "handshake", frame)
    return Record("echo", letter.decode("ascii"), frame)


def _answered(match: re.Match[bytes], frame: bytes) -> Decoded:
    weight = from_digits(match[3] == b"-", match[4], int(match[5]))
    if match[2] == b"C":
        return Record("tare", to_text(weight), frame)
    if match[2] not in _NET:
        return Rejected(RejectReason.NO_WEIGHT, frame)
    return Reading(weight, unit=None, net=_NET[match[2]], raw=frame)


def _decoder_tf1(given: Params) -> Decoder:
    parse = partial(_parse_tf1, address=_address(given), verify=given[CHECKSUM.name] == "on")
    return FixedEngine(FixedProfile(_STX, _ETX, 14, parse, min_length=6))


def _framed(body: bytes) -> bytes:
    return b"\x02%b%b\x03" % (body, check_characters(body))


def _question(given: Params, letter: bytes) -> bytes:
    return _framed(_address(given) + letter)


_ECHOED = slice(1, 3)  # Address and command letter of the question, which its answer repeats


def _answers(question: bytes, decoded: Decoded) -> bool:
    """Return whether this answers the question, or is too damaged to decide."""
    damaged = isinstance(decoded, Rejected) and decoded.reason is not RejectReason.NO_WEIGHT
    return damaged or decoded.raw[_ECHOED] == question[_ECHOED]


def _shown_digits(shown: DisplayState) -> bytes:
    """Return sign, six digits, decimals; b"" when out of range or too long. Raises ValueError for too many decimals."""
    sign, digits, exponent = shown.weight.as_tuple()
    if not isinstance(exponent, int) or not -_MAX_DECIMALS <= exponent <= 0:
        raise ValueError(f"an XK3190 frame carries 0 to {_MAX_DECIMALS} decimals, not the number {shown.weight}")
    text = "".join(map(str, digits)).rjust(_DIGITS, "0")
    if shown.overload or shown.underload or len(text) > _DIGITS:
        return b""
    return f"{'-' if sign else '+'}{text}{-exponent}".encode("ascii")


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the frame for this display; b"" beyond its range or its six digits.

    Raises ValueError for more than four decimals, which the frame cannot carry.
    """
    body = _shown_digits(shown)
    return _framed(body) if body else b""


def _answer(shown: DisplayState, params: Params) -> bytes:
    """Build the answer named after what the display shows; b"" beyond the range, like tf=0."""
    body = _shown_digits(shown)
    return _framed(_address(params) + (b"D" if shown.net else b"B") + body) if body else b""


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer with the letter of the question; while the tare is not known, b"" for it and for the gross."""
    if name == "handshake":
        return _question(params, b"A")
    if name == "read_net":
        return _answer(replace(shown, net=True), params)
    tare = shown.tare if shown.net else abs(shown.weight) * 0
    if tare is None:
        return b""
    if name == "read_tare":
        return _framed(_address(params) + b"C" + _shown_digits(DisplayState(tare, shown.unit)))
    return _answer(replace(shown, weight=shown.weight + tare, net=False), params)


PROTOCOLS = (
    ScaleProtocol(
        id="xk3190_tf0",
        reports=("weight",),
        make_decoder=_decoder_tf0,
        encode_frame=encode_frame,
        parameters=(CHECKSUM,),
    ),
    ScaleProtocol(
        id="xk3190_tf1",
        reports=("weight", "net", "tare"),
        make_decoder=_decoder_tf1,
        encode_frame=_answer,
        parameters=(ADDRESS, CHECKSUM),
        commands={
            "request_weight": partial(_question, letter=b"B"),
            "read_gross": partial(_question, letter=b"B"),
            "read_net": partial(_question, letter=b"D"),
            "read_tare": partial(_question, letter=b"C"),
            "handshake": partial(_question, letter=b"A"),
        },
        poll=Poll(interval_s=0.2, timeout_s=0.3, retries=2, answers=_answers),
        respond=_respond,
    ),
)
