"""Shanghai Yaohua XK3190-A26, A23p and copies: continuous text that only an equals sign parts.

There is no check, no unit but in formats 3 and 4, no flag at all. Older indicators send one or two characters less. A
weight is read when the next '=' ends it; CR and LF end it too. So a weight that has its unit is never reported without
it. The parameter ``width`` holds the decoder to one length, so that a lost or a doubled character is seen.

What is before the first '=' is the rest of a frame that was cut off, and is ignored: so a stream whose '=' follows the
text instead of leading it reads the same.

Nothing in the frame separates the two directions (=0012.100 is 12.1 or 1.21): the choice is the installer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial

from kiosk.protocols.scales.shared.engines import slices
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import TextFormat

_ENDS = b"=\r\n"
_BEGIN = re.compile(b"=(?![%b])" % _ENDS)
_UNIT_LETTERS = b"klp"
_MIN_LENGTH, _MAX_LENGTH, _PRICED = 6, 8, 26
_WHOLE = (1 + _MAX_LENGTH, 1 + _PRICED)
_WEIGHT, _WITH_PRICE = (re.compile(b"=[^%b]{0,%d}" % (_ENDS, limit)) for limit in (_MAX_LENGTH, _PRICED))
_DIGITS = 7
WIDTH = Parameter("width", "any", ("any", "6", "7", "8"), "characters between two equals signs, with the sign")


class EqualsEngine:
    """Cuts a byte stream before every equals sign; ``parse`` gets a text with its sign.

    A text is decoded when the byte behind it is seen, which on a continuous line is the next frame's: it may be a unit,
    or a digit too many. When no more bytes come (``settle``), one of full length is decoded as it is.
    """

    def __init__(self, parse: Callable[[bytes], Decoded]) -> None:
        self._parse = parse
        self._partial = b""

    def feed(self, data: bytes) -> list[Decoded]:
        return [decoded for part in slices(data) for decoded in self._take(part)]

    def settle(self) -> list[Decoded]:
        text, self._partial = self._partial, b""
        return [self._parse(text)] if len(text) in _WHOLE else []

    def _take(self, part: bytes) -> Iterator[Decoded]:
        data, at = self._partial + part, 0
        self._partial = b""
        while (begin := _BEGIN.search(data, at)) is not None:
            text = self._text(data, begin.start())
            at = begin.start() + len(text)
            if at == len(data):
                self._partial = text
                return
            if data[at] in _ENDS:
                yield self._parse(text)
            else:
                yield Rejected(RejectReason.FRAMING, text + data[at : at + 1])

    def _text(self, data: bytes, at: int) -> bytes:
        """Return the text from an equals sign to the frame's end; the longer formats have a unit there."""
        weight = _WEIGHT.match(data, at)
        assert weight is not None  # an equals sign alone matches
        end = weight.end()
        if end - at == _WHOLE[0] and end < len(data) and data[end] in _UNIT_LETTERS:
            priced = _WITH_PRICE.match(data, at)
            assert priced is not None
            return priced[0]
        return weight[0]


_UNITS: Mapping[bytes, str | None] = {b"kg": "kg", b"lb": "lb", b"pc": "pcs"}
_NUMBERS = rb"[^0-9A-Za-z=][0-9. -]{7}"
# Of formats 3 and 4: unit, then price and amount, each behind a separator; the station reckons them itself.
_PRICES = rb"(?P<unit>kg|lb|pc)(?:%b){2}" % _NUMBERS


def _decoder(given: Params, number: bytes, read: Callable[[bytes], Decimal | None]) -> Decoder:
    width = given[WIDTH.name]
    min_length, max_length = (_MIN_LENGTH, _MAX_LENGTH) if width == "any" else (int(width), int(width))
    length = rb"=(?=.{%d,%d}$|.{8}[a-z]{2}.{16}$)" % (min_length, max_length)
    digits = number.replace(b"FULL", b"%d" % max_length)
    pattern = re.compile(rb"%b(?P<number>%b)(?:%b)?" % (length, digits, _PRICES), re.DOTALL)
    return EqualsEngine(TextFormat(pattern, units={**_UNITS, b"": None}, number=read).parse)


_REVERSED = rb"[0-9]+\.[0-9]*[0-]|(?=.{FULL})[0-9]+[0-]"
# Only a weight of full length may be without a point: there none can have been lost.
_FORWARD = rb"[0-][0-9]*\.[0-9]+|(?=.{FULL})[0-][0-9]+"
_INTEGER = rb"[-+ ]*[0-9]+"


def _text(shown: DisplayState) -> str:
    """Return sign and seven characters, most significant first; "" beyond the range or seven characters.

    The output at overload is not documented: the simulated indicator then sends nothing. Raises ValueError for more
    decimals than fit.
    """
    number = f"{abs(shown.weight):f}"
    if len(number.partition(".")[2]) > _DIGITS - 2:
        raise ValueError(f"an '=' frame carries at most {_DIGITS - 2} decimals, not the number {shown.weight}")
    if shown.overload or shown.underload or len(number) > _DIGITS:
        return ""
    return ("-" if shown.weight < 0 else "0") + number.rjust(_DIGITS, "0")


def _encode(shown: DisplayState, params: Params, reverse: bool) -> bytes:
    """Build one frame of format 1 or 2; raises ValueError for a number it cannot carry."""
    text = _text(shown)
    return f"={text[::-1] if reverse else text}".encode("ascii") if text else b""


def _encode_integer(shown: DisplayState, params: Params) -> bytes:
    """Build a frame; raises ValueError for decimals: such an indicator shows whole units only."""
    text = _text(shown)
    if "." in text:
        raise ValueError(f"eq_forward_integer carries whole numbers, not {shown.weight}")
    return f"={text}".encode("ascii") if text else b""


_row = partial(ScaleProtocol, reports=("weight", "unit"), parameters=(WIDTH,))

PROTOCOLS = (
    _row(
        id="xk3190_eq_reversed",
        make_decoder=partial(_decoder, number=_REVERSED, read=lambda field: from_text(field[::-1])),
        encode_frame=partial(_encode, reverse=True),
    ),
    _row(
        id="xk3190_eq_forward",
        make_decoder=partial(_decoder, number=_FORWARD, read=from_text),
        encode_frame=partial(_encode, reverse=False),
    ),
    _row(
        id="eq_forward_integer",
        make_decoder=partial(_decoder, number=_INTEGER, read=from_text),
        encode_frame=_encode_integer,
    ),
)
