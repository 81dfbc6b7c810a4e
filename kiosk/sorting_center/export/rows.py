"""One event a row: JSON byte for byte as it was hashed, or a table for spreadsheets (RFC 4180, never a formula)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from kiosk.domain.events import IntakeConfirmed
from kiosk.sorting_center.ledger import StoredEvent
from kiosk.sorting_center.reports.shared.figures import part_of
from kiosk.sorting_center.reports.tables.schema import PARTS

_ENVELOPE: Final = ("time", "clock", "software")
_DATA: Final = (
    *("receipt", "lot", "party", "product", "mode", "gross_g", "tare_g", "net_g"),
    *("price_fen_per_kg", "amount_fen", "reason", "replacement"),
)
_COUNT_COLUMNS: Final = ("region", "counted", "reissued", "voided")
_BAGS: Final = "bag_codes"
_MONEY: Final = tuple(f"{part}_fen" for part in PARTS)
# Empty where an event has no such field. Of an intake: `counted` is `yes` for the one row that is in the totals;
# `reissued` is the epoch and number of the row that represents the receipt, where this one does not; `voided` is `yes`
# when the receipt is void now; `bag_codes` are those of its bags, in order, separated by a space. In the row that
# represents a receipt, one of `bought_fen` (to pay), `consigned_fen` (an estimate) and `void_fen` has its amount.
COLUMNS: Final = (
    *("station", "epoch", "seq", "type", "received_at", "problem"),
    *(*_ENVELOPE, *_DATA, *_COUNT_COLUMNS, _BAGS, *_MONEY),
)

# At the beginning of a cell: what a spreadsheet would calculate, also in wide forms.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def of_member(read: Callable[[], Iterable[StoredEvent]], member: str) -> Iterator[StoredEvent]:
    """Return the events of this member's receipts, and all others that name such a receipt or its lot."""
    of_them = (event for event in read() if _data(json.loads(event.body)).get("party") == member)
    subjects = {one for event in of_them for one in _subjects(event)}
    return (event for event in read() if subjects & _subjects(event))


def _subjects(event: StoredEvent) -> set[tuple[str, str, str]]:
    data = _data(json.loads(event.body))
    return {(event.region, event.station, str(data[name])) for name in ("receipt", "lot") if name in data}


def _data(body: Mapping[str, object]) -> Mapping[str, object]:
    data = body.get("data")
    return data if isinstance(data, Mapping) else {}


def jsonl(events: Iterable[StoredEvent]) -> Iterator[str]:
    """Yield each event's canonical JSON; ``station``, ``epoch`` and ``seq`` are top-level attributes."""
    for event in events:
        yield event.body.decode("utf-8") + "\n"


def table(events: Iterable[StoredEvent]) -> Iterator[str]:
    """Yield the header and one row per event, each ending in CR LF."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")
    for row in _rows(events):
        writer.writerow([_cell(value) for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _rows(events: Iterable[StoredEvent]) -> Iterator[list[object]]:
    yield list(COLUMNS)
    for event in events:
        body = json.loads(event.body)
        fields = _data(body)
        # None for an event without bags, or with bags without codes.
        bags = fields.get("bags")
        codes = [bag.get("code") for bag in bags if isinstance(bag, Mapping)] if isinstance(bags, list) else []
        found = event.standing
        is_it = found is not None and (found.epoch, found.seq) == (event.epoch, event.seq)
        part = part_of(str(fields.get("mode")), found.voided) if found is not None and is_it else ""
        yield [
            event.station,
            event.epoch,
            event.seq,
            event.type,
            event.received_at,
            event.problem,
            *(body.get(name) for name in _ENVELOPE),
            *(fields.get(name) for name in _DATA),
            event.region,
            *_count_cells(event),
            " ".join(code for code in codes if isinstance(code, str)) or None,
            *(fields.get("amount_fen") if one == part else None for one in PARTS),
        ]


def _count_cells(event: StoredEvent) -> tuple[str | None, str | None, str | None]:
    found = event.standing
    if event.type != IntakeConfirmed.TYPE or found is None:
        return None, None, None
    is_it = (found.epoch, found.seq) == (event.epoch, event.seq)
    return (
        "yes" if is_it and not found.voided else None,
        None if is_it else f"{found.epoch}-{found.seq}",
        "yes" if found.voided else None,
    )


def _cell(value: object) -> str:
    """Format text unchanged, integers as digits; put an apostrophe before what a spreadsheet would calculate."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
