"""People of stations in the county's book: numbers that are given once, a technician that stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.clerk import Role
from kiosk.sorting_center.desk.county_book import rows_for
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.station_people import Station
from kiosk.sorting_center.desk.terms import erase_expired, parse_terms

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
HERE = Station("shache", "S0147")
CLERK, TECHNICIAN = Role.CLERK, Role.TECHNICIAN


def add(desk: CenterDesk, name: str, role: Role = CLERK, used: tuple[str, ...] = (), place: Station = HERE) -> str:
    return desk.station_people.add(place, ("", name, role), used, "gulnar", NOW).number


def test_a_number_is_given_once(desk: CenterDesk) -> None:
    assert add(desk, "Turdi", TECHNICIAN, ("01", "02")) == "03"
    assert add(desk, "Aygul") == "04"
    desk.station_people.end(HERE, "04", "gulnar", NOW)
    assert add(desk, "Ali", used=("01",)) == "05"
    assert add(desk, "Zaynap", TECHNICIAN, place=Station("shache", "S0148")) == "01"
    number, rows = desk.book.in_force("shache")
    assert (number, rows_for(rows, "S0147", "")["person"]) == (
        5,
        {"03": '{"name":"Turdi","role":"technician"}', "05": '{"name":"Ali","role":"clerk"}'},
    )
    assert [(one.number, one.name, one.locked_out_at) for one in desk.station_people.former(HERE)] == [
        ("04", "Aygul", None)
    ]
    erase_expired(desk.database, parse_terms(), NOW + timedelta(days=366))
    assert [one.name for one in desk.station_people.former(HERE)] == [""]
    assert add(desk, "Gulnar") == "06"


def test_who_works_there_already_keeps_the_number(desk: CenterDesk) -> None:
    used = ["01", "02"]
    people = desk.station_people
    assert people.add(HERE, ("02", "Turdi", TECHNICIAN), used, "gulnar", NOW).number == "02"
    assert people.unclaimed(HERE, used) == ["01"]
    assert add(desk, "Aygul", used=("01", "02")) == "03"
    people.end(HERE, "03", "gulnar", NOW)
    for number in ("02", "03", "04", "<b>"):
        with pytest.raises(Refused, match="is not free"):
            people.add(HERE, (number, "Ali", CLERK), [*used, "03"], "gulnar", NOW)
    assert people.add(HERE, ("01", "Ali", CLERK), used, "gulnar", NOW).number == "01"


def test_two_operators_at_once_give_two_numbers(desk: CenterDesk) -> None:
    add(desk, "Turdi", TECHNICIAN)
    with ThreadPoolExecutor(2) as pool:
        given = list(pool.map(lambda name: add(desk, name), ["Aygul", "Ali"]))
    assert sorted(given) == ["02", "03"]


def test_a_station_has_a_technician(desk: CenterDesk) -> None:
    with pytest.raises(Refused, match="no technician"):
        add(desk, "Aygul")
    add(desk, "Turdi", TECHNICIAN)
    add(desk, "Aygul")
    for act in (
        lambda: desk.station_people.end(HERE, "01", "gulnar", NOW),
        lambda: desk.station_people.change(HERE, ("01", "Turdi", CLERK), "gulnar", NOW),
    ):
        with pytest.raises(Refused, match="no technician"):
            act()
    assert desk.station_people.former(HERE) == []
    desk.station_people.change(HERE, ("02", "Aygul", TECHNICIAN), "gulnar", NOW)
    desk.station_people.end(HERE, "01", "gulnar", NOW)
    with pytest.raises(Refused, match="nobody has"):
        desk.station_people.end(HERE, "01", "gulnar", NOW)


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "a\u202eb", "a\nb", "13899990000", "0998-7413652"])
def test_a_name_that_is_none(desk: CenterDesk, name: str) -> None:
    with pytest.raises(Refused, match="the name"):
        add(desk, name, TECHNICIAN)
    assert desk.station_people.at(HERE) == []
