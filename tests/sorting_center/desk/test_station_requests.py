"""What stations are asked: numbers that only go up, one open request after the other, the first answer counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kiosk.domain.events import RequestAnswered
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.station_requests import record_answer

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
REGION, STATION = "shache", "S0147"


def open_ones(desk: CenterDesk, now: datetime = NOW) -> list[tuple[str, int]]:
    return sorted((row["station"], row["number"]) for row in desk.requests.next_open(REGION, now))


def test_one_after_the_other(desk: CenterDesk) -> None:
    first = desk.requests.add(REGION, STATION, "bundle", "", 7, NOW)
    second = desk.requests.add(REGION, STATION, "report", "", 1, NOW)
    other = desk.requests.add(REGION, "S0148", "update", "1.4.0", 7, NOW + timedelta(minutes=1))
    assert (second, other) == (first + 1, first + 1)
    later = desk.requests.add(REGION, STATION, "report", "", 7, NOW - timedelta(days=900))
    assert later == second + 1, "also with a clock that went back"
    assert open_ones(desk) == [(STATION, first), ("S0148", other)]
    assert open_ones(desk, NOW + timedelta(days=7)) == [("S0148", other)]
    answer = RequestAnswered(2, first, "bundle", "done", "", "ab" * 32, 4_999_999)
    with desk.database.writing() as connection:
        for one in (
            ("hotan", STATION, answer),
            (REGION, "S0148", answer),
            (REGION, STATION, replace(answer, number=1)),
        ):
            record_answer(connection, *one)
        record_answer(connection, REGION, STATION, replace(answer, kind="report"))
    assert open_ones(desk)[0] == (STATION, first), "of another one"
    with desk.database.writing() as connection:
        record_answer(connection, REGION, STATION, answer)
        record_answer(connection, REGION, STATION, replace(answer, outcome="refused", reason="older"))
    assert open_ones(desk)[0] == (STATION, second)
    row = desk.requests.all()[0]
    assert (row["number"], row["outcome"], row["reason"], row["size_bytes"]) == (first, "done", "", 4_999_999)


def test_a_desk_that_lost_its_rows_goes_on_above(desk: CenterDesk) -> None:
    before = desk.requests.add(REGION, STATION, "report", "", 7, NOW)
    assert before == (NOW - datetime(2020, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
    # The next desk knows nothing of it, and the clock has gone on.
    assert desk.requests.add(REGION, "S0148", "report", "", 7, NOW + timedelta(minutes=2)) == before + 2
