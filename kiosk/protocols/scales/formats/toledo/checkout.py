"""Checkout scales of Mettler Toledo: 8217 and 8213 (DIVA service manual p. 39-45; Salter 3700LP p. 11).

Polled by single letters, at least 200 ms apart, 7E1; bit 7 of every byte is cleared first. kg has three decimals, lb
two (8213: a 0 in front); H gives one more. An empty frame: the self-test has started; its result is a status with @ for
"passed". E: the echo is on, F: off.

The unit is not sent: it is set at the scale and by ``metric``, which takes the decimals of that unit. A scale that is
set to kg and answers as one of pounds was switched: the weight is reported in lb, which the station refuses by that
name, and never as kg. The other way round a frame of kilograms is refused as damage: a doubled digit would make kg of
lb. A weight comes only while it is stable, in range and not negative; where the scale sends it once, what follows until
the load changes is a status without motion: no new weighing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, Params, Poll, ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ACKNOWLEDGEMENT

_STARTS, _ENDS, _EDGE = b"\x02\x82", b"\x0d\x8d", re.compile(rb"[\x02\x82\x0d\x8d]")
_CLEAR_BIT_7 = bytes(byte & 0x7F for byte in range(256))
_MAX_FRAME_BYTES = 11
_MOTION, _OVER, _UNDER, _AT_ZERO, _NET, _ALWAYS = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
METRIC = Parameter(
    "metric",
    "true",
    ("true", "false"),
    "the scale is set to kg, three decimals; false: to lb, two; the unit is not sent",
)
HIGH_RESOLUTION = Parameter(
    "high_resolution", "false", ("false", "true"), "the question is H, its answer has one decimal more: not for trade"
)


@dataclass(frozen=True, slots=True)
class _Model:
    id: str
    pounds_lead: bytes

    def lead(self, given: Params) -> bytes:
        """Return what precedes the two digits of the whole number."""
        return b"" if given[METRIC.name] == "true" else self.pounds_lead

    def weight(self, given: Params) -> re.Pattern[bytes]:
        decimals = (3 if given[METRIC.name] == "true" else 2) + (given[HIGH_RESOLUTION.name] == "true")
        return re.compile(rb"(%b[0-9]{2}\.[0-9]{%d})(N?)" % (self.lead(given), decimals))


_8217, _8213 = _Model("mt_8217", b""), _Model("mt_8213", b"0")


def _length(data: bytes) -> int | None:
    """Return the length to the end byte, or to the next start byte: the frame before it is broken off."""
    edge = _EDGE.search(data, 1)
    if edge is None:
        return _MAX_FRAME_BYTES if len(data) >= _MAX_FRAME_BYTES else None
    return edge.start() if edge[0] in _STARTS else edge.end()


def _parse(weights: Sequence[tuple[re.Pattern[bytes], str | None]], frame: bytes) -> Decoded:
    if frame[-1] not in _ENDS:
        return Rejected(RejectReason.FRAMING, frame)
    body = frame[1:-1].translate(_CLEAR_BIT_7)
    for weight, unit in weights:
        match = weight.fullmatch(body)
        if match is not None:
            net = match[2] == b"N"
            return Reading(from_text(match[1]), unit, True, net, overload=False, underload=False, raw=frame)
    if len(body) == 2 and body[:1] == b"?" and body[1] & _ALWAYS:
        return _stands(body[1], frame)
    if body in (b"", b"E", b"F"):
        return Record(ACKNOWLEDGEMENT, {b"": "self-test", b"E": "echo on", b"F": "echo off"}[body], frame)
    if len(body) == 1 and body[0] & _ALWAYS:
        passed = body == b"@"
        return Record("self_test", "passed", frame) if passed else Rejected(RejectReason.FAULT, frame)
    return Rejected(RejectReason.FRAMING, frame)


def _stands(status: int, frame: bytes) -> Decoded:
    """Decode a status; one that only reports a still scale in range is no new weighing."""
    moving, over, under = status & _MOTION, status & _OVER, status & _UNDER
    if not (moving or over or under):
        return Rejected(RejectReason.NO_NEW_WEIGHING, frame)
    if over and under:
        return Rejected(RejectReason.FRAMING, frame)
    net = bool(status & _NET)
    return Reading(None, None, not moving, net, overload=bool(over), underload=bool(under), raw=frame)


def _decoder(model: _Model, given: Params) -> Decoder:
    # A unit that is not sent counts as the station's; pounds, which are never that, are named.
    pounds = model.weight({**given, METRIC.name: "false"}), "lb"
    if given[METRIC.name] == "false":
        weights: tuple[tuple[re.Pattern[bytes], str | None], ...] = (pounds,)
    elif given[HIGH_RESOLUTION.name] == "true":  # its pounds have the decimals of a kilogram that lost one
        weights = ((model.weight(given), None),)
    else:
        weights = ((model.weight(given), None), pounds)
    parse = partial(_parse, weights)
    return FrameLengthEngine(FrameLengthProfile(_STARTS, _MAX_FRAME_BYTES, _length, parse))


def _encode(model: _Model, shown: DisplayState, params: Params) -> bytes:
    """Build the answer to W: the weight, or the status of the scale; from 100 on it is over capacity.

    A scale that is switched to pounds answers in pounds, whatever the host assumes. Raises ValueError for other units
    and for another number of decimals than it has in this one.
    """
    if shown.unit not in ("kg", "lb"):
        raise ValueError(f"{model.id} shows kg or lb, not {shown.unit}")
    over = shown.overload or (shown.weight >= 100 and not shown.underload)
    if over or shown.underload or not shown.stable or shown.weight < 0:
        return _status(replace(shown, overload=over))
    set_to = {**params, METRIC.name: "false"} if shown.unit == "lb" else params
    number = format(shown.weight, "f").encode("ascii")
    whole, _, decimals = number.partition(b".")
    body = b"%b%b.%b" % (model.lead(set_to), whole.rjust(2, b"0"), decimals)
    if model.weight(set_to).fullmatch(body) is None:
        raise ValueError(f"{model.id} carries three decimals, in lb two (H: one more), not the number {shown.weight}")
    return b"\x02%b%b\r" % (body, b"N" if shown.net else b"")


def _status(shown: DisplayState) -> bytes:
    bits = _ALWAYS | _NET * shown.net | _MOTION * (not shown.stable) | _AT_ZERO * (not shown.weight)
    under = shown.underload or shown.weight < 0
    return b"\x02?%c\r" % (bits | (_OVER if shown.overload else _UNDER * under))


def _asks(given: Params) -> bytes:
    return b"H" if given[HIGH_RESOLUTION.name] == "true" else b"W"


_KEYS = {"zero": b"Z", "tare": b"T", "clear_tare": b"C"}


def _respond(model: _Model, name: str, shown: DisplayState, params: Params) -> bytes:
    """Answer a command; zero, tare and clear are answered by the status of the scale."""
    return _encode(model, shown, params) if name in ("read", "request_weight") else _status(shown)


PROTOCOLS = tuple(
    ScaleProtocol(
        id=model.id,
        reports=("weight", "unit", "stable", "net", "overload", "underload"),
        make_decoder=partial(_decoder, model),
        encode_frame=partial(_encode, model),
        respond=partial(_respond, model),
        commands={"read": _asks, "request_weight": _asks, **_KEYS},
        parameters=(METRIC, HIGH_RESOLUTION),
        poll=Poll(interval_s=0.25, timeout_s=0.5, retries=2),
        line=LineSettings(9600, 7, "E", 1),
    )
    for model in (_8217, _8213)
)
