"""The list of stations to provision, as a spreadsheet saves it: read strictly; faults name line and column."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from kiosk.domain.identifiers import check_region, check_station
from kiosk.first_start.identity.certificate import check_authority, check_certificate, check_key
from kiosk.first_start.identity.format import StationIdentity, check_center, check_county_key, check_village
from kiosk.messaging.relay.shared.settings import Endpoint

MAX_BYTES: Final = 1024 * 1024
MAX_STATIONS: Final = 1000
MAX_FAULTS: Final = 50
MAX_FILE_BYTES: Final = 32_000
MAX_TEXT: Final = 200
NEEDED: Final = ("station", "region", "broker_url", "cert_file", "key_file")
COLUMNS: Final = (*NEEDED, "village", "ca_file", "photos", "updates", "county_key")
_FILES: Final[Mapping[str, str]] = {"cert_file": "certificate", "key_file": "key", "ca_file": "authority"}

_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "station": check_station,
    "region": check_region,
    "village": check_village,
    "photos": partial(check_center, "photos"),
    "updates": partial(check_center, "updates"),
    "county_key": check_county_key,
}

ReadFile = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class StationFault:
    """``line`` counts from 1, the line of the names included; 0 for the file as a whole."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = ", ".join(filter(None, (f"line {self.line}" if self.line else "", self.column)))
        return f"{where}: {self.text}" if where else self.text


class BadStations(ValueError):
    """The file is rejected as a whole. At most MAX_FAULTS of its faults are reported."""

    def __init__(self, faults: list[StationFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


def read_stations(content: bytes, read: ReadFile, now: datetime) -> tuple[StationIdentity, ...]:
    """Read all stations; ``read`` returns a file that a cell names, or raises OSError. Raises BadStations."""
    faults: list[StationFault] = []
    found: list[tuple[int, StationIdentity]] = []
    for line, row in _rows(content, faults):
        if len(found) >= MAX_STATIONS:
            faults.append(StationFault(line, "", f"more than {MAX_STATIONS} stations"))
            break
        wrong, values = _values(row, read, now)
        faults += [StationFault(line, column, text) for column, text in wrong]
        if not wrong:
            found.append((line, StationIdentity(**values)))
        if len(faults) >= MAX_FAULTS:
            break
    faults += _duplicates(found)
    if not faults and not found:
        faults.append(StationFault(0, "", "there is no station in the file"))
    if faults:
        raise BadStations(faults[:MAX_FAULTS])
    return tuple(identity for _, identity in found)


def _rows(content: bytes, faults: list[StationFault]) -> Iterator[tuple[int, Mapping[str, str]]]:
    if len(content) > MAX_BYTES:
        faults.append(StationFault(0, "", f"the file has more than {MAX_BYTES} bytes"))
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(
            StationFault(content[: error.start].count(b"\n") + 1, "", "it is not UTF-8: save it as CSV UTF-8")
        )
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = [cell.strip().lower() for cell in row]
                faults += _check_columns(names, reader.line_num)
                if faults:
                    return
            elif len(row) != len(names):
                text = f"{len(row)} cells where the first line names {len(names)} columns"
                faults.append(StationFault(reader.line_num, "", text))
            else:
                yield reader.line_num, {name: cell.strip() for name, cell in zip(names, row, strict=True)}
    except csv.Error as error:
        faults.append(StationFault(reader.line_num, "", f"it is no CSV: {error}"))


def _check_columns(names: list[str], line: int) -> Iterator[StationFault]:
    allowed = ", ".join(COLUMNS)
    yield from (
        StationFault(line, "", f"there is no column {name[:40]!r}; there are {allowed}")
        for name in names
        if name not in COLUMNS
    )
    yield from (StationFault(line, name, "the column is there twice") for name in COLUMNS if names.count(name) > 1)
    yield from (StationFault(line, name, "the column is missing") for name in NEEDED if name not in names)


def _values(row: Mapping[str, str], read: ReadFile, now: datetime) -> tuple[list[tuple[str, str]], Mapping[str, str]]:
    """Return what is wrong, by column, and the fields of an identity, with named files as their text."""
    wrong: list[tuple[str, str]] = []
    values: dict[str, str] = {}
    for column in COLUMNS:
        cell = row.get(column, "")
        try:
            values[_FILES.get(column, column)] = _cell(column, cell, read)
        except OSError as error:
            wrong.append((column, f"{cell}: {error.strerror or error}"))
        except ValueError as error:
            wrong.append((column, str(error)))
    if not wrong:
        wrong += _certificates(values, now)
    return wrong, values


def _cell(column: str, cell: str, read: ReadFile) -> str:
    """Check and convert the cell. Raises ValueError, OSError."""
    if len(cell) > MAX_TEXT:
        raise ValueError(f"{len(cell)} characters, at most {MAX_TEXT} are read")
    hidden = next((mark for mark in cell if unicodedata.category(mark)[0] == "C"), None)
    if hidden is not None:
        raise ValueError(f"a hidden character, U+{ord(hidden):04X}")
    if not cell and column in NEEDED:
        raise ValueError("it is empty")
    if column in _FILES:
        return _pem(read(cell)) if cell else ""
    if column == "broker_url":
        if not Endpoint.parse(cell).tls:
            raise ValueError(f"{cell!r} must begin with mqtts://: a certificate needs TLS")
        return cell
    return _CHECKS[column](cell)


def _pem(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the file has more than {MAX_FILE_BYTES} bytes")
    text = content.decode("ascii", "replace")
    if "-----BEGIN " not in text or "\N{REPLACEMENT CHARACTER}" in text:
        raise ValueError("the file is no PEM")
    return text[text.index("-----BEGIN ") :].replace("\r\n", "\n").strip() + "\n"


def _certificates(values: Mapping[str, str], now: datetime) -> Iterator[tuple[str, str]]:
    checks: tuple[tuple[str, Callable[[], None]], ...] = (
        ("cert_file", lambda: check_certificate(values["station"], values["certificate"], now)),
        ("key_file", lambda: check_key(values["certificate"], values["key"])),
        ("ca_file", lambda: check_authority(values["authority"]) if values["authority"] else None),
    )
    for column, check in checks:
        try:
            check()
        except ValueError as error:
            yield column, str(error)
            return


def _duplicates(found: list[tuple[int, StationIdentity]]) -> Iterator[StationFault]:
    """Find duplicates: a file is named by the station alone, and a key belongs to one machine."""
    for column, field in (("station", "station"), ("cert_file", "certificate"), ("key_file", "key")):
        first: dict[str, int] = {}
        for line, identity in found:
            value = getattr(identity, field)
            if value in first:
                yield StationFault(line, column, f"the same as in line {first[value]}")
            first.setdefault(value, line)


def files_beside(table: Path | None) -> ReadFile:
    """Return a reader of files beside the table. Links are followed: the county's own disk is trusted."""
    folder = table.parent if table is not None else Path()

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)

    return read
