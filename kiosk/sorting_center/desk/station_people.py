"""Clerks and technicians of the stations, as the county's book has them, and those who have left.

A number is never given to a second person: at a station it identifies who booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from sqlalchemy import select

from kiosk.base.refused import Refused
from kiosk.domain.clerk import MAX_CLERK, Clerk, Role, clerk_number
from kiosk.messaging.contract.catalog.name_rules import BadName, person_name
from kiosk.sorting_center.desk.county_book import BookRow, CountyBook, station_scope
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import former_person
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.times import to_rfc3339

PERSON: Final = "person"
MIN_CLERKS: Final = 2  # A void needs two people
_MAX_ATTEMPTS: Final = 5
_c = former_person.c
T = TypeVar("T")


class _Content(msgspec.Struct, frozen=True):
    name: str
    role: Role


_decode: Final = msgspec.json.Decoder(_Content).decode


@dataclass(frozen=True, slots=True)
class FormerPerson:
    """``name`` is "" once its term is over. ``locked_out_at``: None until a document without them is in force there."""

    number: str
    name: str
    role: str
    ended_at: str
    locked_out_at: str | None


@dataclass(frozen=True, slots=True)
class Station:
    region: str
    number: str


class StationPeople:
    """An act is refused when it would leave the station without a technician; all raise DeskError."""

    def __init__(self, database: DeskDatabase, book: CountyBook) -> None:
        self._database, self._book = database, book

    def at(self, station: Station) -> list[Clerk]:
        """Return the people by number."""
        return sorted((_clerk(row) for row in self._rows(station) if row.content), key=lambda clerk: int(clerk.number))

    def _rows(self, station: Station) -> list[BookRow]:
        """Return the rows; one without content is a person whom an import has hidden."""
        scope = station_scope(station.number)
        return [row for row in self._book.rows(station.region, [PERSON]) if row.scope == scope]

    def former(self, station: Station) -> list[FormerPerson]:
        """Return those who have left, the last one first."""
        of_station = (_c.region == station.region) & (_c.station == station.number)
        query = select(_c.number, _c.name, _c.role, _c.ended_at, _c.locked_out_at).where(of_station)
        present = {clerk.number for clerk in self.at(station)}
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(_c.ended_at.desc(), _c.number)).all()
        return [FormerPerson(*row) for row in rows if row.number not in present]

    def unclaimed(self, station: Station, used: Iterable[str]) -> list[str]:
        """Return those numbers of the station's own that the county has not given to a person."""
        claimed = self._numbers(station)
        return [number for number in used if number not in claimed]

    def _numbers(self, station: Station) -> set[str]:
        return {row.key for row in self._rows(station)} | {one.number for one in self.former(station)}

    def add(
        self, station: Station, person: tuple[str, str, Role], used: Sequence[str], who: str, now: datetime
    ) -> Clerk:
        """Add a person: number, name and role; "" for the next number. ``used``: the numbers that the station has given
        itself. An unclaimed one may be chosen: the person who has it there under the same name keeps the PIN.
        """
        chosen, name, role = person

        def add(seen: int) -> Clerk:
            if chosen and chosen not in self.unclaimed(station, used):
                raise Refused("number_taken", f"the number {chosen[:8]} is not free", {"name": chosen[:8]})
            number = 1 + max(map(int, {*used, *self._numbers(station)}), default=0)
            if not chosen and number > MAX_CLERK:
                raise Refused("no_number", f"{station.number} has no number left")
            made = Clerk(chosen or clerk_number(number), checked_name(name), role)
            _require_technician([*self.at(station), made])
            self._book.change(station.region, [_row(station, made)], seen, who, now)
            return made

        return retry_change(self._book, station.region, add)

    def change(self, station: Station, changed: tuple[str, str, Role], who: str, now: datetime) -> Clerk:
        """Change number, name and role. Under another name the number is a new person at the station, without a PIN."""
        number, name, role = changed

        def change(seen: int) -> Clerk:
            people = {one.number: one for one in self.at(station)}
            _require_known(people, number)
            people[number] = made = Clerk(number, checked_name(name), role)
            _require_technician(people.values())
            self._book.change(station.region, [_row(station, made)], seen, who, now)
            return made

        return retry_change(self._book, station.region, change)

    def end(self, station: Station, number: str, who: str, now: datetime) -> Clerk:
        """Remove a person who has left: the next document does not have them."""

        def end(seen: int) -> Clerk:
            people = {one.number: one for one in self.at(station)}
            _require_known(people, number)
            removed = people.pop(number)
            _require_technician(people.values())
            row = (station.region, station.number, number, removed.name, removed.role.value, to_rfc3339(now), None)
            with self._database.writing() as connection:  # First: were only this done, the person would still be there
                upsert_rows(connection, former_person, [row])
            self._book.change(station.region, (), seen, who, now, [_row(station, removed)])
            return removed

        return retry_change(self._book, station.region, end)


def retry_change(book: CountyBook, region: str, act: Callable[[int], T]) -> T:
    """Call ``act`` with the current revision, again when the book was changed meanwhile: it reads what it needs."""
    for _ in range(_MAX_ATTEMPTS - 1):
        try:
            return act(book.draft(region).revision)
        except Refused as error:
            if error.code != "changed_meanwhile":
                raise
    return act(book.draft(region).revision)


def _clerk(row: BookRow) -> Clerk:
    found = _decode(row.content)
    return Clerk(row.key, found.name, found.role)


def _row(station: Station, clerk: Clerk) -> BookRow:
    content = msgspec.json.encode(_Content(clerk.name, clerk.role)).decode()
    return BookRow(PERSON, station_scope(station.number), clerk.number, content)


def checked_name(text: str) -> str:
    """Return the checked name of a station's person or of a member. Raises Refused: bad_name."""
    try:
        return person_name(text.strip())
    except BadName as error:
        raise Refused("bad_name", f"the name {error}") from None


def _require_known(people: Iterable[str], number: str) -> None:
    if number not in people:
        raise Refused("unknown_person", f"nobody has the number {number[:8]} there", {"name": number[:8]})


def _require_technician(people: Iterable[Clerk]) -> None:
    if all(one.role is not Role.TECHNICIAN for one in people):
        raise Refused("no_technician", "the station would have no technician: nobody could look after it")
