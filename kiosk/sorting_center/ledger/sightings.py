"""What is written down besides events: who was heard, and bytes nobody can attribute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, text, update

from kiosk.messaging.contract.control import Hello
from kiosk.sorting_center.ledger.alarms import Attention
from kiosk.sorting_center.ledger.records import SECOND_REGION, SET_ASIDE, TWIN, Refusal, Sighting
from kiosk.sorting_center.ledger.schema import meta, refused, station_status
from kiosk.sorting_center.ledger.twins import Boots, twin

MAX_REFUSED: Final = 1000
MAX_REFUSED_BYTES: Final = 16 * 1024
"""Of each; together at most 16 MiB of other people's garbage."""
MAX_WHOLE: Final = 32
"""Messages that were set aside are kept whole, the newest of them; a batch may have a MiB."""


def record(connection: Connection, sightings: Iterable[Sighting], received_at: str) -> None:
    """Bring ``station_status`` up to date, one write per station; a number heard in a second region is an alarm, and
    one that two machines use by turns is one, too."""
    changes: dict[tuple[str, str], dict[str, object]] = {}
    for sighting in sightings:
        if sighting.hello is not None:
            _look_for_twins(connection, sighting, sighting.hello, received_at)
        changes.setdefault((sighting.region, sighting.station), {}).update(_change(sighting, received_at))
    for (region, station), values in changes.items():
        mine = (station_status.c.station == station) & (station_status.c.region == region)
        # An update without values is one of every column: the region is there to be set to itself.
        found = connection.execute(update(station_status).where(mine).values(region=region, **values))
        if found.rowcount == 0:
            _first_heard(connection, region, station, received_at)
            connection.execute(insert(station_status), {"station": station, "region": region, **values})


def _first_heard(connection: Connection, region: str, station: str, received_at: str) -> None:
    other = select(station_status.c.region).where(station_status.c.station == station).limit(1)
    known = connection.execute(other).scalar()
    if known is not None:
        detail = f"is heard in the region {region} as well as in {known}"
        Attention(connection, region, received_at).raise_alarm(SECOND_REGION, (station, "", 0), detail)


def _look_for_twins(connection: Connection, sighting: Sighting, hello: Hello, received_at: str) -> None:
    """The boots of a station number are kept in ``meta``, so that every process that takes in sees the same."""
    name = f"boots {sighting.region} {sighting.station}"
    kept = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    boots = Boots() if kept is None else Boots.parse(kept)
    if not boots.is_news(hello):
        return
    detail = twin(boots, hello)
    if detail is not None:
        of = (sighting.station, hello.epoch, 0)
        Attention(connection, sighting.region, received_at).raise_alarm(TWIN, of, detail)
    connection.execute(_KEEP_BOOTS, {"name": name, "value": boots.with_hello(hello).text})


_KEEP_BOOTS: Final = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
"""The same words on SQLite and PostgreSQL."""


def _change(sighting: Sighting, received_at: str) -> dict[str, object]:
    values: dict[str, object] = {}
    status = sighting.status
    if status is not None:
        values |= {
            "online": status.online,
            "pending": status.pending,
            "epoch": status.epoch,
            "software": status.software,
            "alarm": status.alarm,
        }
    if sighting.live and (status is None or status.online):
        # A last will is the broker's word, not the station's: it says nothing about when the station was there.
        values["last_seen"] = received_at
    return values


def refuse(connection: Connection, refusals: Sequence[Refusal], received_at: str) -> None:
    """Keep the start of each; drop the oldest beyond MAX_REFUSED."""
    if not refusals:
        return
    connection.execute(
        insert(refused),
        [
            {
                "topic": item.topic[:200],
                "code": item.code,
                "payload": item.payload if item.code == SET_ASIDE else item.payload[:MAX_REFUSED_BYTES],
                "size_bytes": len(item.payload),
                "received_at": received_at,
            }
            for item in refusals
        ],
    )
    if any(item.code == SET_ASIDE for item in refusals):
        _shorten(connection)
    oldest_kept = select(refused.c.id).order_by(refused.c.id.desc()).offset(MAX_REFUSED).limit(1).scalar_subquery()
    connection.execute(delete(refused).where(refused.c.id <= oldest_kept))


def _shorten(connection: Connection) -> None:
    whole = select(refused.c.id).where(refused.c.code == SET_ASIDE).order_by(refused.c.id.desc())
    older = refused.c.id <= whole.offset(MAX_WHOLE).limit(1).scalar_subquery()
    connection.execute(
        update(refused)
        .where(refused.c.code == SET_ASIDE, older)
        .values(payload=func.substr(refused.c.payload, 1, MAX_REFUSED_BYTES))
    )
