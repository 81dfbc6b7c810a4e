"""Status, type and weight as a text line: Keli D2008, T-Scale, Excell, Jadever type, Selleton, Gram, Dini Argeo.

``st_gs_csv`` takes whatever of them: a two-digit address in front (Dini Argeo), no second comma (T-Scale NHB), G and N
(Excell AM4), QT for a count, a unit glued to the number. ``t_scale_nhb`` and ``t_scale_qhw`` take one layout each.
``st_gs_stx18``, 18 bytes, has no LF (some clones of CAS PD-II).

A line without its unit is refused: it may have been broken off inside the number. No checksum: a lost digit
leaves a shorter, well-formed number. Where the width of the number field is known, the parameter ``width``
refuses every other width.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from kiosk.protocols.scales.shared.engines import FixedEngine, FixedProfile, LineEngine, LineProfile
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol
from kiosk.protocols.scales.shared.text_format import WIDTH, TextFormat, with_width

_HEAD = re.compile(rb"(?:ST|US|QT|OL|UL|TR),(?:(?:TR|PT),)?")
# Matched first: a tare is in the place of the status or of the type.
_RECORD = rb"(?:(?=(?:[A-Z]{2},)?(?P<record>TR|PT))|)"
# A count line (QT) counts pieces; with a unit of mass it is not one.
_STATUS = rb"(?:(?P<range>OL|UL)|(?P<stable>ST|US|QT(?=.*(?i:pcs?) *\r?$))|TR),"
_TYPE = rb"(?:(?P<net>GS|NT|[GN])|TR|PT)?"
_NUMBER = rb"(?P<number>[-+ ]*[0-9][0-9.]*)"
_UNIT = rb"(?P<unit>[A-Za-z%]+)"
_MAX_LINE_BYTES = 64
_WORDS = ("kg", "g", "lb", "oz", "t", "pcs")
_UNITS = {spelled.encode("ascii"): word for word in _WORDS for spelled in (word, word.upper(), word.capitalize())}
_STABLE = {b"ST": True, b"US": False, b"QT": None}  # A count line (QT) says nothing about stability in this family


def _format(before: bytes, comma: bytes, weighed: bytes, end: bytes = b"") -> TextFormat:
    """Build the family's format in one layout; out of range any text may follow, such as old digits or nines."""
    pattern = before + _RECORD + _STATUS + _TYPE + rb"(?(range).*|(?:[ ,]*|%b%b))" % (comma, weighed) + end
    return TextFormat(
        re.compile(pattern, re.DOTALL),
        units=_UNITS,
        stable=_STABLE,
        net={b"GS": False, b"G": False, b"NT": True, b"N": True},
        over=frozenset((b"OL",)),
        under=frozenset((b"UL",)),
        records={b"TR": "tare", b"PT": "preset_tare"},
        says_over=True,
        says_under=True,
    )


_ANY = _format(rb"(?:[0-9]{2})?", b",?", _NUMBER + b" *(?:, *)?" + _UNIT + b" *")
_NHB = _format(b"", b"", _NUMBER + b" *" + _UNIT + b" *")
_QHW = _format(b"", b",", _NUMBER + b" *" + _UNIT + b" *")
_STX18 = replace(
    _format(b"\x02", b",", rb"(?P<number>[-+ ].{7})(?P<unit>.{2})", b"\r"),
    units={**_UNITS, b"": None, b"pc": "pcs", b"PC": "pcs"},
)


def _lines(given: Params, of: TextFormat) -> Decoder:
    return LineEngine(LineProfile(_MAX_LINE_BYTES, _HEAD, with_width(of, given).parse))


def _encode(shown: DisplayState, params: Params, layout: str) -> bytes:
    """Build the line for this display; beyond eight characters the indicator shows overload.

    Raises ValueError for a unit the family has no word for.
    """
    if shown.unit not in _WORDS:
        raise ValueError(f"an ST,GS line carries {', '.join(_WORDS)}, not {shown.unit}")
    kind = "NT" if shown.net else "GS"
    number = f"{'-' if shown.weight < 0 else '+'}{abs(shown.weight):>7f}"
    status = "ST" if shown.stable else "US"
    if shown.overload or shown.underload or len(number) > 8:
        status = "UL" if shown.underload and not shown.overload else "OL"
        return layout.format(status=status, kind=kind, number=" " * 8, unit="  ").encode("ascii")
    return layout.format(status=status, kind=kind, number=number, unit=shown.unit).encode("ascii")


def _encode_stx18(shown: DisplayState, params: Params) -> bytes:
    """Build the line; raises ValueError for a unit without a word. That of pieces has two letters here."""
    return _encode(shown, params, "\x02{status},{kind},{number}{unit:>2.2}\r")


_REPORTS = ("weight", "unit", "stable", "net", "overload", "underload", "tare")

COMMANDS = Parameter(
    "commands",
    "excell",
    ("excell", "tbw", "tps"),
    "whose commands are sent: those of Excell, of T-Scale TBW, or of T-Scale TPS and FPA",
)
# Of TPS and FPA, U is left out: what it does is not documented.
_COMMANDS_OF: Mapping[str, Mapping[str, bytes]] = {
    "excell": {
        "request_weight": b"RW\r\n",
        "read": b"RW\r\n",
        "read_gross": b"RG\r\n",
        "read_net": b"RN\r\n",
        "read_tare": b"RT\r\n",
        "zero": b"MZ\r\n",
        "tare": b"MT\r\n",
        "clear_tare": b"CT\r\n",
    },
    "tbw": {"request_weight": b"R", "read": b"R", "zero": b"Z", "tare": b"T"},
    "tps": {"request_weight": b"?", "read": b"?", "print": b"P", "zero": b"Z", "tare": b"T"},
}
_ASKS_WHAT_IS_SHOWN = ("request_weight", "read", "print")


def _says(name: str) -> Callable[[Params], bytes]:
    return lambda given: _COMMANDS_OF[given[COMMANDS.name]].get(name, b"")


def _respond(name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer questions for what is shown, all that a simulated indicator knows; keys are not answered."""
    return _encode(shown, params, _KELI) if name in _ASKS_WHAT_IS_SHOWN else b""


_KELI = "{status},{kind},{number}{unit}\r\n"
_T_SCALE = _COMMANDS_OF["tbw"]
_row = partial(ScaleProtocol, reports=_REPORTS)


def _t_scale(row_id: str, pattern: TextFormat, layout: str) -> ScaleProtocol:
    return _row(
        id=row_id,
        make_decoder=partial(_lines, of=pattern),
        encode_frame=partial(_encode, layout=layout),
        commands=_T_SCALE,
        parameters=(WIDTH,),
    )


PROTOCOLS = (
    _row(
        id="st_gs_csv",
        make_decoder=partial(_lines, of=_ANY),
        encode_frame=partial(_encode, layout=_KELI),
        commands={name: _says(name) for known in _COMMANDS_OF.values() for name in known},
        parameters=(WIDTH, COMMANDS),
        respond=_respond,
    ),
    _t_scale("t_scale_nhb", _NHB, "{status},{kind}{number}{unit}  \r\n"),
    _t_scale("t_scale_qhw", _QHW, "{status},{kind},{number} {unit}\r\n"),
    _row(
        id="st_gs_stx18",
        make_decoder=lambda given: FixedEngine(FixedProfile(0x02, 0x0D, 18, _STX18.parse)),
        encode_frame=_encode_stx18,
    ),
)
