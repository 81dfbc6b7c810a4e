"""Totes: parcels that go back with the driver, under a seal, handed over with a manifest that names them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, delete, insert, select, update

from kiosk.domain.events import ParcelReturned
from kiosk.domain.identifiers import BadIdentifier, SerialNumber
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.store.database.schema import manifest as manifest_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.database.schema import tote as tote_table
from kiosk.store.database.schema import tote_parcel as parcel_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal.numbering import key_of, next_in_series, split_key
from kiosk.store.papers import print_jobs
from kiosk.store.parcels import rows
from kiosk.store.parcels.parcels import end_parcel
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import NewPaper, ParcelRow, Stamp, ToteRow

# Kinds of the numbers of a tote, a seal and a manifest, as their internal codes have them.
TOTE, SEAL, MANIFEST = "T", "Z", "M"
MAX_PARCELS_PER_TOTE: Final = 40  # More than a sack holds
MAX_TOTES_PER_MANIFEST: Final = 14  # On one manifest: so many fit on its smallest sheet

_OPEN: Final = tote_table.c.manifest.is_(None) & tote_table.c.unpacked_at.is_(None)

TotePapers = Callable[[ToteRow], Sequence[NewPaper]]
ManifestPapers = Callable[[SerialNumber, Sequence[ToteRow]], Sequence[NewPaper]]


class Totes(Tables):
    """A parcel is in one tote at most. A tote is sealed as it is packed: what is in it does not change any more."""

    @reading
    def free(self, connection: Connection) -> list[ParcelRow]:
        return _free(connection)

    @reading
    def packed(self, connection: Connection) -> list[ToteRow]:
        return _packed(connection)

    @reading
    def handed_over(self, connection: Connection, manifest: SerialNumber) -> list[ToteRow]:
        """Return the totes of a manifest in the order of its sheet; none for a manifest this station never had."""
        station = connection.execute(select(station_table.c.station)).scalar_one()
        return _totes(connection, tote_table.c.manifest == _key(manifest)) if manifest.station == station else []

    @reading
    def of_parcel(self, connection: Connection, parcel: ParcelNumber) -> ToteRow | None:
        """Find the tote this parcel is in while it waits for the driver; None for one on its shelf."""
        return next((tote for tote in _packed(connection) if parcel in tote.parcels), None)

    @writing
    def pack(
        self, connection: Connection, parcels: Collection[ParcelNumber], papers: TotePapers, stamp: Stamp
    ) -> ToteRow:
        """Seal parcels in a new tote, queue both tags. Refused: stale_page, also for none, too many, one in a tote."""
        free = {row.number: row for row in _free(connection)}
        numbers = sorted(set(parcels))
        if not 0 < len(numbers) <= MAX_PARCELS_PER_TOTE or not set(numbers) <= free.keys():
            raise StoreRefusal("stale_page", "Not all of these parcels can be packed now.")
        tote = ToteRow(_next(connection, tote_table.c.number), _next(connection, tote_table.c.seal), tuple(numbers))
        row = {"number": _key(tote.number), "seal": _key(tote.seal), "packed_at": stamp.moment.timestamp}
        connection.execute(insert(tote_table).values(row))
        inside = [{"parcel": key_of(one.series, one.counter), "tote": row["number"]} for one in numbers]
        connection.execute(insert(parcel_table), inside)
        _queue(connection, papers(tote))
        return tote

    @writing
    def unpack(self, connection: Connection, number: SerialNumber, stamp: Stamp) -> None:
        """Open the tote: its parcels are back on their shelf, its tags are no longer valid. Refused: stale_page."""
        tote = next((tote for tote in _packed(connection) if tote.number == number), None)
        if tote is None:
            raise StoreRefusal("stale_page", f"Tote {number.text(TOTE)} does not wait for the driver.")
        condition = tote_table.c.number == _key(number)
        connection.execute(update(tote_table).where(condition).values(unpacked_at=stamp.moment.timestamp))
        connection.execute(delete(parcel_table).where(parcel_table.c.tote == _key(number)))
        for about in (tote.number.text(TOTE), tote.seal.text(SEAL)):
            print_jobs.cancel_about(connection, about)

    @writing
    def hand_over(
        self,
        connection: Connection,
        seen: Sequence[SerialNumber],
        papers: ManifestPapers,
        actor: str,
        stamp: Stamp,
    ) -> SerialNumber:
        """Give the first MAX_TOTES_PER_MANIFEST waiting totes to the driver: all parcels in them have gone back, and
        the manifest is queued.

        Refused: stale_page (other totes wait than the clerk has seen), tote_changed (a parcel in one of them does not
        go back any more: that tote has to be opened, it and the parcel are named).
        """
        totes = _packed(connection)[:MAX_TOTES_PER_MANIFEST]
        if not totes or [tote.number for tote in totes] != list(seen):
            raise StoreRefusal("stale_page", "Other totes wait than those that were seen.")
        number = _next(connection, manifest_table.c.number)
        row = {"number": _key(number), "handed_over_at": stamp.moment.timestamp}
        connection.execute(insert(manifest_table).values(row))
        for tote in totes:
            condition = tote_table.c.number == _key(tote.number)
            connection.execute(update(tote_table).where(condition).values(manifest=row["number"]))
            for parcel in tote.parcels:
                try:
                    end_parcel(connection, parcel, ParcelState.RETURNED, ParcelReturned(str(parcel), actor), stamp)
                except StoreRefusal as error:
                    named = {"tote": tote.number.text(TOTE), "parcel": str(parcel)}
                    raise StoreRefusal("tote_changed", f"Open tote {named['tote']}: {error}", named) from error
        _queue(connection, papers(number, totes))
        return number


def _free(connection: Connection) -> list[ParcelRow]:
    inside = set(connection.execute(select(parcel_table.c.parcel)).scalars())
    going = rows.in_states(connection, {ParcelState.RETURN_DUE})
    return [row for row in going if key_of(row.number.series, row.number.counter) not in inside]


def _packed(connection: Connection) -> list[ToteRow]:
    return _totes(connection, _OPEN)


def _totes(connection: Connection, which: ColumnElement[bool]) -> list[ToteRow]:
    station = connection.execute(select(station_table.c.station)).scalar_one()
    query = select(tote_table.c.number, tote_table.c.seal).where(which).order_by(tote_table.c.number)
    found = []
    for number, seal in connection.execute(query).all():
        inside = select(parcel_table.c.parcel).where(parcel_table.c.tote == number).order_by(parcel_table.c.parcel)
        parcels = tuple(ParcelNumber(station, *split_key(key)) for key in connection.execute(inside).scalars())
        found.append(
            ToteRow(SerialNumber(station, *split_key(number)), SerialNumber(station, *split_key(seal)), parcels)
        )
    return found


def _queue(connection: Connection, papers: Sequence[NewPaper]) -> None:
    for paper in papers:
        print_jobs.queue(connection, paper, paper.about)


def _next(connection: Connection, key: Column[int]) -> SerialNumber:
    station, series, counter = next_in_series(connection, key)
    try:
        return SerialNumber(station, series, counter)
    except BadIdentifier as error:
        raise StoreError(f"All numbers of series {series} are used up: start a new epoch.") from error


def _key(number: SerialNumber) -> int:
    return key_of(number.series, number.counter)
