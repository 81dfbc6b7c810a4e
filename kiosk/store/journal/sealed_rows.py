"""Do the rows of intakes still match their sealed events?

Events are hashed and chained, rows are not: anyone with the memory card can change the weight in a row. Each confirmed
or abandoned intake, its bags, its lot, the scale's legal status, the hash of its raw frames and its void are compared
with the event that recorded them. Both ways: an event whose row is missing, and a row that is in no event.

Only what is in an event can be compared. Not in one, and so not noticed: the token of a tap, when a number was taken,
how many readings a rest had, the serial number of the scale, and of an abandoned intake all that was not agreed on.
Frames themselves are read by ``Weighings.verify``, the links of the chain by ``journal.check_links``. Parcels, people,
papers and pictures are not checked.

Works on a bare connection: the station checks within its own transactions, the doctor from outside.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table

from kiosk.domain.events import BagData, IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import IntakeState
from kiosk.messaging.contract.envelope import hash_of_body
from kiosk.messaging.contract.seal import SealedEvent
from kiosk.store.database.inspection import open_read_only
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.journal import journal
from kiosk.store.journal.numbering import number_of
from kiosk.store.shared.errors import RECORD_ALTERED, StoreRefusal

NEWEST_INTAKES: Final = 200  # Intakes compared at every start
MAX_REPORTED: Final = 20

_CONFIRMED, _ABANDONED, _VOIDED = IntakeConfirmed.TYPE, IntakeAbandoned.TYPE, IntakeVoided.TYPE


def _repeated(table: Table, data: type[IntakeConfirmed] | type[BagData]) -> tuple[str, ...]:
    names = {row.name for row in fields(data)}
    return tuple(column.name for column in table.c if column.name in names)


# What a row repeats of its event under the same name: written from it, and compared with it.
INTAKE_COLUMNS: Final = _repeated(intake_table, IntakeConfirmed)
BAG_COLUMNS: Final = _repeated(line_table, BagData)
_EVENTS = (
    "SELECT position, seq, type, sha256, body FROM journal WHERE position > ? AND type IN (?, ?, ?) ORDER BY position"
)
_ROW = f"""
SELECT i.position, i.state, i.closed_at, {", ".join(f"i.{name}" for name in INTAKE_COLUMNS)},
  i.certificate_kind, i.certificate_ref, i.certificate_reason, l.lot, l.product AS lot_product, l.owner,
  l.net_g AS lot_net_g, s.intake AS scale, s.trade, s.check_state, s.verification, s.scale_profile, s.tare_library,
  s.clock, (SELECT json_group_array(
              json_array({", ".join(f"b.{name}" for name in BAG_COLUMNS)}, f.sha256))
            FROM intake_line b LEFT JOIN weighing_frames f ON f.intake = b.intake AND f.bag = b.bag
            WHERE b.intake = i.number) AS bags
FROM intake i LEFT JOIN lot l ON l.intake = i.number LEFT JOIN intake_scale s ON s.intake = i.number
WHERE i.number = ?
"""  # noqa: S608 - names of columns that stand above
_VOID = "SELECT position, reason, actor, witness, replacement, voided_at FROM void WHERE intake = ?"
_EVENT_RECEIPT = (
    "CASE WHEN json_valid(CAST(j.body AS TEXT)) THEN json_extract(CAST(j.body AS TEXT), '$.data.receipt') END"
)
_ROWS_WITHOUT_EVENT = f"""
SELECT i.receipt FROM intake i LEFT JOIN journal j ON j.position = i.position
WHERE i.number >= ? AND i.state <> 'opened'
  AND (j.type IS NOT iif(i.state = 'confirmed', ?, ?) OR {_EVENT_RECEIPT} IS NOT i.receipt)
UNION ALL
SELECT i.receipt FROM void v JOIN intake i ON i.number = v.intake LEFT JOIN journal j ON j.position = v.position
WHERE v.intake >= ? AND (j.type IS NOT ? OR {_EVENT_RECEIPT} IS NOT i.receipt)
"""  # noqa: S608 - as above
_CHAIN = (
    "SELECT e.epoch, j.seq, j.type, j.body, j.sha256 FROM journal j JOIN epoch e ON e.number = j.epoch "
    "ORDER BY j.position"
)
_FIRST_OF_NEWEST = (
    "SELECT number, position FROM intake WHERE position IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?"
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlteredRecord:
    """A receipt whose rows are not what was sealed. ``what`` names columns; ``row`` is a row that is missing or is in
    no event, ``event`` the event itself.
    """

    receipt: str
    what: tuple[str, ...]


def find_altered(bare: sqlite3.Connection, after: int = 0, first_number: int = 0) -> Iterator[AlteredRecord]:
    """Compare the events after this position, and the rows from this key on; 0 and 0 compare everything."""
    with_names = bare.cursor()
    with_names.row_factory = sqlite3.Row
    for event in with_names.execute(_EVENTS, (after, _CONFIRMED, _ABANDONED, _VOIDED)).fetchall():
        found = _compare(with_names, event)
        if found is not None:
            yield found
    params = (first_number, _CONFIRMED, _ABANDONED, first_number, _VOIDED)
    for row in with_names.execute(_ROWS_WITHOUT_EVENT, params).fetchall():
        yield AlteredRecord(row["receipt"], ("row",))


def find_altered_newest(bare: sqlite3.Connection, count: int = NEWEST_INTAKES) -> list[AlteredRecord]:
    """Do the same for the newest intakes and all events since the oldest of them; at most ``MAX_REPORTED``."""
    first = bare.execute(_FIRST_OF_NEWEST, (count - 1,)).fetchone()
    number, position = first or (0, 0)
    return list(islice(find_altered(bare, max(0, position - 1), number), MAX_REPORTED))


def read_altered_newest(path: Path) -> list[AlteredRecord]:
    """Find those of the newest intakes whose rows are not what was sealed. Raises StoreError."""
    with open_read_only(path) as connection:
        return find_altered_newest(connection)


def read_all_altered(path: Path) -> tuple[list[AlteredRecord], str]:
    """Check all intakes; if none is altered, return the first broken link as well, or "". Raises StoreError."""
    with open_read_only(path) as connection:
        found = list(islice(find_altered(connection), MAX_REPORTED))
        return found, "" if found else _broken_link(connection)


def bare_of(connection: Connection) -> sqlite3.Connection:
    """Return the connection under SQLAlchemy's, in the same transaction."""
    bare = connection.connection.driver_connection
    assert isinstance(bare, sqlite3.Connection)
    return bare


def refuse_altered(connection: Connection, after: int, first_number: int) -> None:
    """Raise StoreRefusal, which names the first receipt, when a row is not what was sealed."""
    for found in find_altered(bare_of(connection), after, first_number):
        _refuse(found)


def refuse_altered_intake(connection: Connection, receipt: ReceiptNumber) -> None:
    """Check the same for one receipt that is confirmed, and its void."""
    bare, number = bare_of(connection), number_of(receipt)
    cursor = bare.cursor()
    cursor.row_factory = sqlite3.Row
    query = (
        "SELECT position, seq, type, sha256, body FROM journal WHERE position IN "
        "(SELECT position FROM intake WHERE number = ? UNION SELECT position FROM void WHERE intake = ?)"
    )
    events = cursor.execute(query, (number, number)).fetchall()
    found = next(filter(None, (_compare(cursor, event) for event in events)), None)
    if found is not None or not events:
        _refuse(found or AlteredRecord(str(receipt), ("row",)))


def _broken_link(connection: sqlite3.Connection) -> str:
    try:
        journal.check_links(SealedEvent(*row) for row in connection.execute(_CHAIN))
    except (ValueError, KeyError, TypeError) as error:
        return str(error)
    return ""


def _refuse(found: AlteredRecord) -> None:
    raise StoreRefusal(
        RECORD_ALTERED,
        f"The record of receipt {found.receipt} is not what was sealed ({', '.join(found.what)} differ): change "
        "nothing, copy the folder of the database to another medium, and call the sorting center.",
        {"receipt": found.receipt},
    )


def _compare(cursor: sqlite3.Cursor, event: Row) -> AlteredRecord | None:
    """Return where the rows differ from this event; None when nowhere, or when it was reissued later."""
    named = f"event {event['seq']}"
    try:
        body = json.loads(event["body"])
        named = str(body["data"]["receipt"])
        number = number_of(ReceiptNumber.parse(named))
        if hash_of_body(event["body"]) != event["sha256"] or body["type"] != event["type"]:
            return AlteredRecord(named, ("event",))
        expected = _expected_void(body) if body["type"] == _VOIDED else _expected_intake(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        return AlteredRecord(named, ("event",))
    row = cursor.execute(_VOID if body["type"] == _VOIDED else _ROW, (number,)).fetchone()
    if row is None:
        return AlteredRecord(named, ("row",))
    if (row["position"] or 0) > event["position"]:
        return None
    found = dict(row)
    if body["type"] != _VOIDED:
        found |= {"bags": sorted(json.loads(row["bags"])), "scale": row["scale"] is not None}
    differ = tuple(name for name, value in {**expected, "position": event["position"]}.items() if found[name] != value)
    return AlteredRecord(named, differ) if differ else None


def _expected_void(body: Row) -> dict[str, Any]:
    data = body["data"]
    actor, witness = data["actors"]
    return {
        "reason": data["reason"],
        "actor": actor,
        "witness": witness,
        "replacement": data["replacement"],
        "voided_at": body["time"],
    }


def _expected_intake(body: Row) -> dict[str, Any]:
    """Return what the row of this event must contain, under the names of ``_ROW``."""
    data = body["data"]
    if body["type"] == _ABANDONED:
        return {"receipt": data["receipt"], "state": IntakeState.ABANDONED.value, "closed_at": body["time"], "bags": []}
    certificate, scale = data["certificate"], data.get("scale")
    counters = scale["counters"] if scale else {}
    return {
        "state": IntakeState.CONFIRMED.value,
        "closed_at": body["time"],
        **{name: data[name] for name in INTAKE_COLUMNS},
        "certificate_kind": certificate["kind"],
        "certificate_ref": certificate["ref"],
        "certificate_reason": certificate["reason"],
        "lot": data["lot"],
        "lot_product": data["product"],
        "owner": data["owner"],
        "lot_net_g": data["net_g"],
        "bags": [[bag.get(name) for name in (*BAG_COLUMNS, "frames_sha256")] for bag in data["bags"]],
        "scale": bool(scale),
        "trade": scale["trade"] if scale else None,
        "check_state": scale["check"] if scale else None,
        "verification": scale["verification"] if scale else None,
        **{name: counters.get(name) for name in ("scale_profile", "tare_library", "clock")},
    }
