"""Text lines whose fields are named: one row of data makes the parser of a format."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from kiosk.protocols.scales.shared.numbers import from_text, to_text
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.protocol import Params
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

# Units as the contract spells them, sent in lower case.
UNITS: Mapping[bytes, str] = {
    name.encode("ascii"): name for name in ("mg", "g", "kg", "t", "lb", "oz", "ozt", "gr", "pcs", "%")
}
# The same, sent in small or in capital letters.
ANY_CASE: Mapping[bytes, str] = {**UNITS, **{name.upper(): unit for name, unit in UNITS.items()}}
# For formats without a check: where the width is known, a number that lost or doubled a digit has another.
WIDTH = Parameter("width", "any", ("any", "7", "8", "9"), "characters of the number field with sign and point")
_MAX_WIDTH = 12


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How one line is read.

    ``pattern`` matches a whole line; what its groups caught is looked up, with spaces around it taken off:

    - ``number``: sign, spaces, digits and at most one point (``number``, usually ``numbers.from_text``), as many
      characters with the spaces caught as ``widths`` holds (None: any number of them);
    - ``unit`` in ``units``, where None means a field left blank; a format without the group has the unit
      ``unit`` (None: not sent);
    - ``stable`` in ``stable`` and ``net`` in ``net``; a group that caught nothing counts as b"";
    - ``range`` in ``over`` or ``under``: then there is no weight, whatever digits are left in the line;
    - ``record`` in ``records``: a tare or another message, kept as its kind with the number and unit.

    A unit or a word for stable or net that its table does not know is a framing error: nothing is guessed. The groups
    ``range`` and ``record`` catch only words that mean such a line. ``refusals`` are whole lines that the device sends
    instead of a weight, with what they mean. ``says_over`` and ``says_under``: whether the format has words for them,
    so that False is true.
    """

    pattern: re.Pattern[bytes]
    units: Mapping[bytes, str | None] = field(default_factory=lambda: UNITS)
    unit: str | None = None
    stable: Mapping[bytes, bool | None] = field(default_factory=dict)
    net: Mapping[bytes, bool | None] = field(default_factory=dict)
    over: frozenset[bytes] = frozenset()
    under: frozenset[bytes] = frozenset()
    records: Mapping[bytes, str] = field(default_factory=dict)
    refusals: tuple[tuple[re.Pattern[bytes], RejectReason], ...] = ()
    says_over: bool = False
    says_under: bool = False
    number: Callable[[bytes], Decimal | None] = from_text
    widths: Container[int] | None = None

    def parse(self, line: bytes) -> Decoded:
        """Parse one line without its end."""
        for pattern, reason in self.refusals:
            if pattern.fullmatch(line):
                return Rejected(reason, line)
        match = self.pattern.fullmatch(line)
        if match is None:
            return Rejected(RejectReason.FRAMING, line)
        sent = match.groupdict(b"")
        caught = {name: text.strip(b" ") for name, text in sent.items()}
        return self._interpret(caught, sent.get("number", b""), line)

    def _interpret(self, caught: Mapping[str, bytes], number: bytes, line: bytes) -> Decoded:
        word = caught.get("range", b"")
        if word in self.over or word in self.under:
            return self._out_of_range(caught, word in self.over, line)
        if not number.strip(b" "):
            return Rejected(RejectReason.NO_WEIGHT, line)
        weight = self.number(number) if self.widths is None or len(number) in self.widths else None
        unit = self.units.get(caught["unit"]) if "unit" in caught else self.unit
        if weight is None or ("unit" in caught and caught["unit"] not in self.units):
            return Rejected(RejectReason.FRAMING, line)
        kind = self.records.get(caught.get("record", b""))
        if kind is not None:
            return Record(kind, " ".join(filter(None, (to_text(weight), unit))), line)
        flags = (("stable", self.stable), ("net", self.net))
        if any(name in caught and caught[name] not in table for name, table in flags):
            return Rejected(RejectReason.FRAMING, line)
        return Reading(
            weight,
            unit,
            stable=self.stable.get(caught.get("stable", b"")),
            net=self.net.get(caught.get("net", b"")),
            overload=False if self.says_over else None,
            underload=False if self.says_under else None,
            raw=line,
        )

    def _out_of_range(self, caught: Mapping[str, bytes], over: bool, line: bytes) -> Reading:
        return Reading(
            None,
            unit=None,
            net=self.net.get(caught.get("net", b"")),
            overload=over if self.says_over else None,
            underload=not over if self.says_under else None,
            raw=line,
        )


def with_width(row: TextFormat, given: Params) -> TextFormat:
    """Restrict the format to the parameter WIDTH."""
    width = given[WIDTH.name]
    return replace(row, widths=range(1, _MAX_WIDTH + 1) if width == "any" else (int(width),))


ACKNOWLEDGEMENT = "acknowledgement"  # The kind of a Record that means: understood, done


@dataclass(frozen=True, slots=True)
class ReplyPattern:
    """Lines that ``pattern`` matches as a whole are a record of the kind ``means``, or refused for this reason.

    The value of a record is what the pattern's first group caught, without one the whole line.
    """

    pattern: re.Pattern[bytes]
    means: str | RejectReason


def match_reply(replies: Iterable[ReplyPattern], line: bytes) -> Record | Rejected | None:
    """Interpret the line by the first fitting row; None when it is no such answer."""
    for reply in replies:
        match = reply.pattern.fullmatch(line)
        if match is None:
            continue
        if isinstance(reply.means, RejectReason):
            return Rejected(reply.means, line)
        text = (match[1] or b"") if match.re.groups else line
        return Record(reply.means, text.decode("latin-1").strip(), line)
    return None
