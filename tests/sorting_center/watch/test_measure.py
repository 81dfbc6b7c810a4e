"""How a station looks from afar: a table of what is so, and what is shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kiosk.sorting_center.reports.fleet import FleetRow, GapFacts
from kiosk.sorting_center.watch.measure import (
    BACKLOG_EVENTS,
    MARK_OF_CASE,
    Measure,
    StationMark,
    marks,
    marks_of_unseen,
    version,
)
from tests.sorting_center.watch.rows import NOW, RECENT, expected, heard, newest, register

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHERS = [heard(f"S{number:04}") for number in range(2, 9)]


def marks_of(row: FleetRow, *kinds: str) -> tuple[StationMark, ...]:
    rows = [row, *OTHERS]
    measure = Measure.of(rows, register(*(expected(one.station) for one in rows)), NOW)
    return marks(row, measure, kinds)


TABLE = [
    ("well", heard(), [StationMark.WELL]),
    ("never said anything of itself", heard(online=None, pending=None, software=None, newest=None), [StationMark.WELL]),
    ("a bad line for a while", heard(pending=BACKLOG_EVENTS - 1), [StationMark.WELL]),
    ("much waits", heard(pending=BACKLOG_EVENTS), [StationMark.LATE]),
    ("what waited comes in", heard(newest=newest(DAY + HOUR)), [StationMark.LATE]),
    ("it was off for a night", heard(newest=newest(DAY)), [StationMark.WELL]),
    ("offline, and nobody came", heard(online=False), [StationMark.WELL]),
    ("offline for an open hour", heard(online=False, last_seen=RECENT - HOUR), [StationMark.QUIET]),
    ("online, and nobody came for an hour", heard(last_seen=RECENT - HOUR), [StationMark.WELL]),
    ("online, and says nothing for an open day", heard(last_seen=RECENT - DAY), [StationMark.QUIET]),
    ("a state nobody knows is none", heard(online=None, last_seen=RECENT - HOUR), [StationMark.QUIET]),
    ("a gap that fills itself", heard(gaps=GapFacts(3, 0, RECENT)), [StationMark.WELL]),
    ("a gap that stays", heard(gaps=GapFacts(3, 0, RECENT - HOUR)), [StationMark.GAP]),
    ("a gap since nobody knows when", heard(gaps=GapFacts(3, 0, None)), [StationMark.GAP]),
    ("what was lost with an epoch", heard(gaps=GapFacts(3, 3, RECENT - DAY)), [StationMark.WELL]),
    ("it complains of a fork", heard(complains="fork"), [StationMark.FORK]),
    ("it complains", heard(complains="ahead"), [StationMark.FAULT]),
    ("left behind", heard(software="1.9.9"), [StationMark.OLD]),
    ("left behind, as stations tell it", heard(software="station-kiosk/1.9.9+g2d3aa88"), [StationMark.OLD]),
    ("ahead, as stations tell it", heard(software="station-kiosk/1.13.0+g2d3aa88"), [StationMark.WELL]),
    ("ahead of the others", heard(software="1.13.0"), [StationMark.WELL]),
    ("software of no number", heard(software="x" * 40), [StationMark.WELL]),
    ("in no registry", heard("S0099"), [StationMark.WELL]),
    (
        "the gravest first",
        heard(complains="fork", pending=999, software="0.1", gaps=GapFacts(3, 0, RECENT - DAY)),
        [StationMark.FORK, StationMark.GAP, StationMark.LATE, StationMark.OLD],
    ),
]


@pytest.mark.parametrize(("row", "found"), [(row, found) for _, row, found in TABLE], ids=[name for name, *_ in TABLE])
def test_what_is_so_is_shown(row: FleetRow, found: list[StationMark]) -> None:
    assert marks_of(row) == tuple(found)


def test_what_people_settle_is_shown_until_its_case_is_closed() -> None:
    forked = heard(alarms={"fork": 3}, quarantined={"fork": 3})
    assert marks_of(forked) == (StationMark.WELL,), "its case is closed"
    assert marks_of(forked, "fork", "quarantine") == (StationMark.FORK, StationMark.FAULT)
    for kind, mark in MARK_OF_CASE.items():
        assert marks_of(heard(), kind) == (mark,)
    assert marks_of(heard(), "quiet", "a_later_version_s") == (StationMark.WELL,), (
        "what passes by itself is what is so now"
    )


def test_who_was_never_heard_or_is_not_expected() -> None:
    assert marks_of_unseen(()) == (StationMark.NEVER,)
    assert marks_of_unseen(("verification_over",)) == (StationMark.FAULT, StationMark.NEVER)
    stranger = heard("S0666")
    measure = Measure.of([stranger], register(expected()), NOW)
    assert marks(stranger, measure, ()) == (StationMark.UNEXPECTED,)
    assert marks(stranger, Measure.of([stranger], register(), NOW), ()) == (StationMark.WELL,), (
        "nobody has written a list"
    )


@pytest.mark.parametrize(
    ("versions", "old"),
    [
        (["1.0", "1.1"], []),
        (["1.0", "1.1", "1.1"], []),
        (["1.0", "1.1", "1.1", "1.1"], ["1.0"]),
        (["1.0", "1.0", "1.1", "99.0"], []),
        (["1.10.0", "1.9.0", "1.10.0", "1.10.0"], ["1.9.0"]),
        (["1.0", "?", "", "1.0"], []),
    ],
)
def test_software_is_old_when_three_quarters_have_left_it_behind(versions: list[str], old: list[str]) -> None:
    rows = [heard(f"S{number:04}", software=text) for number, text in enumerate(versions, 1)]
    measure = Measure.of(rows, register(), NOW)
    assert [row.software for row in rows if measure.is_old(row)] == old


def test_versions_are_numbers() -> None:
    assert version("1.12.0") == (1, 12, 0)
    for text in ("", "1.", "1.x", "-1.2", "²", "9" * 7, "1.0rc1"):
        assert version(text) == ()
