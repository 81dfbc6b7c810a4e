"""The list of a delivery, as JSON lines or CSV, to checked rows: all of it or nothing.

Each line has ``waybill``, ``carrier`` (optional when the number identifies it) and ``phone_last4`` (optional). Lines
for several packages of one waybill are one expected parcel: only the waybill is kept. Refusals name the file and the
line, and never repeat the content: a wrong column may contain a private number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Final

from kiosk.protocols.barcodes.waybills import (
    CARRIERS,
    MAX_LENGTH,
    MIN_LENGTH,
    PackageIndex,
    Waybill,
    identify,
    split_package,
)
from kiosk.store.shared.records import ExpectedParcel


def waybill_key(found: Waybill) -> str | None:
    """Return letters and digits alone, without the package; None for what cannot be a waybill's."""
    key = split_package(found.normalized)[0].replace("-", "")
    return key if MIN_LENGTH <= len(key) <= MAX_LENGTH and key.isascii() and key.isalnum() else None


def package_of(found: Waybill) -> PackageIndex | None:
    """Return the package of a bar code, where its waybill has more than one."""
    package = split_package(found.normalized)[1]
    return package if package is not None and package.total > 1 else None


MAX_BYTES: Final = 2_000_000
MAX_LINES: Final = 5_000  # A truck holds less

_KEYS: Final = ("waybill", "carrier", "phone_last4")
_PERSONAL: Final = frozenset({"phone_number", "id_number"})


class ExpectedError(ValueError):
    """``file: line N: what is wrong and what is allowed``."""


def parse_expected(data: bytes, file: str) -> list[ExpectedParcel]:
    if len(data) > MAX_BYTES:
        raise ExpectedError(f"{file}: is {len(data)} bytes large: at most {MAX_BYTES} are allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ExpectedError(f"{file}: line {line}: is not UTF-8: save the file as UTF-8") from None
    rows = _json_lines(text, file) if text.lstrip().startswith("{") else _csv(text, file)
    seen: dict[tuple[str, PackageIndex | None], int] = {}
    parcels: dict[str, ExpectedParcel] = {}
    for number, row in rows:
        if len(seen) == MAX_LINES:
            raise ExpectedError(f"{file}: line {number}: at most {MAX_LINES} parcels are allowed")
        try:
            parcel, package = parse_row(row)
        except ValueError as error:
            raise ExpectedError(f"{file}: line {number}: {error}") from None
        first_line = seen.setdefault((parcel.waybill, package), number)
        if first_line != number:
            raise ExpectedError(f"{file}: line {number}: the waybill of line {first_line} again")
        parcels.setdefault(parcel.waybill, parcel)
    return list(parcels.values())


def _json_lines(text: str, file: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise ExpectedError(f"{file}: line {number}: is not JSON: one object a line") from None
        if not isinstance(row, dict):
            raise ExpectedError(f"{file}: line {number}: must be an object with {', '.join(_KEYS)}")
        yield number, row


def _csv(text: str, file: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True, restkey="too many columns")
    try:
        if reader.fieldnames is None or "waybill" not in reader.fieldnames:
            raise ExpectedError(f"{file}: line 1: must name the columns, like {','.join(_KEYS)}")
        for row in reader:
            yield reader.line_num, {key: value for key, value in row.items() if value not in (None, "")}
    except csv.Error:
        raise ExpectedError(f"{file}: line {reader.line_num + 1}: is not CSV: look at its quotation marks") from None


def parse_row(row: Mapping[str, object]) -> tuple[ExpectedParcel, PackageIndex | None]:
    """Parse one line, and which of several packages it is for; raises ValueError that names the wrong column."""
    strange = [key for key in row if key not in _KEYS]
    if strange:
        raise ValueError(f"has a column that is not known; allowed are {', '.join(_KEYS)}")
    values = {key: row.get(key) for key in _KEYS}
    if not all(value is None or isinstance(value, str) for value in values.values()):
        raise ValueError("waybill, carrier and phone_last4 must be text in quotation marks")
    found = identify(str(values["waybill"] or ""))
    key = waybill_key(found)
    if found.why_not in _PERSONAL:
        raise ValueError("waybill is a telephone or ID number: such are not kept here")
    if key is None or not (found.candidates or found.why_not == "not_a_waybill"):
        raise ValueError("waybill is no waybill number")
    carrier = values["carrier"] or next(iter(found.candidates), None)
    if carrier not in CARRIERS:
        raise ValueError(f"carrier must be one of {', '.join(CARRIERS)}")
    phone = values["phone_last4"]
    return ExpectedParcel(key, str(carrier), str(phone) if phone else None), package_of(found)
