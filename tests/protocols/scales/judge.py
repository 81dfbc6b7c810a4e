"""Runs the damage table against one parser: which readings came out that were never sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading
from tests.protocols.scales.damage import Kind
from tests.protocols.scales.format_rows import Judged, formats
from tests.protocols.scales.golden import FIELDS, decode, frames, full, plain

Told = tuple[Any, ...]
"""One reading that carries a weight (or counts): weight text, unit, the four flags, counts."""
Parse = Callable[[bytes], Mapping[str, Sequence[Mapping[str, Any]]]]
MOST_FRAMES, MOST_OTHERS = 6, 4
SHOWN = (
    DisplayState(Decimal("12.450")),
    DisplayState(Decimal("-0.385"), net=True),
    DisplayState(Decimal("12.45")),
    DisplayState(Decimal("7.5"), stable=False),
    DisplayState(Decimal(1234)),
    DisplayState(Decimal(1234), unit="g"),
    DisplayState(Decimal("0.250"), unit="kg", net=True),
)
"""Displays of which every format can carry at least one."""


@dataclass(frozen=True)
class Wrong:
    """A reading that was never sent."""

    hit: bytes
    stream: bytes
    told: Told


def weights(answer: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Told]:
    """The readings of an answer that carry a weight; a refusal, a record, an overload are no weight."""
    return [
        tuple(row.get(name) for name in (*FIELDS, "counts"))
        for row in answer["readings"]
        if row.get("weight") is not None or row.get("counts") is not None
    ]


def told(decoded: Sequence[Decoded]) -> list[Told]:
    """``weights(plain(decoded))`` without its tables: the damage table asks for it a quarter of a million times."""
    return [
        (
            None if item.weight is None else to_text(item.weight),
            item.unit,
            item.stable,
            item.net,
            item.overload,
            item.underload,
            item.counts,
        )
        for item in decoded
        if isinstance(item, Reading) and (item.weight is not None or item.counts is not None)
    ]


def own_parser(protocol: str, params: Mapping[str, str]) -> Parse:
    """The station's own decoder, a fresh one for every stream."""
    return lambda data: plain(decode(protocol, params, data))


def good_frames(protocol: str, params: Mapping[str, str]) -> list[bytes]:
    """Frames with one weight and nothing else: the golden ones, then those of the simulated indicator."""
    found = [frame.data for frame in frames(protocol) if frame.good and frame.params == params]
    return list(dict.fromkeys([*found[:MOST_FRAMES], *encoded(protocol, params)]))


def not_weights(protocol: str, params: Mapping[str, str]) -> list[bytes]:
    """Golden frames that say something else than a weight: a tare, a message, out of range."""
    found = [
        frame.data
        for frame in frames(protocol)
        if frame.params == params and not frame.rejected and not weights({"readings": full(frame.readings)})
        if frame.readings or frame.records
    ]
    return found[:MOST_OTHERS]


def encoded(protocol: str, params: Mapping[str, str]) -> Iterator[bytes]:
    """What the simulated indicator sends for each display it can send, where that is a weight."""
    row, checked = registry.get(protocol), registry.defaults(protocol) | dict(params)
    for shown in SHOWN:
        try:
            frame = row.encode_frame(shown, checked)
        except ValueError:
            continue
        if is_weight(decode(protocol, params, frame)):
            yield frame


def is_weight(decoded: Sequence[Decoded]) -> bool:
    """Whether this is one weight and nothing else."""
    return len(decoded) == 1 and len(weights(plain(decoded))) == 1


def cases(kind: Kind, damaged: Sequence[bytes], good: Sequence[bytes]) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Byte hit, damaged stream, frame, other: every frame with a good one behind it (none: it comes alone)."""
    for at, frame in enumerate(damaged):
        other = good[(at + 1) % len(good)] if good else b""
        for hit, stream in kind.make(frame, other):
            yield hit, stream, frame, other


def wrong(kind: Kind, protocol: str, judged: Judged, one_in: int = 1) -> list[Wrong]:
    """Every reading that the station's own decoder makes of a damaged stream and that neither frame carried.

    ``one_in``: of so many cases one is tried.
    """
    damaged, good = wire(protocol, judged.params)
    sent = {frame: set(told(decode(protocol, judged.params, frame))) for frame in (*damaged, *good, b"")}
    return [
        Wrong(hit, stream, one)
        for hit, stream, frame, other in islice(cases(kind, damaged, good), 0, None, one_in)
        for one in told(decode(protocol, judged.params, stream))
        if one not in sent[frame] and one not in sent[other]
    ]


def wire(protocol: str, params: Mapping[str, str]) -> tuple[list[bytes], list[bytes]]:
    """Frames that are damaged, and the good ones that stand behind them on the line."""
    good = good_frames(protocol, params)
    return [*good, *not_weights(protocol, params)], [] if formats()[protocol].alone else good


def unexplained(kind: Kind, judged: Judged, found: Sequence[Wrong]) -> list[Wrong]:
    """Wrong readings that no named reason of this kind covers."""
    named = judged.blind.get(kind.id, ())
    return [case for case in found if not any(reason.hit.fullmatch(case.hit) for reason in named)]


def idle(kind: Kind, judged: Judged, found: Sequence[Wrong]) -> list[str]:
    """Named reasons of this kind that excuse nothing: they have to go."""
    named = judged.blind.get(kind.id, ())
    return [reason.id for reason in named if not any(reason.hit.fullmatch(case.hit) for case in found)]
