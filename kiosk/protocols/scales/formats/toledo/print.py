"""What the print key of a Toledo bench balance and of a JIK-6CAB sends (captures in public sources).

``mt_print``: lines of 26 or 27 bytes with CR LF, of an MS204TS. ``mt_jik6cab``: a block of lines; the date is parted by
- or /, and empty lines and a letter come before the trailer. The lines have no words; where an indicator sets a word in
front of them (Tare, Gross, Net), the word counts and not the place. Neither format has a check, but a block has its
weight three times: net = gross - tare must hold, and all have the same decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ANY_CASE, TextFormat

_MAX_LINE_BYTES = 40
LENGTH = Parameter(
    "length",
    "any",
    ("any", "26", "27"),
    "bytes of a line with its CR LF; where it is known, a line with a lost or doubled digit is refused",
)
_SIZES: Mapping[str, str] = {"any": "24,25", "26": "24", "27": "25"}
# Units of the balance's print-out; GN is grain.
UNITS: Mapping[bytes, str] = MappingProxyType({**ANY_CASE, b"GN": "gr", b"ct": "ct", b"dwt": "dwt"})


def _line(size: str) -> LineProfile:
    return LineProfile(
        _MAX_LINE_BYTES,
        re.compile(rb"(?:(?<![-+ .0-9NGT])|(?<=[.0-9])(?=[-+ ]))(?=.{%b}\Z)" % _SIZES[size].encode("ascii")),
        TextFormat(
            re.compile(
                rb"(?=.{%b}\Z) *(?:(?P<net>[NG])|(?P<record>T)) +(?P<number>[-+ .0-9]*[0-9]| ) *"
                rb"(?P<unit>[A-Za-z%%]{1,3}) *" % _SIZES[size].encode("ascii")
            ),
            units=UNITS,
            net={b"N": True, b"G": False},
            records={b"T": "tare"},
        ).parse,
    )


_LINES = {size: _line(size) for size in _SIZES}


def _encode_print(shown: DisplayState, params: Params) -> bytes:
    """Build the line for this display, b"" out of range, where the key prints none; ValueError when it is too wide."""
    if shown.overload or shown.underload:
        return b""
    width = 14 if params[LENGTH.name] == "27" else 13
    number = f"{shown.weight + 0:{width}f}"
    if len(number) > width or len(shown.unit) > 4:
        raise ValueError(f"mt_print cannot carry {shown.weight} {shown.unit}")
    return f"     {'N' if shown.net else 'G'}{number} {shown.unit:<4}\r\n".encode("ascii")


# --- JIK-6CAB ---------------------------------------------------------------------------------------------------------

_MAX_BLOCK_BYTES = 512
_BEHIND_TRAILER = re.compile(rb"\A[!-\]_-}]{0,8}[\r\n]+(?=\^)")  # The rest of the trailer line before, and its end
_BLOCK_HEAD = re.compile(rb"\^+[!-}]*[\r\n]")
_DATE_OR_TIME = re.compile(
    rb"(?:[A-Za-z]+[ :]*)?(?:[0-9]{4}([-/.])[0-9]{2}\1[0-9]{2}|[0-9]{2}([-/.])[0-9]{2}\2(?:[0-9]{2}){1,2}"
    rb"|[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
)
_WEIGHT = re.compile(
    rb"(?P<word>[A-Za-z]{0,9})[A-Za-z. ]{0,12}[ :=]{0,20}(?P<number>[-+]? {0,9}[0-9.]+) {0,9}(?P<unit>[A-Za-z]{1,3})"
)
_NO_MEANING = re.compile(rb"[A-Za-z]?|[0-9]+(?:\.[0-9]+)?")
_MASS = frozenset({"g", "kg", "lb", "oz", "t"})
_WORDS = {b"T": "tare", b"G": "gross", b"N": "net"}
# Of each line with a mass: what its word says ("" for none), the number, the unit.
_Lines = list[tuple[str, Decimal, str]]


def _parse_block(block: bytes) -> Decoded:
    head, *lines = (line.strip(b" ") for line in re.split(rb"[\r\n]+", _BEHIND_TRAILER.sub(b"", block, count=1)))
    masses = list(_masses(lines))
    if not re.fullmatch(rb"\^+[!-}]*", head) or None in masses:
        return Rejected(RejectReason.FRAMING, block)
    valid_masses = [mass for mass in masses if mass]
    if not valid_masses:
        return Rejected(RejectReason.NO_WEIGHT, block)
    by_words = any(word for word, _, _ in valid_masses)
    tare, gross, net = _by_word(valid_masses) if by_words else _by_place(valid_masses)
    alike = {(unit, number.as_tuple().exponent) for _, number, unit in valid_masses}
    if len(alike) != 1 or tare is None or net is None or gross is None or net != gross - tare:
        return Rejected(RejectReason.FRAMING, block)
    return Reading(net, valid_masses[0][2], net=bool(tare), raw=block, tare=tare)


def _masses(lines: list[bytes]) -> Iterator[tuple[str, Decimal, str] | tuple[()] | None]:
    """Yield the mass of each line, () for another line of the block, None for a line outside a block."""
    for line in lines:
        if _DATE_OR_TIME.fullmatch(line) or _NO_MEANING.fullmatch(line):
            yield ()
            continue
        match = _WEIGHT.fullmatch(line)
        number = from_text(match["number"]) if match else None
        unit = ANY_CASE.get(match["unit"]) if match else None
        word = match["word"][:1].upper() if match else b""
        if match is None or number is None or unit is None:
            yield None
        elif unit == "pcs":
            yield ()
        else:
            yield (_WORDS.get(word, "?") if word else "", number, unit) if unit in _MASS else None


def _by_place(masses: _Lines) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return tare and gross, which come first, and net, the last; two copies of the net must agree."""
    numbers = [number for _, number, _ in masses]
    if len(numbers) < 3 or (len(numbers) > 3 and numbers[-1] != numbers[-2]):
        return None, None, None
    return numbers[0], numbers[1], numbers[-1]


def _by_word(masses: _Lines) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    by_word = {word: number for word, number, _ in masses}
    if set(by_word) != {"tare", "gross", "net"} or len(masses) != 3:
        return None, None, None
    return by_word["tare"], by_word["gross"], by_word["net"]


def _block_decoder(given: Params) -> Decoder:
    return LineEngine(LineProfile(_MAX_BLOCK_BYTES, _BLOCK_HEAD, _parse_block, ends=b"~"))


def _encode_block(shown: DisplayState, params: Params) -> bytes:
    """Build the block for this display; a net weight is shown behind a tare of one unit. b"" out of range."""
    if shown.overload or shown.underload:
        return b""
    if shown.unit not in _MASS:
        raise ValueError(f"mt_jik6cab cannot carry {shown.unit}")
    weight = shown.weight + 0
    tare = Decimal(bool(shown.net)).quantize(weight) if shown.net else weight * 0
    lines = ["^KJIK000", "2026-03-09", "17:05:21"]
    lines += [f"{number:>7f} {shown.unit}" for number in (tare, weight + tare)]
    lines += ["0", "0", *([f"{weight:>7f} {shown.unit}"] * 2), "    0 pcs", " ", " ", "E", "~P1", ""]
    return "\r\n".join(lines).encode("ascii")


_PRESSED = (
    "it sends one line at each press of its print key, and a rest of half a second cannot be seen in one line. "
    "Set the indicator to continuous output, or to another format"
)

PROTOCOLS: tuple[ScaleProtocol, ...] = (
    ScaleProtocol(
        id="mt_print",
        reports=("weight", "unit", "net", "tare"),
        no_booking=_PRESSED,
        make_decoder=lambda given: LineEngine(_LINES[given[LENGTH.name]]),
        encode_frame=_encode_print,
        parameters=(LENGTH,),
    ),
    ScaleProtocol(
        id="mt_jik6cab",
        reports=("weight", "unit", "net", "tare"),
        no_booking=_PRESSED,
        make_decoder=_block_decoder,
        encode_frame=_encode_block,
    ),
)
