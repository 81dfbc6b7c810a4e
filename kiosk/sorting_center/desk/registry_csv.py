"""The list of expected stations as a spreadsheet saves it; faults have their line and column."""

from __future__ import annotations

import codecs
import csv
import io
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import BadIdentifier, check_region, check_station
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import QUIET_MIN, ExpectedStation, StationKey, StationRegister, Township

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_ROWS: Final = 100_000
MAX_FAULTS: Final = 50
MAX_TEXT: Final = 120
MAX_QUIET_MIN: Final = 7 * 24 * 60
REQUIRED_COLUMNS: Final = ("region", "station")
_STATION_COLUMNS: Final = ("contact", "scale", "route", "verified_on", "valid_until")
COLUMNS: Final = (*REQUIRED_COLUMNS, "village", "township", "hours", "quiet_min", *_STATION_COLUMNS)
# What a spreadsheet takes for a formula at the beginning of a cell, also in wide forms.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    "region": check_region,
    "station": check_station,
    "hours": OpeningHours.parse,
}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


# In English, for the command line; each has a sentence in every language of the pages.
MESSAGES: Final[Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("registry_faults.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class RegistryFault:
    """``line`` counts from 1, the line of the names included; 0 for the whole file. ``code`` is one of MESSAGES."""

    line: int
    column: str
    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        place = ", ".join(filter(None, (f"line {self.line}" if self.line else "", self.column)))
        return (f"{place}: " if place else "") + MESSAGES[self.code].format_map(self.values)


class BadRegistry(ValueError):
    """The whole file is refused. ``faults`` has at most MAX_FAULTS."""

    def __init__(self, faults: list[RegistryFault]) -> None:
        super().__init__("; ".join(map(str, faults[:3])) + (" …" if len(faults) > 3 else ""))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class ParsedRegistry:
    """``encoding`` is what the file was read as: a spreadsheet may save Chinese as GB18030."""

    stations: tuple[ExpectedStation, ...]
    townships: tuple[Township, ...]
    encoding: str


def read_registry(content: bytes) -> ParsedRegistry:
    """Read all of it or nothing. Raises BadRegistry."""
    if len(content) > MAX_BYTES:
        raise BadRegistry([RegistryFault(0, "", "too_large", {"n": len(content), "most": MAX_BYTES})])
    text, encoding = decoded(content)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults: list[RegistryFault] = []
    stations: dict[StationKey, ExpectedStation] = {}
    townships: dict[StationKey, tuple[Township, int]] = {}
    for line, row in _rows(reader, faults):
        if len(stations) >= MAX_ROWS:
            faults.append(RegistryFault(line, "", "too_many", {"most": MAX_ROWS}))
            break
        _parse_row(line, row, (stations, townships), faults)
        if len(faults) >= MAX_FAULTS:
            break
    if not faults and not stations:
        faults.append(RegistryFault(0, "", "no_station"))
    if faults:
        raise BadRegistry(faults[:MAX_FAULTS])
    return ParsedRegistry(tuple(stations.values()), tuple(place for place, _ in townships.values()), encoding)


def write_registry(register: StationRegister) -> bytes:
    """Write the list as `read_registry` takes it: UTF-8 with a byte order mark, so that spreadsheets recognize it. A
    cell that a spreadsheet would calculate gets an apostrophe before it, which reading removes.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for key in sorted(register.stations):
        cells = station_cells(register, key)
        writer.writerow([escape_formula(cells[name]) for name in COLUMNS])
    return codecs.BOM_UTF8 + written.getvalue().encode("utf-8")


def station_cells(register: StationRegister, key: StationKey) -> dict[str, str]:
    """Return the row of a station by column; empty cells for one that is not in the list."""
    region, station = key
    known = register.stations.get(key) or ExpectedStation(region, station)
    return {**asdict(known), **_township_cells(register.township_of(key))}


def _township_cells(place: Township | None) -> dict[str, str]:
    hours, quiet = (str(place.hours), str(place.quiet_min)) if place is not None else ("", "")
    return {"hours": hours, "quiet_min": quiet}


def with_station(register: StationRegister, cells: Mapping[str, str]) -> ParsedRegistry:
    """Return the list with one station added or changed: ``cells`` by column, the others stay as they are.

    Hours are those of the whole township; "" keeps the present ones. Raises BadRegistry.
    """
    key = (cells["region"], cells["station"])
    row = {name: cell.strip() for name, cell in {**station_cells(register, key), **cells}.items()}
    of_place = _township_cells(register.townships.get((row["region"], row["township"])))
    row |= {name: cells.get(name, "").strip() or cell for name, cell in of_place.items()}
    faults: list[RegistryFault] = []
    changed: ParsedRows = ({}, {})
    _parse_row(0, row, changed, faults)
    if faults:
        raise BadRegistry(faults)
    stations = {**register.stations, **changed[0]}
    townships = {**register.townships, **{name: place for name, (place, _) in changed[1].items()}}
    in_use = {(one.region, one.township) for one in stations.values()}
    places = tuple(place for name, place in townships.items() if name in in_use)
    return ParsedRegistry(tuple(stations.values()), places, "UTF-8")


def escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA_STARTS) else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_STARTS) else cell


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text and the encoding that it was read as. Raises BadRegistry."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError as error:
            raise BadRegistry([RegistryFault(0, "", "no_utf16", {"at": error.start})]) from error
    for encoding, name in (("utf-8-sig", "UTF-8"), ("gb18030", "GB18030")):
        try:
            return content.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise BadRegistry([RegistryFault(0, "", "no_encoding")])


def _rows(reader: Iterator[list[str]], faults: list[RegistryFault]) -> Iterator[tuple[int, Mapping[str, str]]]:
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
                faults.append(RegistryFault(line, "", "cells", {"n": len(row), "names": len(names)}))
            else:
                yield line, {name: unescape_formula(cell.strip()) for name, cell in zip(names, row, strict=True)}
    except csv.Error as error:
        faults.append(RegistryFault(line + 1, "", "no_csv", {"problem": str(error)}))
    if names is None and not faults:
        faults.append(RegistryFault(0, "", "empty", {"columns": ", ".join(COLUMNS)}))


def _names(row: list[str], faults: list[RegistryFault]) -> list[str]:
    names = [cell.strip().lower() for cell in row]
    for name in names:
        if name not in COLUMNS:
            faults.append(RegistryFault(1, "", "no_column", {"name": name[:40], "columns": ", ".join(COLUMNS)}))
        elif names.count(name) > 1:
            faults.append(RegistryFault(1, "", "column_twice", {"name": name}))
    faults += [RegistryFault(1, "", "column_missing", {"name": name}) for name in REQUIRED_COLUMNS if name not in names]
    return names


ParsedRows = tuple[dict[StationKey, ExpectedStation], dict[StationKey, tuple[Township, int]]]


def _parse_row(line: int, row: Mapping[str, str], parsed: ParsedRows, faults: list[RegistryFault]) -> None:
    stations, townships = parsed
    found = []
    for name, cell in row.items():
        try:
            _check_cell(name, cell)
        except Refused as error:
            found.append(RegistryFault(line, name, error.code, error.values))
    if found:
        faults += found
        return
    known = {name: row.get(name, "") for name in COLUMNS}
    hours, quiet = known.pop("hours"), known.pop("quiet_min")
    station = ExpectedStation(**known)
    if station.key in stations:
        values = {"station": station.station, "region": station.region}
        faults.append(RegistryFault(line, "station", "station_twice", values))
        return
    stations[station.key] = station
    if not station.township:
        if hours or quiet:
            faults.append(RegistryFault(line, "township", "hours_without_township"))
        return
    place = Township(station.region, station.township, OpeningHours.parse(hours), int(quiet or QUIET_MIN))
    before, first = townships.setdefault((place.region, place.name), (place, line))
    if before != place:
        faults.append(RegistryFault(line, "hours", "other_hours", {"line": first, "name": place.name}))


def _check_cell(name: str, cell: str) -> None:
    """Check one cell. Raises Refused."""
    if len(cell) > MAX_TEXT:
        raise Refused("too_long", values={"n": str(len(cell)), "most": str(MAX_TEXT)})
    hidden = next((mark for mark in cell if unicodedata.category(mark)[0] == "C"), None)
    if hidden is not None:
        raise Refused("hidden", values={"mark": f"U+{ord(hidden):04X}"})
    if name in _CHECKS:
        try:
            _CHECKS[name](cell)
        except BadIdentifier as error:
            raise Refused(f"bad_{name}", values={"text": cell}) from error
    elif name == "quiet_min" and cell:
        if not (cell.isascii() and cell.isdecimal() and 1 <= int(cell) <= MAX_QUIET_MIN):
            raise Refused("bad_quiet", values={"most": str(MAX_QUIET_MIN)})
    elif name in ("verified_on", "valid_until") and cell and not _is_date(cell):
        raise Refused("bad_date", values={"text": cell[:20]})


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False
