"""A scanner in HID POS mode: its reports as codes (USB-IF, *HID Point of Sale Usage Tables* 1.02, usage page 0x8C).

Pure: the device's description, its reports and the time they came in; codes out.

    | report id | bytes of data | AIM identifier, 3 | data, 56 as a rule | ... | bit: more of this code follows |

Only the meaning of each field is assumed: its place is read from the report descriptor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal
from kiosk.protocols.barcodes.scan import max_length_of

MAX_DESCRIPTOR: Final = 4096  # Bytes; the kernel hands over no more (HID_MAX_DESCRIPTOR_SIZE)
# Bytes. A report of a full-speed device has at most 64; a descriptor with megabytes is a hostile one.
MAX_REPORT: Final = 1024
# The parts of one code come within milliseconds of each other; after a longer pause the other half is missing.
MAX_GAP_S: Final = 1.0
_MAX_DEPTH: Final = 16
_MAX_USAGES: Final = 256
_SCANNER_PAGE: Final = 0x8C
# Badge reader, scanner, dumb scanner, base of a cordless one, cradle.
_APPLICATIONS: Final = frozenset(range(_SCANNER_PAGE << 16 | 0x01, (_SCANNER_PAGE << 16 | 0x05) + 1))
_KEYBOARDS: Final = frozenset({0x0001_0006, 0x0001_0007})  # Keyboard, keypad
_BYTE_COUNT: Final = 0x0001_003B
_IDENTIFIER: Final = tuple(_SCANNER_PAGE << 16 | usage for usage in (0xFB, 0xFC, 0xFD))
_DATA: Final = _SCANNER_PAGE << 16 | 0xFE
_MORE: Final = _SCANNER_PAGE << 16 | 0xFF
_AIM: Final = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
_LINE_ENDS: Final = b"\r\n\t"  # The suffix that a scanner's menu may put behind every code, here as well


class BadDescriptor(ValueError):
    """Not a scanner in HID POS mode; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class ReportLayout:
    """Where the fields of the report with scanned data are; places are bytes from the report's beginning.

    ``sizes`` has the bytes of every input report by its number, 0 for reports without numbers. ``identifier`` is None
    where the device sends none. ``more`` is the byte and the bit, None where a code is never split.
    """

    sizes: Mapping[int, int]
    number: int
    count: int
    data: slice
    identifier: int | None
    more: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class HidScan:
    """One ended code with its AIM identifier in front, or why it is refused and then no bytes."""

    code: bytes = field(repr=False)
    refused: RefusedScan | None = None


def read_descriptor(descriptor: bytes) -> ReportLayout:
    """Find the fields. Raises BadDescriptor above all for a keyboard, also one that is a scanner as well."""
    if len(descriptor) > MAX_DESCRIPTOR:
        raise BadDescriptor(f"its description is longer than {MAX_DESCRIPTOR} bytes")
    walk = _DescriptorParser()
    for tag, value, size in _items(descriptor):
        walk.take(tag, value, size)
    return walk.layout()


def _items(descriptor: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield tag with type, value and the value's size in bytes (HID 1.11, 6.2.2). No device has long items."""
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        size = (0, 1, 2, 4)[prefix & 3]
        if prefix == 0xFE or at + 1 + size > len(descriptor):
            raise BadDescriptor("its description is cut off or makes no sense")
        yield prefix & 0xFC, int.from_bytes(descriptor[at + 1 : at + 1 + size], "little"), size
        at += 1 + size


@dataclass(frozen=True, slots=True)
class _Globals:
    page: int = 0
    bits: int = 0
    count: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Field:
    """``at`` and ``bits`` in bits from the report's beginning."""

    number: int
    at: int
    bits: int


class _DescriptorParser:
    """The state machine of a descriptor: globals with their stack, local usages, collections, fields so far."""

    def __init__(self) -> None:
        self._globals = _Globals()
        self._stack: list[_Globals] = []
        self._usages: list[int] = []
        self._first_usage = 0
        self._depth = 0
        self._applications: set[int] = set()
        self._ends: dict[int, int] = {}
        self._fields: dict[int, _Field] = {}

    def take(self, tag: int, value: int, size: int) -> None:
        """Process one item. Raises BadDescriptor."""
        match tag:
            case 0x08 | 0x18 | 0x28:
                self._usage(tag, value if size == 4 else self._globals.page << 16 | value)
            case 0x80:
                self._input(value)
                self._usages.clear()
            case 0x90 | 0xB0:
                self._usages.clear()
            case 0xA0:
                self._depth += 1
                if self._depth > _MAX_DEPTH:
                    raise BadDescriptor("its description is nested too deeply")
                if value == 0x01:
                    self._applications.update(self._usages[-1:])
                self._usages.clear()
            case 0xC0:
                self._depth -= 1
                self._usages.clear()
                if self._depth < 0:
                    raise BadDescriptor("its description closes more than it opens")
            case _:
                self._global(tag, value)

    def layout(self) -> ReportLayout:
        """Return the layout that all items define. Raises BadDescriptor."""
        if self._depth:
            raise BadDescriptor("its description is cut off")
        if self._applications & _KEYBOARDS:
            raise BadDescriptor("it is a keyboard")
        if not self._applications & _APPLICATIONS:
            raise BadDescriptor("it is no scanner in HID POS mode")
        data, count = self._fields.get(_DATA), self._fields.get(_BYTE_COUNT)
        if data is None or count is None or count.number != data.number:
            raise BadDescriptor("its reports do not say where a code stands and how long it is")
        if 0 in self._ends and len(self._ends) > 1:
            raise BadDescriptor("some of its reports have a number and some have none")
        if data.at % 8 or data.bits % 8 or not data.bits or count.at % 8 or count.bits != 8:
            raise BadDescriptor("its reports have a code or its length between two bytes")
        sizes = {number: (end + 7) // 8 for number, end in self._ends.items()}
        place = slice(data.at // 8, (data.at + data.bits) // 8)
        return ReportLayout(sizes, data.number, count.at // 8, place, self._identifier(data.number), self._more(data))

    def _usage(self, tag: int, usage: int) -> None:
        if tag == 0x08:
            self._usages.append(usage)
        elif tag == 0x18:
            self._first_usage = usage
        else:
            self._usages.extend(range(self._first_usage, min(usage, self._first_usage + _MAX_USAGES) + 1))
        if len(self._usages) > _MAX_USAGES:
            raise BadDescriptor("its description names too many usages")

    def _global(self, tag: int, value: int) -> None:
        known = self._globals
        match tag:
            case 0x04:
                self._globals = _Globals(value & 0xFFFF, known.bits, known.count, known.number)
            case 0x74:
                self._globals = _Globals(known.page, value, known.count, known.number)
            case 0x94:
                self._globals = _Globals(known.page, known.bits, value, known.number)
            case 0x84:
                if not 1 <= value <= 0xFF:
                    raise BadDescriptor(f"its description numbers a report {value}")
                self._globals = _Globals(known.page, known.bits, known.count, value)
            case 0xA4:
                self._stack.append(known)
                if len(self._stack) > _MAX_DEPTH:
                    raise BadDescriptor("its description is nested too deeply")
            case 0xB4:
                if not self._stack:
                    raise BadDescriptor("its description takes back what it never kept")
                self._globals = self._stack.pop()

    def _input(self, flags: int) -> None:
        now = self._globals
        if now.bits * now.count > MAX_REPORT * 8 or now.count > MAX_REPORT * 8:
            raise BadDescriptor(f"its description speaks of a report of more than {MAX_REPORT} bytes")
        at = self._ends.get(now.number, 8 if now.number else 0)
        end = self._ends[now.number] = at + now.bits * now.count
        if end > MAX_REPORT * 8:
            raise BadDescriptor(f"its description speaks of a report of more than {MAX_REPORT} bytes")
        if flags & 0x01 or not self._usages:  # a constant, or unknown
            return
        usages = self._usages[: now.count]
        for place, usage in enumerate(usages):
            count = 1 if place + 1 < len(usages) else now.count - place  # the last usage is for all that is left
            # The first of each: a device that repeats a field means the report it began with.
            self._fields.setdefault(usage, _Field(now.number, at + place * now.bits, now.bits * count))

    def _identifier(self, number: int) -> int | None:
        found = [self._fields.get(usage) for usage in _IDENTIFIER]
        fields = [one for one in found if one is not None and one.number == number]
        if not fields or fields[0].at % 8:
            return None
        at = fields[0].at
        apart = [(one.at, one.bits) for one in fields] == [(at, 8), (at + 8, 8), (at + 16, 8)]
        return at // 8 if apart or fields[0].bits == 8 * len(_IDENTIFIER) else None

    def _more(self, data: _Field) -> tuple[int, int] | None:
        found = self._fields.get(_MORE)
        return (found.at // 8, found.at % 8) if found is not None and found.number == data.number else None


class ReportDecoder:
    """Feed it the bytes read from the device, in pieces of any size; one read from the kernel is one whole report.

    Half a code is never a code: a part that is lost, late, cut or of two codes refuses all of it, up to the report
    without the bit for more.
    """

    def __init__(self, layout: ReportLayout) -> None:
        self._layout = layout
        self._tail = b""
        self._code = bytearray()
        self._aim: bytes | None = None
        self._in_progress = False
        self._refused: RefusedScan | None = None
        self._reported = False
        self._newest_at = 0.0

    def feed(self, data: bytes, at: float) -> Iterator[HidScan]:
        """Yield the codes that ended with this piece, read at monotonic second ``at``."""
        data, self._tail = self._tail + data, b""
        while data:
            number = data[0] if 0 not in self._layout.sizes else 0
            size = self._layout.sizes.get(number)
            if size is None:
                yield self.discard_incomplete("a report came that the device has not announced")
                return
            if len(data) < size:
                self._tail = data
                return
            report, data = data[:size], data[size:]
            if number == self._layout.number:
                yield from self._report(report, at)

    def end_of_read(self) -> Iterator[HidScan]:
        """End a read: what is left of it is a report that was cut off."""
        if self._tail:
            yield self.discard_incomplete("a report was cut off")

    def discard_incomplete(self, why: str) -> HidScan:
        """Refuse an incomplete code, and what comes next: it may be the end of that code."""
        self._tail = b""
        self._code.clear()
        self._refused = RefusedScan(ScanRefusal.HALF, why)
        self._aim, self._in_progress, self._reported = None, True, False
        return HidScan(b"", self._refused)

    def _report(self, report: bytes, at: float) -> Iterator[HidScan]:
        if self._in_progress and not self._refused and at - self._newest_at > MAX_GAP_S:
            # What comes now may be its other half, or another code: it goes with it, up to its end.
            self._refuse(ScanRefusal.HALF, f"more than {MAX_GAP_S:g} s passed between two parts")
        self._in_progress, self._newest_at = True, at
        self._take(report)
        if self._refused and self._refused.word is ScanRefusal.TOO_LONG and not self._reported:
            # It may never end: it is reported now, and not again at its end.
            self._reported = True
            yield HidScan(b"", self._refused)
        more = self._layout.more
        if more is None or not report[more[0]] >> more[1] & 1:
            code, aim = bytes(self._code).rstrip(_LINE_ENDS), self._aim or b""
            refused, reported = self._refused, self._reported
            self._code.clear()
            self._aim, self._in_progress, self._refused, self._reported = None, False, None, False
            if refused and not reported:
                yield HidScan(b"", refused)
            elif code and not refused:
                yield HidScan(aim + code)

    def _take(self, report: bytes) -> None:
        count, room, place = report[self._layout.count], report[self._layout.data], self._layout.identifier
        aim = b"" if place is None else report[place : place + 3].strip(b"\0 ")
        if aim and not _AIM.fullmatch(aim):
            self._refuse(ScanRefusal.CONTROL, "its AIM identifier is none")
        elif self._aim is not None and aim != self._aim:
            self._refuse(ScanRefusal.HALF, "its parts have different AIM identifiers")
        elif count > len(room):
            self._refuse(ScanRefusal.HALF, "a part says that it is longer than a report")
        elif len(aim) + len(self._code) + count > (limit := max_length_of(aim + self._code + room[:count])):
            self._refuse(ScanRefusal.TOO_LONG, f"it is longer than {limit} characters")
        self._aim = aim
        if not self._refused:
            self._code += room[:count]

    def _refuse(self, word: ScanRefusal, why: str) -> None:
        self._code.clear()
        self._refused = self._refused or RefusedScan(word, why)
