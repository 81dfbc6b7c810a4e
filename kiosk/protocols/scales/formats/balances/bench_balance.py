"""Text lines of bench balances: G&G, KERN, Steinberg, U.S. Solid, Creedmoor, Adam. All end with CR LF.

Sources: G&G manual (serial interface), KERN manuals (18-character print line), public sources for the others.
None has a check. Each line has one length: that refuses a lost or a doubled byte. For the same reason a whole line
glued to the rest of a broken one is read only where the rest cannot be a part of its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from kiosk.protocols.scales.shared.engines import LineEngine, LineProfile
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded
from kiosk.protocols.scales.shared.text_format import ANY_CASE, TextFormat

_MAX_LINE_BYTES = 40
_SMALL = {b"gn": "gr", b"ct": "ct", b"dwt": "dwt"}
# Units of bench balances in small or in capital letters: gn and gr are grain.
UNITS: Mapping[bytes, str] = MappingProxyType(
    {**ANY_CASE, **_SMALL, **{name.upper(): unit for name, unit in _SMALL.items()}}
)
_CAPITALS = {name: unit for name, unit in UNITS.items() if name == name.upper()}


# Between bytes that are never adjacent in a number: a whole line may begin there, behind the rest of another.
_BROKEN_OFF = rb"(?:(?<![-+ .0-9])|(?<=[.0-9])(?=[-+ ]))"


def _lines(parse: Callable[[bytes], Decoded], length: int, head: bytes = _BROKEN_OFF) -> LineProfile:
    """Build a profile of lines without CR LF; ``head`` finds a whole one of ``length`` bytes at a broken one's end."""
    return LineProfile(_MAX_LINE_BYTES, re.compile(head + rb"(?=.{%d}\Z)" % length), parse)


def _always(profile: LineProfile) -> Callable[[Params], LineEngine]:
    return lambda _: LineEngine(profile)


def _number(protocol: str, shown: DisplayState, width: int, spec: str = "") -> str:
    """Format the number for its field, aligned as ``spec`` says; raises ValueError when it does not fit."""
    text = f"{shown.weight + 0:{spec}{width}f}"
    if len(text) > width or shown.unit not in UNITS.values() or len(shown.unit) > 3:
        raise ValueError(f"{protocol} cannot carry {shown.weight} {shown.unit}")
    return text


def _silent(shown: DisplayState) -> bool:
    """Return whether to send nothing: these balances have no word for a load out of range."""
    return shown.overload or shown.underload


# --- G&G --------------------------------------------------------------------------------------------------------------

COMMUNICATION_ID = Parameter(
    "communication_id",
    "1B",
    (),
    "the byte before every command as it is set at the balance, two hexadecimal digits: 1B, 21 for !",
    r"[0-9A-Fa-f]{2}",
)
_GG = TextFormat(
    re.compile(rb"(?=.{12}\Z)(?P<number>[- ](?:[ .0-9]{8}[0-9]|[ .0-9]{7}[0-9]| {8})) *(?P<unit>[A-Za-z%]{1,3}) *"),
    units=UNITS,
)
_GG_LETTERS = {"print": b"p", "request_weight": b"p", "tare": b"t"}


def _encode_gg(shown: DisplayState, params: Params) -> bytes:
    return b"" if _silent(shown) else f"{_number('gg_14', shown, 9, '=')}{shown.unit:<3}\r\n".encode("ascii")


def _gg_command(letter: bytes) -> Callable[[Params], bytes]:
    return lambda params: bytes.fromhex(params[COMMUNICATION_ID.name]) + letter


# --- KERN -------------------------------------------------------------------------------------------------------------

UNIT_MEANS = Parameter(
    "unit_means",
    "nothing",
    ("nothing", "stable"),
    "stable: the balance is set to leave the unit away while it is unstable, so that a unit means stable",
)


def _kern(stable: bool | None) -> LineProfile:
    text_format = TextFormat(
        re.compile(rb"(?=.{12} .{3}\Z)(?P<number> *-?[.0-9]+| {12}) (?P<unit>(?P<stable>[A-Za-z%]{1,3} *| {3}))"),
        units={**UNITS, b"": None},
        stable={**dict.fromkeys(UNITS, stable), b"": None if stable is None else False},
    )
    return _lines(text_format.parse, 16)


_KERN = {"nothing": _kern(None), "stable": _kern(True)}


def _encode_kern(shown: DisplayState, params: Params) -> bytes:
    if _silent(shown):
        return b""
    unit = shown.unit if shown.stable or params[UNIT_MEANS.name] == "nothing" else ""
    return f"{_number('kern_18', shown, 12)} {unit:<3}\r\n".encode("ascii")


# --- the others -------------------------------------------------------------------------------------------------------

_STEINBERG = TextFormat(
    re.compile(rb"(?=.{15}\Z)(?P<stable>S[ D])(?P<number>[-+ .0-9]*[0-9]| +) (?P<unit>[A-Z%]{1,3}) *"),
    units=_CAPITALS,
    stable={b"S": True, b"SD": False},
)


def _encode_steinberg(shown: DisplayState, params: Params) -> bytes:
    if _silent(shown):
        return b""
    number = _number("steinberg_sbs", shown, 9)
    return f"{'S ' if shown.stable else 'SD'}{number} {shown.unit.upper():<3}\r\n".encode("ascii")


_USSOLID = TextFormat(
    re.compile(rb"(?=.{13}\Z)(?P<number>[-+ ](?:[ .0-9]{8}[0-9]| {9}))(?P<unit>[A-Za-z%]{1,3}) *"),
    units=UNITS,
    says_over=True,
    says_under=True,
)
_USSOLID_OVER = TextFormat(
    re.compile(rb"(?=.{13}\Z)[+ ][ .]*(?P<range>~)[ .~]*[A-Za-z%]* *"),
    over=frozenset({b"~"}),
    says_over=True,
    says_under=True,
)
_USSOLID_UNDER = TextFormat(
    re.compile(rb"(?=.{13}\Z)-[ .]*(?P<range>~)[ .~]*[A-Za-z%]* *"),
    under=frozenset({b"~"}),
    says_over=True,
    says_under=True,
)


def _parse_ussolid(line: bytes) -> Decoded:
    """Parse a line; tildes mean only "out of range", the sign separates under from over."""
    for text_format in (_USSOLID_OVER, _USSOLID_UNDER):
        if text_format.pattern.fullmatch(line):
            return text_format.parse(line)
    return _USSOLID.parse(line)


def _encode_ussolid(shown: DisplayState, params: Params) -> bytes:
    if shown.overload or shown.underload:
        return f"{' ' if shown.overload else '-'}{'~' * 9}{shown.unit:<3}\r\n".encode("ascii")
    return f"{_number('ussolid', shown, 10, '=')}{shown.unit:<3}\r\n".encode("ascii")


_CREEDMOOR = TextFormat(
    re.compile(rb"(?=.{12}\Z)(?P<number>[-+ ](?:[.0-9]{7}| {7})) +(?P<unit>[A-Za-z%]{1,3}) *"), units=UNITS
)


def _encode_creedmoor(shown: DisplayState, params: Params) -> bytes:
    return b"" if _silent(shown) else f"{_number('creedmoor', shown, 8, '+0')} {shown.unit:<3}\r\n".encode("ascii")


_ADAM = TextFormat(
    re.compile(rb"(?=.{16}\Z)(?P<number>[-+ .0-9]*[0-9]| +)(?: |(?=PCS|pcs))(?P<unit>[A-Za-z%]{1,3}) *"), units=UNITS
)


def _encode_adam(shown: DisplayState, params: Params) -> bytes:
    if _silent(shown):
        return b""
    number = _number("adam_highland", shown, 12)
    return f"{number}{'PCS ' if shown.unit == 'pcs' else f' {shown.unit:<3}'}\r\n".encode("ascii")


# --- rows -------------------------------------------------------------------------------------------------------------


PROTOCOLS: tuple[ScaleProtocol, ...] = (
    ScaleProtocol(
        id="gg_14",
        reports=("weight", "unit"),
        make_decoder=_always(_lines(_GG.parse, 12)),
        encode_frame=_encode_gg,
        line=LineSettings(600),
        parameters=(COMMUNICATION_ID,),
        commands={name: _gg_command(letter) for name, letter in _GG_LETTERS.items()},
    ),
    ScaleProtocol(
        id="kern_18",
        reports=("weight", "unit", "stable"),
        make_decoder=lambda given: LineEngine(_KERN[given[UNIT_MEANS.name]]),
        encode_frame=_encode_kern,
        parameters=(UNIT_MEANS,),
    ),
    ScaleProtocol(
        id="steinberg_sbs",
        reports=("weight", "unit", "stable"),
        make_decoder=_always(_lines(_STEINBERG.parse, 15, head=b"(?=S[ D])")),
        encode_frame=_encode_steinberg,
    ),
    ScaleProtocol(
        id="ussolid",
        reports=("weight", "unit", "overload", "underload"),
        make_decoder=_always(_lines(_parse_ussolid, 13)),
        encode_frame=_encode_ussolid,
    ),
    ScaleProtocol(
        id="creedmoor",
        reports=("weight", "unit"),
        make_decoder=_always(_lines(_CREEDMOOR.parse, 12, head=b"(?=[-+ ][.0-9]{7} )")),
        encode_frame=_encode_creedmoor,
    ),
    ScaleProtocol(
        id="adam_highland",
        reports=("weight", "unit"),
        make_decoder=_always(_lines(_ADAM.parse, 16)),
        encode_frame=_encode_adam,
    ),
)
