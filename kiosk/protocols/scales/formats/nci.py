"""Commands and answers of the American scale makers: NCI (SCP-01), SMA (SCP-0499), UPS WorldShip, Pennsylvania 7600.

``nci_ecr`` (NCI 6702 p. 14, NCI 7800 p. 32, Avery 7821 p. 25, DIVA p. 34-37): every status byte has bits 4 and 5 set.
In ECR mode the status is left out when all is fine, and the weight is left out when it is not. SCP-12 of Brecknell
inverts several bits and is another format.

``sma`` (SCP-0499): small letters mean gross, net and tare in high resolution.
"""

from __future__ import annotations

import re

from kiosk.protocols.scales.shared.engines import FixedEngine, FixedProfile, LineEngine, LineProfile
from kiosk.protocols.scales.shared.numbers import from_text, to_text
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ANY_CASE, TextFormat

_ETX = b"\x03"
_ALWAYS = 0x30  # Bits that every NCI status byte has
_FOLLOWS = 0x40


# --- nci_ecr ----------------------------------------------------------------------------------------------------------

# Two bytes, or three when bit 6 of the second is set.
_STATUS = rb"S?[\x30-\x3f](?:[\x30-\x3f]|[\x70-\x7f][\x30-\x3f])"
_NCI = re.compile(rb"\n(?:(?P<status>%b)|(?P<shown>[^\r\n]+?)(?:\r\n(?P<after>%b))?)\r" % (_STATUS, _STATUS))
_NCI_HEAD = re.compile(rb"\n[^\r\n]*\r(?:\n%b\r)?\Z" % _STATUS)
_NCI_SHOWN = re.compile(rb"(?P<number>[-+ ]*[0-9][0-9. ]*?) *(?P<unit>[A-Za-z]+)")
_ROW = re.compile(rb" *(?P<row>[\^.]*\^[\^.]*|[_.]*_[_.]*|-[-.]*-) *(?P<unit>[A-Za-z]*)")
_WORDS = re.compile(rb"[A-Za-z ]+")
# Status byte, its bits, what they mean: RAM and EEPROM, ROM, calibration, initial zero.
_NCI_ERRORS = (
    (0, 0x0C, RejectReason.FAULT),
    (1, 0x04, RejectReason.FAULT),
    (1, 0x08, RejectReason.NEEDS_CALIBRATION),
    (2, 0x08, RejectReason.ZERO_ERROR),
)
_NCI_MAX_LINE_BYTES = 48


def _parse_nci(message: bytes) -> Decoded:
    if message == b"\n?\r":
        return Rejected(RejectReason.UNRECOGNIZED_COMMAND, message)
    match = _NCI.fullmatch(message)
    if match is None:
        return Rejected(RejectReason.FRAMING, message)
    status = (match["status"] or match["after"] or b"").removeprefix(b"S")
    for place, bits, reason in _NCI_ERRORS:
        if status[place : place + 1] and status[place] & bits:
            return Rejected(reason, message)
    return _nci_shown(match["shown"], status, message)


def _nci_shown(shown: bytes | None, status: bytes, message: bytes) -> Decoded:
    row = _ROW.fullmatch(shown or b"")
    kind = row["row"].strip(b".")[:1] if row else b""
    if kind == b"-":
        return Rejected(RejectReason.ZERO_ERROR, message)
    under = bool(status and status[1] & 0x01) or kind == b"_"
    over = bool(status and status[1] & 0x02) or kind == b"^"
    if over and under:
        return Rejected(RejectReason.FRAMING, message)
    if over or under:
        return _nci_reading(None, status, over, under, message)
    if shown is None:
        in_motion = bool(status[0] & 1)
        return _nci_reading(None, status, False, False, message) if in_motion else _no_weight(message)
    match = _NCI_SHOWN.fullmatch(shown)
    if match is None:
        # A menu text of the display and a changed unit are no weight; digits with letters are damage.
        return _no_weight(message) if _WORDS.fullmatch(shown) else Rejected(RejectReason.FRAMING, message)
    if from_text(match["number"]) is None or match["unit"] not in ANY_CASE:
        return Rejected(RejectReason.FRAMING, message)
    return _nci_reading(match, status, False, False, message)


def _no_weight(message: bytes) -> Rejected:
    return Rejected(RejectReason.NO_WEIGHT, message)


def _nci_reading(match: re.Match[bytes] | None, status: bytes, over: bool, under: bool, message: bytes) -> Reading:
    """Build a reading; a missing status was left out because all is well."""
    in_motion = bool(status and status[0] & 1)
    return Reading(
        weight=from_text(match["number"]) if match else None,
        unit=ANY_CASE[match["unit"]] if match else None,
        stable=None if (over or under) and not status else not in_motion,
        net=bool(status[2] & 4) if len(status) > 2 else None,
        overload=over,
        underload=under,
        raw=message,
    )


def encode_nci(shown: DisplayState, _: Params) -> bytes:
    """Build the answer of a 6702 to W: the weight and always the status; a row of one sign beyond its range."""
    over, under = shown.overload, shown.underload and not shown.overload
    first = _ALWAYS | (not shown.stable) | (not shown.weight) << 1
    second = _ALWAYS | _FOLLOWS | under | over << 1
    third = _ALWAYS | shown.net << 2
    text = "^^^^^^^" if over else "_______" if under else f"{shown.weight:>8f}"
    return b"\n%b%b\r\nS%b\r\x03" % (text.encode(), shown.unit.upper().encode(), bytes((first, second, third)))


def _respond_nci(name: str, shown: DisplayState, params: Params) -> bytes:
    reading = encode_nci(shown, params)
    if name == "request_weight":
        return reading
    return reading[reading.index(b"\r") + 1 :]


# --- sma --------------------------------------------------------------------------------------------------------------

_SMA = re.compile(
    rb"\n(?P<state>[ ZOUEIT])(?P<range>[ -~])(?P<type>[GNTgnt])(?P<motion>[ M])[ -~](?P<number>.{10})(?P<unit>.{3})\r"
)
_SMA_TEXT = re.compile(rb"\n(?P<text>[A-Z]{2,4}:[ -~]*)\r")
_SMA_ANSWERS = {b"\n?\r": RejectReason.UNRECOGNIZED_COMMAND, b"\n!\r": RejectReason.DEVICE_ERROR}
_SMA_ERRORS = {b"E": RejectReason.ZERO_ERROR, b"I": RejectReason.ZERO_ERROR, b"T": RejectReason.TARE_RANGE}
_SMA_LENGTH, _SMA_MAX_FRAME_BYTES = 20, 40


def _parse_sma(frame: bytes) -> Decoded:
    if frame in _SMA_ANSWERS:
        return Rejected(_SMA_ANSWERS[frame], frame)
    text = _SMA_TEXT.fullmatch(frame)
    if text is not None:
        return Record("about", text["text"].decode("ascii"), frame)
    match = _SMA.fullmatch(frame)
    if match is None:
        return Rejected(RejectReason.FRAMING, frame)
    if match["state"] in _SMA_ERRORS:
        return Rejected(_SMA_ERRORS[match["state"]], frame)
    over, under = match["state"] == b"O", match["state"] == b"U"
    weight, unit = from_text(match["number"]), ANY_CASE.get(match["unit"].strip())
    kind = match["type"].upper()
    if not (over or under):
        if not match["number"].strip():
            return Rejected(RejectReason.NO_WEIGHT, frame)
        if weight is None or unit is None:
            return Rejected(RejectReason.FRAMING, frame)
        if kind == b"T":
            return Record("tare", f"{to_text(weight)} {unit}", frame)
        if match["state"] == b"Z" and weight:  # a contradiction: either may be damaged
            return Rejected(RejectReason.NO_WEIGHT, frame)
    return Reading(
        weight=None if over or under else weight,
        unit=unit,
        stable=match["motion"] == b" ",
        net=None if kind == b"T" else kind == b"N",
        overload=over,
        underload=under,
        raw=frame,
    )


def encode_sma(shown: DisplayState, _: Params) -> bytes:
    """Build the 20 bytes an SMA scale answers to W; a number too long for ten characters is over capacity."""
    number = f"{shown.weight:>10f}"
    over = shown.overload or (len(number) > 10 and not shown.underload)
    state = "O" if over else "U" if shown.underload else " " if shown.weight else "Z"
    number = " " * 10 if over or shown.underload else number
    motion = " " if shown.stable else "M"
    return f"\n{state}1{'N' if shown.net else 'G'}{motion} {number}{shown.unit:<3}\r".encode("ascii")


def _respond_sma(name: str, shown: DisplayState, params: Params) -> bytes:
    if name == "print" and not shown.stable:
        return b""
    if name == "read_tare":
        return f"\n 1T  {0:>10.3f}{shown.unit:<3}\r".encode("ascii")
    return encode_sma(shown, params)


_SMA_COMMANDS = {
    "request_weight": b"\nW\r",
    "print": b"\nP\r",
    "zero": b"\nZ\r",
    "tare": b"\nT\r",
    "clear_tare": b"\nC\r",
    "read_tare": b"\nM\r",
}

# --- ups_worldship ----------------------------------------------------------------------------------------------------

_UPS = TextFormat(
    # A sign is in the first place or at its digits: one out of a broken message is not the sign of the next.
    # The blanks before a right-aligned number prove that its first digit has not been lost.
    pattern=re.compile(rb"(?P<number>(?:[-+] +| +[-+]?)[0-9][0-9.]*) +(?P<unit>[A-Za-z]+\.) +(?P<stable>GR|gr) *\r\n"),
    units={name + b".": unit for name, unit in ANY_CASE.items() if unit in ("kg", "g", "lb", "oz", "t")},
    stable={b"GR": True, b"gr": False},
    says_over=True,
)
# A frame has no start byte: behind a broken one it is found by the blanks of its right-aligned number.
_UPS_HEAD = re.compile(rb"(?<! ) {2,}(?=[-+0-9])")


def _parse_ups(message: bytes) -> Decoded:
    if message == b"\r":
        return Reading(None, None, overload=True, raw=message)
    return _UPS.parse(message)


def encode_ups(shown: DisplayState, _: Params) -> bytes:
    """Build the answer to a carriage return; b"" for an underload, for which the format has no word.

    A number that leaves no blank in its ten places is over capacity.
    """
    if shown.overload or (len(f"{shown.weight:f}") >= 10 and not shown.underload):
        return b"\r\x03"
    if shown.underload:
        return b""
    return f"{shown.weight:>10f} {shown.unit}. {'GR' if shown.stable else 'gr'}  \r\n\x03".encode("ascii")


# --- penn_7600 --------------------------------------------------------------------------------------------------------

_PENN = re.compile(
    rb"(?P<echo>.*?)(?P<label>Gross|Net|Count|Piece Weight)[ :]*(?P<number>[-+ ]*[0-9][0-9. ]*?) *"
    rb"(?P<unit>[A-Za-z]*)\.? *",
    re.DOTALL,
)
_PENN_RANGE = re.compile(rb".*?(?:Gross|Net)?[ :]*(?P<range>(?:OL)+|(?:UL)+) *[A-Za-z]*\.? *", re.DOTALL)
_PENN_ERROR = re.compile(rb".*?Err\.? ?(?P<code>8[01]) *", re.DOTALL)
_PENN_ERRORS = {b"80": RejectReason.SYNTAX, b"81": RejectReason.UNRECOGNIZED_COMMAND}
_PENN_NET = {b"Gross": False, b"Net": True}
_PENN_HEAD = re.compile(rb"Gross|Net|Count|Piece Weight")
_PIECES = (b"Pieces", b"pieces", b"pcs", b"PCS", b"pc", b"PC", b"")


def _parse_penn(line: bytes) -> Decoded:
    error = _PENN_ERROR.fullmatch(line)
    if error is not None:
        return Rejected(_PENN_ERRORS[error["code"]], line)
    beyond = _PENN_RANGE.fullmatch(line)
    if beyond is not None:
        over = beyond["range"].startswith(b"O")
        return Reading(None, None, overload=over, underload=not over, raw=line)
    match = _PENN.fullmatch(line)
    weight = from_text(match["number"]) if match else None
    if match is None or weight is None:
        return Rejected(RejectReason.FRAMING, line)
    if match["label"] == b"Count" and match["unit"] in _PIECES:
        return Reading(weight, "pcs", overload=False, underload=False, raw=line)
    unit = ANY_CASE.get(match["unit"])
    if match["label"] == b"Count" or unit in (None, "pcs", "%"):
        return Rejected(RejectReason.FRAMING, line)
    if match["label"] == b"Piece Weight":
        return Record("piece_weight", f"{to_text(weight)} {unit}", line)
    return Reading(weight, unit, net=_PENN_NET[match["label"]], overload=False, underload=False, raw=line)


def encode_penn(shown: DisplayState, _: Params) -> bytes:
    """Build the answer of firmware 4.31 to SGW or SNW, the end of the echo in front."""
    label = "SNWNet  " if shown.net else "SGWGross"
    if shown.overload or shown.underload:
        return f"{label} {'OLOLOL' if shown.overload else 'ULULUL'}\r\n".encode("ascii")
    return f"{label} {shown.weight:>8f} {shown.unit}\r\n".encode("ascii")


_PENN_COMMANDS = {
    "request_weight": b"SGW\r",
    "read_gross": b"SGW\r",
    "read_net": b"SNW\r",
    "print": b"SRP\r",
    "zero": b"ZRO\r",
    "tare": b"ATW\r",
}


# --- rows -------------------------------------------------------------------------------------------------------------

_ALL_FLAGS = ("weight", "unit", "stable", "net", "overload", "underload")
_POLL = Poll(timeout_s=1.0)
PROTOCOLS = (
    ScaleProtocol(
        id="nci_ecr",
        reports=_ALL_FLAGS,
        make_decoder=lambda _: LineEngine(LineProfile(_NCI_MAX_LINE_BYTES, _NCI_HEAD, _parse_nci, ends=_ETX)),
        encode_frame=encode_nci,
        line=LineSettings(9600, 7, "E"),
        commands={"request_weight": b"W\r", "handshake": b"S\r", "zero": b"Z\r", "tare": b"T\r"},
        poll=_POLL,
        respond=_respond_nci,
    ),
    ScaleProtocol(
        id="sma",
        reports=(*_ALL_FLAGS, "tare"),
        make_decoder=lambda _: FixedEngine(FixedProfile(0x0A, 0x0D, _SMA_MAX_FRAME_BYTES, _parse_sma, min_length=3)),
        encode_frame=encode_sma,
        commands=_SMA_COMMANDS,
        poll=_POLL,
        respond=_respond_sma,
    ),
    ScaleProtocol(
        id="ups_worldship",
        reports=("weight", "unit", "stable", "overload"),
        make_decoder=lambda _: LineEngine(LineProfile(40, _UPS_HEAD, _parse_ups, ends=_ETX)),
        encode_frame=encode_ups,
        line=LineSettings(9600, 7, "O", 2),
        commands={"request_weight": b"\r"},
        poll=_POLL,
    ),
    ScaleProtocol(
        id="penn_7600",
        reports=("weight", "unit", "net", "overload", "underload"),
        make_decoder=lambda _: LineEngine(LineProfile(64, _PENN_HEAD, _parse_penn)),
        encode_frame=encode_penn,
        commands=_PENN_COMMANDS,
        poll=_POLL,
        respond=lambda name, shown, params: b"" if name in ("zero", "tare") else encode_penn(shown, params),
    ),
)
