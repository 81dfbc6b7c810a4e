"""Sartorius SBI text lines (CP 323 S p. 55, LE 2202 S p. 51, GC 803 p. 57, Quintix p. 87, WZA p. 24).

A status line has a word in place of the number: H, High over, L, Low under, --, Cal, Err and a number. Digits in square
brackets are not for trade: such a line has no weight. A port that is opened behind the identification of a tare line
sees a line of 16 characters: the parameter ``length`` says which of the two the balance is set to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text, to_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

LENGTH = Parameter(
    "length", "any", ("any", "16", "22"), "characters of a line; with 22, one that lost its identification is refused"
)

_ID = rb"[A-Za-z][A-Za-z0-9#. ]{5}"
_LINE = re.compile(rb"(?P<id>%b|      )?(?P<number>[-+ ] [0-9. \[\]]{8}) (?P<unit>[A-Za-z%% ]{3})" % _ID)
_STATUS = re.compile(rb"(?:Stat)?[-+ ]*(?P<word>HH?|High|LL?|Low|-{2,}|Cal[A-Za-z.]*|Err\.? *[0-9]{1,4}) *")
# Behind a broken line only one with its identification is found: without it, it might be a tare.
_HEAD = re.compile(rb"%b(?=.{14}\Z)" % _ID)
_TARE = re.compile(rb"P?T[0-9]?")
_NET: Mapping[bytes, bool | None] = {b"": None, b"N": True, b"G": False}
_UNITS = {
    b"g": "g",
    b"kg": "kg",
    b"mg": "mg",
    b"t": "t",
    b"lb": "lb",
    b"oz": "oz",
    b"ozt": "ozt",
    b"GN": "gr",
    b"ct": "ct",
    b"dwt": "dwt",
    b"pcs": "pcs",
    b"%": "%",
}
_OVER, _UNDER = (b"H", b"HH", b"High"), (b"L", b"LL", b"Low")
_MAX_LINE_BYTES = 20


def _parse(line: bytes, length: str) -> Decoded:
    status = _STATUS.fullmatch(line)
    if status is not None:
        word = status["word"]
        if word in _OVER or word in _UNDER:
            over = word in _OVER
            return Reading(None, None, overload=over, underload=not over, raw=line)
        if word.startswith(b"Err"):
            return Rejected(RejectReason.DEVICE_ERROR, line)
        return Rejected(RejectReason.BUSY if word.startswith(b"Cal") else RejectReason.NO_WEIGHT, line)
    match = _LINE.fullmatch(line)
    if match is None or length not in ("any", str(len(line) + 2)):
        return Rejected(RejectReason.FRAMING, line)
    return _weighed((match["id"] or b"").strip(), match["number"], match["unit"].strip(), line)


def _weighed(kind: bytes, number: bytes, unit: bytes, line: bytes) -> Decoded:
    if b"[" in number or b"]" in number or not number.strip(b"+- "):
        return Rejected(RejectReason.NO_WEIGHT, line)
    weight = from_text(number)
    if weight is None or (unit and unit not in _UNITS):
        return Rejected(RejectReason.FRAMING, line)
    if kind not in _NET:
        known = "tare" if _TARE.fullmatch(kind) else "message"
        return Record(known, " ".join(filter(None, (to_text(weight), _UNITS.get(unit)))), line)
    return Reading(weight, _UNITS.get(unit), bool(unit), _NET[kind], overload=False, underload=False, raw=line)


def _decoder(given: Params) -> Decoder:
    return LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, partial(_parse, length=given[LENGTH.name])))


def encode_frame(shown: DisplayState, _: Params) -> bytes:
    """Build the 22-character line; a number too long for eight characters is over."""
    number = f"{abs(shown.weight):>8f}"
    if shown.underload and not shown.overload:
        return b"Stat        Low     \r\n"
    if shown.overload or len(number) > 8:
        return b"Stat       High     \r\n"
    unit = {name: text for text, name in _UNITS.items()}[shown.unit].decode("ascii") if shown.stable else ""
    sign = "-" if shown.weight < 0 else "+"
    return f"{'N' if shown.net else 'G':<6}{sign} {number} {unit:<3}\r\n".encode("ascii")


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    return encode_frame(shown, params) if name in ("request_weight", "print") else b""


PROTOCOLS = (
    ScaleProtocol(
        id="sartorius_sbi",
        reports=("weight", "unit", "stable", "net", "overload", "underload", "tare"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        line=LineSettings(1200, 7, "O"),
        parameters=(LENGTH,),
        commands={"request_weight": b"\x1bP\r\n", "print": b"\x1bP\r\n", "tare": b"\x1bT\r\n", "zero": b"\x1bV\r\n"},
        poll=Poll(interval_s=0.5, timeout_s=1.0),
        respond=_respond,
    ),
)
