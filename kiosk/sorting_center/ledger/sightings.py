"""Records besides events: stations that were seen, and messages that cannot be attributed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from kiosk.base.json_reader import Unreadable, reader
from kiosk.messaging.contract.control import DoctorRow, Hello
from kiosk.sorting_center.ledger.database import station_keys
from kiosk.sorting_center.ledger.database.alarms import IncidentRecorder
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter, upsert_rows
from kiosk.sorting_center.ledger.database.schema import meta, refused, station_status
from kiosk.sorting_center.ledger.shared.records import (
    INTERNAL_ERROR,
    SECOND_REGION,
    TWIN,
    DatedDoctorRow,
    RejectedMessage,
    Sighting,
)
from kiosk.sorting_center.shared.alarm_texts import format_detail

# Of one number: more than a province has counties (Sichuan, the largest, has 183). A station that invents regions has
# rows of its own in each.
MAX_REGIONS: Final = 256
MAX_REFUSED: Final = 1000
MAX_REFUSED_BYTES: Final = 16 * 1024  # Of each; together at most 16 MiB of other people's garbage
# Two machines that take turns under one station number: an SD card that was copied and put into both. The broker
# disconnects one when the other connects, and each sends what it has while connected, so every number looks right. Only
# their boot ids differ. A machine gets a new one at each start and never uses an old one again, so a boot id that
# returns after another one belongs to a second machine.
_MAX_BOOTS: Final = 4  # Boots of one station number: two twins, and one start of each in between
_MAX_TOPIC: Final = 200  # Characters. A topic is text of strangers: PostgreSQL keeps no U+0000 in a text.
# Messages that were set aside are kept whole, the newest of them; a batch may have a MiB.
MAX_COMPLETE_PAYLOADS: Final = 32


@dataclass(frozen=True, slots=True)
class Boots:
    """The boots that sent hello under one station number, the last one at the end, each with its newest
    ``monotonicms``.
    """

    seen_boots: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Boots:
        """Read what ``text`` wrote."""
        return cls(tuple((str(boot), int(at_ms)) for boot, at_ms in json.loads(text)))

    @property
    def text(self) -> str:
        return json.dumps(self.seen_boots)

    def is_new(self, hello: Hello) -> bool:
        """Return False for a hello of an old station, and for one that a broker delivers once more."""
        return bool(hello.boot) and hello.monotonicms > dict(self.seen_boots).get(hello.boot, -1)

    def with_hello(self, hello: Hello) -> Boots:
        """Return the boots after a new hello."""
        others = tuple(one for one in self.seen_boots if one[0] != hello.boot)
        return Boots((*others, (hello.boot, hello.monotonicms))[-_MAX_BOOTS:])


def detect_twin(previous: Boots, hello: Hello) -> str | None:
    """Return an alarm detail with both boot ids when this hello shows a second machine; None when it does not."""
    if not previous.is_new(hello) or not previous.seen_boots:
        return None
    last = previous.seen_boots[-1][0]
    if hello.boot == last or hello.boot not in dict(previous.seen_boots):
        return None
    return format_detail("by_turns", boot=hello.boot, other=last)


_decode_dated_rows: Final = reader(msgspec.json.Decoder(tuple[DatedDoctorRow, ...]))


def record(
    connection: Connection, sightings: Iterable[Sighting], received_at: str, regions: Mapping[str, Sequence[str]]
) -> None:
    """Update ``station_status`` in one statement. ``regions``: where each station was seen before.

    Raise an alarm for a number received from a second region, and for one that two machines use by turns.
    """
    changes: dict[StationKey, dict[str, object]] = {}
    doctors: dict[StationKey, tuple[DoctorRow, ...]] = {}
    # By station, so that two processes that take in never wait for each other.
    for sighting in sorted(sightings, key=lambda one: (one.station, one.region)):
        if sighting.hello is not None:
            _check_for_twins(connection, sighting, sighting.hello, received_at)
        key, status = (sighting.station, sighting.region), sighting.status
        values = changes.setdefault(key, {})
        if status is not None:
            values |= {name: getattr(status, name) for name in ("online", "pending", "epoch", "software", "alarm")}
            if status.online:
                doctors[key] = status.doctor_rows
        if sighting.live and (status is None or status.online):
            # A last will is the broker's word, not the station's: it says nothing about when the station was there.
            values["last_seen"] = received_at
    if not changes:
        return
    for key, rows_seen in _date_doctor_rows(connection, doctors, received_at).items():
        changes[key]["doctor"] = msgspec.json.encode(rows_seen).decode("ascii")
    known = {station: list(seen_regions) for station, seen_regions in regions.items()}
    for station, region in changes:
        seen_in = known.setdefault(station, [])
        if region not in seen_in:
            if seen_in:
                detail = format_detail("in_two_regions", region=region, other=seen_in[0])
                IncidentRecorder(connection, region, received_at).raise_alarm(SECOND_REGION, (station, "", 0), detail)
            seen_in.append(region)
    rows = [(*key, *(values.get(name) for name in _STATUS_COLUMNS)) for key, values in sorted(changes.items())]
    upsert_rows(connection, station_status, rows, unless_null=True)


StationKey = tuple[str, str]  # Station and region

# The columns behind the key; those that a sighting does not contain stay as they were.
_STATUS_COLUMNS: Final = station_status.columns.keys()[2:]


def regions_of(connection: Connection, stations: Iterable[str]) -> dict[str, list[str]]:
    """Return the regions where each station was seen before."""
    parameters = as_parameter((station,) for station in sorted(set(stations)))
    rows = connection.execute(_regions_query(connection.dialect.name), parameters)
    found: dict[str, list[str]] = {}
    for station, region in rows:
        found.setdefault(station, []).append(region)
    return found


def excess_regions(stations: Iterable[StationKey], regions: Mapping[str, Sequence[str]]) -> set[StationKey]:
    """Return the regions seen now that are too many for their station number: nothing of them is taken in."""
    known = {station: set(seen_regions) for station, seen_regions in regions.items()}
    found = set()
    for station, region in sorted(set(stations)):
        seen_in = known.setdefault(station, set())
        if region not in seen_in and len(seen_in) >= MAX_REGIONS:
            found.add((station, region))
        seen_in.add(region)
    return found


@cache
def _regions_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    query = select(station_status.c.station, station_status.c.region).select_from(keys.table)
    return query.join(station_status, station_status.c.station == keys.text(0))


def _date_doctor_rows(
    connection: Connection, doctors: Mapping[StationKey, Sequence[DoctorRow]], received_at: str
) -> dict[StationKey, list[DatedDoctorRow]]:
    """Return the current rows of doctors, each that is not ok with the time at which it was first reported."""
    stations = {station for (station, _), rows in doctors.items() if any(row.state != "ok" for row in rows)}
    before: dict[StationKey, str | None] = {}
    if stations:
        rows = connection.execute(
            _doctors_query(connection.dialect.name), as_parameter((one,) for one in sorted(stations))
        )
        before = {(row.station, row.region): row.doctor for row in rows}
    found = {}
    for key, now in doctors.items():
        since = {_row_identity(row): row.since for row in _parse_stored_rows(before.get(key))}
        found[key] = [
            DatedDoctorRow(
                one.row, one.state, one.code, "" if one.state == "ok" else since.get(_row_identity(one)) or received_at
            )
            for one in now
        ]
    return found


def _row_identity(row: DoctorRow) -> tuple[str, str, str]:
    return row.row, row.state, row.code


def _parse_stored_rows(doctor: str | None) -> Sequence[DatedDoctorRow]:
    try:
        return _decode_dated_rows(doctor) if doctor else ()
    except Unreadable:  # of a later version
        return ()


@cache
def _doctors_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), station_status.c
    return select(c.station, c.region, c.doctor).join_from(keys.table, station_status, c.station == keys.text(0))


def _check_for_twins(connection: Connection, sighting: Sighting, hello: Hello, received_at: str) -> None:
    """Detect twins by the boots of a station number, kept in ``meta`` so that every receiving process sees the same."""
    name = f"boots {sighting.region} {sighting.station}"
    stored = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    boots = Boots() if stored is None else Boots.parse(stored)
    if not boots.is_new(hello):
        return
    detail = detect_twin(boots, hello)
    if detail is not None:
        of = (sighting.station, hello.epoch, 0)
        IncidentRecorder(connection, sighting.region, received_at).raise_alarm(TWIN, of, detail)
        keys = station_keys.load(connection, [sighting.station]).get((sighting.region, sighting.station), [])
        for row in keys[-1:]:  # Those before it were given up, and are on no copied card
            station_keys.mark_cloned(connection, row)
    upsert_rows(connection, meta, [(name, boots.with_hello(hello).text)])


def store_rejected(connection: Connection, refusals: Sequence[RejectedMessage], received_at: str) -> None:
    """Keep the start of each; drop the oldest beyond MAX_REFUSED."""
    if not refusals:
        return
    connection.execute(
        insert(refused),
        [
            {
                "topic": item.topic[:_MAX_TOPIC].replace("\0", "\N{REPLACEMENT CHARACTER}"),
                "code": item.code,
                "payload": item.payload if item.code == INTERNAL_ERROR else item.payload[:MAX_REFUSED_BYTES],
                "size_bytes": len(item.payload),
                "received_at": received_at,
            }
            for item in refusals
        ],
    )
    if any(item.code == INTERNAL_ERROR for item in refusals):
        whole = select(refused.c.id).where(refused.c.code == INTERNAL_ERROR).order_by(refused.c.id.desc())
        older = refused.c.id <= whole.offset(MAX_COMPLETE_PAYLOADS).limit(1).scalar_subquery()
        connection.execute(
            update(refused)
            .where(refused.c.code == INTERNAL_ERROR, older)
            .values(payload=func.substr(refused.c.payload, 1, MAX_REFUSED_BYTES))
        )
    newest_dropped = select(refused.c.id).order_by(refused.c.id.desc()).offset(MAX_REFUSED).limit(1).scalar_subquery()
    connection.execute(delete(refused).where(refused.c.id <= newest_dropped))
