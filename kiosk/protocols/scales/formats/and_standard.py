"""The A&D standard format (GC manual p. 51, GP-102K p. 45, EK-L p. 30, EK-AEP p. 28, AD-4329A p. 45).

The comparator (GC p. 51, GP-102K p. 45) compares the load with limits set at the scale, LO, OK or HI, ``--`` for none:
it is not stability and is not used. A comparator in front of the header is read as well. An indicator (AD-4329A) sends
the sign with seven characters and a unit of two behind its second header. On OL the number is nines, often with E+19
behind them, or blanks; the sign separates over from under. No checksum, but fixed widths: a lost or doubled character
is refused. Answers to commands: 06 where that option is set, else the command itself or nothing; ``?`` or ``EC,Ennn``
for an error, ``I`` while busy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile, slices
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT, UNITS, ReplyPattern, TextFormat, match_reply

_MAX_LINE_BYTES = 40
_ACK = b"\x06"
_LIMITS = rb"(?:(?:LO|OK|HI),)?"
# Behind the header, by the parameter for the comparator's output.
_BESIDE: Mapping[str, bytes] = {"any": rb"(?:(?:LO|OK|HI|--),)?", "on": rb"(?:LO|OK|HI|--),"}
_HEAD = re.compile(_LIMITS + rb"(?:ST|US|QT|OL|TR|PT)," + _BESIDE["any"] + rb"(?:(?:GS|NT|TR|PT|[GNT] ),)?")
_WIDE = rb"(?P<number>[-+][ 0-9.]{8}),?(?P<unit>[ A-Za-z%]{3})"
_SECOND = rb"(?:(?P<net>GS|NT|[GN] )|(?P<record>TR|PT|T )),"
_UNITS = {
    **{unit: name for unit, name in UNITS.items() if name not in ("gr", "pcs")},
    b"pc": "pcs",
    b"PC": "pcs",
    b"GN": "gr",
    b"ct": "ct",
    b"dwt": "dwt",
}
_TARES = {b"TR": "tare", b"T": "tare", b"PT": "preset_tare"}


def _row(pattern: bytes) -> TextFormat:
    return TextFormat(
        re.compile(_LIMITS + pattern),
        units=_UNITS,
        stable={b"ST": True, b"QT": True, b"US": False},
        net={b"GS": False, b"G": False, b"NT": True, b"N": True},
        records=_TARES,
        says_over=True,
        says_under=True,
    )


COMPARATOR = Parameter(
    "comparator",
    "any",
    tuple(_BESIDE),
    "on: the output of the comparator is switched on, and a line without LO, OK, HI or -- behind its header is damaged",
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of an indicator whose comparator output is set by its parameter."""

    formats: tuple[TextFormat, ...]
    out_of_range: re.Pattern[bytes]

    def weighing(self, line: bytes) -> Decoded:
        """Decode a weighing, a line without its end; other indicators can be set to send it as well."""
        for row in self.formats:
            if row.pattern.fullmatch(line):
                # QT heads a count of pieces; in front of a mass it is damage
                decoded = row.parse(line)
                if isinstance(decoded, Reading) and decoded.unit != "pcs" and b"QT," in decoded.raw:
                    return Rejected(RejectReason.FRAMING, decoded.raw)
                return decoded
        match = self.out_of_range.fullmatch(line)
        if match is None:
            return Rejected(RejectReason.FRAMING, line)
        under = match["sign"] == b"-"
        net = self.formats[1].net.get((match["net"] or b"").strip())
        return Reading(None, None, None, net, overload=not under, underload=under, raw=line)

    def parse(self, line: bytes) -> Decoded:
        return match_reply(_REPLIES, line) or self.weighing(line)


def _lines(beside: bytes) -> Lines:
    header = rb"(?P<stable>ST|US|QT)," + beside
    formats = (
        _row(header + _WIDE),
        _row(header + _SECOND + _WIDE),
        _row(header + _SECOND + rb"(?P<number>[-+][ 0-9.]{7})(?P<unit>[ A-Za-z%]{2})"),
        _row(rb"(?P<record>TR|PT)," + beside + _WIDE),
    )
    second = rb"(?:(?P<net>GS|NT|[GN] |TR|PT|T ),)?"
    end = rb"(?P<sign>[-+ ]?)[ 0-9.E+,A-Za-z%]*"
    return Lines(formats, re.compile(_LIMITS + rb"OL," + _BESIDE["any"] + second + end))


_REPLIES = (
    ReplyPattern(re.compile(rb"\?"), RejectReason.UNRECOGNIZED_COMMAND),
    ReplyPattern(re.compile(rb"EC,E[0-9]{1,3}"), RejectReason.DEVICE_ERROR),
    ReplyPattern(re.compile(rb"I"), RejectReason.BUSY),
    ReplyPattern(re.compile(rb"PT: *([-+]?[0-9.]{1,9} *[A-Za-z%]{1,3})"), "preset_tare"),
    ReplyPattern(re.compile(rb"Q|S|SI|SIR|C|Z|T|ON|OFF|P|U|SMP|\?PT"), ACKNOWLEDGEMENT),
)


_BY_COMPARATOR: Mapping[str, Lines] = {name: _lines(beside) for name, beside in _BESIDE.items()}
weighing = _BY_COMPARATOR["any"].weighing


class _AcknowledgedLines:
    """Lines between which the acknowledgement is a single byte, with or without a line end behind it."""

    def __init__(self, parse: Callable[[bytes], Decoded]) -> None:
        self._lines = LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, parse))
        self._in_line = False

    def feed(self, data: bytes) -> list[Decoded]:
        return [decoded for part in slices(data) for decoded in self._take(part)]

    def _take(self, data: bytes) -> Iterator[Decoded]:
        begin = 0
        while (at := data.find(_ACK, begin)) >= 0:
            if self._in_line or at > begin:
                yield from self._lines.feed(data[begin:at] + b"\r")
            self._in_line = False
            yield Record(ACKNOWLEDGEMENT, "ACK", _ACK)
            begin = at + 1
        if begin < len(data):
            self._in_line = True
            yield from self._lines.feed(data[begin:])


_NAMES = {name: unit for unit, name in _UNITS.items() if unit != b"PC"}


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the extended line; beyond eight characters it is overload. Raises ValueError for other units.

    With the comparator's output, below zero is LO and out of range HI.
    """
    unit = _NAMES.get(shown.unit)
    if unit is None:
        raise ValueError(f"and_standard does not carry {shown.unit}")
    number = format(abs(shown.weight), "f").encode("ascii").rjust(8, b"0")
    over = shown.overload or (len(number) > 8 and not shown.underload)
    limit = b"HI," if over else b"LO," if shown.underload or shown.weight < 0 else b"OK,"
    head = limit * (params[COMPARATOR.name] == "on") + (b"NT" if shown.net else b"GS")
    if over or shown.underload:
        return b"OL,%b,%b9999999E+19\r\n" % (head, b"+" if over else b"-")
    sign = b"-" if shown.weight < 0 else b"+"
    return b"%b,%b,%b%b%b\r\n" % (b"ST" if shown.stable else b"US", head, sign, number, unit.rjust(3))


_COMMANDS = {
    "read": b"Q\r\n",
    "request_weight": b"Q\r\n",
    "read_tare": b"?PT\r\n",
    "zero": b"Z\r\n",
    "tare": b"T\r\n",
    "stream_on": b"SIR\r\n",
    "stream_off": b"C\r\n",
}


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer as with the option for 06; a simulated indicator has no preset tare."""
    if name in ("read", "request_weight", "stream_on"):
        return encode_frame(shown, params)
    return b"PT,+0000.000 kg\r\n" if name == "read_tare" else _ACK


PROTOCOLS = (
    ScaleProtocol(
        id="and_standard",
        reports=("weight", "unit", "stable", "net", "overload", "underload", "tare"),
        make_decoder=lambda given: _AcknowledgedLines(_BY_COMPARATOR[given[COMPARATOR.name]].parse),
        encode_frame=encode_frame,
        respond=_respond,
        commands=_COMMANDS,
        parameters=(COMPARATOR,),
        line=LineSettings(2400, 7, "E", 1),
    ),
)
