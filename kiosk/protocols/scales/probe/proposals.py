"""The formats an unknown indicator may use: each is tried on the received bytes, and each that fits is a proposal.

Proposals, not guesses: formats that look alike are all kept with what each would read, until an empty pan and a known
weight leave one (``identify_profile``). Bytes in, proposals out; ``devices`` listens and sends the questions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.params import CHECKSUM, STRIP_PARITY
from kiosk.protocols.scales.shared.protocol import LineSettings, ScaleProtocol, TransmissionMode, Transport
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

# The only commands a probe may send. Nothing is zeroed, tared or printed by them.
PROBE_COMMANDS = frozenset({"request_weight", "enquiry", "read"})

_TABLES = tomllib.loads(Path(__file__).with_name("formats.toml").read_text(encoding="utf-8"))
TRIED_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    name: tuple(values) for name, values in _TABLES["tried_parameters"].items()
}

# Of these, the ones that an empty pan cannot decide: zero is zero in each, and only a weight shows which is right.
DECIMAL_POINT_PARAMETERS = frozenset({"dummy_zeros", "variant"})
# Formats with a check that cannot be switched off; the others have the parameter `checksum`.
CHECKED_FORMATS = frozenset({"cas_type6", "cas_m_pro", "dibal_tisa", "massak_100", "pos2_m"})
# Formats without any mark of their own: any five bytes fit. They are set by hand.
UNPROVABLE_FORMATS = frozenset({"massak_j"})

# Formats that also take a line with nothing but a number, as a thermometer sends it: such lines alone prove nothing. An
# indicator set to them is set up by hand.
BARE_NUMBER_FORMATS = frozenset({"cas_22", "kern_18"})
# Formats without a check and with hardly a byte that is always the same.
WEAK_FORMATS = frozenset({"ff_bcd", "toledo_prix", "micheletti_p15", "mt_8217", "mt_8213", "magellan_s"})


@dataclass(frozen=True, slots=True)
class AmbiguousFormats:
    """Formats of which a well-formed frame may fit several. ``same``: a frame that fits several means the same in each,
    so that it does not matter which is set; otherwise only weights on the pan distinguish them.
    """

    formats: frozenset[str]
    why: str
    same: bool


AMBIGUOUS_FORMATS = tuple(
    AmbiguousFormats(frozenset(row["formats"]), row["why"], row["same"]) for row in _TABLES["ambiguous"]
)

_DAMAGE = frozenset(
    {
        RejectReason.CHECKSUM,
        RejectReason.FRAMING,
        RejectReason.INCOMPLETE,
        RejectReason.PARITY,
        RejectReason.SYNTAX,
        RejectReason.FAULT,
    }
)
_ENDS = b"\r\n\x03"
_CLEAR_BIT_7 = bytes(byte & 0x7F for byte in range(256))
_MIN_FRAMES, _MIN_ANSWERS = 3, 2
_MIN_SHARE = 0.8
_ENOUGH = 5  # Frames from which on more of them add nothing
_CHECKED, _WORDS, _BARE, _BAD_CHECK = 0.98, 0.85, 0.6, 0.4
# A confidence from which on no other line setting is tried: the best a format without a check reaches is 0.6.
_CERTAIN = 0.55


@dataclass(frozen=True, slots=True)
class Recording:
    """What came over a line with these settings. ``query`` is the question, step by step, that ``received`` answers;
    empty when the indicator sent by itself. Of several answers each is an item of ``received``.
    """

    line: LineSettings
    received: tuple[bytes, ...]
    query: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        return sum(map(len, self.received))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A format with its parameters (only those that differ from their defaults) at a line."""

    protocol: str
    params: tuple[tuple[str, str], ...]
    line: LineSettings

    @property
    def row(self) -> ScaleProtocol:
        return registry.get(self.protocol)

    @property
    def name(self) -> str:
        return " ".join((self.protocol, *(f"{name}={value}" for name, value in self.params)))

    @property
    def query(self) -> tuple[bytes, ...]:
        """Its question, step by step; none for a format that speaks by itself."""
        poll = self.row.poll
        return tuple(registry.encode(self.protocol, step, dict(self.params)) for step in poll.steps) if poll else ()

    def read(self, received: Sequence[bytes]) -> list[Decoded]:
        """Decode a stream, or each answer by itself."""
        if self.query:
            return [item for answer in received for item in self._fresh(answer)]
        return self._fresh(b"".join(received))

    def _fresh(self, data: bytes) -> list[Decoded]:
        return registry.read(self.protocol, dict(self.params), data)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate that fits. ``confidence`` is 0 to 1 and only ranks: above 0.9 the frames had a check that was right.

    ``readings`` are all of the recording, in their order. ``alike`` names the other formats that fit as well.
    """

    candidate: Candidate
    confidence: float
    frames: int
    damaged: int
    share: float
    checked: bool
    readings: tuple[Reading, ...]
    alike: tuple[str, ...] = ()

    @property
    def reads(self) -> str:
        """The newest weight as it would be shown, "" when no frame had one."""
        reading = next((item for item in reversed(self.readings) if item.weight is not None), None)
        return "" if reading is None else weight_text(reading, self.candidate.row.default_unit)

    @property
    def percent(self) -> int:
        return round(self.share * 100)

    @property
    def evidence(self) -> str:
        checks = {True: "each with a right check", False: "without a check"}[self.checked]
        if dict(self.candidate.params).get(CHECKSUM.name) == "off":
            checks = "whose check is not looked at"
        what = "answers" if self.candidate.query else "frames"
        damaged = f", {self.damaged} damaged" if self.damaged else ""
        words = f"{self.frames} {what}, {checks}{damaged}; {self.percent} % of the bytes explained"
        reads = f"; reads {self.reads}" if self.reads else "; no weight among them"
        alike = f"; also fits {', '.join(self.alike)}" if self.alike else ""
        return words + reads + alike


def weight_text(reading: Reading, default_unit: str | None = None) -> str:
    assert reading.weight is not None
    return f"{to_text(reading.weight)} {reading.unit or default_unit or ''}".strip()


def propose(recordings: Sequence[Recording]) -> tuple[Proposal, ...]:
    """Return every format that fits one of the recordings, best first; none when they fit no scale."""
    found = [made for recording in recordings for made in _proposals_of(recording)]
    order = {name: place for place, name in enumerate(registry.PROTOCOLS)}
    found = list({one.candidate: one for one in sorted(found, key=lambda one: one.confidence)}.values())
    found.sort(key=lambda one: (-one.confidence, order[one.candidate.protocol], len(one.candidate.params)))
    return _with_alikes(_without_parity_twins(found))


def is_certain(proposals: Sequence[Proposal]) -> bool:
    """Return whether no line setting can be better: many whole frames, none damaged, read without repair."""
    return any(
        one.confidence >= _CERTAIN and not one.damaged and STRIP_PARITY.name not in dict(one.candidate.params)
        for one in proposals
    )


def without_equivalents(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Remove those that give the same readings as a better one: what is left is a choice."""
    remaining: list[Proposal] = []
    for one in proposals:
        pairs = ({one.candidate.protocol, better.candidate.protocol} for better in remaining)
        if not any(
            pair <= group.formats for pair in pairs if len(pair) > 1 for group in AMBIGUOUS_FORMATS if group.same
        ):
            remaining.append(one)
    return tuple(remaining)


def probe_queries() -> tuple[tuple[ScaleProtocol, tuple[bytes, ...]], ...]:
    """Return every provable serial format that is asked, with its question by steps; formats may share one."""
    rows = [row for row in registry.PROTOCOLS.values() if row.poll and set(row.poll.steps) <= PROBE_COMMANDS]
    polled_rows = (row for row in rows if row.transport is Transport.SERIAL and row.id not in UNPROVABLE_FORMATS)
    return tuple((row, Candidate(row.id, (), row.line).query) for row in polled_rows)


def layouts(data: bytes) -> tuple[tuple[int, str], ...]:
    """Return data bits and parity to try at the same speed, likeliest first, from what was received as 8N1.

    The parity bit of a 7-bit line is bit 7 of each byte; a wrong stop bit makes a 0 of it (Linux). Text without either
    needs no other layout.
    """
    if not any(byte & 0x80 or not byte for byte in data):
        return ()
    odd = sum(byte.bit_count() & 1 for byte in data)
    first = ((7, "E"), (7, "O")) if odd * 2 <= len(data) else ((7, "O"), (7, "E"))
    return (*first, (8, "E")) if odd in (0, len(data)) else ((8, "E"), *first)


def _proposals_of(recording: Recording) -> Iterator[Proposal]:
    if not recording.size:
        return
    for row in registry.PROTOCOLS.values():
        provable = row.transport is Transport.SERIAL and row.id not in UNPROVABLE_FORMATS
        if provable and (row.mode is TransmissionMode.POLL) == bool(recording.query):
            yield from _variants(row, recording)


def _variants(row: ScaleProtocol, recording: Recording) -> Iterator[Proposal]:
    """Yield a proposal for each way to read it; of parameters that read alike, also with a load, the fewest."""
    seen: set[tuple[object, ...]] = set()
    for params in sorted(_settings(row, recording.line), key=len):
        candidate = Candidate(row.id, params, recording.line)
        if candidate.query != recording.query:
            continue
        made = _evaluate(candidate, recording)
        if made is None:
            continue
        reads = (*((item.weight, item.unit) for item in made.readings), *_undecided(candidate, made.readings))
        if reads not in seen:
            seen.add(reads)
            yield made


def _undecided(candidate: Candidate, readings: Sequence[Reading]) -> Iterator[tuple[str, str]]:
    """Yield parameters that these readings can neither prove nor disprove.

    ``dummy_zeros`` matters to displays without decimals alone.
    """
    weights = [item.weight for item in readings if item.weight is not None]
    whole = all(weight.as_tuple().exponent == 0 for weight in weights)
    if not any(weights):
        for name, value in candidate.params:
            if name in DECIMAL_POINT_PARAMETERS and (whole or name != "dummy_zeros"):
                yield name, value


def _settings(row: ScaleProtocol, line: LineSettings) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield parameters to try, as far as they differ from the defaults."""
    names, values = [], []
    for parameter in registry.parameters(row.id):
        tried = [value for value in TRIED_PARAMETERS.get(parameter.name, ()) if parameter.allows(value)]
        if not tried or (parameter.name == STRIP_PARITY.name and line.bytesize == 7):
            continue
        names.append(parameter)
        values.append(tried if parameter.default in tried else [parameter.default, *tried])
    for chosen in product(*values):
        pairs = zip(names, chosen, strict=True)
        yield tuple((parameter.name, value) for parameter, value in pairs if value != parameter.default)


def _evaluate(candidate: Candidate, recording: Recording) -> Proposal | None:
    """Rate the candidate; None when it does not fit."""
    decoded = candidate.read(recording.received)
    readings = tuple(item for item in decoded if isinstance(item, Reading))
    if len(readings) < (_MIN_ANSWERS if candidate.query else _MIN_FRAMES):
        return None
    if candidate.query and len(readings) > len(recording.received):
        return None
    if candidate.protocol in BARE_NUMBER_FORMATS and not any(item.unit or item.overload for item in readings):
        return None
    damaged = sum(isinstance(item, Rejected) and item.reason in _DAMAGE for item in decoded)
    damaged -= bool(damaged and not candidate.query and isinstance(decoded[0], Rejected))  # cut off by the beginning
    share = _share(candidate, recording.received, decoded)
    whole = len(readings) / (len(readings) + damaged)
    if share < _MIN_SHARE or whole < _MIN_SHARE or not _have_one_form(readings):
        return None
    off = dict(candidate.params).get(CHECKSUM.name) == "off"
    has_check = any(parameter.name == CHECKSUM.name for parameter in candidate.row.parameters)
    checked = not off and (candidate.protocol in CHECKED_FORMATS or has_check)
    confidence = share * whole * min(1.0, len(readings) / _ENOUGH) * _strength(candidate, checked, off)
    return Proposal(candidate, round(confidence, 2), len(readings), damaged, share, checked, readings)


def _strength(candidate: Candidate, checked: bool, off: bool) -> float:
    if checked:
        return _CHECKED
    if off and candidate.protocol != "mt_continuous":  # there a check is an option of the indicator
        return _BAD_CHECK
    weak = candidate.protocol in WEAK_FORMATS or "_eq_" in candidate.protocol or candidate.protocol.startswith("eq_")
    return _BARE if weak else _WORDS


def _have_one_form(readings: Sequence[Reading]) -> bool:
    """Check that decimals mostly stay the same from frame to frame, and the unit, if any, too."""
    weighed = [item for item in readings if item.weight is not None]
    forms = [item.weight.as_tuple().exponent for item in weighed if item.weight is not None]
    units = {item.unit for item in weighed if item.unit is not None}
    changes = sum(one != other for one, other in pairwise(forms))
    return changes * 4 <= len(forms) and len(units) * 2 <= max(2, len(weighed))


def _share(candidate: Candidate, received: Sequence[bytes], decoded: Sequence[Decoded]) -> float:
    """Return which part of the bytes is in readings and records; what is cut off at both ends does not count."""
    data = b"".join(received)
    if dict(candidate.params).get(STRIP_PARITY.name) == "true":
        data = data.translate(_CLEAR_BIT_7)
    raws = [item.raw for item in decoded if isinstance(item, (Reading, Record))]
    body = sum(map(len, raws))
    ends = sum(data.count(end) - sum(raw.count(end) for raw in raws) for end in (bytes((byte,)) for byte in _ENDS))
    rest = len(data) - body - max(0, ends)
    if not candidate.query:
        max_frame_bytes = max(map(len, raws)) + len(_ENDS)
        head, end = data.find(raws[0]), 0
        for raw in raws:
            end = max(end, data.find(raw, end) + len(raw))
        tail = len(data) - end
        rest -= sum(edge for edge in (head, tail) if 0 <= edge < max_frame_bytes)
    return min(1.0, body / (body + max(0, rest)))


def _without_parity_twins(found: Sequence[Proposal]) -> list[Proposal]:
    """Remove the repaired line where a 7-bit line, read also as 8 bits, gives the same format twice."""
    remaining: list[Proposal] = []
    for one in found:
        own = dict(one.candidate.params)
        bare = {name: value for name, value in own.items() if name != STRIP_PARITY.name}
        clean = any(
            other.candidate.protocol == one.candidate.protocol and dict(other.candidate.params) == bare
            for other in found
        )
        if not (STRIP_PARITY.name in own and clean):
            remaining.append(one)
    return remaining


def _with_alikes(found: Sequence[Proposal]) -> tuple[Proposal, ...]:
    return tuple(
        replace(one, alike=tuple(dict.fromkeys(other.candidate.name for other in found if other is not one)))
        for one in found
    )
