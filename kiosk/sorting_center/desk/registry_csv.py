"""The list of expected stations as a spreadsheet saves it: read strictly, and told by line and column what is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from kiosk.domain.identifiers import BadIdentifier, check_region, check_station
from kiosk.sorting_center.desk.hours import BadHours, OpeningHours
from kiosk.sorting_center.desk.registry import QUIET_MIN, ExpectedStation, Register, Township

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_ROWS: Final = 100_000
MAX_FAULTS: Final = 50
MAX_TEXT: Final = 120
MAX_QUIET_MIN: Final = 7 * 24 * 60
NEEDED: Final = ("region", "station")
COLUMNS: Final = (
    *NEEDED,
    "village",
    "township",
    "hours",
    "quiet_min",
    "contact",
    "scale",
    "verified_on",
    "valid_until",
)
_CALCULATED: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """``line`` counts from 1, the line of the names included; 0 for the file as a whole."""

    line: int
    column: str
    what: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}: " if self.line and self.column else f"line {self.line}: "
        return (place if self.line else "") + self.what


class BadRegistry(ValueError):
    """Nothing of the file is taken. At most MAX_FAULTS of its faults are told."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults[:3])) + (" …" if len(faults) > 3 else ""))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class ReadRegistry:
    """``encoding`` is what the file was read as: a spreadsheet may save Chinese as GB18030."""

    stations: tuple[ExpectedStation, ...]
    townships: tuple[Township, ...]
    encoding: str


def read_registry(content: bytes) -> ReadRegistry:
    """All of it; raises BadRegistry."""
    if len(content) > MAX_BYTES:
        raise BadRegistry([Fault(0, "", f"the file has {len(content)} bytes, at most {MAX_BYTES} are read")])
    text, encoding = _decoded(content)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults: list[Fault] = []
    stations: dict[tuple[str, str], ExpectedStation] = {}
    townships: dict[tuple[str, str], tuple[Township, int]] = {}
    for line, row in _rows(reader, faults):
        if len(stations) >= MAX_ROWS:
            faults.append(Fault(line, "", f"more than {MAX_ROWS} stations"))
            break
        _take(line, row, (stations, townships), faults)
        if len(faults) >= MAX_FAULTS:
            break
    if not faults and not stations:
        faults.append(Fault(0, "", "there is no station in the file"))
    if faults:
        raise BadRegistry(faults[:MAX_FAULTS])
    return ReadRegistry(tuple(stations.values()), tuple(place for place, _ in townships.values()), encoding)


def write_registry(register: Register) -> bytes:
    """The list as `read_registry` takes it: UTF-8 with a mark, so that spreadsheets know it. A cell that a spreadsheet
    would calculate has an apostrophe before it, which reading takes away again.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for key in sorted(register.stations):
        row = register.stations[key]
        place = register.township_of(key)
        hours, quiet = (str(place.hours), str(place.quiet_min)) if place is not None else ("", "")
        told = {**asdict(row), "hours": hours, "quiet_min": quiet}
        writer.writerow([_as_text(told[name]) for name in COLUMNS])
    return codecs.BOM_UTF8 + written.getvalue().encode("utf-8")


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(_CALCULATED) else cell


def _taken_back(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_CALCULATED) else cell


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError as error:
            raise BadRegistry([Fault(0, "", f"no UTF-16 at byte {error.start}")]) from error
    for encoding, name in (("utf-8-sig", "UTF-8"), ("gb18030", "GB18030")):
        try:
            return content.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise BadRegistry([Fault(0, "", "neither UTF-8 nor GB18030: save it as CSV UTF-8")])


def _rows(reader: Iterator[list[str]], faults: list[Fault]) -> Iterator[tuple[int, Mapping[str, str]]]:
    line, names = 0, None
    try:
        for row in reader:
            line += 1
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = _names(row, faults)
                if faults:
                    return
            elif len(row) != len(names):
                faults.append(Fault(line, "", f"{len(row)} cells where the first line names {len(names)} columns"))
            else:
                yield line, {name: _taken_back(cell.strip()) for name, cell in zip(names, row, strict=True)}
    except csv.Error as error:
        faults.append(Fault(line + 1, "", f"no CSV: {error}"))
    if names is None and not faults:
        faults.append(Fault(0, "", f"the file is empty: its first line names the columns {', '.join(COLUMNS)}"))


def _names(row: list[str], faults: list[Fault]) -> list[str]:
    names = [cell.strip().lower() for cell in row]
    for name in names:
        if name not in COLUMNS:
            faults.append(Fault(1, "", f"there is no column {name[:40]!r}; there are {', '.join(COLUMNS)}"))
        elif names.count(name) > 1:
            faults.append(Fault(1, "", f"the column {name} is there twice"))
    faults += [Fault(1, "", f"the column {name} is missing") for name in NEEDED if name not in names]
    return names


Taken = tuple[dict[tuple[str, str], ExpectedStation], dict[tuple[str, str], tuple[Township, int]]]


def _take(line: int, row: Mapping[str, str], taken: Taken, faults: list[Fault]) -> None:
    stations, townships = taken
    found = [Fault(line, name, what) for name, cell in row.items() if (what := _wrong(name, cell))]
    if found:
        faults += found
        return
    known = {name: row.get(name, "") for name in COLUMNS}
    hours, quiet = known.pop("hours"), known.pop("quiet_min")
    station = ExpectedStation(**known)
    if station.key in stations:
        faults.append(Fault(line, "station", f"{station.station} of {station.region} is there twice"))
        return
    stations[station.key] = station
    if not station.township:
        if hours or quiet:
            faults.append(Fault(line, "township", "hours are those of a township: name it"))
        return
    place = Township(station.region, station.township, OpeningHours.parse(hours), int(quiet or QUIET_MIN))
    before, first = townships.setdefault((place.region, place.name), (place, line))
    if before != place:
        faults.append(Fault(line, "hours", f"other hours than line {first} gives for {place.name}"))


def _wrong(name: str, cell: str) -> str:
    """What is wrong with a cell; "" for nothing."""
    if len(cell) > MAX_TEXT:
        return f"{len(cell)} characters, at most {MAX_TEXT} are kept"
    hidden = next((mark for mark in cell if unicodedata.category(mark)[0] == "C"), None)
    if hidden is not None:
        return f"a hidden character, U+{ord(hidden):04X}"
    try:
        return _wrong_as(name, cell)
    except (BadIdentifier, BadHours) as error:
        return str(error)


def _wrong_as(name: str, cell: str) -> str:
    if name == "region":
        check_region(cell)
    elif name == "station":
        check_station(cell)
    elif name == "hours":
        OpeningHours.parse(cell)
    elif name == "quiet_min" and cell:
        if not (cell.isascii() and cell.isdecimal() and 1 <= int(cell) <= MAX_QUIET_MIN):
            return f"a whole number of minutes from 1 to {MAX_QUIET_MIN}"
    elif name in ("verified_on", "valid_until") and cell and not _is_date(cell):
        return f"{cell[:20]!r} is no date like 2026-05-31"
    return ""


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False
